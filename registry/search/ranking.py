"""Which items a query finds, and in which order.

Each word brings at most its newest hits to be ranked. For words that have more, further queries
bring those that rank highest. Whatever is left follows after all ranked hits, newest first. So no
word is so common that it makes a search slow.
"""

import itertools
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from registry.search import spelling, store, words
from registry.search.reader import Reader
from registry.search.store import LARGEST_KEY, Query

Place = tuple[int, int]  # score and key of a hit; hits are in descending order of it
FIRST: Place = (LARGEST_KEY, LARGEST_KEY)
EXACT = 10**9  # score of an item whose id was asked for, far above that of any words

MOST_WORDS = 10  # of a query; the rest is ignored
MOST_PARTS = 4  # of what a slash parts
SHARE, LEAST_SHARE = 200, 60  # hits to be ranked that all words bring, and each one
MOST_RANKED = 400  # above which no more are looked for
MOST_COMBINED = 4  # common words that are looked for together, the rarest
MOST_TRIED = 8  # words that may be meant, of those that are equally near


@dataclass(frozen=True)
class Term:
    """A word that is searched for, and the newest items that have it. `are_more` says that these
    are not all; `rarity` is the higher the fewer there are."""

    word: str
    needles: list[str]
    keys: list[int]
    are_more: bool
    rarity: int

    @property
    def whole(self) -> list[str]:
        return [f" {self.word} "]

    @property
    def in_name(self) -> list[str]:
        return [f" ={self.word}", f" ~{self.word}"]

    def grade(self, line: str, name: str) -> int:
        """How well the word fits an item, from its line and the part of that about its name. Two
        words anywhere count for more than one of them in the name, one in the name for more than
        the same anywhere."""
        word = f"{self.word} " if len(self.word) == 1 else self.word
        inside = len(word) >= words.SHORTEST_PART and f" ~{word}" in name
        if f" {word}" not in line:
            return 7 if inside else 0
        if f" ={word}" in name:
            return 10 if f" ={self.word} " in name else 8
        if inside:
            return 7
        return 6 if f" {self.word} " in line else 5


def terms_of(reader: Reader, text: str) -> tuple[list[Term], dict[str, str]]:
    """The words of a query that this reader can find something by, and which of them stand for
    misspelt ones."""
    typed = words.typed(text)[:MOST_WORDS]
    share = max(LEAST_SHARE, SHARE // max(1, len(typed)))
    corrected: dict[str, str] = {}
    terms: dict[str, Term | None] = {}
    for word, term in zip(typed, _terms(reader, typed, share), strict=True):
        terms[word] = term
        if term is None:
            meant = _meant(reader, word)
            if len(meant) == 1 and "/" not in word:
                corrected[word] = meant[0]
            terms |= dict(zip(meant, _terms(reader, meant, share), strict=True))
    return [term for term in terms.values() if term], corrected


def ranked(reader: Reader, terms: list[Term], asked: Iterable[int]) -> list[Place]:
    """The hits that are worth ranking, best first, those whose ids were asked for before all."""
    lines = store.lines(_candidates(reader, terms))
    scores = {key: _score(line, terms) for key, line in lines.items()}
    scores |= dict.fromkeys(asked, EXACT)
    return sorted(((score, key) for key, score in scores.items()), reverse=True)


def places_from(
    reader: Reader, terms: list[Term], best: list[Place], start: Place, limit: int
) -> list[Place]:
    """At most `limit` hits behind a place: ranked ones, then the rest."""
    places: Iterator[Place] = (place for place in best if place < start)
    if any(term.are_more for term in terms):
        below = start[1] if start[0] == 0 else LARGEST_KEY
        places = itertools.chain(places, _rest(reader, terms, best, below))
    return list(itertools.islice(places, limit))


def _rest(reader: Reader, terms: list[Term], best: list[Place], below: int) -> Iterator[Place]:
    """The hits that are too many to be ranked, newest first, with a score of 0."""
    had = {key for _, key in best}
    query = [[needle for term in terms for needle in term.needles]]
    while keys := reader.newest(query, SHARE, below):
        yield from ((0, key) for key in keys if key not in had)
        below = keys[-1]


def _terms(reader: Reader, wanted: list[str], share: int) -> list[Term | None]:
    """The words as this reader finds them; None for those that they do not."""
    needles = list(map(_needles, wanted))
    found = reader.newest_of_each([[each] for each in needles], share)
    return [
        Term(word, each, keys, len(keys) == share, _rarity(keys, share)) if keys else None
        for word, each, keys in zip(wanted, needles, found, strict=True)
    ]


def _needles(word: str) -> list[str]:
    if len(word) == 1:
        return [f" {word} "]
    if len(word) < words.SHORTEST_PART or "/" in word:
        return [f" {word}"]
    return [f" {word}", f" ~{word}"]


def _rarity(keys: list[int], share: int) -> int:
    """From 19 for a word that one item has down to 1. In steps of twice as many, so that the order
    of hits stays while somebody pages through them and others write. How many items have a common
    word is guessed from how close together its newest ones are."""
    count = len(keys)
    if count == share:
        count = share * keys[0] // (keys[0] - keys[-1] + 1)
    return max(1, 20 - count.bit_length())


def _meant(reader: Reader, word: str) -> list[str]:
    """What is meant by a word that this reader does not find: the words that a slash parts, or the
    nearest known one; of several the most frequent."""
    if "/" in word:
        return [] if words.is_id(word) else words.split(word)[:MOST_PARTS]
    if not spelling.can_be_mended(word):
        return []
    for near in spelling.alike(word).values():
        tried = near[:MOST_TRIED]
        found = reader.newest_of_each([[[f" {other} "]] for other in tried], LEAST_SHARE)
        rarities = {
            other: _rarity(keys, LEAST_SHARE)
            for other, keys in zip(tried, found, strict=True)
            if keys
        }
        if rarities:
            return [min(rarities, key=rarities.__getitem__)]
    return []


def _candidates(reader: Reader, terms: list[Term]) -> list[int]:
    """The items to be ranked: all that have a rare word, and the most promising of the others."""
    found = {key for term in terms for key in term.keys}
    common = sorted((term for term in terms if term.are_more), key=lambda term: -term.rarity)
    for queries in _promising(common[:MOST_COMBINED]):
        if len(found) >= MOST_RANKED:
            break
        found.update(itertools.chain(*reader.newest_of_each(queries, SHARE)))
    return list(found)


def _promising(common: list[Term]) -> Iterator[list[Query]]:
    """What to look for among more hits than can be ranked, the best first."""
    needles = [term.needles for term in common]
    in_names = [term.in_name for term in common]
    if len(common) > 1:
        yield [in_names, [*needles, list(itertools.chain(*in_names))], needles]
        # Without the most common words.
        yield [needles[:count] for count in range(len(common) - 1, 1, -1)]
    for term in common:
        yield [[[f" ={term.word} "]], [term.in_name], [term.whole]]


def _score(line: str, terms: list[Term]) -> int:
    """What an item is worth. A name that consists of nothing but the query comes before longer
    ones."""
    name = words.name_part(line)
    score = sum(term.rarity * term.grade(line, name) for term in terms)
    if name.count(" =") == len(terms) and all(f" ={term.word} " in name for term in terms):
        score += score // 2
    return score

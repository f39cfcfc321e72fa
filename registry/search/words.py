"""How texts become words, and which words the index keeps of an item.

Both are done here and not by the databases, so that they agree on case, accents and scripts.
"""

import itertools
import re
import unicodedata

from django.conf import settings

from registry import presentation
from registry.models import Item

LONGEST = 40  # characters; the rest of a word is ignored
MOST_KEPT = 200_000  # bytes of words that are kept of an item; PostgreSQL could hold 1 MB
SHORTEST_PART = 3  # letters by which a name is found from inside a word

WORD = r"[^\W_]"  # a letter or digit of any script
_WORDS = re.compile(f"{WORD}+")
_IDS = re.compile(
    r"(?<![A-Za-z0-9._-])[A-Za-z0-9._-]{1,99}/[0-9]{1,18}(?![A-Za-z0-9_-]|\.[A-Za-z0-9])"
)


class _Folds(dict[int, str]):
    """For str.translate: what a character becomes, worked out when it is first met."""

    def __missing__(self, code: int) -> str:
        plain = unicodedata.normalize("NFKD", chr(code)).casefold()
        letters = [
            letter
            for letter in unicodedata.normalize("NFKD", plain)
            if unicodedata.category(letter) not in {"Mn", "Mc", "Me", "Cf"}
        ]
        if len(self) < 10_000:  # no more: queries could hold all of Unicode
            self[code] = "".join(letters)
        return "".join(letters)


_folds = _Folds()


def fold(text: str) -> str:
    """Without case, accents and what is invisible inside words, such as soft hyphens. Each
    character is folded by itself, so that it can be told where it went."""
    return text.lower() if text.isascii() else text.translate(_folds)


def split(text: str) -> list[str]:
    """The words of a text, folded, in order."""
    return [word[:LONGEST] for word in _WORDS.findall(fold(text))]


def ids(text: str) -> list[str]:
    """What looks like a persistent id in a text, as it is written there."""
    return _IDS.findall(text)


def is_id(word: str) -> bool:
    """Whether a word of a query can only be an id of this site."""
    return word.startswith(f"{fold(settings.HANDLE_PREFIX)}/")


def typed(text: str) -> list[str]:
    """The distinct words of a query; an id is one word."""
    return list(dict.fromkeys([*map(fold, ids(text)), *split(_IDS.sub(" ", text))]))


def kept(item: Item) -> str:
    """The line of distinct words that the index keeps of an item, such as
    ` =reef ~eef reef coral 10378.1/1000001 `.

    `=` marks the words of its display name, and `~` their endings. Ids are in it as a whole,
    because what they begin with is that of all others.
    """
    texts = [item.kind.label, *(text for _, text in presentation.texts(item))]
    name = split(item.display_name)
    words = itertools.chain(
        (f"={word}" for word in name),
        (f"~{word[at:]}" for word in name for at in range(1, len(word) - SHORTEST_PART + 1)),
        name,
        (fold(item.handle), item.handle.rpartition("/")[2]),
        (fold(handle) for text in texts for handle in ids(text)),
        *map(split, texts),
    )
    line = " ".join(dict.fromkeys(words)).encode()
    if len(line) > MOST_KEPT:
        line = line[:MOST_KEPT].rpartition(b" ")[0]
    return f" {line.decode()} "


def name_part(line: str) -> str:
    """The part of such a line that holds all marked words: much shorter, so quicker to look in."""
    last = max(line.rfind("="), line.rfind("~"))
    return line[: line.find(" ", last) + 1]

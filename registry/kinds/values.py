"""The types of single values, which all kinds share: what is accepted, and how it is written.

A type's JSON schema carries its `format`, from which forms and pages choose how to show it.
"""

import re
import unicodedata
from collections.abc import Mapping
from datetime import date
from decimal import Decimal
from typing import Annotated, Any

import pyproj
import shapely
from pydantic import AfterValidator, BeforeValidator, Field, HttpUrl, StringConstraints, TypeAdapter

SHORT, LONG = 300, 20_000  # characters
LONGEST_PLACE = 50_000  # characters (domain reference, 1.2)
MOST_NOTES = 100
MOST_ROWS = 500  # of any list: beyond that no person can read or fill in a form

_LINE_ENDS = "\n\t\u2028\u2029"
_REORDERING = {"LRE", "RLE", "LRO", "RLO", "PDF", "LRI", "RLI", "FSI", "PDI"}
_http_url = TypeAdapter(HttpUrl)
# ISO 8601, the form with designators: at least one number, T only before a time, and a fraction in
# the smallest unit only.
_DURATION = re.compile(
    "P(?=[0-9T])(?!.*[.,][0-9]+[A-Z].)(?:{n}W|(?:{n}Y)?(?:{n}M)?(?:{n}D)?"
    "(?:T(?=[0-9])(?:{n}H)?(?:{n}M)?(?:{n}S)?)?)".replace("{n}", "[0-9]+(?:[.,][0-9]+)?")
)
_DAY = re.compile("[0-9]{4}-[0-9]{2}-[0-9]{2}")
_DECIMAL = re.compile("[0-9]*[.]?[0-9]+|[0-9]+[.]")
_ADDRESS = re.compile(
    r"https?://[^/\s]+/(?:\S*/)?([A-Za-z0-9._-]+/[0-9]{1,18})(?:/[a-z]*)*/?(?:[?#]\S*)?"
)
_EWKT = re.compile("SRID=([0-9]{1,9});(.+)", re.DOTALL)


def _printable(text: str) -> str:
    """Refuse what no database, form or PROV document carries through unchanged, and text that
    only looks empty."""
    if _is_plain(text) and text.strip(" "):
        return text
    for character in text:
        if unicodedata.category(character) in {"Cc", "Cs"} and character not in "\n\t":
            raise ValueError(f"the character U+{ord(character):04X} cannot be stored; remove it")
    if not any(unicodedata.category(character)[0] not in "CZ" for character in text):
        raise ValueError("this holds only invisible characters")
    return text


def _is_plain(text: str) -> bool:
    """True for letters, digits, signs and blanks of ASCII alone: most texts of large tables, which
    so need no look at each character."""
    return text.isascii() and text.isprintable()


def _one_line(text: str) -> str:
    """Names and addresses: no line breaks, and nothing that makes text read backwards."""
    if _is_plain(text):
        return text
    for character in text:
        if character in _LINE_ENDS or unicodedata.bidirectional(character) in _REORDERING:
            raise ValueError(f"the character U+{ord(character):04X} cannot be part of one line")
    return text


def _unix_lines(text: Any) -> Any:
    """Browsers send line breaks as CR LF; one text must not become two by where it was typed."""
    return text.replace("\r\n", "\n").replace("\r", "\n") if isinstance(text, str) else text


def _is_http_url(text: str) -> str:
    """Checked as a URL but kept as it was typed: clients compare it with what they sent."""
    try:
        _http_url.validate_python(text)
        if not re.match("https?://[^/]", text, re.IGNORECASE):  # pydantic mends "http:example.org"
            raise ValueError
    except ValueError:
        raise ValueError("write a whole web address, such as https://example.org/page") from None
    return text


def _is_uri(text: str) -> str:
    if not re.fullmatch(r"[A-Za-z][A-Za-z0-9+.-]*:\S+", text):
        raise ValueError("write an absolute address, such as https://… or s3://bucket/folder")
    return text


def _is_day(text: str) -> str:
    try:
        if not _DAY.fullmatch(text):  # `fromisoformat` takes other forms, too
            raise ValueError
        date.fromisoformat(text)
    except ValueError:
        raise ValueError("write a date as YYYY-MM-DD, such as 2026-03-31") from None
    return text


def _is_duration(text: str) -> str:
    if not _DURATION.fullmatch(text):
        raise ValueError("write an ISO 8601 duration, such as P1D for a day or PT6H for six hours")
    return text


def _is_positive(text: str) -> str:
    if not _DECIMAL.fullmatch(text) or not Decimal(text):
        raise ValueError("write a number above 0, such as 0.25")
    return text


def place_fault(text: str) -> str:
    """What is wrong with a place in EWKT, `SRID=<EPSG code>;<WKT>`; empty if nothing is."""
    match = _EWKT.fullmatch(text)
    if not match:
        return "Write it as SRID=<EPSG code>;<WKT>, such as SRID=4326;POINT(147.1 -18.9)."
    code, geometry = match.groups()
    try:
        pyproj.CRS.from_epsg(int(code))
    except pyproj.exceptions.CRSError:
        return f"EPSG has no coordinate system {code}. Longitude and latitude (WGS 84) is 4326."
    try:
        shapely.from_wkt(geometry)
    except (shapely.errors.GEOSException, ValueError):
        return "What follows SRID=…; is no well-known text (WKT), such as POINT(147.1 -18.9)."
    return ""


def without_address(text: Any) -> Any:
    """The id in a pasted address of an item's page or of the handle resolver; else the text."""
    found = _ADDRESS.fullmatch(text.strip()) if isinstance(text, str) else None
    return found[1] if found else text


def _distinct_keys(notes: Any) -> Any:
    """Keys that differ only by blanks around them would overwrite each other."""
    if isinstance(notes, Mapping):
        keys = [str(key).strip() for key in notes]
        if twice := sorted({key for key in keys if keys.count(key) > 1}):
            raise ValueError(f"each key may occur once; more than once: {', '.join(twice)}")
    return notes


def repeated(values: list[str]) -> list[str]:
    """Those that occur more than once, each once, in order."""
    return sorted({value for value in values if values.count(value) > 1})


def _text(longest: int) -> StringConstraints:
    return StringConstraints(strip_whitespace=True, min_length=1, max_length=longest)


def _shown_as(name: str, **more: str) -> Any:
    return Field(json_schema_extra={"format": name, **more})


_Checked = (BeforeValidator(_unix_lines), AfterValidator(_printable))
_CheckedLine = (*_Checked, AfterValidator(_one_line))

Line = Annotated[str, _text(SHORT), *_CheckedLine]
Text = Annotated[str, _text(LONG), *_Checked, _shown_as("textarea")]
WebAddress = Annotated[
    str, _text(2_000), *_CheckedLine, AfterValidator(_is_http_url), _shown_as("uri")
]
Uri = Annotated[str, _text(2_000), *_CheckedLine, AfterValidator(_is_uri)]
Day = Annotated[str, _text(SHORT), AfterValidator(_is_day), _shown_as("date")]
Duration = Annotated[str, _text(SHORT), *_CheckedLine, AfterValidator(_is_duration)]
PositiveNumber = Annotated[str, _text(SHORT), *_CheckedLine, AfterValidator(_is_positive)]
Place = Annotated[str, _text(LONGEST_PLACE), *_Checked, _shown_as("textarea")]
Notes = Annotated[dict[Line, Text], Field(max_length=MOST_NOTES), BeforeValidator(_distinct_keys)]
_HANDLE = StringConstraints(strip_whitespace=True, pattern=r"^[A-Za-z0-9._-]+/[0-9]{1,18}$")
ItemId = Annotated[str, BeforeValidator(without_address), _HANDLE, _shown_as("item")]


def reference_to(subtype: str) -> Any:
    """The type of the persistent id of an item of that kind, which must be complete.

    Type checkers take no call for a type, so each use of it says `type: ignore[valid-type]`.
    """
    return Annotated[str, BeforeValidator(without_address), _HANDLE, _shown_as("item", of=subtype)]

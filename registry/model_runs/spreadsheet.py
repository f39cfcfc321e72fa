"""Reading CSV as spreadsheets write it: with their separators, marks and line ends."""

import codecs
import csv
import io
import re
from collections.abc import Iterator
from typing import NamedTuple, Protocol

from provena import tables
from registry.services.rules import Refused

SEPARATORS = ",;\t"
LONGEST_CELL = 131_072  # characters: what the csv module takes
_SEPARATOR_LINE = re.compile(r'"?sep=(\t|[^\s"])"?', re.IGNORECASE)
# Both without backtracking: files are large, and some are made to be slow.
_FIRST_ROW = re.compile(r'\s*+(?:"[^"]*+(?:"|\Z)|[^"\r\n]++)*+')  # with line breaks in its quotes
_QUOTED = re.compile('"[^"]*+"')
CHUNK = 1 << 16  # bytes


class Readable(Protocol):
    """A file opened for bytes, or an upload."""

    def read(self, size: int, /) -> bytes:
        """At most so many bytes; none at the end."""


class Table(NamedTuple):
    """What a file holds: the separator of its cells, one of SEPARATORS (or what else its first line
    names), and its rows that are not blank, each with its number as the spreadsheet counts them."""

    separator: str
    rows: Iterator[tuple[int, list[str]]]


def read(stream: Readable, most_rows: int, most_bytes: int) -> Table:
    """A file as a table; its first row has the number 1. Cells are trimmed, and what was made safe
    is as it was.

    Raises Refused for what is no CSV in UTF-8, and at the limits; the rows do so, too.
    """
    text = _decoded(stream, most_bytes)
    separator, start, offset = _separator(text)
    return Table(separator, _rows(text[start:], separator, offset, most_rows))


def _rows(
    text: str, separator: str, offset: int, most_rows: int
) -> Iterator[tuple[int, list[str]]]:
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=separator, strict=True)
    number, found = offset, 0
    try:
        for row in reader:
            number += 1
            cells = [tables.plain(cell) for cell in row]
            if not any(cells):
                continue
            found += 1
            if found > most_rows + 1:
                raise Refused(
                    f"The file has more than {most_rows:,} rows, which is the limit. Divide it "
                    "into several files."
                )
            yield number, cells
    except csv.Error as error:
        raise Refused(_broken(number + 1, str(error))) from None


def _decoded(stream: Readable, most_bytes: int) -> str:
    data = bytearray()
    while chunk := stream.read(CHUNK):
        data += chunk
        if len(data) > most_bytes:
            raise Refused(
                f"The file is larger than {most_bytes / 1024**2:,.0f} MB, which is the limit. "
                "Divide it into several files."
            )
    if data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        raise Refused('The file is UTF-16 text. Save it as "CSV UTF-8" and upload it again.')
    if data.startswith(b"%PDF"):
        raise Refused('This is a PDF, not CSV. Save the sheet as "CSV UTF-8" and upload that.')
    if data.startswith((b"PK\x03\x04", b"\xd0\xcf\x11\xe0")):
        raise Refused('This is a workbook, not CSV. Save the sheet as "CSV UTF-8" and upload that.')
    if (nul := data.find(0)) >= 0:
        line = data.count(b"\n", 0, nul) + 1
        raise Refused(f"Line {line} holds the character U+0000, which no text has. Remove it.")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise Refused(
            f"Line {line} holds a character that is not UTF-8. Save the file as "
            '"CSV UTF-8" and upload it again.'
        ) from None


def _separator(text: str) -> tuple[str, int, int]:
    """The separator, where the table starts, and how many rows stand before it: Excel may write a
    first line that names the separator."""
    first, _, _ = text.partition("\n")
    if named := _SEPARATOR_LINE.fullmatch(first.strip(" \r")):
        return named[1], len(first) + 1, 1
    header = _FIRST_ROW.match(text)
    outside = _QUOTED.sub("", header[0] if header else "")
    return max(SEPARATORS, key=outside.count), 0, 0


def _broken(number: int, error: str) -> str:
    if "field larger than" in error:
        return f"Row {number} has a cell of more than {LONGEST_CELL:,} characters. Shorten it."
    if "unexpected end" in error:
        return (
            f'Row {number} has a quotation mark (") that is never closed, so the file ends in it.'
        )
    return (
        f"Row {number} cannot be read as CSV: after a closing quotation mark there is more text. "
        'A quotation mark inside a quoted cell is written twice ("").'
    )

"""Tables as CSV that no spreadsheet runs, and back.

A cell that begins like a formula gets an apostrophe before it, by which spreadsheets take it as
text. What is read has it taken off again, so a table survives the way there and back.
"""

import codecs
import csv
import re
from collections.abc import Iterable, Iterator

_FORMULA = re.compile("'*[=+\\-@\t\r]")
_MADE_SAFE = re.compile("'+[=+\\-@\t\r]")


def lines(
    rows: Iterable[Iterable[object]], separator: str = ",", *, for_people: bool = True
) -> Iterator[str]:
    """Rows as CSV, line by line; `for_people` beginning with the mark by which Excel knows UTF-8,
    which to programs is part of the first header. Where the separator is no comma all cells are
    quoted, so that nobody takes the commas in them for it."""
    writer = csv.writer(
        _Echo(),
        delimiter=separator,
        quoting=csv.QUOTE_MINIMAL if separator == "," else csv.QUOTE_ALL,
    )
    if for_people:
        yield codecs.BOM_UTF8.decode()
    for row in rows:
        yield writer.writerow([safe(cell) if isinstance(cell, str) else cell for cell in row])


def safe(cell: str) -> str:
    """A cell that no spreadsheet runs as a formula."""
    return f"'{cell}" if _FORMULA.match(cell) else cell


def plain(cell: str) -> str:
    """A cell as it was before it was made safe, trimmed."""
    trimmed = cell.strip()
    return trimmed[1:] if _MADE_SAFE.match(trimmed) else trimmed


class _Echo:
    """A file that hands back what is written to it."""

    def write(self, text: str) -> str:
        return text

"""Reports as files: a Word document, a page, a table."""

import re
import secrets
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC

from django.http import HttpResponse
from django.template.loader import render_to_string
from django.utils.http import content_disposition_header

from provena import tables
from registry.reports import word
from registry.reports.contents import NOTHING, TEAM, TITLE, TO_FILL_IN, Entry, Report

WORD = "application/vnd.openxmlformats-officedocument.wordprocessingml.document"


@dataclass(frozen=True)
class Format:
    """A way to write a report. `name` is the suffix of a file of it, too."""

    name: str
    title: str
    content_type: str


FORMATS = {
    one.name: one
    for one in (
        Format("docx", "Word", WORD),
        Format("html", "HTML", "text/html; charset=utf-8"),
        Format("csv", "CSV", "text/csv; charset=utf-8"),
    )
}


def answer(report: Report, chosen: Format) -> HttpResponse:
    """The report as a file to download, whose name no other one has."""
    response = HttpResponse(write(report, chosen), content_type=chosen.content_type)
    header = content_disposition_header(True, file_name(report, chosen))
    response["Content-Disposition"] = header or "attachment"
    return response


def file_name(report: Report, chosen: Format) -> str:
    """What it is about, when it was made, and something that nobody else has."""
    about = re.sub(
        "[^A-Za-z0-9.]+", "-", f"{report.about.kind.label}-{report.about.handle}"
    ).lower()
    made = report.made_at.astimezone(UTC).strftime("%Y%m%dT%H%M%SZ")
    return f"report-{about}-{made}-{secrets.token_hex(3)}.{chosen.name}"


def write(report: Report, chosen: Format) -> bytes:
    """The report in one of FORMATS."""
    match chosen.name:
        case "docx":
            return word.write(report)
        case "csv":
            return "".join(tables.lines(_rows(report))).encode()
        case _:
            context = {
                "report": report,
                "title": TITLE,
                "team": TEAM,
                "to_fill_in": TO_FILL_IN,
                "nothing": NOTHING,
            }
            return render_to_string("registry/report_file.html", context).encode()


def _rows(report: Report) -> Iterator[list[str]]:
    yield ["section", "kind", "name", "id", "link", "note"]
    yield ["Report for", *_cells(report.about)]
    for title, entries in report.sections:
        for entry in entries:
            yield [title, *_cells(entry)]


def _cells(entry: Entry) -> list[str]:
    return [entry.kind.label, entry.name, entry.handle, entry.url, entry.note]

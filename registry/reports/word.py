"""Reports as Word documents.

`docx` brings lxml, which is slow to load, and few ask for it: it is loaded when it is needed.
"""

import io
from datetime import UTC
from typing import TYPE_CHECKING

from provena.words import counted
from registry.provenance.draft import for_xml
from registry.reports.contents import NOTHING, TEAM, TITLE, TO_FILL_IN, Entry, Report

if TYPE_CHECKING:
    from docx.document import Document
    from docx.table import _Cell
    from docx.text.paragraph import Paragraph
    from docx.text.run import Run

LINK_COLOUR = (0x0B, 0x57, 0xD0)


def write(report: Report) -> bytes:
    """The report as a Word document."""
    import docx

    document = docx.Document()
    about = report.about
    properties = document.core_properties
    properties.title = for_xml(f"{TITLE}: {about.name}")[:255]
    properties.author, properties.comments = "Provena Jobs", ""
    properties.created = properties.modified = report.made_at.astimezone(UTC).replace(tzinfo=None)
    document.add_heading(TITLE, level=0)
    links = _Links(document)
    links.add(document.add_paragraph("Report for "), about)
    document.add_paragraph(
        f"Made on {report.made}, with what is at most {counted(report.depth, 'step')} upstream of "
        "a model run."
    )
    _add_table(document, report, links)
    file = io.BytesIO()
    document.save(file)
    return file.getvalue()


def _add_table(document: "Document", report: Report, links: "_Links") -> None:
    from docx.shared import Cm

    table = document.add_table(rows=0, cols=2, style="Table Grid")
    table.autofit = False
    for title, entries in [(TEAM, None), *report.sections]:
        head, body = table.add_row().cells
        head.width, body.width = Cm(4), Cm(11.5)
        head.paragraphs[0].add_run(title).bold = True
        if entries is None:
            body.paragraphs[0].add_run(TO_FILL_IN).italic = True
        elif not entries:
            body.paragraphs[0].text = NOTHING
        else:
            _fill(body, entries, links)


def _fill(cell: "_Cell", entries: list[Entry], links: "_Links") -> None:
    from docx.shared import Pt

    for place, entry in enumerate(entries):
        paragraph = cell.add_paragraph() if place else cell.paragraphs[0]
        paragraph.paragraph_format.space_after = Pt(3)
        links.add(paragraph, entry)


class _Links:
    """Adds items to paragraphs of a document, each with a link to its id."""

    def __init__(self, document: "Document") -> None:
        self._relations = document.part.rels

    def add(self, paragraph: "Paragraph", entry: Entry) -> None:
        note = f" ({entry.note})" if entry.note else ""
        paragraph.add_run(for_xml(f"{entry.kind.label}: {entry.name}{note}"))
        if entry.url:
            paragraph.add_run(", ")
            self._link(paragraph.add_run(entry.handle), entry.url)

    def _link(self, run: "Run", url: str) -> None:
        """Put a run into a link, which python-docx has no word for. Not by its `relate_to`, which
        compares with all links that are there."""
        from docx.opc.constants import RELATIONSHIP_TYPE
        from docx.oxml import OxmlElement
        from docx.oxml.ns import qn
        from docx.shared import RGBColor

        key = f"rIdItem{len(self._relations)}"
        self._relations.add_relationship(RELATIONSHIP_TYPE.HYPERLINK, url, key, is_external=True)
        run.font.underline, run.font.color.rgb = True, RGBColor(*LINK_COLOUR)
        link = OxmlElement("w:hyperlink")
        link.set(qn("r:id"), key)
        run.element.addprevious(link)
        link.append(run.element)

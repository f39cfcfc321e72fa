"""A record as a row of a file and back: nothing is lost, whatever it says and however the file is
written."""

import csv
import io
from typing import Any

import pytest
from hypothesis import HealthCheck, example, given
from hypothesis import settings as example_settings
from hypothesis import strategies as st

from provena import tables
from registry import moments
from registry.kinds.runs import LATEST
from registry.model_runs import records, rows, spreadsheet
from registry.model_runs.columns import ORGANISATION, Layout, Resource, Use, read_header
from registry.models import Item
from registry.services import Refused
from tests.registry.strategies import MADE_UP, lines, texts

Record = dict[str, Any]
WORKFLOW = "10378.1/100"
TEMPLATES = {"inputs": ["10378.1/101", "10378.1/102"], "outputs": ["10378.1/101", "10378.1/103"]}
some = example_settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))

# What spreadsheets, separators and our own marks could take for something else.
_tricky = st.sampled_from(
    [
        *("=1+1", "+61 7", "-18.9", "@home", "'quoted", "'=x", "''-", '"', '""', "a|b", "|", "\\"),
        *(
            "C:\\new|D:\\temp\\",
            "\\\\server\\share",
            "a\\|b",
            "x, y; z",
            "sep=;",
            "[template id: x]",
        ),
        *(
            "_job_id",
            "description",
            "annotation: x",
            "x [template id: 10378.1/101]",
            "\ufeffx",
            "0",
        ),
    ]
)
names = lines | _tricky
notes = texts("\n\t") | _tricky | st.just("a\nb") | st.just('say "no",\n\nthen; go')


def use(side: str, handle: str, keys: dict[str, bool], *, optional: bool, name: str) -> Use:
    files = tuple(Resource(key, is_optional, "") for key, is_optional in keys.items())
    return Use(side, Item(handle=handle, display_name=name), optional, files)


@st.composite
def layouts(draw: st.DrawFn) -> Layout:
    """Some workflow: two templates on each side, whose files may have equal keys."""
    files = st.dictionaries(names, st.booleans(), max_size=2)
    annotations = draw(st.lists(names, unique=True, max_size=3))
    return Layout(
        template=Item(handle=WORKFLOW, display_name="w"),
        uses=tuple(
            use(side, handle, draw(files), optional=draw(st.booleans()), name=draw(names))
            for side, handles in TEMPLATES.items()
            for handle in handles
        ),
        required=tuple(annotations[:1]),
        optional=tuple(annotations[1:]),
    )


@st.composite
def datasets(draw: st.DrawFn, of: Use) -> list[Record]:
    found = []
    for handle in draw(st.lists(st.sampled_from(MADE_UP), min_size=not of.is_optional, max_size=3)):
        paths = {
            one.key: draw(names)
            for one in of.resources
            if not one.is_optional or draw(st.booleans())
        }
        used = {
            "dataset_template_id": of.template.handle,
            "dataset_id": handle,
            "dataset_type": "DATA_STORE",
        }
        found.append(used | ({"resources": paths} if paths else {}))
    return found


@st.composite
def runs(draw: st.DrawFn) -> tuple[Layout, Record]:
    """A workflow and a valid record of it, as it is stored."""
    layout = draw(layouts())
    annotations = {key: draw(notes) for key in layout.required}
    annotations |= draw(st.dictionaries(names, notes, max_size=2))
    moment = st.integers(0, LATEST) | st.just(LATEST)
    start, end = sorted([draw(moment), draw(moment)])
    associations = {"modeller_id": draw(st.sampled_from(MADE_UP))}
    if draw(st.booleans()):
        associations["requesting_organisation_id"] = MADE_UP[0]
    record: Record = {
        "workflow_template_id": WORKFLOW,
        "display_name": draw(names),
        "description": draw(notes),
        "associations": associations,
        "start_time": start,
        "end_time": end,
        **{
            side: [one for of in layout.side(side) for one in draw(datasets(of))]
            for side in TEMPLATES
        },
    }
    if annotations:
        record["annotations"] = annotations
    for name, values in {"model_version": names, "study_id": st.sampled_from(MADE_UP)}.items():
        if draw(st.booleans()):
            record[name] = draw(values)
    return layout, records.stored(records.parse(record))


def wide(layout: Layout, record: Record) -> Any:
    return layout.columns(organisation=True, annotations=record.get("annotations") or ())


def file_of(table: list[list[str]], separator: str, end: str, mark: str) -> io.BytesIO:
    """A table as a spreadsheet would save what it was given by us."""
    text = io.StringIO(newline="")
    writer = csv.writer(text, delimiter=separator, lineterminator=end)
    writer.writerows([[tables.safe(cell) for cell in row] for row in table])
    written = text.getvalue()
    return io.BytesIO((mark + (written.replace("\n", end) if end == "\r" else written)).encode())


@some
@given(runs())
def test_what_is_read_from_a_written_row_is_the_record(found: tuple[Layout, Record]) -> None:
    layout, record = found
    columns = wide(layout, record)
    row = rows.read(rows.cells(record, columns), columns)
    assert row.faults == []
    assert records.stored(records.parse(row.data)) == record


@some
@given(
    runs(),
    st.sampled_from(spreadsheet.SEPARATORS),
    st.sampled_from(["\n", "\r\n"]),
    st.sampled_from(["", "\ufeff"]),
)
def test_a_file_gives_the_record_whatever_its_separator_mark_and_line_ends(
    found: tuple[Layout, Record], separator: str, end: str, mark: str
) -> None:
    layout, record = found
    columns = wide(layout, record)
    file = file_of([list(columns.headers), rows.cells(record, columns)], separator, end, mark)
    (_, header), (number, cells) = spreadsheet.read(file, 10, 10**6).rows
    again = read_header(header, layout)
    assert (number, again.keys, again.warnings) == (2, columns.keys, [])
    row = rows.read(cells, again)
    assert (row.faults, records.stored(records.parse(row.data))) == ([], record)


@some
@given(names)
def test_no_cell_is_run_as_a_formula_and_each_is_read_as_it_was(text: str) -> None:
    assert tables.safe(text)[:1] not in set("=+-@\t\r")
    file = file_of([["header"], [text]], ",", "\n", "")
    [_, (_, [cell])] = spreadsheet.read(file, 9, 10**6).rows
    assert cell == text


@given(st.integers(0, LATEST))
@example(0)
@example(LATEST)
def test_a_time_is_read_as_it_is_written(seconds: int) -> None:
    assert moments.read(moments.written(seconds)) == seconds


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("1970-01-01", 0),
        ("1970-01-01 00:01", 60),
        ("1970/1/1T0:01:01", 61),
        ("1970-01-01 10:00:00+10:00", 0),
        ("1970-01-01 10:00:00 +1000", 0),
        ("1970-01-01 10:00:00+10", 0),
        ("1969-12-31 14:00:00-10:00", 0),
        ("1970-01-01T00:00:01.000Z", 1),
        ("  1970-01-01 00:00:00 UTC ", 0),
        ("2024-02-29 00:00:00", 1_709_164_800),
    ],
)
def test_a_time_may_be_written_in_many_ways_and_is_utc_without_a_zone(
    text: str, seconds: int
) -> None:
    assert moments.read(text) == seconds


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("31/12/2024", "Write the year first"),
        ("31.12.24 10:00", "Write the year first"),
        ("noon", "is no time"),
        ("45000.5", "is no time"),
        ("2023-02-29", "is no time that exists"),
        ("2024-01-01 25:00:00", "is no time that exists"),
        ("2024-01-01 10:00:00+99:00", "is no time that exists"),
        ("2024-01-01 10:00:00+10:75", "at most 59 minutes"),
        ("0000-01-01", "is no time that exists"),
    ],
)
def test_what_is_no_time_is_told_so_with_an_example(text: str, told: str) -> None:
    with pytest.raises(ValueError, match=told):
        moments.read(text)


# Several datasets in one cell.


def two_files() -> Layout:
    one = use("inputs", "10378.1/101", {"grid": False, "log": True}, optional=True, name="Forcing")
    return Layout(Item(handle=WORKFLOW), (one,), (), ())


def read(**cells: str) -> rows.Row:
    columns = two_files().columns()
    places = {"data": ("inputs", "10378.1/101"), "start": ("start_time",)}
    row = [""] * len(columns.keys)
    for name, text in cells.items():
        row[columns.at(places.get(name, ("inputs", "10378.1/101", name)))] = text
    return rows.read(row, columns)


def paths(row: rows.Row) -> list[Any]:
    return [(one["dataset_id"], one.get("resources")) for one in row.data["inputs"]]


def test_bars_divide_datasets_and_their_paths() -> None:
    row = read(data="10378.1/1 | 10378.1/2", grid="a|b", log="|c")
    assert row.faults == []
    assert paths(row) == [("10378.1/1", {"grid": "a"}), ("10378.1/2", {"grid": "b", "log": "c"})]


def test_the_path_of_one_dataset_may_hold_bars_and_backslashes() -> None:
    assert paths(read(data="10378.1/1", grid=r"C:\a|b\|c")) == [
        ("10378.1/1", {"grid": r"C:\a|b\|c"})
    ]


def test_backslashes_in_paths_of_several_datasets_stay_as_a_person_wrote_them() -> None:
    row = read(data="10378.1/1|10378.1/2", grid=r"C:\new\a.nc|\\server\share")
    assert [found["grid"] for _, found in paths(row)] == [r"C:\new\a.nc", r"\\server\share"]


@pytest.mark.parametrize(
    ("cells", "told"),
    [
        ({"data": "10378.1/1|10378.1/2", "grid": "a"}, "1 paths are given for 2 datasets"),
        ({"data": "10378.1/1|10378.1/2", "grid": "a|b|c"}, "3 paths are given for 2 datasets"),
        ({"grid": "a"}, "no dataset for its template"),
        ({"start": "31/12/2024"}, "Write the year first"),
    ],
)
def test_what_is_written_wrong_in_a_row_is_told_at_its_column(
    cells: dict[str, str], told: str
) -> None:
    [(column, text)] = read(**cells).faults
    header = two_files().columns().headers[column]
    assert told in text
    assert header.startswith("execution start" if "start" in cells else "Input resource: grid")


def test_an_optional_template_without_a_dataset_is_not_used() -> None:
    assert read().data["inputs"] == []


def test_a_row_longer_than_its_header_is_a_fault_of_that_row() -> None:
    columns = two_files().columns()
    row = rows.read([""] * len(columns.keys) + ["", "more"], columns)
    assert row.faults[0][0] == rows.NO_COLUMN
    assert "2 more cells than the header" in row.faults[0][1]
    assert "more cells" not in str(rows.read([""] * len(columns.keys) + ["", ""], columns).faults)


# Headers.


def clash() -> Layout:
    first = use("inputs", "10378.1/101", {"grid": False}, optional=False, name="=Forcing")
    second = use("inputs", "10378.1/102", {"grid": False, "x": True}, optional=False, name="B")
    return Layout(Item(handle=WORKFLOW), (first, second), ("seed",), ("host",))


def renamed(old: str, new: str, layout: Layout | None = None) -> list[str]:
    return [header.replace(old, new) for header in (layout or clash()).columns().headers]


def test_only_files_of_equal_keys_on_one_side_are_told_apart_by_their_template() -> None:
    headers = clash().columns().headers
    assert "Input resource: grid [template id: 10378.1/101]" in headers
    assert "Input resource: grid [template id: 10378.1/102]" in headers
    assert "Input resource: x" in headers


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("=Forcing", "Renamed [template id: 10378.1/9]"),
        ("Input resource: x", "Input resource: x [template id: 10378.1/102]"),
        ("Input dataset id", "INPUT DATASET ID"),
        ("description", " Description "),
        ("execution start", "Execution  start"),
        ("_workflow template id 10378.1/100", "_workflow template id <10378.1/100>"),
    ],
)
def test_headers_match_by_ids_and_keys(old: str, new: str) -> None:
    found = read_header(renamed(old, new), clash())
    assert (found.keys, found.warnings) == (clash().columns().keys, [])


def test_the_plain_header_of_a_file_that_two_templates_have_asks_which_is_meant() -> None:
    with pytest.raises(Refused) as refused:
        read_header(renamed(" [template id: 10378.1/101]", "", clash())[:6], clash())
    assert 'Input resource: grid [template id: 10378.1/101]"' in str(refused.value)
    plain = [*clash().columns().headers, "Input resource: grid"]
    [warning] = read_header(plain, clash()).warnings
    assert "10378.1/101 and 10378.1/102 have a file of that key" in warning


def test_all_missing_columns_are_named_at_once_and_those_of_the_system_are_not_missed() -> None:
    with pytest.raises(Refused) as refused:
        read_header(["_workflow template id 10378.1/100", "description"], clash())
    for header in clash().columns().headers[1:]:
        is_told = f'"{header}"' in str(refused.value)
        assert is_told == (not header.startswith("_") and header != "description"), header


def test_columns_that_are_there_twice_are_named_however_they_are_written() -> None:
    with pytest.raises(Refused, match=r'"Description" is there twice, again in place \d+'):
        read_header([*clash().columns().headers, "Description"], clash())


def test_each_column_that_is_not_known_is_warned_of_and_blank_ones_are_not() -> None:
    more = [
        "comment",
        "",
        "Output resource: y",
        "Input dataset id for template: Z [template id: 1/1]",
    ]
    warnings = read_header([*clash().columns().headers, *more], clash()).warnings
    assert [text.partition('"')[2].partition('"')[0] for text in warnings] == [
        name for name in more if name
    ]


def test_an_annotation_or_organisation_that_the_template_does_not_ask_for_has_its_column() -> None:
    found = read_header([*clash().columns().headers, "annotation: extra", ORGANISATION], clash())
    assert found.keys[-2:] == (("annotations", "extra"), (ORGANISATION,))
    assert found.warnings == []

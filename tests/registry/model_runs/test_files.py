"""Files of runs that are wrong as a whole: each is refused with a message, and nothing is kept."""

import io
from typing import Any

import pytest
from django.contrib.auth.models import User
from hypothesis import HealthCheck, example, given
from hypothesis import settings as example_settings
from hypothesis import strategies as st

from provena import tables
from registry import services
from registry.model_runs import sheets
from registry.models import RunSheet, SheetRow
from registry.services import NotAllowed, Refused
from tests.registry.model_runs.tables import columns_for, load, row_of, table, text_of
from tests.registry.runs import Workflow

pytestmark = pytest.mark.django_db

some = example_settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))


def refusal(file: str | bytes, user: User) -> str:
    with pytest.raises(Refused) as refused:
        load(file, user)
    assert not RunSheet.objects.exists()
    assert not SheetRow.objects.exists()
    return str(refused.value)


@pytest.fixture
def good(workflow: Workflow, user: User) -> str:
    return table(workflow, user, row_of(workflow, user))


@pytest.mark.parametrize(
    ("file", "told"),
    [
        (b"", "The file is empty"),
        (b"\xef\xbb\xbf", "The file is empty"),
        (b"\n , \r\n\t\n", "The file is empty"),
        (b"a,b\n1,\xff\n", "Line 2 holds a character that is not UTF-8"),
        ("a,b\n".encode("utf-16"), "UTF-16"),
        (b"PK\x03\x04\x14\x00", "a workbook, not CSV"),
        (b"\xd0\xcf\x11\xe0\xa1", "a workbook, not CSV"),
        (b"a,b\x00,c\n", "Line 1 holds the character U+0000"),
        (b"a,b\n1,2\n", 'no column "_workflow template id'),
        (b"_workflow template id 1/1,_workflow template id 1/2\n", "There are 2 columns"),
        (b"_workflow template id 10378.1/9\n", "there is no item 10378.1/9"),
        (b"_workflow template id x\n", "there is no item x"),
        (b'sep="\n"', "no column"),
        (b'a,"b\nc,d', "never closed"),
        (b'a,"b"c\n', "after a closing quotation mark"),
        (b'"' + b"x" * 131_073 + b'"\n', "more than 131,072 characters"),
    ],
    ids=range(16),
)
def test_a_file_that_is_no_table_of_runs_is_refused(user: User, file: bytes, told: str) -> None:
    assert told in refusal(file, user)


@pytest.mark.parametrize(
    ("end", "told"),
    [
        ('x,"never closed', "Row 3 has a quotation mark"),
        ('"a" b,c', "Row 3 cannot be read"),
        ("x" * 131_073, "Row 3 has a cell of more than 131,072"),
    ],
)
def test_a_row_that_is_no_csv_is_told_by_its_number(
    user: User, good: str, end: str, told: str
) -> None:
    assert told in refusal(good + end, user)


def test_a_table_without_rows_is_refused(workflow: Workflow, user: User) -> None:
    assert "no row below it" in refusal(table(workflow, user, [""], ["", " "]), user)


def test_a_table_of_another_kind_of_item_is_refused(
    workflow: Workflow, user: User, good: str
) -> None:
    other = good.replace(
        f"_workflow template id {workflow.template.handle}",
        f"_workflow template id {workflow.model.handle}",
    )
    assert "is a model, not a workflow template" in refusal(other, user)


def test_a_table_of_a_workflow_that_one_may_not_read_is_refused(
    workflow: Workflow, user: User, make_user: Any, good: str
) -> None:
    services.change_access(handle=workflow.template.handle, general=[], groups={}, by=user)
    told = refusal(good, make_user("ben"))
    assert f"you may not read {workflow.template.handle}" in told
    assert workflow.template.display_name not in told


def test_a_table_of_a_workflow_whose_dataset_template_went_names_it(
    workflow: Workflow, user: User, make_user: Any, good: str
) -> None:
    services.change_access(handle=workflow.output.handle, general=[], groups={}, by=user)
    assert f"you may not read {workflow.output.handle}" in refusal(good, make_user("ben"))


def test_duplicate_and_missing_columns_are_named(workflow: Workflow, user: User) -> None:
    headers = list(columns_for(workflow, user).headers)
    told = refusal(text_of([[*headers, "description"]]), user)
    assert '"description" is there twice' in told
    told = refusal(text_of([headers[:1]]), user)
    assert all(f'"{header}"' in told for header in ["agent id", "annotation: hardware"])


def test_who_may_not_change_the_registry_uploads_nothing(
    user: User, good: str, settings: Any
) -> None:
    settings.REGISTRY_LEVEL = "read"
    with pytest.raises(NotAllowed):
        load(good, user)


def test_a_file_of_more_rows_than_may_be_is_refused(
    workflow: Workflow, user: User, settings: Any
) -> None:
    settings.RUN_SHEET_ROWS = 2
    row = row_of(workflow, user)
    assert "more than 2 rows" in refusal(table(workflow, user, row, [""], row, row), user)
    assert load(table(workflow, user, row, [""], row), user).rows.count() == 2


def test_a_file_of_more_bytes_than_may_be_is_refused(user: User, settings: Any) -> None:
    settings.RUN_SHEET_MEGABYTES = 1
    assert "larger than 1 MB" in refusal(b"x" * (1024**2 + 1), user)


def test_an_unknown_column_is_warned_of(workflow: Workflow, user: User) -> None:
    headers, row = list(columns_for(workflow, user).headers), row_of(workflow, user)
    sheet = load(text_of([["comment", *headers], ["mine", *row]]), user)
    assert sheet.warnings == ['The column "comment" is not known here and is passed over.']
    assert sheet.counts()["NEW"] == 1


@pytest.mark.parametrize("separator", ["|", ";", "\t", "~"])
def test_a_first_line_may_name_the_separator(user: User, good: str, separator: str) -> None:
    text = f"sep={separator}\r\n" + good.replace(",", separator)
    assert list(load(text, user).rows.values_list("number", "state")) == [(3, "NEW")]


def test_blank_lines_before_a_table_cost_no_time(user: User) -> None:
    assert "The file is empty" in refusal(b"\n" * 400_000, user)


def test_a_wide_table_costs_no_time(workflow: Workflow, user: User) -> None:
    more = [f"annotation: {number}" for number in range(6_000)]
    headers, row = list(columns_for(workflow, user).headers), row_of(workflow, user)
    sheet = load(text_of([[*headers, *more], *[row] * 20]), user)
    assert sheet.counts()["NEW"] == 1


# By chance.

_cells = st.sampled_from(
    ["a", '"', "'", ",", ";", "\t", "\n", "\r", "=", "|", "\\", "\0", "sep=", ""]
)


@some
@given(st.binary(max_size=60))
@example(b"\xef\xbb\xbf\xef\xbb\xbf")
@example(b"sep=\n")
@example(b'sep="')
@example(b"sep=\xe2\x82\xac\n\xe2\x82\xac")
def test_any_bytes_are_refused_in_words(user: User, data: bytes) -> None:
    refusal(data, user)


@some
@given(st.lists(_cells | st.text(max_size=9), max_size=20), st.integers(0, 900))
def test_any_text_within_a_good_file_is_refused_or_gives_a_sheet(
    user: User, good: str, parts: list[str], at: int
) -> None:
    text = good[:at] + "".join(parts) + good[at:]
    try:
        sheet = load(text.encode("utf-8", "replace"), user)
    except Refused:
        return
    assert sheet.is_ready
    assert sheet.rows.exists()
    assert list(tables.lines(sheets.faulty(sheet)))


@some
@given(st.data())
def test_any_cells_below_a_good_header_give_a_sheet(
    workflow: Workflow, user: User, data: Any
) -> None:
    width = len(columns_for(workflow, user).headers)
    cell = st.text(max_size=5).filter(lambda text: "\0" not in text) | st.sampled_from(
        [*row_of(workflow, user), "|", "1/1|1/2", "x|", "10378.1/", "0001-01-01 00:00+14:00"]
    )
    rows = data.draw(
        st.lists(st.lists(cell, min_size=1, max_size=width + 2), min_size=1, max_size=3)
    )
    text = table(workflow, user, row_of(workflow, user), *rows).encode("utf-8", "replace")
    sheet = sheets.load(stream=io.BytesIO(text), file_name="x", owner=user)
    assert sheet.counts()["NEW"] > 0

"""Forms made from kinds: what is typed arrives, what is refused stands at its field and is kept."""

from collections.abc import Mapping
from typing import Any

import pytest
from django.http import QueryDict
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from registry import kinds
from registry.forms import Field, KindForm
from registry.kinds import Kind
from registry.kinds.shape import Shape
from tests.conftest import MODEL
from tests.registry.strategies import contents

TEMPLATE = {
    "display_name": "Forcing",
    "deferred_resources": [
        {"key": "currents", "description": "One file a day", "usage_type": "FORCING_DATA"},
        {"key": "grid", "description": "Depths", "usage_type": "GENERAL_DATA", "optional": True},
    ],
}


def posted(kind: type[Kind], content: Mapping[str, Any]) -> QueryDict:
    """Content as a browser posts it from the form that shows it."""
    data = QueryDict(mutable=True)
    for shape in kind.inputs():
        _post(shape, shape.name, content.get(shape.name), data)
    return data


def _post(shape: Shape, name: str, value: Any, data: QueryDict) -> None:
    if shape.form == "group":
        for part in shape.parts:
            _post(part, f"{name}.{part.name}", (value or {}).get(part.name), data)
    elif shape.form == "list":
        for index, row in enumerate(value or []):
            data.appendlist(name, str(index))
            _post(shape.each, f"{name}.{index}", row, data)
    elif shape.form == "pairs":
        data.setlist(f"{name}-key", list(value or {}))
        data.setlist(f"{name}-value", list((value or {}).values()))
    elif shape.form == "boolean":
        if shape.default if value is None else value:
            data[name] = "on"
    else:
        data[name] = "" if value is None else str(value)


def form_of(subtype: str, content: Mapping[str, Any], **changed: str) -> KindForm:
    kind = kinds.kind(subtype)
    data = posted(kind, content)
    for name, value in changed.items():
        data[name.replace("__", ".")] = value
    return KindForm(kind, data)


def at(form: KindForm, name: str) -> Field:
    found = form.field(name)
    assert found is not None, name
    return found


def test_fields_follow_the_kind_and_notes_come_last() -> None:
    form = KindForm(kinds.kind("PERSON"))
    assert [(shown.name, shown.shape.form, shown.shape.required) for shown in form.fields] == [
        ("display_name", "line", True),
        ("first_name", "line", True),
        ("last_name", "line", True),
        ("email", "email", True),
        ("orcid", "uri", False),
        ("ethics_approved", "boolean", False),
        ("user_metadata", "pairs", False),
    ]


def test_an_input_is_tied_to_its_help_and_errors() -> None:
    form = form_of("MODEL", {"name": "x"})
    assert not form.is_valid()
    html = at(form, "description").html
    assert 'aria-describedby="id_description_help id_description_errors"' in html
    assert 'aria-invalid="true"' in html


def test_a_refused_form_keeps_what_was_typed() -> None:
    form = form_of("MODEL", MODEL | {"source_url": "nowhere"})
    assert not form.is_valid()
    assert form.error_count == 1
    assert at(form, "source_url").value == "nowhere"
    assert at(form, "name").value == MODEL["name"]


@pytest.mark.parametrize(
    ("keys", "values", "row", "text"),
    [
        (["", "team"], ["no key", "reef"], 0, "Give this note a key"),
        (["team", "x"], ["reef", ""], 1, "Give this note a value"),
        (["team", " team "], ["a", "b"], 1, "used above"),
        (["team"], ["x" * 20_001], 0, "20,000"),
    ],
)
def test_a_wrong_note_is_refused_at_its_row(
    keys: list[str], values: list[str], row: int, text: str
) -> None:
    data = posted(kinds.kind("MODEL"), MODEL)
    data.setlist("user_metadata-key", keys)
    data.setlist("user_metadata-value", values)
    form = KindForm(kinds.kind("MODEL"), data)
    assert not form.is_valid()
    pairs = at(form, "user_metadata").pairs
    assert text in pairs[row].errors[0]
    assert [pair.value for pair in pairs] == values


def test_blank_rows_and_optional_groups_are_left_out() -> None:
    form = form_of("DATASET_TEMPLATE", TEMPLATE)
    data = posted(form.kind, TEMPLATE)
    data.appendlist("deferred_resources", "7")  # a row that was added and not filled in
    form = KindForm(form.kind, data)
    assert form.is_valid(), form.faults
    assert [row["key"] for row in form.content["deferred_resources"]] == ["currents", "grid"]
    form = form_of("MODEL_RUN_WORKFLOW_TEMPLATE", {"display_name": "w", "software_id": "a/1"})
    assert form.is_valid()
    assert form.content == {"display_name": "w", "software_id": "a/1"}


def test_a_fault_in_a_row_stands_at_its_field_even_behind_a_blank_row() -> None:
    kind = kinds.kind("DATASET_TEMPLATE")
    data = posted(kind, TEMPLATE)
    data.setlist("deferred_resources", ["5", "0", "1"])  # the first is blank
    data["deferred_resources.1.key"] = "currents"
    form = KindForm(kind, data)
    assert not form.is_valid()
    assert "stands 2 times" in at(form, "deferred_resources.1.key").errors[0]
    assert at(form, "deferred_resources.0.key").errors == []


def test_rows_are_added_and_removed_in_any_order() -> None:
    form = form_of("DATASET_TEMPLATE", TEMPLATE)
    added = form.change_rows("add:deferred_resources")
    assert added is not None
    assert [row.name for row in added.rows] == [
        "deferred_resources.0",
        "deferred_resources.1",
        "deferred_resources.2",
    ]
    assert added.rows[2].parts[0].is_new
    assert form.change_rows("remove:deferred_resources.0") is added
    assert [(row.token, row.number) for row in added.rows] == [("1", 1), ("2", 2)]
    assert at(form, "deferred_resources.1.key").value == "grid"
    notes = form.change_rows("add:deferred_resources.1.additional_metadata")
    assert notes is not None
    assert len(notes.pairs) == 1


@pytest.mark.parametrize(
    "command", ["", "add:", "add:name", "remove:display_name", "remove:x.1", "x", "remove:x"]
)
def test_a_strange_command_changes_nothing(command: str) -> None:
    form = form_of("DATASET_TEMPLATE", TEMPLATE)
    assert form.change_rows(command) is None
    assert form.is_valid()


def test_ten_thousand_rows_are_refused_in_a_sentence() -> None:
    rows = [{"key": f"k{n}", "description": "d", "usage_type": "GENERAL_DATA"} for n in range(501)]
    form = form_of("DATASET_TEMPLATE", TEMPLATE | {"deferred_resources": rows})
    assert not form.is_valid()
    assert at(form, "deferred_resources").errors == ["At most 500 entries; these are 501."]


def test_html_in_a_field_is_only_text() -> None:
    form = form_of("MODEL", MODEL | {"name": '"><script>x</script>'})
    assert form.is_valid()
    assert "<script>" not in at(form, "name").html


def test_what_is_kept_but_not_shown_goes_through_the_form(valid_dataset: dict[str, Any]) -> None:
    valid_dataset["collection_format"]["dataset_info"]["version"] = "v7"
    form = form_of("DATASET", valid_dataset)
    assert 'type="hidden"' in at(form, "collection_format.dataset_info.version").html
    assert form.is_valid(), [(shown.name, shown.errors) for shown in form.walk() if shown.errors]
    assert form.content["collection_format"]["dataset_info"]["version"] == "v7"


@pytest.fixture
def valid_dataset() -> dict[str, Any]:
    topics = ("ethics_registration", "ethics_access", "indigenous_knowledge", "export_controls")
    return {
        "collection_format": {
            "associations": {"organisation_id": "a/1"},
            "approvals": {topic: {"relevant": False, "obtained": False} for topic in topics},
            "dataset_info": {
                "name": "Currents",
                "description": "Hourly",
                "access_info": {"reposited": True},
                "publisher_id": "a/1",
                "created_date": {"relevant": False},
                "published_date": {"relevant": False},
                "license": "https://example.org/licence",
            },
        }
    }


@pytest.mark.parametrize("kind", kinds.user_made_kinds(), ids=lambda kind: kind.subtype)
def test_only_what_is_usual_starts_ticked(kind: type[Kind]) -> None:
    """Consent and approvals never are."""
    ticked = {shown.name for shown in KindForm(kind).walk() if shown.value is True}
    usual = {"collection_format.dataset_info.access_info.reposited"}
    assert ticked == (usual if kind.has_files else set())


@pytest.mark.parametrize("kind", kinds.user_made_kinds(), ids=lambda kind: kind.subtype)
@given(data=st.data())
@settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
def test_what_is_valid_goes_through_a_form_unchanged(kind: type[Kind], data: st.DataObject) -> None:
    """Content -> form that shows it -> what a browser posts -> content. A box says what a client
    may leave out."""
    content = kind.parse(data.draw(contents(kind, references=["10378.1/1000001"])))
    stored = content.stored()
    shown = KindForm(kind, initial=stored).read()
    assert kind.parse(shown) == content
    form = KindForm(kind, posted(kind, stored))
    assert form.is_valid(), [(found.name, found.errors) for found in form.walk() if found.errors]
    assert kind.parse(form.content) == content


@pytest.mark.parametrize(("sent", "means"), [("on", True), ("true", True), ("false", False)])
def test_consent_is_a_ticked_box(sent: str, means: bool) -> None:
    form = form_of("PERSON", {}, ethics_approved=sent)
    form.is_valid()
    assert form.content["ethics_approved"] is means

"""Forms made from kinds: what is typed arrives, what is refused stands at its field and is kept."""

from collections.abc import Mapping

import pytest
from django.http import QueryDict
from hypothesis import given
from hypothesis import strategies as st

from registry import kinds
from registry.forms import KindForm
from registry.kinds import Findings, Kind
from tests.conftest import MODEL


def posted(content: Mapping[str, object], **extra: object) -> QueryDict:
    """Content as a browser posts it."""
    data = QueryDict(mutable=True)
    for name, value in (dict(content) | extra).items():
        if isinstance(value, dict):
            data.setlist(f"{name}-key", list(value))
            data.setlist(f"{name}-value", list(value.values()))
        elif value is True:
            data[name] = "on"
        elif value is not False:
            data[name] = str(value)
    return data


def test_inputs_follow_the_kind_and_notes_come_last() -> None:
    form = KindForm(kinds.kind("PERSON"))
    assert [(shown.name, shown.shape, shown.required) for shown in form.inputs] == [
        ("display_name", "line", True),
        ("first_name", "line", True),
        ("last_name", "line", True),
        ("email", "email", True),
        ("orcid", "uri", False),
        ("ethics_approved", "boolean", False),
        ("user_metadata", "pairs", False),
    ]


def test_an_input_is_tied_to_its_help_and_errors() -> None:
    form = KindForm(kinds.kind("MODEL"), posted({"name": "x"}))
    assert not form.is_valid()
    html = form.input("description").html
    assert 'aria-describedby="id_description_help id_description_errors"' in html
    assert 'aria-invalid="true"' in html


def test_a_refused_form_keeps_what_was_typed() -> None:
    form = KindForm(
        kinds.kind("MODEL"),
        posted(MODEL, source_url="nowhere", user_metadata={"": "no key", "team": "reef"}),
    )
    assert not form.is_valid()
    assert form.input("source_url").errors
    assert 'value="nowhere"' in form.input("source_url").html
    first, second = form.input("user_metadata").pairs
    assert (first.value, first.errors) == ("no key", ["Give this note a key."])
    assert (second.key, second.value, second.errors) == ("team", "reef", [])
    assert form.error_count == 2


def test_a_key_used_twice_is_refused_at_its_row() -> None:
    data = posted(MODEL)
    data.setlist("user_metadata-key", ["team", " team "])
    data.setlist("user_metadata-value", ["a", "b"])
    form = KindForm(kinds.kind("MODEL"), data)
    assert not form.is_valid()
    assert "used above" in form.input("user_metadata").pairs[1].errors[0]


def test_a_bad_note_is_refused_at_its_row() -> None:
    form = KindForm(kinds.kind("MODEL"), posted(MODEL, user_metadata={"k": "x" * 20_001}))
    assert not form.is_valid()
    assert "20,000" in form.input("user_metadata").pairs[0].errors[0]


def test_blank_rows_are_dropped() -> None:
    form = KindForm(kinds.kind("MODEL"), posted(MODEL, user_metadata={"": ""}))
    assert form.is_valid()
    assert form.content == MODEL


def test_html_in_a_field_is_only_text() -> None:
    form = KindForm(kinds.kind("MODEL"), posted(MODEL, name='"><script>x</script>'))
    assert form.is_valid()
    assert "<script>" not in form.input("name").html


@pytest.mark.parametrize("kind", kinds.user_made_kinds(), ids=lambda kind: kind.subtype)
def test_consent_and_others_start_unticked(kind: type[Kind]) -> None:
    form = KindForm(kind)
    assert not any("checked" in shown.html for shown in form.inputs if shown.shape == "boolean")


words = st.text(st.characters(codec="utf-8"), min_size=1, max_size=40)


@given(words, words, st.dictionaries(words, words, max_size=4))
def test_what_is_valid_goes_through_a_form_unchanged(
    name: str, description: str, notes: dict[str, str]
) -> None:
    kind = kinds.kind("MODEL")
    content = MODEL | {"name": name, "description": description}
    try:
        stored = kind.parse(content | ({"user_metadata": notes} if notes else {})).stored()
    except Findings:
        return
    form = KindForm(kind, posted(stored))
    assert form.is_valid(), form.inputs
    assert kind.parse(form.content).stored() == stored


@pytest.mark.parametrize(("sent", "means"), [("on", True), ("true", True), ("false", False)])
def test_consent_is_a_ticked_box(sent: str, means: bool) -> None:
    form = KindForm(kinds.kind("PERSON"), posted({"ethics_approved": sent}))
    form.is_valid()
    assert form.content["ethics_approved"] is means

"""Item kinds: what is accepted, what is refused, and how a person is told."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from registry import kinds
from registry.kinds import Category, Findings
from tests.conftest import MODEL, PERSON


def faults(subtype: str, content: dict[str, Any]) -> dict[str, str]:
    """What is wrong with the content, by field."""
    with pytest.raises(Findings) as refused:
        kinds.kind(subtype).parse(content)
    return {".".join(map(str, path)): text for path, text in refused.value.faults}


def test_kinds_are_those_of_the_domain_that_exist_so_far() -> None:
    found = {(kind.category, kind.subtype, kind.user_made) for kind in kinds.all_kinds()}
    assert found == {
        (Category.AGENT, "PERSON", True),
        (Category.AGENT, "ORGANISATION", True),
        (Category.ENTITY, "MODEL", True),
        (Category.ACTIVITY, "STUDY", True),
        (Category.ACTIVITY, "CREATE", False),
        (Category.ACTIVITY, "VERSION", False),
    }


@pytest.mark.parametrize(
    ("subtype", "required", "optional"),
    [
        (
            "PERSON",
            {"display_name", "first_name", "last_name", "email"},
            {"orcid", "ethics_approved", "user_metadata"},
        ),
        ("ORGANISATION", {"display_name", "name"}, {"ror", "user_metadata"}),
        (
            "MODEL",
            {"display_name", "name", "description", "documentation_url", "source_url"},
            {"user_metadata"},
        ),
        (
            "STUDY",
            {"display_name", "title", "description"},
            {"study_alternative_id", "user_metadata"},
        ),
    ],
)
def test_fields_are_those_of_the_domain(
    subtype: str, required: set[str], optional: set[str]
) -> None:
    schema = kinds.kind(subtype).model_json_schema()
    assert set(schema["required"]) == required
    assert set(schema["properties"]) == required | optional


def test_every_field_has_a_title_and_a_help_text() -> None:
    for kind in kinds.all_kinds():
        for name, field in kind.model_fields.items():
            assert all([field.title, field.description]), f"{kind.subtype}.{name}"


def test_all_faults_are_reported_at_once() -> None:
    assert faults("MODEL", {"name": "  ", "source_url": "ftp://x", "colour": "red"}) == {
        "display_name": "This field is required.",
        "name": "This field is required.",
        "description": "This field is required.",
        "documentation_url": "This field is required.",
        "source_url": "Write a whole web address, such as https://example.org/page.",
        "colour": "There is no such field for this kind of item.",
    }


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("display_name", "x" * 301),
        ("display_name", "\u200b\u200b"),
        ("display_name", "nul\x00byte"),
        ("display_name", 7),
        ("display_name", "two\nlines"),
        ("display_name", "reads \u202e backwards"),
        ("description", "x" * 20_001),
        ("description", "escape\x1b[31m"),
        ("documentation_url", "javascript:alert(1)"),
        ("documentation_url", "example.org"),
        ("documentation_url", "http://"),
        ("documentation_url", "http:example.org"),
        ("documentation_url", "https:\\\\example.org"),
        ("documentation_url", "https://example.org/\nx"),
        ("user_metadata", {"": "no key"}),
        ("user_metadata", {"key": ""}),
        ("user_metadata", {"key": 1}),
        ("user_metadata", {"key": "a", "key ": "b"}),
        ("user_metadata", ["not", "a", "map"]),
        ("user_metadata", {f"key {number}": "x" for number in range(101)}),
    ],
)
def test_bad_values_are_refused_at_their_field(name: str, value: Any) -> None:
    found = faults("MODEL", MODEL | {name: value})
    assert [path.split(".")[0] for path in found] == [name]


def test_text_is_trimmed_and_addresses_are_kept_as_typed() -> None:
    content = kinds.kind("MODEL").parse(
        MODEL | {"display_name": "  Reef \n", "source_url": " HTTPS://Example.org "}
    )
    assert content.display_name == "Reef"
    assert content.stored()["source_url"] == "HTTPS://Example.org"


def test_line_breaks_are_one_character_wherever_they_were_typed() -> None:
    content = kinds.kind("MODEL").parse(MODEL | {"description": "one\r\ntwo\rthree"})
    assert content.stored()["description"] == "one\ntwo\nthree"


@pytest.mark.parametrize("email", ["ana", "ana@", "ana@localhost", "ana@reef.test", "a b@x.org"])
def test_an_email_address_must_be_one_that_clients_can_read(email: str) -> None:
    assert set(faults("PERSON", PERSON | {"display_name": "Ana", "email": email})) == {"email"}


def test_a_person_without_consent_is_refused() -> None:
    content = PERSON | {"display_name": "Ana", "ethics_approved": False}
    assert "consent" in faults("PERSON", content)["ethics_approved"]


def test_what_was_left_out_stays_absent() -> None:
    stored = kinds.kind("PERSON").parse(PERSON | {"display_name": "Ana"}).stored()
    assert stored == PERSON | {"display_name": "Ana"}


@given(
    st.text(min_size=1, max_size=300),
    st.dictionaries(st.text(max_size=20), st.text(max_size=50), max_size=5),
)
def test_whatever_is_accepted_is_stored_and_read_back_unchanged(
    name: str, notes: dict[str, str]
) -> None:
    kind = kinds.kind("MODEL")
    try:
        stored = kind.parse(MODEL | {"display_name": name, "user_metadata": notes}).stored()
    except Findings:
        return
    assert kind.parse(stored).stored() == stored
    assert stored["display_name"].strip() == stored["display_name"] != ""

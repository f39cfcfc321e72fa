"""Item kinds: what is accepted, what is refused, and how a person is told."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from registry import kinds
from registry.kinds import Category, Findings, Kind, shape
from registry.kinds.shape import Shape
from tests.conftest import MODEL, PERSON, RESOURCE, dataset
from tests.registry.strategies import contents

ORGANISATION, CUSTODIAN = "10378.1/1000001", "10378.1/1000002"
DATASET = dataset(ORGANISATION)
INFO = "collection_format.dataset_info"
WORKFLOW = {"display_name": "Forecast", "software_id": "10378.1/1000003"}
TEMPLATE = {"display_name": "Forcing"}


def findings(subtype: str, content: dict[str, Any]) -> Findings:
    with pytest.raises(Findings) as refused:
        kinds.kind(subtype).parse(content)
    return refused.value


def faults(subtype: str, content: dict[str, Any]) -> dict[str, str]:
    """What is wrong with the content, by field."""
    found = findings(subtype, content).faults
    return {".".join(map(str, path)): text for path, text in found}


def changed(content: dict[str, Any], path: str, value: Any) -> dict[str, Any]:
    """The content with another value at that place; None takes it away."""
    name, _, rest = path.partition(".")
    inner = changed(content.get(name, {}), rest, value) if rest else value
    without = {key: kept for key, kept in content.items() if key != name}
    return without if inner is None else without | {name: inner}


def every_field(part: Shape) -> list[Shape]:
    """The part and all parts inside it, those of its rows, too."""
    inner = part.each.parts if part.each else part.parts
    return [part, *(field for one in inner for field in every_field(one))]


def test_kinds_are_those_of_the_domain_that_exist_so_far() -> None:
    found = {
        (kind.category, kind.subtype, kind.user_made, kind.versioned, kind.needs_person, kind.mark)
        for kind in kinds.all_kinds()
    }
    assert found == {
        (Category.AGENT, "PERSON", True, False, False, "PE"),
        (Category.AGENT, "ORGANISATION", True, False, False, "OR"),
        (Category.ENTITY, "MODEL", True, True, True, "MO"),
        (Category.ENTITY, "MODEL_RUN_WORKFLOW_TEMPLATE", True, True, True, "WT"),
        (Category.ENTITY, "DATASET_TEMPLATE", True, True, True, "DT"),
        (Category.ENTITY, "DATASET", True, True, True, "DS"),
        (Category.ACTIVITY, "STUDY", True, False, True, "ST"),
        (Category.ACTIVITY, "MODEL_RUN", False, False, False, "RN"),
        (Category.ACTIVITY, "CREATE", False, False, False, "CR"),
        (Category.ACTIVITY, "VERSION", False, False, False, "VE"),
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
        (
            "DATASET_TEMPLATE",
            {"display_name"},
            {"description", "defined_resources", "deferred_resources", "user_metadata"},
        ),
        (
            "MODEL_RUN_WORKFLOW_TEMPLATE",
            {"display_name", "software_id"},
            {"input_templates", "output_templates", "annotations", "user_metadata"},
        ),
        ("DATASET", {"display_name", "collection_format"}, {"user_metadata"}),
        ("CREATE", {"display_name", "created_item_id"}, {"user_metadata"}),
        (
            "VERSION",
            {"display_name", "from_item_id", "to_item_id", "reason", "new_version_number"},
            {"user_metadata"},
        ),
    ],
)
def test_fields_are_those_of_the_domain(
    subtype: str, required: set[str], optional: set[str]
) -> None:
    schema = kinds.kind(subtype).model_json_schema()
    assert set(schema["required"]) == required
    assert set(schema["properties"]) == required | optional


PARTS = {
    ("DATASET_TEMPLATE", "defined_resources"): (
        {"path", "description", "usage_type"},
        {"optional", "is_folder", "additional_metadata"},
    ),
    ("DATASET_TEMPLATE", "deferred_resources"): (
        {"key", "description", "usage_type"},
        {"optional", "is_folder", "additional_metadata"},
    ),
    ("MODEL_RUN_WORKFLOW_TEMPLATE", "input_templates"): ({"template_id"}, {"optional"}),
    ("MODEL_RUN_WORKFLOW_TEMPLATE", "output_templates"): ({"template_id"}, {"optional"}),
    ("MODEL_RUN_WORKFLOW_TEMPLATE", "annotations"): (set(), {"required", "optional"}),
    ("DATASET", "collection_format"): ({"associations", "approvals", "dataset_info"}, set()),
    ("DATASET", "collection_format.associations"): (
        {"organisation_id"},
        {"data_custodian_id", "point_of_contact"},
    ),
    ("DATASET", "collection_format.approvals"): (
        {"ethics_registration", "ethics_access", "indigenous_knowledge", "export_controls"},
        set(),
    ),
    ("DATASET", "collection_format.approvals.export_controls"): (set(), {"relevant", "obtained"}),
    ("DATASET", INFO): (
        {
            "name",
            "description",
            "access_info",
            "publisher_id",
            "created_date",
            "published_date",
            "license",
        },
        {
            "purpose",
            "rights_holder",
            "usage_limitations",
            "preferred_citation",
            "spatial_info",
            "temporal_info",
            "formats",
            "keywords",
            "user_metadata",
            "version",
        },
    ),
    ("DATASET", f"{INFO}.access_info"): (set(), {"reposited", "uri", "description"}),
    ("DATASET", f"{INFO}.created_date"): (set(), {"relevant", "value"}),
    ("DATASET", f"{INFO}.published_date"): (set(), {"relevant", "value"}),
    ("DATASET", f"{INFO}.spatial_info"): (set(), {"coverage", "extent", "resolution"}),
    ("DATASET", f"{INFO}.temporal_info"): (set(), {"duration", "resolution"}),
    ("DATASET", f"{INFO}.temporal_info.duration"): ({"begin_date", "end_date"}, set()),
}


@pytest.mark.parametrize(("subtype", "path"), PARTS)
def test_parts_of_fields_are_those_of_the_domain(subtype: str, path: str) -> None:
    part = kinds.kind(subtype).shape()
    for name in path.split("."):
        part = next(inner for inner in part.parts if inner.name == name)
    parts = part.each.parts if part.each else part.parts
    required, optional = PARTS[subtype, path]
    assert {inner.name for inner in parts if inner.required} == required
    assert {inner.name for inner in parts if not inner.required} == optional


@pytest.mark.parametrize(
    ("subtype", "references"),
    [
        (
            "DATASET",
            {"organisation_id": "ORGANISATION", "data_custodian_id": "PERSON"}
            | {"publisher_id": "ORGANISATION"},
        ),
        (
            "MODEL_RUN_WORKFLOW_TEMPLATE",
            {"software_id": "MODEL", "template_id": "DATASET_TEMPLATE"},
        ),
        ("DATASET_TEMPLATE", {}),
        ("CREATE", {"created_item_id": ""}),
        ("VERSION", {"from_item_id": "", "to_item_id": ""}),
    ],
)
def test_references_say_which_kind_is_needed(subtype: str, references: dict[str, str]) -> None:
    fields = every_field(kinds.kind(subtype).shape())
    assert {field.name: field.of for field in fields if field.form == "item"} == references


@pytest.mark.parametrize("kind", kinds.all_kinds(), ids=lambda kind: kind.subtype)
def test_every_field_has_a_title_and_notes_come_last(kind: type[Kind]) -> None:
    assert kind.shape().parts[-1].name == "user_metadata"
    for field in every_field(kind.shape())[1:]:
        assert field.title != field.name, f"{kind.subtype}.{field.name}"


def test_all_faults_are_reported_at_once() -> None:
    assert faults("MODEL", {"name": "  ", "source_url": "ftp://x", "colour": "red"}) == {
        "display_name": "This field is required.",
        "name": "This field is required.",
        "description": "This field is required.",
        "documentation_url": "This field is required.",
        "source_url": "Write a whole web address, such as https://example.org/page.",
        "colour": "There is no such field here.",
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
        ("display_name", "two\u2028lines"),
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


# Dataset templates and workflow templates (domain reference, 1.1).


def test_a_deferred_key_occurs_once() -> None:
    rows = [RESOURCE | {"key": key} for key in ("wind", "rain", "wind")]
    found = findings("DATASET_TEMPLATE", TEMPLATE | {"deferred_resources": rows})
    assert [path for path, _ in found.faults] == [("deferred_resources", 2, "key")]
    assert "wind" in str(found)
    assert found.misshapen


def test_equal_paths_of_known_files_are_fine() -> None:
    rows = [RESOURCE | {"path": "config.yaml"}] * 2
    kinds.kind("DATASET_TEMPLATE").parse(TEMPLATE | {"defined_resources": rows})


@pytest.mark.parametrize(
    ("name", "value"),
    [("usage_type", "OTHER"), ("usage_type", None), ("description", " "), ("optional", "perhaps")],
)
def test_a_resource_is_described_in_known_words(name: str, value: Any) -> None:
    rows = [RESOURCE | {"key": "wind"} | {name: value}]
    found = findings("DATASET_TEMPLATE", TEMPLATE | {"deferred_resources": rows})
    assert [path for path, _ in found.faults] == [("deferred_resources", 0, name)]
    assert found.misshapen


@pytest.mark.parametrize("side", ["input_templates", "output_templates"])
def test_a_template_stands_once_on_a_side(side: str) -> None:
    uses = [{"template_id": f"10378.1/{number}"} for number in (7, 8, 7)]
    found = findings("MODEL_RUN_WORKFLOW_TEMPLATE", WORKFLOW | {side: uses})
    assert [path for path, _ in found.faults] == [(side, 2, "template_id")]
    assert "10378.1/7" in str(found)
    assert found.misshapen


def test_a_template_may_stand_on_both_sides() -> None:
    uses = [{"template_id": "10378.1/7", "optional": True}]
    both = WORKFLOW | {"input_templates": uses, "output_templates": uses}
    assert kinds.kind("MODEL_RUN_WORKFLOW_TEMPLATE").parse(both).stored().items() >= both.items()


@pytest.mark.parametrize(
    "annotations",
    [
        {"required": ["seed", "host"], "optional": ["seed"]},
        {"required": ["seed", "seed"]},
        {"optional": ["seed", " seed "]},
    ],
)
def test_an_annotation_key_occurs_once_over_both_lists(annotations: dict[str, Any]) -> None:
    found = findings("MODEL_RUN_WORKFLOW_TEMPLATE", WORKFLOW | {"annotations": annotations})
    assert "seed" in str(found)
    assert "host" not in str(found)
    assert found.misshapen


# Datasets (domain reference, 1.2).


def test_a_dataset_is_called_what_its_data_is_called() -> None:
    content = changed(DATASET, f"{INFO}.name", " Reef map ") | {"display_name": "Another"}
    stored = kinds.kind("DATASET").parse(content).stored()
    assert stored["display_name"] == "Reef map"
    assert stored["collection_format"]["dataset_info"]["name"] == "Reef map"


@pytest.mark.parametrize("path", ["user_metadata", f"{INFO}.user_metadata"])
def test_a_dataset_carries_its_notes_in_both_places(path: str) -> None:
    stored = kinds.kind("DATASET").parse(changed(DATASET, path, {"team": "reef"})).stored()
    assert stored["user_metadata"] == {"team": "reef"}
    assert stored["collection_format"]["dataset_info"]["user_metadata"] == {"team": "reef"}


def test_a_legacy_version_label_is_kept() -> None:
    stored = kinds.kind("DATASET").parse(changed(DATASET, f"{INFO}.version", "v7")).stored()
    assert stored["collection_format"]["dataset_info"]["version"] == "v7"


MISSHAPEN = [
    ("collection_format.colour", "red"),
    ("collection_format.associations.colour", "red"),
    ("collection_format.approvals.colour", "red"),
    ("collection_format.approvals.export_controls.colour", "red"),
    (f"{INFO}.colour", "red"),
    (f"{INFO}.access_info.colour", "red"),
    (f"{INFO}.created_date.colour", "red"),
    (f"{INFO}.spatial_info", {"colour": "red"}),
    (f"{INFO}.temporal_info", {"colour": "red"}),
    ("collection_format.associations.organisation_id", "Reef Institute"),
    ("collection_format.associations.data_custodian_id", ""),
    ("collection_format.associations.point_of_contact", ""),
    ("collection_format.approvals.export_controls", None),
    ("collection_format.approvals", None),
    (f"{INFO}.description", " "),
    (f"{INFO}.license", "CC BY"),
    (f"{INFO}.purpose", ""),
    (f"{INFO}.rights_holder", ""),
    (f"{INFO}.usage_limitations", ""),
    (f"{INFO}.preferred_citation", ""),
    (f"{INFO}.formats", [""]),
    (f"{INFO}.keywords", "coral"),
    (f"{INFO}.version", ""),
    (f"{INFO}.access_info", {"reposited": False}),
    (f"{INFO}.access_info", {"reposited": False, "uri": "s3://b/k"}),
    (f"{INFO}.access_info", {"reposited": False, "description": "Ask"}),
    (f"{INFO}.access_info", {"reposited": False, "uri": "no address", "description": "Ask"}),
    (f"{INFO}.access_info", {"reposited": False, "uri": "folder/file", "description": "Ask"}),
    (f"{INFO}.access_info", {"reposited": True, "uri": "s3://b/k"}),
    (f"{INFO}.access_info", {"description": "Ask"}),
    (f"{INFO}.created_date", {"relevant": True}),
    (f"{INFO}.created_date", {"relevant": False, "value": "2026-01-01"}),
    (f"{INFO}.created_date", {"value": "2026-01-01"}),
    (f"{INFO}.created_date", {"relevant": True, "value": "01/02/2026"}),
    (f"{INFO}.created_date", {"relevant": True, "value": "20260201"}),
    (f"{INFO}.created_date", {"relevant": True, "value": "2026-02-30"}),
    (f"{INFO}.created_date", {"relevant": True, "value": "2026-W01-1"}),
    (f"{INFO}.spatial_info", {"coverage": ""}),
    (f"{INFO}.spatial_info", {"coverage": "SRID=4326;POINT(1 1)" + " " * 49_990 + "x"}),
    (f"{INFO}.spatial_info", {"resolution": "0"}),
    (f"{INFO}.spatial_info", {"resolution": "-1"}),
    (f"{INFO}.spatial_info", {"resolution": "NaN"}),
    (f"{INFO}.spatial_info", {"resolution": "Infinity"}),
    (f"{INFO}.spatial_info", {"resolution": "fine"}),
    (f"{INFO}.spatial_info", {"resolution": "1_0"}),
    (f"{INFO}.spatial_info", {"resolution": "\u0663"}),
    (f"{INFO}.spatial_info", {"resolution": 0.25}),
    (f"{INFO}.temporal_info", {"duration": {"begin_date": "2026-01-01"}}),
    (
        f"{INFO}.temporal_info",
        {"duration": {"begin_date": "2026-01-02", "end_date": "2026-01-01"}},
    ),
    (f"{INFO}.temporal_info", {"resolution": "daily"}),
    (f"{INFO}.temporal_info", {"resolution": "P"}),
    (f"{INFO}.temporal_info", {"resolution": "PT"}),
    (f"{INFO}.temporal_info", {"resolution": "P1DT"}),
    (f"{INFO}.temporal_info", {"resolution": "P1S"}),
    (f"{INFO}.temporal_info", {"resolution": "P1\u0663D"}),
]


@pytest.mark.parametrize(("path", "value"), MISSHAPEN, ids=lambda part: str(part)[-50:])
def test_what_is_not_marked_c_is_a_fault_of_shape(path: str, value: Any) -> None:
    found = findings("DATASET", changed(DATASET, path, value))
    assert {".".join(map(str, at))[: len(path)] for at, _ in found.faults} == {path}
    assert found.misshapen


TOPICS = {
    "ethics_registration": "Ethics of registering",
    "ethics_access": "Ethics of access",
    "indigenous_knowledge": "Indigenous knowledge",
    "export_controls": "Export controls",
}


@pytest.mark.parametrize("topic", TOPICS)
@pytest.mark.parametrize("relevant", [True, False])
def test_an_approval_is_there_if_and_only_if_it_applies(topic: str, *, relevant: bool) -> None:
    path = f"collection_format.approvals.{topic}"
    torn = {"relevant": relevant, "obtained": not relevant}
    found = findings("DATASET", changed(DATASET, path, torn))
    assert len(found.faults) == 1
    assert TOPICS[topic] in str(found)
    assert ("missing" if relevant else "Correct") in str(found)
    assert not found.misshapen
    agreed = {"relevant": relevant, "obtained": relevant}
    kinds.kind("DATASET").parse(changed(DATASET, path, agreed))


def test_all_faults_of_what_a_dataset_says_are_told_at_once() -> None:
    content = DATASET
    for topic in TOPICS:
        content = changed(content, f"collection_format.approvals.{topic}", {"relevant": True})
    content = changed(content, f"{INFO}.created_date", {"relevant": True, "value": "2026-02-01"})
    content = changed(content, f"{INFO}.published_date", {"relevant": True, "value": "2026-01-31"})
    content = changed(content, f"{INFO}.spatial_info", {"coverage": "x", "extent": "y"})
    found = findings("DATASET", content)
    assert {".".join(map(str, path)) for path, _ in found.faults} == {
        *(f"collection_format.approvals.{topic}.obtained" for topic in TOPICS),
        f"{INFO}.published_date.value",
        f"{INFO}.spatial_info.coverage",
        f"{INFO}.spatial_info.extent",
    }
    assert not found.misshapen


def test_data_may_be_published_on_the_day_it_was_created() -> None:
    day = {"relevant": True, "value": "2026-02-01"}
    content = changed(changed(DATASET, f"{INFO}.created_date", day), f"{INFO}.published_date", day)
    kinds.kind("DATASET").parse(content)


def test_only_one_of_both_days_says_nothing_about_their_order() -> None:
    day = {"relevant": True, "value": "1985-01-01"}
    kinds.kind("DATASET").parse(changed(DATASET, f"{INFO}.published_date", day))


@pytest.mark.parametrize("name", ["coverage", "extent"])
@pytest.mark.parametrize(
    ("place", "word"),
    [
        ("POINT(147 -19)", "SRID"),
        ("SRID=;POINT(147 -19)", "SRID"),
        ("SRID=x;POINT(147 -19)", "SRID"),
        ("SRID=999999;POINT(147 -19)", "999999"),
        ("SRID=4326;POINT(147)", "WKT"),
        ("SRID=4326;POLYGON((1 1, 2 2))", "WKT"),
        ("SRID=4326;somewhere", "WKT"),
        ("SRID=4326;SRID=4326;POINT(147 -19)", "WKT"),
    ],
)
def test_a_place_is_ewkt_of_a_known_system(name: str, place: str, word: str) -> None:
    found = findings("DATASET", changed(DATASET, f"{INFO}.spatial_info", {name: place}))
    assert [path[-1] for path, _ in found.faults] == [name]
    assert word in str(found)
    assert not found.misshapen


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (f"{INFO}.spatial_info", {"coverage": "SRID=4326;POINT(147 -19)"}),
        (f"{INFO}.spatial_info", {"extent": "SRID=28355;POLYGON EMPTY"}),
        (f"{INFO}.spatial_info", {"resolution": "0.01"}),
        (f"{INFO}.temporal_info", {"resolution": "P1D"}),
        (f"{INFO}.temporal_info", {"resolution": "P1Y2M3DT4H5M6.5S"}),
        (f"{INFO}.temporal_info", {"resolution": "P2W"}),
        (f"{INFO}.temporal_info", {"resolution": "PT0.5H"}),
        (f"{INFO}.temporal_info", {"resolution": "P0.5D"}),
        (
            f"{INFO}.temporal_info",
            {"duration": {"begin_date": "2026-01-01", "end_date": "2026-01-01"}},
        ),
        (
            f"{INFO}.access_info",
            {"reposited": False, "uri": "ftp://reef.example.org/x", "description": "Ask"},
        ),
        (
            f"{INFO}.access_info",
            {"reposited": False, "uri": "doi:10.1000/182", "description": "Ask"},
        ),
    ],
)
def test_what_the_domain_allows_is_kept_as_it_was_sent(path: str, value: Any) -> None:
    content = changed(DATASET, path, value)
    stored = kinds.kind("DATASET").parse(content).stored()
    assert stored == changed(stored, path, value)


def test_a_blank_name_is_told_once_at_the_field_that_a_person_fills_in() -> None:
    assert set(faults("DATASET", changed(DATASET, f"{INFO}.name", " "))) == {f"{INFO}.name"}


def test_a_bad_note_is_told_once_at_the_field_that_a_person_fills_in() -> None:
    found = faults("DATASET", changed(DATASET, f"{INFO}.user_metadata", {"team": ""}))
    assert set(found) == {f"{INFO}.user_metadata.team"}


def test_faults_of_shape_are_told_together_whoever_finds_them() -> None:
    content = changed(DATASET, f"{INFO}.license", "CC BY")
    content = changed(content, f"{INFO}.created_date", {"relevant": True})
    assert set(faults("DATASET", content)) == {f"{INFO}.license", f"{INFO}.created_date.value"}


@pytest.mark.parametrize("value", [None, 7, "text", [], [7], {"dataset_info": 7}])
def test_a_dataset_that_is_none_is_told_so(value: Any) -> None:
    assert findings("DATASET", {"collection_format": value}).misshapen


# What is told apart: a wrong shape, and a right one that says something wrong.


@pytest.mark.parametrize(
    ("subtype", "content", "misshapen"),
    [
        ("PERSON", PERSON | {"display_name": "Ana", "ethics_approved": False}, False),
        ("PERSON", PERSON | {"display_name": "Ana", "ethics_approved": "perhaps"}, True),
        ("PERSON", PERSON, True),
        ("MODEL", MODEL | {"name": ""}, True),
    ],
)
def test_misfits_are_told_apart_from_faults(
    subtype: str, content: dict[str, Any], *, misshapen: bool
) -> None:
    assert findings(subtype, content).misshapen == misshapen


def test_a_fault_beside_a_misfit_does_not_make_the_shape_right() -> None:
    content = changed(DATASET, "collection_format.approvals.ethics_access", {"relevant": True})
    content = changed(content, f"{INFO}.created_date", {"relevant": True})
    assert findings("DATASET", content).misshapen


@pytest.mark.parametrize(
    ("subtype", "content"),
    [
        ("MODEL", MODEL | {"user_metadata": {}}),
        ("MODEL_RUN_WORKFLOW_TEMPLATE", WORKFLOW | {"annotations": {}, "input_templates": []}),
        ("DATASET", changed(DATASET, f"{INFO}.spatial_info", {})),
        ("DATASET", changed(DATASET, f"{INFO}.user_metadata", {})),
    ],
)
def test_what_is_empty_is_accepted_and_read_back_unchanged(
    subtype: str, content: dict[str, Any]
) -> None:
    stored = kinds.kind(subtype).parse(content).stored()
    assert kinds.kind(subtype).parse(stored).stored() == stored


@pytest.mark.parametrize("kind", kinds.user_made_kinds(), ids=lambda kind: kind.subtype)
@given(data=st.data())
def test_what_is_stored_is_what_was_sent_and_is_read_back_unchanged(
    kind: type[Kind], data: st.DataObject
) -> None:
    content = data.draw(contents(kind))
    stored = kind.parse(content).stored()
    assert kind.parse(stored).stored() == stored
    for field, path, value in shape.leaves(kind.shape(), content):
        assert at(stored, path) == value, field.name


@pytest.mark.parametrize("kind", kinds.user_made_kinds(), ids=lambda kind: kind.subtype)
@given(data=st.data())
def test_a_kind_mentions_what_its_content_names(kind: type[Kind], data: st.DataObject) -> None:
    stored = kind.parse(data.draw(contents(kind))).stored()
    for mention in kind.mentions(stored):
        assert at(stored, mention.path) == mention.handle
        assert mention.of
    count = sum("10378.1/" in text for text in kind.words(stored).split())
    assert count >= len(kind.mentions(stored))


def at(content: Any, path: shape.Path) -> Any:
    for part in path:
        content = content[part]
    return content


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


@pytest.mark.parametrize(
    "typed",
    [
        "https://provena.example.org/item/10378.1/1000007/",
        "http://127.0.0.1:8000/item/10378.1/1000007/history/?after=3",
        "https://hdl.handle.net/10378.1/1000007",
        " 10378.1/1000007 ",
    ],
)
def test_the_address_of_an_items_page_stands_for_its_id(typed: str) -> None:
    content = {"display_name": "w", "software_id": typed}
    parsed = kinds.kind("MODEL_RUN_WORKFLOW_TEMPLATE").parse(content)
    assert parsed.stored()["software_id"] == "10378.1/1000007"


def test_faults_of_shape_and_of_content_are_told_together() -> None:
    found = faults("PERSON", {"display_name": "A", "first_name": "A", "email": "x"})
    assert set(found) == {"last_name", "email", "ethics_approved"}

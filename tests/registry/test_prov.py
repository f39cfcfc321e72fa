"""W3C PROV documents: they say what the relations say, to whom may see it, in every format."""

import io
import json
import os
import subprocess
import sys
from collections.abc import Callable
from typing import Any

import pytest
import rdflib
from django.contrib.auth.models import User
from hypothesis import given, settings
from hypothesis import strategies as st
from prov.model import ProvDocument, ProvElement, ProvRelation
from pytest_django import DjangoAssertNumQueries

from registry import services
from registry.kinds.runs import RunRecord, TemplatedDataset
from registry.model_runs import services as runs
from registry.models import Item, Relation
from registry.provenance import documents, formats, relations
from registry.provenance.draft import OURS, RELATIONS, Draft
from registry.provenance.relations import Edge, RunParts
from tests.conftest import drain
from tests.registry.runs import Workflow

# rdflib warns of its own ways when it reads.
pytestmark = [
    pytest.mark.filterwarnings("ignore:Dataset.default_context is deprecated:DeprecationWarning"),
    pytest.mark.filterwarnings("ignore:ConjunctiveGraph is deprecated:DeprecationWarning"),
]

MakeUser = Callable[..., User]
MakeItem = Callable[..., Item]
Triple = tuple[str, str, str]
BEYOND = "wasDerivedFrom"  # in documents, and in no relation
READERS = {"turtle": {"format": "rdf", "rdf_format": "turtle"}, "json-ld": {"format": "jsonld"}}
CHARACTERS = ['"', "a\nb", "a\r\nb", "\t", "\0", "\x1f", "\x85", "\ufffe", "\U0001f41f"]
NAMES = ["%20", "_x0020_", ".", "-", "~", "a.", "-a", "1", "a-b", "a:b"]
AWKWARD = st.text(min_size=1, max_size=30) | st.sampled_from([*CHARACTERS, *NAMES])


def read_back(text: str, name: str) -> ProvDocument:
    how = READERS.get(name, {"format": name})
    document = ProvDocument.deserialize(content=text, **how)
    assert isinstance(document, ProvDocument)
    return document


def handle(name: Any) -> str:
    return str(name.uri).removeprefix("https://hdl.handle.net/")


def said(document: ProvDocument) -> set[Triple]:
    """What the relations of a document say, from effect to cause."""
    return {
        (handle(record.args[0]), record.get_provn().partition("(")[0], handle(record.args[1]))
        for record in document.get_records(ProvRelation)
    }


def edges(**filters: Any) -> set[Triple]:
    found = Relation.objects.filter(**filters)
    return set(found.values_list("source__handle", "type", "target__handle"))


def element(document: ProvDocument, item: Item) -> ProvElement:
    elements = {handle(one.identifier): one for one in document.get_records(ProvElement)}
    found = elements[item.handle]
    assert isinstance(found, ProvElement)
    return found


def hide(*items: Item) -> None:
    for item in items:
        services.change_access(handle=item.handle, general=[], groups={}, by=item.owner)


@pytest.fixture
def run(workflow: Workflow, user: User) -> Item:
    runs.register(record=workflow.record(model_version="v2"), owner=user)
    drain()
    return Item.objects.get(subtype="MODEL_RUN")


@pytest.fixture
def ben(make_user: MakeUser) -> User:
    return make_user("ben", linked=False)


# What a document says.


@pytest.mark.django_db
def test_the_document_of_a_run_is_what_its_edges_say_and_they_are_what_it_says(
    run: Item, user: User, workflow: Workflow
) -> None:
    document = documents.of_item(run, user)
    claimed = edges(record=run)
    derived = {triple for triple in said(document) if triple[1] == BEYOND}
    assert derived == {(workflow.matrix.handle, BEYOND, workflow.currents.handle)}
    assert said(document) - derived == claimed
    # And back: relations made from the document are those that are there.
    items = {item.handle: item for item in Item.objects.all()}
    Relation.objects.filter(record=run).delete()
    again = [
        Edge(items[source], Relation.Type(kind), items[target])
        for source, kind, target in said(document) - derived
    ]
    relations.lodge(record=run, edges=again)
    assert edges(record=run) == claimed


@pytest.mark.django_db
def test_the_document_of_a_run_is_the_one_that_its_job_kept(run: Item, user: User) -> None:
    kept = ProvDocument.deserialize(content=run.info["prov_serialisation"], format="json")
    assert documents.of_item(run, user) == kept


@pytest.mark.django_db
def test_a_run_has_its_times_words_notes_roles_and_plan(
    run: Item, user: User, workflow: Workflow
) -> None:
    document = documents.of_item(run, user)
    text = document.get_provn()
    for told in (
        "2023-11-14T22:13:20+00:00, 2023-11-14T23:13:20+00:00",
        "prov:type='provena:MODEL_RUN'",
        'prov:label="Season 2024"',
        'provena:description="Larval drift of one season"',
        'provena:modelVersion="v2"',
        'note:random%20seed="7"',
        '[file:currents="2024/"]',
        "[prov:role='provena:modeller']",
        "[prov:role='provena:requester']",
    ):
        assert told in text, told
    number = workflow.template.handle.partition("/")[2]
    assert f", item:{number}, [prov:role='provena:modeller']" in text
    types = element(document, workflow.template).get_asserted_types()
    assert {str(one) for one in types} == {"provena:MODEL_RUN_WORKFLOW_TEMPLATE", "prov:Plan"}
    names = [one.identifier for one in document.get_records(ProvElement)]
    assert len(names) == len(set(names)) == len(vars(workflow))  # all but the optional one, and it


@pytest.mark.django_db
def test_an_entity_has_its_causes_and_who_recorded_it(user: User, make_item: MakeItem) -> None:
    item = make_item(user)
    drain()
    document = documents.of_item(item, user)
    creation = Item.objects.get(subtype="CREATE", info__created_item_id=item.handle)
    assert said(document) == edges(record=creation) == edges(source=item) | edges(source=creation)
    assert said(documents.of_item(creation, user)) == edges(record=creation)
    [generation] = [
        one for one in document.get_records(ProvRelation) if len(one.args) == 3 and one.args[2]
    ]
    assert generation.args[2] == item.creation_workflow.created_at
    assert element(document, item).get_attribute("provena:description") == {"Larval dispersal"}
    assert element(document, item).get_attribute("provena:version") == {1}


@pytest.mark.django_db
def test_a_new_version_is_a_revision_of_the_old_one_in_documents_only(
    user: User, make_item: MakeItem
) -> None:
    old = make_item(user)
    new = services.create_version(handle=old.handle, reason="By reef zone", by=user)
    drain()
    version = Item.objects.get(subtype="VERSION")
    for item in (new, version):
        document = documents.of_item(item, user)
        assert said(document) == edges(record=version) | {(new.handle, BEYOND, old.handle)}
        assert "wasDerivedFrom" in document.get_provn()
        assert "prov:type='prov:Revision'" in document.get_provn()
        assert 'provena:reason="By reef zone"' in document.get_provn()
    assert not Relation.objects.filter(type=BEYOND).exists()
    assert BEYOND not in Relation.Type.values
    assert BEYOND not in documents.of_item(old, user).get_provn()


@pytest.mark.django_db
@pytest.mark.parametrize("subtype", ["PERSON", "ORGANISATION", "STUDY"])
def test_what_has_no_causes_has_an_element_of_its_own(
    user: User, make_item: MakeItem, subtype: str
) -> None:
    item = make_item(user, subtype=subtype)
    document = documents.of_item(item, user)
    assert len(document.records) == 1
    assert element(document, item).label == item.display_name


@pytest.mark.django_db
def test_a_reserved_id_has_an_element_without_a_name(user: User) -> None:
    item = services.seed(subtype="MODEL", owner=user)
    [record] = documents.of_item(item, user).records
    assert not record.get_attribute("prov:label")


def test_every_type_of_relation_has_its_record() -> None:
    assert set(RELATIONS) == set(Relation.Type)


@pytest.mark.django_db
def test_a_hub_is_cut_and_says_so(
    user: User, make_item: MakeItem, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(documents, "MOST_RELATIONS", 3)
    template, models = make_item(user), [make_item(user) for _ in range(4)]
    Relation.objects.bulk_create(
        Relation(source=template, target=one, type="hadMember", record=other)
        for one in models[:3]
        for other in models
    )
    document = documents.of_item(template, user)
    assert len(said(document)) == 3
    assert not element(document, template).get_attribute("provena:omitted")
    Relation.objects.create(source=template, target=models[3], type="hadMember", record=models[0])
    document = documents.of_item(template, user)
    assert len(said(document)) == 3
    assert element(document, template).get_attribute("provena:omitted") == {
        "relations beyond the first 3"
    }


@pytest.mark.django_db
def test_derivations_are_left_out_as_a_whole_and_it_is_said(
    user: User, workflow: Workflow, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(documents, "MOST_DERIVATIONS", 0)
    runs.register(record=workflow.record(), owner=user)
    drain()
    run = Item.objects.get(subtype="MODEL_RUN")
    document = documents.of_item(run, user)
    assert said(document) == edges(record=run)
    told = element(document, run).get_attribute("provena:omitted")
    assert told == {"1 derivations of outputs from inputs"}


@pytest.mark.django_db
def test_a_document_costs_the_same_queries_however_many_relations_it_has(
    user: User, make_item: MakeItem, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    """Causes, what the recording activity claims, the items, what may be read."""
    item = make_item(user)
    drain()
    with django_assert_num_queries(4):
        documents.of_item(item, user)
    others = [make_item(user) for _ in range(20)]
    for other in others:
        Relation.objects.create(source=item, target=other, type="hadMember", record=other)
    with django_assert_num_queries(4):
        documents.of_item(item, user)


# Who may see what.


@pytest.mark.django_db
def test_what_one_may_not_read_has_a_kind_and_no_id_or_name(
    run: Item, user: User, ben: User, workflow: Workflow
) -> None:
    before = documents.of_item(run, user)
    hide(workflow.currents, workflow.modeller, workflow.template)
    assert documents.of_item(run, user) == before  # the owner's
    document = documents.of_item(run, ben)
    for name in formats.FORMATS:
        text = formats.write(document, name)
        for item in (workflow.currents, workflow.modeller, workflow.template):
            assert item.handle not in text
            assert item.handle.partition("/")[2] not in text
        assert workflow.modeller.display_name not in text
        assert workflow.template.display_name not in text
        assert workflow.matrix.handle.partition("/")[2] in text
        assert read_back(text, name) == document
    assert len(document.records) == len(before.records)
    hidden = {
        one.identifier.localpart: [str(value) for _, value in one.attributes]
        for one in document.get_records(ProvElement)
        if one.identifier.namespace.prefix == "restricted"
    }
    assert set(hidden) == {"restricted-1", "restricted-2", "restricted-3"}
    assert ["provena:DATASET"] in hidden.values()
    assert f"{run.handle}#restricted-1" in str(
        [one.identifier.uri for one in document.get_records(ProvElement)]
    )


@pytest.mark.django_db
def test_an_entity_recorded_by_a_restricted_person_does_not_tell_who(
    user: User, ben: User, make_item: MakeItem
) -> None:
    item = make_item(user)
    drain()
    person = services.person_of(user)
    hide(person)
    document = documents.of_item(item, ben)
    text = document.get_provn()
    assert person.display_name not in text
    assert person.handle.partition("/")[2] not in text
    assert (
        "agent(restricted:restricted-1, [prov:type='provena:PERSON', prov:type='prov:Person'])"
        in text
    )
    assert len(said(document)) == 3


@pytest.mark.django_db
def test_the_name_of_a_version_activity_does_not_tell_the_id_of_a_restricted_version(
    user: User, ben: User, make_item: MakeItem
) -> None:
    """It has both ids in it."""
    old = make_item(user, display_name="First")
    new = services.create_version(handle=old.handle, reason=f"After {old.handle}", by=user)
    drain()
    hide(old)
    version = Item.objects.get(subtype="VERSION")
    assert old.handle in version.display_name
    for item in (new, version):
        text = documents.of_item(item, ben).get_provn()
        assert old.handle not in text
        assert f": restricted to {new.handle}" in text
        assert 'provena:reason="After restricted"' in text
        assert "wasDerivedFrom(item:" in text


@pytest.mark.django_db
def test_a_note_of_a_run_does_not_tell_the_id_of_what_is_restricted(
    user: User, ben: User, workflow: Workflow
) -> None:
    notes = {"random seed": "7", "from": f"{workflow.currents.handle}, {workflow.matrix.handle}0"}
    runs.register(record=workflow.record(annotations=notes), owner=user)
    drain()
    run = Item.objects.get(subtype="MODEL_RUN")
    hide(workflow.currents)
    told = element(documents.of_item(run, ben), run).get_attribute("note:from")
    assert told == {f"restricted, {workflow.matrix.handle}0"}


@pytest.mark.django_db
def test_a_document_that_an_earlier_release_kept_is_held_back_as_well(
    run: Item, user: User, ben: User, workflow: Workflow
) -> None:
    """Its types are texts, and nothing says that all it relates is declared."""
    number = workflow.currents.handle.partition("/")[2]
    run.info["prov_serialisation"] = json.dumps(
        {
            "prefix": {"provena": OURS.uri, "item": "https://hdl.handle.net/10378.1/"},
            "activity": {"item:1": {"prov:type": "provena:MODEL_RUN", "prov:label": "Old"}},
            "used": {"_:id1": {"prov:activity": "item:1", "prov:entity": f"item:{number}"}},
        }
    )
    assert number in documents.of_item(run, user).get_provn()
    hide(workflow.currents)
    assert number not in documents.of_item(run, ben).get_provn()


@pytest.mark.django_db
def test_restricted_items_of_two_documents_are_not_the_same(
    user: User, ben: User, make_item: MakeItem
) -> None:
    items = [make_item(user), make_item(user)]
    drain()
    hide(services.person_of(user))
    names = [
        {one.identifier for one in documents.of_item(item, ben).get_records(ProvElement)}
        for item in items
    ]
    assert not names[0] & names[1]


@pytest.mark.django_db
def test_a_dataset_that_a_run_used_twice_keeps_the_files_of_both_uses(
    user: User, workflow: Workflow
) -> None:
    record = workflow.record()
    other = {"dataset_template_id": "10378.1/9", "resources": {"currents": "2025/", "tides": "t"}}
    record["inputs"].append(record["inputs"][0] | other)
    parsed = RunRecord.model_validate(record)
    [files] = [paths for paths in documents._files(parsed).values() if paths]
    assert files == {
        "currents": "2024/",
        "currents [template id: 10378.1/9]": "2025/",
        "tides": "t",
    }


# The formats.


def a_run(
    label: str = "Season",
    notes: dict[str, str] | None = None,
    files: dict[str, str] | None = None,
) -> ProvDocument:
    """The document of a run that is in no database; each of its datasets has these files."""
    return formats.read(text_of_a_run(label, notes, files))


def text_of_a_run(
    label: str = "Season",
    notes: dict[str, str] | None = None,
    files: dict[str, str] | None = None,
) -> str:
    count = iter(range(1, 99))

    def item(subtype: str, category: str) -> Item:
        number = next(count)
        return Item(
            handle=f"10378.1/{number}", subtype=subtype, category=category, display_name=label
        )

    def pairs(length: int) -> list[tuple[Item, Item]]:
        return [
            (item("DATASET", "ENTITY"), item("DATASET_TEMPLATE", "ENTITY")) for _ in range(length)
        ]

    parts = RunParts(
        workflow_template=item("MODEL_RUN_WORKFLOW_TEMPLATE", "ENTITY"),
        model=item("MODEL", "ENTITY"),
        inputs=pairs(2),
        outputs=pairs(2),
        modeller=item("PERSON", "AGENT"),
        study=item("STUDY", "ACTIVITY"),
        organisation=item("ORGANISATION", "AGENT"),
    )

    def uses(datasets: list[tuple[Item, Item]]) -> list[TemplatedDataset]:
        return [
            TemplatedDataset.model_construct(
                dataset_id=dataset.handle, dataset_template_id=template.handle, resources=files
            )
            for dataset, template in datasets
        ]

    record = RunRecord.model_construct(
        inputs=uses(parts.inputs),
        outputs=uses(parts.outputs),
        display_name=label,
        description=label,
        model_version=None,
        annotations=notes,
        start_time=0,
        end_time=1,
    )
    return documents.of_run("10378.1/100", record, parts)


def unnumbered(text: str) -> dict[str, Any]:
    """PROV-JSON without the numbers of its relations, which count them in any order."""
    content = json.loads(text)
    return {
        word: sorted(json.dumps(one, sort_keys=True) for one in records.values())
        if all(name.startswith("_:") for name in records)
        else records
        for word, records in content.items()
    }


@settings(deadline=None, max_examples=60)
@given(
    label=AWKWARD,
    notes=st.dictionaries(AWKWARD, AWKWARD, max_size=4),
    files=st.dictionaries(AWKWARD, AWKWARD, max_size=2),
)
def test_what_is_kept_is_what_prov_would_write(
    label: str, notes: dict[str, str], files: dict[str, str]
) -> None:
    text = text_of_a_run(label, notes, files)
    assert unnumbered(text) == unnumbered(formats.stored(formats.read(text)))


@settings(deadline=None, max_examples=60)
@given(
    label=AWKWARD,
    notes=st.dictionaries(AWKWARD, AWKWARD, max_size=4),
    files=st.dictionaries(AWKWARD, AWKWARD, max_size=3),
)
def test_whatever_people_write_every_format_reads_back_as_it_was(
    label: str, notes: dict[str, str], files: dict[str, str]
) -> None:
    document = a_run(label, notes, files)
    for name in formats.FORMATS:
        text = formats.write(document, name)
        text.encode()
        assert read_back(text, name) == document, name


def test_what_xml_cannot_hold_is_marked_in_all_formats() -> None:
    document = a_run("a\0b\x1fc\ufffed")
    for name in formats.FORMATS:
        text = formats.write(document, name)
        labels = {str(one.label) for one in read_back(text, name).get_records(ProvElement)}
        assert labels == {"a\ufffdb\ufffdc\ufffdd"}, name


def test_items_of_other_prefixes_are_in_namespaces_of_their_own() -> None:
    draft = Draft("10378.1/1")
    names = [draft.names.of(one) for one in ("10378.1/5", "102.100/5", "102_100/5", "102-100/5")]
    assert [name.uri for name in names] == [
        "https://hdl.handle.net/10378.1/5",
        "https://hdl.handle.net/102.100/5",
        "https://hdl.handle.net/102_100/5",
        "https://hdl.handle.net/102-100/5",
    ]
    assert len({str(name) for name in names}) == 4


def test_two_keys_never_become_one() -> None:
    keys = ["a b", "a%20b", "a_b", "a-b", "a.b", "é", "%C3%A9", "a/b", "A b"]
    draft = Draft("10378.1/1")
    names = [name for name, _ in draft.notes(dict.fromkeys(keys, "x"))]
    assert len(set(names)) == len(keys)


def test_rdf_is_prov_o_and_json_ld_says_the_same_without_a_network() -> None:
    document = a_run()
    prov = rdflib.Namespace("http://www.w3.org/ns/prov#")
    for name in ("turtle", "json-ld"):
        graph = rdflib.Graph()
        graph.parse(io.StringIO(formats.write(document, name)), format=name)
        run = rdflib.URIRef("https://hdl.handle.net/10378.1/100")
        assert (run, rdflib.RDF.type, prov.Activity) in graph
        assert (run, rdflib.RDF.type, rdflib.URIRef(OURS["MODEL_RUN"].uri)) in graph
        assert graph.value(run, prov.startedAtTime) is not None
        plans = set(graph.objects(None, prov.hadPlan))
        assert plans == {rdflib.URIRef("https://hdl.handle.net/10378.1/1")}


def test_the_same_content_gives_the_same_bytes() -> None:
    """Also in another process, where sets have another order."""
    script = (
        "import django, hashlib; django.setup()\n"
        "from tests.registry.test_prov import a_run, formats\n"
        "document = a_run('x', {'a': '1', 'b': '2'})\n"
        "print([hashlib.sha256(formats.write(document, name).encode()).hexdigest()"
        " for name in formats.FORMATS])"
    )
    told = {
        subprocess.run(
            [sys.executable, "-c", script],
            env=os.environ | {"PYTHONHASHSEED": seed},
            check=True,
            capture_output=True,
            text=True,
        ).stdout
        for seed in ("1", "2", "3")
    }
    assert len(told) == 1


def test_a_worker_does_not_load_what_other_formats_need() -> None:
    script = (
        "import sys, django; django.setup()\n"
        "from registry.provenance import documents, formats\n"
        "from prov.model import ProvDocument\n"
        "formats.read(formats.stored(ProvDocument()))\n"
        "formats.write(ProvDocument(), 'provn')\n"
        "print([name for name in ('lxml', 'rdflib') if name in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], check=True, capture_output=True, text=True
    )
    assert done.stdout.strip() == "[]"

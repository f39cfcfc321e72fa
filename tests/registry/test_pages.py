"""The registry's pages over HTTP: forms, items, the panel, lineage, home and account."""

from collections.abc import Callable

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries

from jobs.models import Job, Status
from registry import kinds, services
from registry.forms import KindForm
from registry.kinds import Kind
from registry.models import Item
from tests.conftest import MODEL, PERSON, drain

pytestmark = pytest.mark.django_db

HTMX = {"HX-Request": "true"}
MakeUser = Callable[..., User]
MakeItem = Callable[..., Item]


def test_registering_leads_to_the_item(signed_in: Client, user: User) -> None:
    answer = signed_in.post("/items/new/model/", MODEL)
    item = Item.objects.get(subtype="MODEL")
    assert answer.status_code == 302
    assert answer["Location"] == f"/item/{item.handle}/"
    page = signed_in.get(answer["Location"]).content.decode()
    for text in (item.handle, "Larval dispersal", "Item creation workflow", "PENDING", "LATER"):
        assert text in page


def test_a_refused_form_says_so_and_registers_nothing(signed_in: Client) -> None:
    answer = signed_in.post("/items/new/model/", MODEL | {"source_url": "x", "name": "<i>kept"})
    page = answer.content.decode()
    assert answer.status_code == 422
    assert "Not registered yet: 1 field needs your attention" in page
    assert "&lt;i&gt;kept" in page
    assert not Item.objects.filter(subtype="MODEL").exists()


def test_a_row_for_notes_is_added_without_javascript(signed_in: Client) -> None:
    data = MODEL | {"user_metadata-key": ["a"], "user_metadata-value": ["b"]}
    data |= {"do": "add:user_metadata"}
    page = signed_in.post("/items/new/model/", data).content.decode()
    assert page.count('name="user_metadata-key"') == 2
    assert "Larval dispersal" in page
    assert "required.</li>" not in page
    assert not Item.objects.filter(subtype="MODEL").exists()


def test_a_row_for_notes_is_added_as_a_fragment(signed_in: Client) -> None:
    data = {"user_metadata-key": ["a"], "user_metadata-value": ["b"], "do": "add:user_metadata"}
    page = signed_in.post("/items/new/model/", data, headers=HTMX).content.decode()
    assert page.count('name="user_metadata-key"') == 2
    assert "<html" not in page


@pytest.mark.parametrize("address", ["/items/new/create/", "/items/new/unicorn/", "/item/x/1/"])
def test_what_does_not_exist_is_a_friendly_404(signed_in: Client, address: str) -> None:
    answer = signed_in.get(address)
    assert answer.status_code == 404
    assert "nothing here for you to see" in answer.content.decode()


def test_a_newcomer_is_led_to_register_themself(client: Client, make_user: MakeUser) -> None:
    newcomer = make_user("new", linked=False, first_name="Noa", last_name="Ito")
    client.force_login(newcomer)
    way = "/items/new/person/?me"
    for address in ("/", "/items/new/", "/items/new/model/", "/account/"):
        assert way in client.get(address).content.decode(), address
    answer = client.post("/items/new/model/", MODEL)
    assert "First, register yourself as a Person" in answer.content.decode()
    assert "Larval dispersal" in answer.content.decode()
    form = client.get(way).content.decode()
    assert 'value="Noa"' in form
    assert "checked" not in form
    client.post(way, PERSON | {"display_name": "Noa Ito", "ethics_approved": "on"})
    assert services.person_of(newcomer).display_name == "Noa Ito"
    assert client.post("/items/new/model/", MODEL).status_code == 302


def test_a_person_registered_earlier_can_be_linked(
    client: Client, make_user: MakeUser, make_item: MakeItem
) -> None:
    newcomer = make_user("new", linked=False)
    person = make_item(newcomer, subtype="PERSON")
    client.force_login(newcomer)
    assert "Is this you?" in client.get(person.get_absolute_url()).content.decode()
    client.post("/account/person/", {"person": person.handle})
    assert services.person_of(newcomer) == person
    page = client.post("/account/person/", {"person": person.handle}, follow=True)
    assert "linked to" in page.content.decode()


def test_linking_the_person_of_another_is_refused(
    client: Client, user: User, make_user: MakeUser
) -> None:
    stranger = make_user("ben", linked=False)
    client.force_login(stranger)
    page = client.post("/account/person/", {"person": services.person_of(user).handle}, follow=True)
    assert "somebody else" in page.content.decode()
    assert services.person_of(stranger) is None


def test_without_an_email_address_the_way_out_is_shown(client: Client, make_user: MakeUser) -> None:
    client.force_login(make_user("new", linked=False, email=""))
    assert "/account/" in client.get("/items/new/person/").content.decode()
    saved = client.post("/account/", {"first_name": "", "last_name": "", "email": "n@example.org"})
    assert saved.status_code == 302
    assert "no email address" not in client.get("/items/new/person/").content.decode()


def test_the_panel_follows_the_workflow_and_then_stops(signed_in: Client, user: User) -> None:
    signed_in.post("/items/new/model/", MODEL)
    item = Item.objects.get(subtype="MODEL")
    panel = f"/item/{item.handle}/workflow/"
    first = signed_in.get(panel, headers=HTMX)
    seen = first.context["seen"]
    assert "every 1s" in first.content.decode()
    assert signed_in.get(panel, {"seen": seen}, headers=HTMX).status_code == 204
    drain()
    last = signed_in.get(panel, {"seen": seen}, headers=HTMX).content.decode()
    assert "every 1s" not in last
    assert last.count('class="state SUCCEEDED"') == 3  # the panel and both steps
    assert "2 of 2 steps done" in last


def test_the_panel_without_htmx_is_the_items_page(
    signed_in: Client, user: User, make_item: MakeItem
) -> None:
    item = make_item(user)
    answer = signed_in.get(f"/item/{item.handle}/workflow/")
    assert (answer.status_code, answer["Location"]) == (302, item.get_absolute_url())


def test_a_reader_sees_the_workflow_but_not_its_jobs(
    client: Client, user: User, make_user: MakeUser, make_item: MakeItem
) -> None:
    item = make_item(user)
    failed = {"status": Status.FAILED, "finished_at": timezone.now()}
    Job.objects.update(info="a private message", **failed)
    client.force_login(make_user("ben"))
    page = client.get(item.get_absolute_url()).content.decode()
    assert "Register Create Activity" in page
    assert "FAILED" in page
    assert str(Job.objects.get().session_id) not in page
    assert "a private message" not in page


def test_the_panel_explains_waiting_when_no_worker_runs(
    signed_in: Client, user: User, make_item: MakeItem
) -> None:
    item = make_item(user)
    assert "No worker is running" in signed_in.get(item.get_absolute_url()).content.decode()
    drain()
    assert "No worker is running" not in signed_in.get(item.get_absolute_url()).content.decode()


def test_lineage_shows_edges_drawn_and_as_a_table(
    signed_in: Client, user: User, make_item: MakeItem
) -> None:
    item = make_item(user)
    empty = signed_in.get(f"/item/{item.handle}/lineage/").content.decode()
    assert "No relations yet" in empty
    drain()
    page = signed_in.get(f"/item/{item.handle}/lineage/").content.decode()
    assert "<svg" in page
    for text in ("was generated by", "was attributed to", "Creation of Reef model", "upstream"):
        assert text in page
    person = services.person_of(user)
    page = signed_in.get(f"/item/{person.handle}/lineage/").content.decode()
    assert page.count("1 downstream") == 2


def test_html_in_any_field_is_only_text(signed_in: Client, user: User, make_item: MakeItem) -> None:
    attack = "<script>alert(1)</script>"
    item = make_item(user, display_name=attack, description=attack, user_metadata={attack: attack})
    drain()
    for address in (
        "/",
        "/items/",
        "/jobs/",
        f"/item/{item.handle}/",
        f"/item/{item.handle}/lineage/",
    ):
        page = signed_in.get(address).content.decode()
        assert "<script>alert" not in page, address
        assert ("<svg" in page) == address.startswith("/item/"), address


def test_every_page_forbids_foreign_and_inline_code(signed_in: Client) -> None:
    for address in ("/", "/items/", "/jobs/", "/account/", "/nothing/"):
        answer = signed_in.get(address)
        policy = answer["Content-Security-Policy"]
        assert "default-src 'none'" in policy
        assert "unsafe" not in policy
        page = answer.content.decode()
        assert " style=" not in page
        assert "<script>" not in page


@pytest.mark.parametrize("kind", kinds.user_made_kinds(), ids=lambda kind: kind.subtype)
def test_each_kind_has_a_form(signed_in: Client, kind: type[Kind]) -> None:
    page = signed_in.get(f"/items/new/{kind.subtype.lower()}/").content.decode()
    for name in [found.name for found in KindForm(kind).walk() if found.shape.form == "line"]:
        assert f'name="{name}"' in page


def test_explore_filters_by_kind(signed_in: Client, user: User, make_item: MakeItem) -> None:
    make_item(user, display_name="The model")
    make_item(user, subtype="STUDY", display_name="The study", title="t", description="d")
    page = signed_in.get("/items/", {"kind": "STUDY"}).content.decode()
    assert "The study" in page
    assert "The model" not in page


def test_explore_pages_keep_their_kind(signed_in: Client, user: User, make_item: MakeItem) -> None:
    for _ in range(30):
        make_item(user, subtype="ORGANISATION", name="n")
    make_item(user)
    first = signed_in.get("/items/", {"kind": "ORGANISATION"})
    cursor = first.context["page"].next
    assert f"?kind=ORGANISATION&amp;after={cursor}" in first.content.decode()
    rest = signed_in.get("/items/", {"kind": "ORGANISATION", "after": cursor}, headers=HTMX)
    assert [item.subtype for item in rest.context["page"].rows] == ["ORGANISATION"] * 5


@pytest.mark.parametrize("rows", [1, 24])
@pytest.mark.parametrize(
    ("address", "queries"),
    [
        ("/items/", 5),  # session, user, the page of items, their owners, failed workflows
        # session, user; jobs: batches, failed, unfinished, their items, clusters alive, pauses;
        # own items, person link, tables of runs and their rows; how it is: clusters alive, what
        # waits, clusters of its queues, pauses
        ("/", 15),
    ],
)
def test_lists_cost_the_same_at_any_length(
    signed_in: Client,
    user: User,
    make_item: MakeItem,
    django_assert_num_queries: DjangoAssertNumQueries,
    rows: int,
    address: str,
    queries: int,
) -> None:
    for _ in range(rows):
        make_item(user)
    with django_assert_num_queries(queries):
        signed_in.get(address)


def test_lists_mark_items_whose_job_failed(
    signed_in: Client, user: User, make_item: MakeItem
) -> None:
    good, bad = make_item(user), make_item(user, display_name="Other reef")
    mark, job = "✕ job failed", bad.creation_workflow.jobs.get()
    drain()
    lists = ("/items/", "/items/?owner=me", "/items/?q=reef", f"/item/{bad.handle}/versions/")
    for address in lists:
        assert mark not in signed_in.get(address).content.decode()
    Job.objects.filter(pk=job.pk).update(status=Status.FAILED, result=None, info="x")
    for address in lists:
        page = signed_in.get(address).content.decode()
        assert page.count(mark) == 1
        assert signed_in.get(address).context["failed"] == {bad.pk}
    assert mark not in signed_in.get(f"/item/{good.handle}/versions/").content.decode()
    Job.objects.filter(pk=job.pk).update(cancelled_at=job.created_at, cancelled_by=user)
    assert not signed_in.get("/items/").context["failed"], "somebody ended it on purpose"


def test_an_item_page_costs_few_queries(
    signed_in: Client,
    user: User,
    make_item: MakeItem,
    django_assert_num_queries: DjangoAssertNumQueries,
) -> None:
    item = make_item(user)
    # session, user, the item with owner and workflow, its jobs, clusters alive, pauses
    with django_assert_num_queries(6):
        signed_in.get(item.get_absolute_url())


@pytest.mark.parametrize("handle", ["\x00", "x", "../1", "10378.1/1\x00", "1/" + "9" * 400])
def test_what_is_no_persistent_id_is_a_404(signed_in: Client, handle: str) -> None:
    assert signed_in.post("/account/person/", {"person": handle}).status_code == 404


@pytest.mark.parametrize("address", ["http://[", "not an address", ""])
def test_an_odd_header_of_htmx_leads_to_signing_in(client: Client, address: str) -> None:
    answer = client.get("/jobs/", headers=HTMX | {"HX-Current-URL": address})
    assert (answer.status_code, answer["HX-Redirect"]) == (200, "/account/login/?next=/")


def test_signing_in_twice_is_no_loop(signed_in: Client) -> None:
    assert signed_in.get("/account/login/?next=/account/login/").status_code == 200


def test_a_person_and_its_link_are_made_together_or_not_at_all(
    client: Client, make_user: MakeUser, monkeypatch: pytest.MonkeyPatch
) -> None:
    newcomer = make_user("new", linked=False)
    client.force_login(newcomer)

    def refuse(**arguments: object) -> None:
        raise services.Refused("linked meanwhile")

    monkeypatch.setattr(services.people, "link_person", refuse)
    answer = client.post(
        "/items/new/person/?me", PERSON | {"display_name": "N", "ethics_approved": "on"}
    )
    assert answer.status_code == 422
    assert "linked meanwhile" in answer.content.decode()
    assert not Item.objects.exists()


def test_text_that_begins_with_an_address_stays_text(
    signed_in: Client, user: User, make_item: MakeItem
) -> None:
    item = make_item(user, description="https://example.org/x is where\n\nit began")
    page = signed_in.get(item.get_absolute_url()).content.decode()
    assert 'href="https://example.org/x' not in page
    assert 'href="https://example.org/doc"' in page


def test_pages_are_read_with_get_and_head_only(signed_in: Client) -> None:
    for address in ("/", "/items/", "/jobs/", "/items/new/"):
        assert signed_in.head(address).status_code == 200
        assert signed_in.post(address).status_code == 405

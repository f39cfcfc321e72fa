"""The PROV tab of an item, its downloads, and the command that prints a document."""

from collections.abc import Callable

import pytest
from django.contrib.auth.models import User
from django.test import Client
from prov.model import ProvDocument

from registry import services
from registry.models import Item
from registry.provenance import documents, formats
from registry.views import prov as views
from tests.conftest import drain
from tests.registry.test_item_commands import printed, refusal

pytestmark = pytest.mark.django_db

MakeUser = Callable[..., User]
MakeItem = Callable[..., Item]


@pytest.fixture
def item(user: User, make_item: MakeItem) -> Item:
    item = make_item(user, display_name="<b>Reef</b> & co")
    drain()
    return item


@pytest.fixture
def stranger(make_user: MakeUser) -> Client:
    client = Client()
    client.force_login(make_user("ben"))
    return client


def test_the_tab_shows_prov_n_and_leads_to_the_other_formats(signed_in: Client, item: Item) -> None:
    assert (
        f'href="/item/{item.handle}/prov/"'
        in signed_in.get(item.get_absolute_url()).content.decode()
    )
    page = signed_in.get(f"/item/{item.handle}/prov/").content.decode()
    assert "wasGeneratedBy(item:" in page
    assert "prov:label=&quot;&lt;b&gt;Reef&lt;/b&gt; &amp; co&quot;" in page
    for name in formats.FORMATS:
        assert f'href="?format={name}"' in page
    assert "data-copy=" in page
    turtle = signed_in.get(f"/item/{item.handle}/prov/?format=turtle").content.decode()
    assert "@prefix prov:" in turtle
    assert f'/item/{item.handle}/prov/turtle"' in turtle


@pytest.mark.parametrize(
    ("name", "content_type", "suffix"),
    [
        ("json", "application/json", "json"),
        ("provn", "text/provenance-notation; charset=utf-8", "provn"),
        ("xml", "application/provenance+xml", "xml"),
        ("turtle", "text/turtle; charset=utf-8", "ttl"),
        ("json-ld", "application/ld+json", "jsonld"),
    ],
)
def test_a_download_is_a_file_of_its_type(
    signed_in: Client, item: Item, user: User, name: str, content_type: str, suffix: str
) -> None:
    answer = signed_in.get(f"/item/{item.handle}/prov/{name}")
    assert answer["Content-Type"] == content_type
    file = item.handle.replace(".", "-").replace("/", "-")
    assert answer["Content-Disposition"] == f'attachment; filename="{file}.{suffix}"'
    assert answer["X-Content-Type-Options"] == "nosniff"
    assert answer.content.decode() == formats.write(documents.of_item(item, user), name)


def test_an_unknown_format_is_not_found_and_names_the_known_ones(
    signed_in: Client, item: Item
) -> None:
    for address in ("prov/?format=csv", "prov/csv"):
        answer = signed_in.get(f"/item/{item.handle}/{address}")
        assert answer.status_code == 404
    assert signed_in.post(f"/item/{item.handle}/prov/").status_code == 405


def test_a_stranger_gets_no_document_of_what_they_may_not_read(
    stranger: Client, item: Item, user: User
) -> None:
    assert stranger.get(f"/item/{item.handle}/prov/").status_code == 200
    services.change_access(handle=item.handle, general=[], groups={}, by=user)
    for address in ("prov/", "prov/json"):
        assert stranger.get(f"/item/{item.handle}/{address}").status_code == 403
        assert Client().get(f"/item/{item.handle}/{address}").status_code == 302


def test_a_long_document_is_cut_on_the_page_only(
    signed_in: Client, item: Item, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(views, "MOST_SHOWN", 100)
    page = signed_in.get(f"/item/{item.handle}/prov/").content.decode()
    assert "Only the beginning of this document is shown" in page
    assert "endDocument" not in page
    assert "Copy document" not in page
    assert b"endDocument" in signed_in.get(f"/item/{item.handle}/prov/provn").content


def test_the_command_prints_a_document(item: Item, user: User) -> None:
    lines = printed("prov_document", item.handle, user="ana")
    assert (lines[0], lines[-1]) == ("document", "endDocument")
    text = "\n".join(printed("prov_document", item.handle, user="ana", format="json"))
    assert ProvDocument.deserialize(content=text, format="json") == documents.of_item(item, user)


def test_the_command_says_what_is_refused(item: Item, user: User, make_user: MakeUser) -> None:
    make_user("ben")
    services.change_access(handle=item.handle, general=[], groups={}, by=user)
    told = refusal("prov_document", item.handle, user="ben")
    assert "metadata-read" in told
    assert "There is no item" in refusal("prov_document", "10378.1/9", user="ben")
    assert "There is no user" in refusal("prov_document", item.handle, user="nobody")

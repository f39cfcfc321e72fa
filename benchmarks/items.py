"""What the registry's pages cost at 100,000 items: server time of whole requests."""

import functools
import itertools
import random
import re
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

from django.contrib.auth.models import User
from django.core.management import call_command
from django.db import connection, transaction
from django.test import Client
from django.utils import timezone

from benchmarks.rows import timed
from provena.paging import keyset_by
from provena.tokens import keeping
from registry import kinds, search, services
from registry.models import Grant, Group, Item, Mint

Figures = dict[str, list[float]]
SYLLABLES = re.findall("..", "bacedifoguhajekilomunaperosutavewixozuarenilosum")
WORDS, COMMON = 20_000, "reef"  # a vocabulary, and a word of half of all items
USERS, GROUPS, CHUNK = 50, 10, 1_000
SAMPLES = 40
SEED = 20_26
PERSON = {
    "display_name": "Ana Silva",
    "first_name": "Ana",
    "last_name": "Silva",
    "email": "bench@example.org",
    "ethics_approved": True,
}


def items(rows: int) -> Figures:
    """Milliseconds of requests by a user who owns one item in fifty and may read nine in ten, of
    pages and of the HTTP API, and of indexing one item."""
    call_command("collectstatic", interactive=False, verbosity=0)  # pages name hashed files
    chance = random.Random(SEED)  # the same registry each time
    user = _fill(rows, chance)
    client = Client(SERVER_NAME="localhost")
    client.force_login(user)
    figures: Figures = {}
    for what, addresses in _addresses(user, chance).items():
        samples = figures.setdefault(f"page: {what}", [])
        next(addresses)
        _get(client, next(addresses))  # templates are read once
        for _ in range(SAMPLES):
            with timed(samples, 1e3):
                _get(client, next(addresses))
    figures |= _routes(user, chance)
    samples = figures.setdefault("register a model", [])
    for number in range(SAMPLES):
        data = _model(chance, number)
        with timed(samples, 1e3):
            answer = client.post("/items/new/model/", data)
        if answer.status_code != 302:
            raise RuntimeError(f"Registering answered {answer.status_code}.")
    some = list(Item.objects.order_by("-pk")[:SAMPLES])
    samples = figures.setdefault("index one item", [])
    for item in some:
        with transaction.atomic(), timed(samples, 1e3):
            search.index(item)
    return figures


def _routes(user: User, chance: random.Random) -> Figures:
    """The same of routes of the API for datasets, search and people."""
    client = Client(
        SERVER_NAME="localhost",
        headers={"Authorization": f"Bearer {keeping.issue(user=user, name='bench')[1]}"},
    )
    maker = services.register(
        subtype="ORGANISATION", content={"display_name": "Bench", "name": "Bench"}, owner=user
    )
    made = [
        services.register(
            subtype="DATASET", content=_dataset(maker.handle, _words(chance, 4)), owner=user
        ).handle
        for _ in range(SAMPLES * 3)
    ]
    words = itertools.cycle(_vocabulary()[rank] for rank in range(5_000, 9_000, 37))
    search_route = "/search/search/entity-registry?record_limit=50&query="
    asked: dict[str, Callable[[], Any]] = {
        "a dataset": lambda: client.get(
            f"/data-api/registry/items/fetch-dataset?handle_id={chance.choice(made)}"
        ),
        "a list of 100 datasets": lambda: client.post(
            "/data-api/registry/items/list", {"page_size": 100}, content_type="application/json"
        ),
        "search, rare word": lambda: client.get(f"{search_route}{next(words)}"),
        "search, common word": lambda: client.get(f"{search_route}{COMMON}"),
        "search, misspelt": lambda: client.get(f"{search_route}{next(words)[1:]}"),
        "my person": lambda: client.get("/auth-api/link/user/lookup"),
        "a list of 100 people": lambda: client.post(
            "/registry-api/registry/agent/person/list",
            {"page_size": 100},
            content_type="application/json",
        ),
    }
    figures: Figures = {}
    for what, ask in asked.items():
        samples = figures.setdefault(f"route: {what}", [])
        ask()
        for _ in range(SAMPLES):
            with timed(samples, 1e3):
                answer = ask()
            if answer.status_code != 200 or b'"success": false' in answer.content:
                raise RuntimeError(f"{what} was answered {answer.content!r}.")
    return figures


def _dataset(organisation: str, name: str) -> dict[str, Any]:
    topics = ("ethics_registration", "ethics_access", "indigenous_knowledge", "export_controls")
    return {
        "collection_format": {
            "associations": {"organisation_id": organisation},
            "approvals": {topic: {"relevant": False, "obtained": False} for topic in topics},
            "dataset_info": {
                "name": name,
                "description": f"{COMMON} {name}",
                "access_info": {"reposited": True},
                "publisher_id": organisation,
                "created_date": {"relevant": False},
                "published_date": {"relevant": False},
                "license": "https://creativecommons.org/licenses/by/4.0/",
            },
        }
    }


def _get(client: Client, address: str) -> None:
    answer = client.get(address)
    if answer.status_code != 200:
        raise RuntimeError(f"{address} answered {answer.status_code}.")


def _addresses(user: User, chance: random.Random) -> dict[str, Iterator[str]]:
    """Endless addresses for each sort of page, each time another one where that matters."""
    some = list(Item.objects.filter(subtype="MODEL", owner=user).values_list("handle", flat=True))
    vocabulary = _vocabulary()
    middle = Item.objects.order_by("display_name")[Item.objects.count() // 2].display_name
    before = Item.objects.filter(display_name__gte=middle)
    deep = keyset_by(before, "display_name", limit=1, descending=False).next
    forever = itertools.cycle
    rare = [vocabulary[rank] for rank in range(5_000, 9_000, 37)]
    return {
        "newest": forever(["/items/"]),
        "a kind": forever(["/items/?kind=MODEL", "/items/?kind=STUDY"]),
        "mine by name": forever(["/items/?owner=me&sort=name"]),
        "by name, upwards": forever(["/items/?sort=name&order=up"]),
        "by name, from the middle": forever([f"/items/?sort=name&after={deep}"]),
        "an item": forever(
            [f"/item/{handle}/" for handle in chance.sample(some, min(50, len(some)))]
        ),
        "search, rare word": forever([f"/items/?q={word}" for word in rare]),
        "search, common word": forever([f"/items/?q={COMMON}"]),
        "search, two words": forever([f"/items/?q={word}+{COMMON}" for word in rare]),
        "search, misspelt": forever([f"/items/?q={word[1:]}" for word in rare]),
        "search, partial": forever([f"/items/?q={word[:3]}" for word in rare]),
        "search, nothing": forever(["/items/?q=qzxqzxqzx"]),
    }


def _fill(rows: int, chance: random.Random) -> User:
    """Users, groups and items, all of them indexed. Returns the first user."""
    users = [
        User.objects.create_user(f"user{number}", email=f"user{number}@example.org")
        for number in range(USERS)
    ]
    for user in users[:1]:
        person = services.register(subtype="PERSON", content=PERSON, owner=user)
        services.link_person(user=user, person=person)
    groups = [Group.objects.create(slug=f"g{n}", display_name=f"G{n}") for n in range(GROUPS)]
    groups[0].members.add(users[0])
    Mint.objects.bulk_create((Mint() for _ in range(rows)), batch_size=CHUNK)
    last = Mint.objects.order_by("-pk")[0].number
    for start in range(0, rows, CHUNK):
        _add(
            range(last - rows + start, last - rows + min(start + CHUNK, rows)),
            users,
            groups,
            chance,
        )
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE" if connection.vendor == "sqlite" else "VACUUM ANALYZE")
    search.rebuild()
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE" if connection.vendor == "sqlite" else "VACUUM ANALYZE")
    return users[0]


def _add(numbers: range, users: list[User], groups: list[Group], chance: random.Random) -> None:
    made = []
    for number in numbers:
        subtype = chance.choice(("MODEL", "MODEL", "STUDY", "ORGANISATION"))
        kind = kinds.kind(subtype)
        at = timezone.now() - timedelta(seconds=chance.random() * 3e7)
        info = _content(subtype, chance, number)
        made.append(
            Item(
                handle=Mint(number=number + 1).handle,
                category=kind.category,
                subtype=subtype,
                display_name=info["display_name"],
                owner=users[number % USERS],
                info=info,
                search_text=kind.words(info),
                version=1 if kind.versioned else None,
                created_at=at,
                updated_at=at,
            )
        )
    with transaction.atomic():
        Item.objects.bulk_create(made)
        Grant.objects.bulk_create(
            Grant(
                item=item,
                group=None if chance.random() < 0.9 else chance.choice(groups),
                roles=["metadata-read"],
            )
            for item in made
        )


def _content(subtype: str, chance: random.Random, number: int) -> dict[str, Any]:
    if subtype == "MODEL":
        return _model(chance, number)
    name = f"{_words(chance, 3).capitalize()} {number}"
    if subtype == "STUDY":
        return {"display_name": name, "title": name, "description": _words(chance, 40)}
    return {"display_name": name, "name": _words(chance, 4)}


def _model(chance: random.Random, number: int) -> dict[str, str]:
    name = f"{_words(chance, 3).capitalize()} {number}"
    return {
        "display_name": name,
        "name": name,
        "description": f"{COMMON} {_words(chance, 60)}",
        "documentation_url": f"https://docs.example.org/{number}",
        "source_url": f"https://code.example.org/{number}",
    }


@functools.cache
def _vocabulary() -> list[str]:
    """WORDS distinct words, each of three or four syllables."""
    chance = random.Random(SEED)
    found: dict[str, None] = {}
    while len(found) < WORDS:
        found["".join(chance.choices(SYLLABLES, k=chance.choice((3, 4))))] = None
    return list(found)


def _words(chance: random.Random, number: int) -> str:
    """That many words, as frequent as words are: the n-th about 1/n as often as the first."""
    words = _vocabulary()
    return " ".join(words[min(int(WORDS ** chance.random()), WORDS) - 1] for _ in range(number))

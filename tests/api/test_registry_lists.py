"""Lists of items: filters, sorts, full pages, and what they cost."""

import json
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.db.models import QuerySet
from pytest_django import DjangoAssertNumQueries

from registry import services
from registry.api import listing
from registry.api.listing import Filter, Order
from registry.models import Grant, Item
from tests.api.conftest import Caller
from tests.conftest import MODEL, dataset

PREFIX = "/registry-api"
ALL = f"{PREFIX}/registry/general/list"
MODELS = f"{PREFIX}/registry/entity/model/list"
MakeItem = Callable[..., Item]
SORTS = ["CREATED_TIME", "UPDATED_TIME", "DISPLAY_NAME"]


def pages(caller: Caller, path: str, **asked: Any) -> Iterator[dict[str, Any]]:
    """Every page of a list, to its end."""
    key: dict[str, Any] = {}
    while True:
        answer = caller.post(path, asked | key)
        assert answer.success, answer.text
        yield answer.json
        if answer.json["pagination_key"] is None:
            return
        key = {"pagination_key": answer.json["pagination_key"]}


def listed(caller: Caller, path: str = ALL, **asked: Any) -> list[str]:
    """The ids of all items of a list."""
    return [item["id"] for page in pages(caller, path, **asked) for item in page["items"]]


@pytest.fixture
def items(user: User, make_item: MakeItem) -> list[Item]:
    """Models whose names, times of creation and of change are each in another order, some equal."""
    made = [make_item(user, display_name=name) for name in ["b", "ä", "a", "Z", "b", "a"]]
    start = datetime(2026, 1, 1, tzinfo=UTC)
    for number, item in enumerate(made):
        item.created_at = start + timedelta(seconds=number * 5 % 4)
        item.updated_at = start + timedelta(seconds=number * 7 % 3)
        item.save()
    return made


@pytest.mark.parametrize("ascending", [True, False])
@pytest.mark.parametrize("sort", SORTS)
@pytest.mark.parametrize("size", [1, 2, 6, 100])
def test_pages_are_full_sorted_and_miss_nothing(
    sort: str, ascending: bool, size: int, api: Caller, items: list[Item]
) -> None:
    order = {"sort_type": sort, "ascending": ascending}
    found = list(pages(api, MODELS, sort_by=order, page_size=size))
    assert [len(page["items"]) for page in found[:-1]] == [size] * (len(found) - 1)
    assert all(page["total_item_count"] == len(page["items"]) for page in found)
    got = [item for page in found for item in page["items"]]
    field = {"CREATED_TIME": "created_at", "UPDATED_TIME": "updated_at"}.get(sort, "display_name")
    expected = sorted(items, key=lambda item: (getattr(item, field), item.pk))
    if not ascending:
        expected.reverse()
    assert [item["id"] for item in got] == [item.handle for item in expected]


def test_what_changed_last_comes_first_by_default(api: Caller, items: list[Item]) -> None:
    times = [item["updated_timestamp"] for page in pages(api, MODELS) for item in page["items"]]
    assert times == sorted(times, reverse=True)


def test_names_sort_by_code_points(api: Caller, items: list[Item]) -> None:
    order = {"sort_type": "DISPLAY_NAME", "ascending": True}
    names = [
        item["display_name"] for page in pages(api, MODELS, sort_by=order) for item in page["items"]
    ]
    assert names == ["Z", "a", "a", "b", "b", "ä"]


def test_what_is_not_readable_is_left_out_and_pages_stay_full(
    api: Caller, stranger: Caller, user: User, items: list[Item]
) -> None:
    for item in items[::2]:
        services.change_access(handle=item.handle, general=[], groups={}, by=user)
    found = list(pages(stranger, MODELS, page_size=2))
    assert [len(page["items"]) for page in found] == [2, 1]
    assert {item["id"] for page in found for item in page["items"]} == {
        item.handle for item in items[1::2]
    }
    assert len(listed(api, MODELS)) == 6


def test_seeds_are_listed_where_they_are_asked_for(api: Caller, user: User) -> None:
    seed = services.seed(subtype="MODEL", owner=user)
    whole = services.register(subtype="MODEL", content=MODEL, owner=user)
    for records, expected in (
        ("COMPLETE_ONLY", ([whole.handle], [])),
        ("SEED_ONLY", ([], [seed.handle])),
        ("ALL", ([whole.handle], [seed.handle])),
    ):
        [page] = pages(api, MODELS, filter_by={"record_type": records})
        got = tuple([item["id"] for item in page[name]] for name in ("items", "seed_items"))
        assert got == expected
        assert page["complete_item_count"] == len(expected[0])
        assert page["seed_item_count"] == len(expected[1])
        assert page["total_item_count"] == len(expected[0] + expected[1])
        general = listed(api, filter_by={"record_type": records, "item_subtype": "MODEL"})
        assert set(general) == {*expected[0], *expected[1]}
    assert listed(api, filter_by={"item_subtype": "SOFTWARE"}) == []


@pytest.fixture
def datasets(user: User, make_item: MakeItem) -> dict[str, Item]:
    """Two that are kept elsewhere, two whose release was asked for, and one of neither."""
    organisation = make_item(user, subtype="ORGANISATION").handle
    made = {}
    for name in ("here", "near", "far", "pending", "released"):
        address = {"near": "https://example.org/a", "far": "s3://example/b"}.get(name)
        where: dict[str, Any] = {"reposited": True}
        if address:
            where = {"reposited": False, "uri": address, "description": "d"}
        content = dataset(organisation, name=name, access_info=where)
        made[name] = make_item(user, subtype="DATASET", **content)
    for at, name in enumerate(("pending", "released"), start=1_800_000_000):
        made[name].system |= {
            "release_status": name.upper(),
            "release_approver": f"10378.1/{name}",
            "release_timestamp": at,
        }
        made[name].save()
    return made


def test_releases_and_addresses_are_found(api: Caller, datasets: dict[str, Item]) -> None:
    handles = {name: item.handle for name, item in datasets.items()}

    def found(**asked: Any) -> list[str]:
        names = {handle: name for name, handle in handles.items()}
        return [names[handle] for handle in listed(api, page_size=1, **asked)]

    assert found(sort_by={"sort_type": "RELEASE_TIMESTAMP"}) == ["released", "pending"]
    by_time = {"sort_type": "RELEASE_TIMESTAMP", "ascending": True}
    assert found(sort_by=by_time) == ["pending", "released"]
    assert found(filter_by={"release_status": "PENDING"}) == ["pending"]
    not_released = found(filter_by={"release_status": "NOT_RELEASED"})
    assert sorted(not_released) == ["far", "here", "near"]
    reviewer = {"release_reviewer": "10378.1/released"}
    assert found(filter_by=reviewer) == ["released"]
    assert found(filter_by=reviewer, sort_by=by_time) == ["released"]
    for prefix, expected in (
        ("https://", ["near"]),
        ("https://example.org/a", ["near"]),
        ("s", ["far"]),
        ("https://example.org/b", []),
        ("%", []),
        ("HTTPS", []),
    ):
        order = {"sort_type": "ACCESS_INFO_URI_BEGINS_WITH", "begins_with": prefix}
        assert found(sort_by=order) == expected
        assert found(sort_by=order, filter_by={"item_subtype": "DATASET"}) == expected


@pytest.mark.parametrize(
    "asked",
    [
        {"sort_by": {"sort_type": "ACCESS_INFO_URI_BEGINS_WITH"}},
        {"sort_by": {"sort_type": "ACCESS_INFO_URI_BEGINS_WITH", "begins_with": ""}},
        {"sort_by": {"sort_type": "DISPLAY_NAME", "begins_with": "a"}},
        {"sort_by": {"begins_with": "a"}},
        {"sort_by": {"sort_type": "COLOUR"}},
        {"filter_by": {"item_subtype": "DATASET", "release_status": "PENDING"}},
        {"filter_by": {"item_subtype": "UNICORN"}},
        {"filter_by": {"record_type": "SOME"}},
        {"page_size": 0},
        {"page_size": -1},
        {"page_size": "many"},
        {"pagination_key": "text"},
    ],
)
def test_a_list_that_makes_no_sense_is_refused(asked: dict[str, Any], api: Caller) -> None:
    answer = api.post(ALL, asked)
    assert answer.status == 422
    assert answer.json["detail"][0]["loc"][0] == "body"


def test_a_key_of_another_list_is_refused(api: Caller, items: list[Item]) -> None:
    key = api.post(MODELS, {"page_size": 1}).json["pagination_key"]
    for path, asked in (
        (MODELS, {"sort_by": {"sort_type": "DISPLAY_NAME"}}),
        (MODELS, {"sort_by": {"ascending": True}}),
        (MODELS, {"filter_by": {"record_type": "ALL"}}),
        (ALL, {}),
    ):
        answer = api.post(path, asked | {"pagination_key": key})
        assert (answer.status, answer.json["code"]) == (400, "unknown_page")
    for wrong in ({}, {"t": 1_760_000_000, "id": "10378.1/1"}, {"place": "x"}):
        assert api.post(MODELS, {"pagination_key": wrong}).status == 400
    assert api.post(MODELS, {"page_size": 5, "pagination_key": key}).success  # the size may change


def test_no_page_is_longer_than_a_hundred(
    api: Caller, user: User, monkeypatch: pytest.MonkeyPatch, items: list[Item]
) -> None:
    monkeypatch.setattr(listing, "MOST", 4)
    for size in (5, 2**70):
        page = api.post(MODELS, {"page_size": size}).json
        assert len(page["items"]) == 4
        assert page["pagination_key"]


def test_a_list_costs_the_same_at_any_length(
    api: Caller,
    user: User,
    make_item: MakeItem,
    uncounted: None,
    django_assert_num_queries: DjangoAssertNumQueries,
) -> None:
    make_item(user)
    for _ in range(2):
        # Token, keys of the page, items, their histories, all people of both.
        with django_assert_num_queries(5):
            assert api.post(MODELS, {"page_size": 100}).json["items"]
        for number in range(20):
            make_item(user, display_name=f"Model {number}")


# What 200,000 items cost.

ROWS = 200_000
FEW = 400  # rows that a query may read to return a page of 101
FILLED = """
INSERT INTO registry_item (handle, category, subtype, display_name, owner_id, info, system,
    search_text, is_complete, is_locked, by_hand, version_reason, created_at, updated_at)
SELECT '1/' || n, 'ENTITY', CASE WHEN n % 2 = 0 THEN 'MODEL' ELSE 'DATASET' END,
    'n' || (n * 7919 % 1000), {owner}, {info}, {system}, '', {complete}, {no}, {yes}, '',
    {now}, {now}
FROM {numbers}
"""
INFO = """'{"collection_format": {"dataset_info": {"access_info": {"uri": "https://e.org/' || n ||
    '"}}}}'"""


@pytest.fixture
def many(user: User) -> None:
    sqlite = connection.vendor == "sqlite"
    numbers = (
        f"(WITH RECURSIVE t(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM t WHERE n < {ROWS}) "
        "SELECT n FROM t) AS numbers"
        if sqlite
        else f"generate_series(1, {ROWS}) AS numbers(n)"
    )
    as_json = "" if sqlite else "::jsonb"
    released = "'{\"release_timestamp\": ' || (1800000000 + n) || '}'"
    statement = FILLED.format(
        owner=user.pk,
        info=f"CASE WHEN n % 10 = 1 THEN ({INFO}){as_json} ELSE '{{}}'{as_json} END",
        system=f"CASE WHEN n % 10 = 1 THEN ({released}){as_json} ELSE '{{}}'{as_json} END",
        complete="n % 20000 != 7",
        yes="true",
        no="false",
        now="datetime('2026-01-01', (n / 4) || ' seconds')"
        if sqlite
        else "'2026-01-01'::timestamptz + (n / 4) * interval '1 second'",
        numbers=numbers,
    )
    grants = "INSERT INTO registry_grant (item_id, roles) SELECT id, {} FROM registry_item"
    with connection.cursor() as cursor:
        Grant.objects.all().delete()
        cursor.execute(statement)
        cursor.execute(grants.format(f"'[\"metadata-read\"]'{as_json}"))
        if not sqlite:
            cursor.execute("ANALYZE registry_item")
            cursor.execute("ANALYZE registry_grant")


WALKS: list[tuple[Filter, Order, str]] = (
    [
        (Filter(), Order(sort_type=sort), index)  # type: ignore[arg-type]
        for sort, index in (
            ("CREATED_TIME", "item_created"),
            ("UPDATED_TIME", "item_updated"),
            ("DISPLAY_NAME", "item_named"),
            ("RELEASE_TIMESTAMP", "item_released"),
        )
    ]
    + [
        (Filter(item_subtype="MODEL"), Order(sort_type=sort), index)  # type: ignore[arg-type]
        for sort, index in (
            ("CREATED_TIME", "item_of_kind_created"),
            ("UPDATED_TIME", "item_of_kind_updated"),
            ("DISPLAY_NAME", "item_of_kind_named"),
        )
    ]
    + [
        (
            Filter(),
            Order(sort_type="ACCESS_INFO_URI_BEGINS_WITH", begins_with="https://e.org/1"),  # type: ignore[arg-type]
            "item_with_address",
        )
    ]
)


def test_every_sort_walks_its_index(many: None, make_user: Callable[..., User]) -> None:
    """For a reader of everything who owns nothing, from the first page and from the middle on.

    PostgreSQL guesses how many addresses begin alike. Where it takes them for few, it may sort them
    all: those, but no others.
    """
    reader = make_user("reader", linked=False)
    for wanted, order, index in WALKS:
        for ascending in (True, False):
            turned = order.model_copy(update={"ascending": ascending})
            rows = listing.in_order(listing.narrow(reader, wanted), turned, None)
            most = rows.count() if order.begins_with else FEW
            middle = rows.values_list(order.field, "pk")[5_000]
            for place in (None, [listing.told(middle[0]), middle[1]]):
                rest = listing.in_order(listing.narrow(reader, wanted), turned, place)
                check(rest.values_list("pk", order.field)[:101], index, most)


def test_seeds_are_found_without_looking_at_all_items(
    many: None, make_user: Callable[..., User]
) -> None:
    reader = make_user("reader", linked=False)
    wanted = Filter(record_type="SEED_ONLY")  # type: ignore[arg-type]
    rows = listing.in_order(listing.narrow(reader, wanted), Order(), None)
    assert len(rows) == ROWS // 20_000
    check(rows.values_list("pk", "updated_at")[:101], "item_seed", sorts=True)


def check(rows: "QuerySet[Any, Any]", index: str, most: int = FEW, *, sorts: bool = False) -> None:
    """The query uses that index, which SQLite tells, or reads few rows, which PostgreSQL does."""
    sql, parameters = rows.query.sql_with_params()
    with connection.cursor() as cursor:
        if connection.vendor == "sqlite":
            cursor.execute(f"EXPLAIN QUERY PLAN {sql}", parameters)
            plan = "\n".join(str(row[-1]) for row in cursor.fetchall())
            assert f"INDEX {index} " in f"{plan} ".replace("\n", " "), plan
            assert sorts or "TEMP B-TREE" not in plan, plan
        else:
            cursor.execute(f"EXPLAIN (ANALYZE, FORMAT JSON) {sql}", parameters)
            [found] = cursor.fetchone()
            told = found if isinstance(found, str) else json.dumps(found)
            assert most_read(json.loads(told)[0]["Plan"]) <= most, told


def most_read(node: dict[str, Any]) -> float:
    """The most rows that any step of a plan read, with those it threw away."""
    own = (node["Actual Rows"] + node.get("Rows Removed by Filter", 0)) * node["Actual Loops"]
    return max([own, *(most_read(below) for below in node.get("Plans", []))])

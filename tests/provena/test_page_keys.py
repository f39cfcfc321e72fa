"""Keys of pages: what comes back is what was issued."""

from typing import Any

import pytest

from provena import page_keys
from provena.rest import ApiError, whole


def test_a_key_leads_back_to_its_place() -> None:
    place = ["2026-01-01T00:00:00+00:00", 7]
    assert page_keys.place(page_keys.issue(place, of="items"), of="items") == place
    assert page_keys.place(None, of="items") is None


@pytest.mark.parametrize(
    "key",
    [
        {},
        {"place": None},
        {"place": 7},
        {"place": "nonsense"},
        {"place": "\ud800"},
        {"place": "a" * 100_000},
        {"place": {"place": {}}},
        page_keys.issue(["x", 1], of="jobs"),
        {"place": page_keys.issue(["x", 1], of="items")["place"] + "x"},
    ],
)
def test_a_key_that_was_not_issued_for_this_list_is_refused(key: dict[str, Any]) -> None:
    with pytest.raises(ApiError, match="not issued for this list") as refused:
        page_keys.place(key, of="items")
    assert refused.value.status == 400


def test_a_schema_is_whole_when_it_names_no_part_of_itself() -> None:
    part = {"type": "object", "properties": {"at": {"$ref": "#/$defs/Place"}}}
    schema = {
        "properties": {"parts": {"type": "array", "items": {"$ref": "#/$defs/Part"}}},
        "$defs": {"Part": part, "Place": {"type": "string", "title": "Place"}},
    }
    inner = {"type": "object", "properties": {"at": {"type": "string", "title": "Place"}}}
    assert whole(schema) == {"properties": {"parts": {"type": "array", "items": inner}}}

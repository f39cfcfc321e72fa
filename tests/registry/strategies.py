"""Content of each kind, made by chance and valid: as a client may send it."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

from registry.kinds import Kind
from registry.kinds.shape import Shape

Group = dict[str, Any]
Ids = Sequence[str] | Mapping[str, Sequence[str]]

MADE_UP = [f"10378.1/{number}" for number in range(1, 9)]
REORDERING = "\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069"

_characters = st.characters(
    exclude_categories=("Cc", "Cs"), exclude_characters=REORDERING + "\u2028\u2029"
)
_visible = st.characters(categories=("L", "M", "N", "P", "S"))
_pages = st.from_regex(r"https?://[a-z]{1,8}\.org(/[a-z0-9]{1,8}){0,3}", fullmatch=True)
_addresses = st.from_regex(r"[a-z][a-z0-9]{0,8}@[a-z]{2,9}\.org", fullmatch=True)
_days = st.dates().map(lambda day: day.isoformat())
_places = st.sampled_from(
    [
        "SRID=4326;POINT (147.1 -18.9)",
        "SRID=4326;POLYGON ((146 -19, 147 -19, 147 -18, 146 -18, 146 -19))",
        "SRID=28355;LINESTRING (500000 7900000, 500100 7900100)",
    ]
)


def texts(extra: str = "") -> SearchStrategy[str]:
    """Trimmed, and not only blanks. Characters of `extra` may be inside."""
    inside = _characters | st.sampled_from(extra) if extra else _characters
    parts = st.tuples(_visible, st.text(inside, max_size=30))
    return parts.map("".join).map(str.strip)


lines = texts()
_keys = texts().filter(lambda key: key.strip() == key)
notes = st.dictionaries(_keys, texts("\n\t"), max_size=3)

# By the last names of a path: what the form of a value does not tell.
_BY_PATH: dict[tuple[str, ...], SearchStrategy[Any]] = {
    ("spatial_info", "coverage"): _places,
    ("spatial_info", "extent"): _places,
    ("spatial_info", "resolution"): st.sampled_from(["1", "0.25", "0.0001", "12.5"]),
    ("temporal_info", "resolution"): st.sampled_from(["P1D", "PT6H", "P1Y2M", "PT0.5S", "P2W"]),
    ("access_info", "uri"): _pages | st.sampled_from(["s3://bucket/key", "doi:10.1000/182"]),
    ("ethics_approved",): st.just(True),
}
_BY_FORM: dict[str, SearchStrategy[Any]] = {
    "line": lines,
    "hidden": lines,
    "textarea": texts("\n\t"),
    "uri": _pages,
    "email": _addresses,
    "date": _days,
    "boolean": st.booleans(),
    "integer": st.integers(1, 10_000),
    "pairs": notes,
}


def contents(kind: type[Kind], references: Ids = MADE_UP) -> SearchStrategy[Group]:
    """Valid content of a kind: all that is required, and by chance what is optional. It names items
    from `references`, or, by the kind that is needed, from `references[subtype]`. What is
    optional and empty is left out, as a form does."""
    return _group(kind.inputs(), (), references)


def _group(parts: Sequence[Shape], path: tuple[str, ...], references: Ids) -> SearchStrategy[Group]:
    values = {part.name: _value(part, (*path, part.name), references) for part in parts}
    required = {part.name: values[part.name] for part in parts if _must(part)}
    optional = {part.name: values[part.name] for part in parts if not _must(part)}
    mend = _MENDED.get(path[-1] if path else "", lambda group: group)

    def without_empty(group: Group) -> Group:
        return {name: value for name, value in group.items() if name in required or value != {}}

    return st.fixed_dictionaries(required, optional=optional).map(without_empty).map(mend)


def _must(part: Shape) -> bool:
    """Consent is optional by type only."""
    return part.required or part.name == "ethics_approved"


def _value(part: Shape, path: tuple[str, ...], references: Ids) -> SearchStrategy[Any]:
    for length in (1, 2):
        if path[-length:] in _BY_PATH:
            return _BY_PATH[path[-length:]]
    if part.form == "group":
        return _group(part.parts, path, references)
    if part.form == "list" and part.each:
        return st.lists(_value(part.each, path, references), max_size=3).map(_once_each)
    if part.form == "item":
        return st.sampled_from(
            references[part.of] if isinstance(references, Mapping) else references
        )
    if part.form == "choice":
        return st.sampled_from(part.choices)
    return _BY_FORM[part.form]


# What one value says about another (domain reference, 1.1 and 1.2).


def _once_each(rows: list[Any]) -> list[Any]:
    """Of rows with the same key or template, the first."""
    first: dict[Any, Any] = {}
    for index, row in enumerate(rows):
        names = row if isinstance(row, dict) else {}
        first.setdefault(names.get("key") or names.get("template_id") or index, row)
    return list(first.values())


def _annotations(group: Group) -> Group:
    required = list(dict.fromkeys(group.get("required", [])))
    optional = [key for key in dict.fromkeys(group.get("optional", [])) if key not in required]
    return {name: keys for name, keys in (("required", required), ("optional", optional)) if keys}


def _approval(group: Group) -> Group:
    return {"relevant": True, "obtained": True} if group.get("relevant") else {}


def _access(group: Group) -> Group:
    if group.get("reposited", True) or not {"uri", "description"} <= set(group):
        return {"reposited": True}
    return group


def _maybe_day(group: Group) -> Group:
    return group | {"relevant": True} if "value" in group else {"relevant": False}


def _duration(group: Group) -> Group:
    begin, end = sorted([group["begin_date"], group["end_date"]])
    return {"begin_date": begin, "end_date": end}


def _dates_in_order(group: Group) -> Group:
    created, published = (group[name].get("value") for name in ("created_date", "published_date"))
    if created and published and published < created:
        return group | {
            "created_date": group["published_date"],
            "published_date": group["created_date"],
        }
    return group


_MENDED: dict[str, Callable[[Group], Group]] = {
    "annotations": _annotations,
    "ethics_registration": _approval,
    "ethics_access": _approval,
    "indigenous_knowledge": _approval,
    "export_controls": _approval,
    "access_info": _access,
    "created_date": _maybe_day,
    "published_date": _maybe_day,
    "duration": _duration,
    "dataset_info": _dates_in_order,
}

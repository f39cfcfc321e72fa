"""The columns of a table of runs as people are told of them: what each is called and takes, and a
row that shows how they are filled in.

The row is made of items that its reader may use, so that it could be registered as it is. Where
there is none for what must be there, it holds a placeholder.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

from django.contrib.auth.models import User

from registry import kinds, services
from registry.model_runs.columns import MARKER, ORGANISATION, OWN, ROW, Columns, Key, Layout, Use
from registry.models import Item, ItemQuerySet, Relation

REQUIRED, OPTIONAL, EMPTY = "required", "optional", "leave empty"
WITH_ITS_DATASET = "required with its dataset"
OFFERED = 3  # items of which a column shows the ids
LOOKED_AT = 20  # datasets that a template was used for
TIMES = {"start_time": "2024-03-31 14:00:00+10:00", "end_time": "2024-03-31 15:30:00+10:00"}
ITEMS = {"modeller_id": "PERSON", "study_id": "STUDY", ORGANISATION: "ORGANISATION"}
PLAIN = {
    "display_name": (
        "A short name of the run, by which lists and drawings show it.",
        "My first run",
    ),
    "description": ("What was run, and why.", "An example: write what was run, and why."),
    "model_version": ("Of the software: a version, tag or commit.", "1.0"),
    "modeller_id": ("Who ran the model: the id of a Person.", ""),
    "study_id": ("The study that the run is part of: its id.", ""),
    "start_time": (
        "When the run began. The year comes first; without an offset it is UTC.",
        TIMES["start_time"],
    ),
    "end_time": ("When it ended, written likewise.", TIMES["end_time"]),
    ORGANISATION: ("The organisation that asked for the run: its id.", ""),
    MARKER: ("Its header says which workflow the runs are of.", ""),
    "_job_id": ("The job that registers the row. A row that it has registered is left out.", ""),
    "_job_status": ("The state of that job.", ""),
    "_model_run_record_id": ("The run that it made.", ""),
    "_error_info": ("Why it failed.", ""),
    ROW: ("Where the row stood in the file that it came from.", ""),
}
MAY_STAY_EMPTY = {"model_version", "study_id", ORGANISATION}


@dataclass(frozen=True)
class Column:
    """A column as people are told of it. `of` is the kind of the items whose ids it takes, and
    `items` some that the reader may name there; `example` is a cell that fits."""

    title: str
    what: str
    need: str
    of: str = ""
    example: str = ""
    header: str = ""
    items: Sequence[Item] = ()
    is_placeholder: bool = False


def of(table: Columns) -> list[Column]:
    """What is told of each column, in their order; without items and examples."""
    titles = _titles(table)
    return [
        replace(_told(key, table.layout), header=header, title=title)
        for key, header, title in zip(table.keys, table.headers, titles, strict=True)
    ]


def with_examples(table: Columns, user: User) -> list[Column]:
    """The columns of an empty table, each with what that user could write there."""
    return list(_filled(table, user))


def example(explained: Iterable[Column]) -> list[str]:
    """The row that shows how these are filled in."""
    return [column.example for column in explained]


def is_of_system(header: str) -> bool:
    """True for a column that the system fills in: what people write there is not theirs to edit."""
    return header.strip().startswith("_")


def _titles(table: Columns) -> list[str]:
    """A column in few words, and in more where two would be called the same."""
    keyed = list(zip(table.keys, table.headers, strict=True))
    short = [_told(key, table.layout).title or _spelled(header) for key, header in keyed]
    count = Counter(title.casefold() for title in short)
    return [
        _longer(key, title, table.layout) if count[title.casefold()] > 1 else title
        for (key, _), title in zip(keyed, short, strict=True)
    ]


def _spelled(header: str) -> str:
    return header.strip("_").replace("_", " ").capitalize()


def _longer(key: Key, title: str, layout: Layout) -> str:
    if key[:1] == ("annotations",):
        return f"Annotation: {title}"
    if len(key) == 3:
        return f"{title} ({_use(key, layout).template.display_name}, {key[0][:-1]})"
    return title


def _use(key: Key, layout: Layout) -> Use:
    return next(use for use in layout.side(key[0]) if use.template.handle == key[1])


def _told(key: Key, layout: Layout) -> Column:
    match key:
        case ("inputs" | "outputs", _):
            return _of_dataset(_use(key, layout))
        case ("inputs" | "outputs", _, resource):
            return _of_resource(_use(key, layout), resource)
        case ("annotations", name):
            return _of_annotation(name, layout)
        case (name,) if name in PLAIN:
            return _of_plain(name)
    return Column("", "The site does not know this column and passes it over.", EMPTY)


def _of_plain(name: str) -> Column:
    what, cell = PLAIN[name]
    title = OWN[name].partition("(")[0].strip() if name in OWN else ""
    title = title.removeprefix("execution ").capitalize()
    if is_of_system(name):
        return Column(title, what, EMPTY)
    need = OPTIONAL if name in MAY_STAY_EMPTY else REQUIRED
    return Column(title, what, need, ITEMS.get(name, ""), cell)


def _of_dataset(use: Use) -> Column:
    name = use.template.display_name
    verb = "used" if use.side == "inputs" else "made"
    what = (
        f"The dataset that the run {verb} in the shape of {name}: its id. Several with | between."
    )
    if use.is_optional:
        what += " Without one, its files stay empty, too."
    title = f"{use.side.capitalize()[:-1]}: {name}"
    return Column(title, what, OPTIONAL if use.is_optional else REQUIRED, "DATASET")


def _of_resource(use: Use, key: str) -> Column:
    resource = next(one for one in use.resources if one.key == key)
    about = f"{resource.about.rstrip('.')}. " if resource.about else ""
    what = f"{about}The path of this file in the dataset for {use.template.display_name}."
    need = WITH_ITS_DATASET if use.is_optional else REQUIRED
    return Column(key, what, OPTIONAL if resource.is_optional else need, example="path/to/the/file")


def _of_annotation(name: str, layout: Layout) -> Column:
    if name in layout.required:
        return Column(name, "A fact that the workflow asks for.", REQUIRED, example="example")
    if name in layout.optional:
        return Column(name, "A fact that the workflow has a place for.", OPTIONAL)
    return Column(name, "A fact of your own.", OPTIONAL)


def _filled(table: Columns, user: User) -> Iterator[Column]:
    offered = _Offered(user)
    inputs: set[str] = set()  # a dataset both used and made would look odd
    used = True
    for key, column in zip(table.keys, of(table), strict=True):
        if len(key) == 3:  # a file
            yield replace(column, example=column.example if used else "")
            continue
        if not column.of:
            yield column
            continue
        items = offered.items(column.of, key)
        if key[0] == "outputs":
            items = sorted(items, key=lambda item: item.handle in inputs)  # else as they are
        shown = replace(column, items=items[:OFFERED])
        used = bool(items)
        if items:
            shown = replace(shown, example=items[0].handle)
            inputs |= {items[0].handle} if key[0] == "inputs" else set()
        elif column.need == REQUIRED:
            label = kinds.kind(column.of).label.upper()
            shown, used = replace(shown, example=f"ID OF A {label}", is_placeholder=True), True
        yield shown


class _Offered:
    """The items whose ids a user may write, those that fit best first."""

    def __init__(self, user: User) -> None:
        self._user = user
        self._newest: dict[str, list[Item]] = {}

    def items(self, subtype: str, key: Key) -> list[Item]:
        """Those of a kind; for a dataset template those first that runs used for it."""
        found = self._all(subtype)
        if subtype == "DATASET":
            found = [*self._used_for(key[1]), *found]
        elif subtype == "PERSON" and (person := services.person_of(self._user)):
            return [person]
        return list({item.pk: item for item in found}.values())

    def _all(self, subtype: str) -> list[Item]:
        if subtype not in self._newest:
            newest = self._readable(subtype).order_by("-pk")
            self._newest[subtype] = list(newest[: OFFERED + LOOKED_AT])
        return self._newest[subtype]

    def _used_for(self, template: str) -> list[Item]:
        influenced = Relation.objects.filter(
            target__handle=template, type=Relation.Type.WAS_INFLUENCED_BY
        )
        newest = influenced.order_by("-source_id").values_list("source_id", flat=True).distinct()
        return list(self._readable("DATASET").filter(pk__in=list(newest[:LOOKED_AT])))

    def _readable(self, subtype: str) -> ItemQuerySet:
        readable = Item.objects.readable_by(self._user).complete().of_kind(subtype)
        return readable.defer("info", "search_text", "system")

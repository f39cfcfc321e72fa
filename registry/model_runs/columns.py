"""The columns of a table of model runs, one run a row (domain reference, 7.1).

They follow from a workflow template: its own fields, a column for each dataset template and for
each file whose path that one defers, the annotations, and what the system fills in.
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from functools import cached_property

from django.contrib.auth.models import User

from registry.model_runs.records import SIDES, Lookup
from registry.models import Item
from registry.services.rules import Refused

MARKER = "_workflow template id"
ORGANISATION = "requesting organisation id"
JOB, STATUS, RUN, ERROR = "_job_id", "_job_status", "_model_run_record_id", "_error_info"
ROW, TABLE = "_row", "_table"  # in a file of faulty rows: where they stood, and in which table
TIME = "execution {} time (YYYY-MM-DD HH:MM:SS+HH:MM)"
OWN = {
    "display_name": "display name",
    "description": "description",
    "model_version": "model version (optional)",
    "modeller_id": "agent id",
    "study_id": "study id",
    "start_time": TIME.format("start"),
    "end_time": TIME.format("end"),
}
SYSTEM = (JOB, STATUS, RUN, ERROR)
_MARKED = re.compile(rf"{MARKER}\s+<?(?P<id>[^<>\s]+)>?", re.IGNORECASE)
_DATASET = re.compile(r"(input|output) dataset id for template:(.+)", re.IGNORECASE | re.DOTALL)
_RESOURCE = re.compile(r"(input|output) resource:(.+)", re.IGNORECASE | re.DOTALL)
_ANNOTATION = re.compile(r"annotation:\s*(?P<key>.+)", re.IGNORECASE | re.DOTALL)

Key = tuple[str, ...]
"""What a column holds: a field of the record; (side, template) for a dataset; (side, template,
resource); ("annotations", key); or a column of the system's."""


@dataclass(frozen=True)
class Resource:
    """A file whose path is given for each run."""

    key: str
    is_optional: bool
    about: str


@dataclass(frozen=True)
class Use:
    """A dataset template on one side of a workflow template."""

    side: str  # "inputs" or "outputs"
    template: Item
    is_optional: bool
    resources: tuple[Resource, ...]


@dataclass(frozen=True)
class Layout:
    """What a run of a workflow template is asked for: the source of its form and its columns."""

    template: Item
    uses: tuple[Use, ...]
    required: tuple[str, ...]  # annotations
    optional: tuple[str, ...]

    def side(self, side: str) -> list[Use]:
        """The dataset templates of one side."""
        return [use for use in self.uses if use.side == side]

    def columns(self, *, organisation: bool = False, annotations: Iterable[str] = ()) -> "Columns":
        """Its columns in order; with one for the requesting organisation and for annotations that
        the template does not know, where some run has them."""
        extra = [key for key in annotations if key not in (*self.required, *self.optional)]
        keyed: list[tuple[Key, str]] = [((MARKER,), f"{MARKER} {self.template.handle}")]
        keyed += [((name,), header) for name, header in OWN.items()]
        for use in self.uses:
            word, handle = SIDES[use.side].capitalize(), use.template.handle
            name = " ".join(use.template.display_name.split())
            header = f"{word} dataset id for template: {name} [template id: {handle}]"
            keyed.append(((use.side, handle), header))
            keyed += [
                ((use.side, handle, one.key), self._resource(use, one)) for one in use.resources
            ]
        keyed += [
            (("annotations", key), f"annotation: {key}")
            for key in (*self.required, *self.optional, *extra)
        ]
        keyed += [((ORGANISATION,), ORGANISATION)] if organisation else []
        keyed += [((name,), name) for name in SYSTEM]
        return Columns(self, tuple(key for key, _ in keyed), tuple(text for _, text in keyed))

    def _resource(self, use: Use, resource: Resource) -> str:
        """Its header; with the id of its template where another one on that side has the key."""
        header = f"{SIDES[use.side].capitalize()} resource: {resource.key}"
        same = self.owners(use.side, resource.key)
        return header if len(same) == 1 else f"{header} [template id: {use.template.handle}]"

    def owners(self, side: str, key: str) -> list[Use]:
        """The dataset templates of a side that have a resource of that key."""
        return [use for use in self.side(side) if key in {one.key for one in use.resources}]


@dataclass(frozen=True)
class Columns:
    """The header of a file: what each of its columns holds, in the order of the file. A column
    whose key is () is not ours, and is passed over."""

    layout: Layout
    keys: tuple[Key, ...]
    headers: tuple[str, ...]
    warnings: list[str] = field(default_factory=list)

    def at(self, key: Key) -> int:
        """The place of a column; -1 if the file has none such."""
        return self._places.get(key, -1)

    @cached_property
    def nameless(self) -> list[int]:
        """The places of columns without a header."""
        return [place for place, header in enumerate(self.headers) if not header]

    @cached_property
    def _places(self) -> dict[Key, int]:
        return {key: place for place, key in enumerate(self.keys) if key}


def layout_of(template: Item, lookup: Lookup) -> Layout:
    """What a run of that workflow template is asked for.

    Raises Refused where a dataset template of it cannot be read, or is no such thing.
    """
    info = template.info
    used = [
        (side, use) for side, word in SIDES.items() for use in info.get(f"{word}_templates", [])
    ]
    lookup.fetch(use["template_id"] for _, use in used)
    faults = [
        fault
        for side, use in used
        if (fault := lookup.fault(use["template_id"], "DATASET_TEMPLATE", _role(side))[0])
    ]
    if faults:
        raise Refused(" ".join(faults))
    annotations = info.get("annotations") or {}
    return Layout(
        template=template,
        uses=tuple(
            Use(side, item, bool(use.get("optional")), _resources(item))
            for side, use in used
            for item in [lookup.known(use["template_id"])]
        ),
        required=tuple(annotations.get("required", [])),
        optional=tuple(annotations.get("optional", [])),
    )


def marked_template(header: Sequence[str]) -> str:
    """The id of the workflow template that a header is marked with. Raises Refused."""
    marks = [found["id"] for text in header if (found := _MARKED.fullmatch(text.strip()))]
    if not marks:
        raise Refused(
            f'The first row has no column "{MARKER} …", so this is no table of model runs, or its '
            "header was lost. Download the CSV template of your workflow template and put your "
            "rows below its header."
        )
    if len(marks) > 1:
        raise Refused(
            f'There are {len(marks)} columns "{MARKER} …": {", ".join(marks)}. Keep one; a file '
            "holds the runs of one workflow template."
        )
    return marks[0]


def read_header(header: Sequence[str], layout: Layout) -> Columns:
    """What the columns of a file hold. Headers match by the ids and keys in them, so that a
    template that was renamed still loads.

    Raises Refused, naming every column that is missing or there twice.
    """
    keys: list[Key] = []
    known: set[Key] = set()
    faults: list[str] = []
    warnings: list[str] = []
    wanted = layout.columns()
    exact = dict(zip(wanted.headers, wanted.keys, strict=True))
    for place, text in enumerate(header, 1):
        same = exact.get(text.strip())
        key, fault = (same, "") if same else _key(text.strip(), layout)
        if fault:
            warnings.append(fault)
        elif not key and text.strip():
            warnings.append(f'The column "{_short(text)}" is not known here and is passed over.')
        elif key and key in known:
            faults.append(f'The column "{_short(text)}" is there twice, again in place {place}.')
        keys.append(key)
        known.add(key)
    missing = [
        text
        for key, text in zip(wanted.keys, wanted.headers, strict=True)
        if key not in known and key[0] not in SYSTEM
    ]
    if missing:
        told = ", ".join(f'"{text}"' for text in missing)
        faults.append(f"These columns are missing: {told}.")
    if faults:
        raise Refused(" ".join(faults))
    return Columns(layout, tuple(keys), tuple(text.strip() for text in header), warnings)


def layout_for(handle: str, user: User, lookup: Lookup | None = None) -> Layout:
    """What a run of the workflow template of that id is asked for. Raises Refused."""
    lookup = lookup or Lookup(user)
    lookup.fetch([handle])
    fault, _ = lookup.fault(handle, "MODEL_RUN_WORKFLOW_TEMPLATE", "Workflow template")
    if fault:
        raise Refused(fault)
    return layout_of(lookup.known(handle), lookup)


def _key(text: str, layout: Layout) -> tuple[Key, str]:
    """What a column of that header holds, or a warning."""
    plain = " ".join(text.split()).casefold()
    fixed = {header.casefold(): name for name, header in OWN.items()}
    fixed |= {name: name for name in (ORGANISATION, ROW, TABLE, *SYSTEM)}
    if plain in fixed:
        return (fixed[plain],), ""
    if found := _DATASET.fullmatch(text):
        _, handle = _with_id(found[2])
        return _dataset_key(found[1].lower() + "s", handle, text, layout)
    if found := _RESOURCE.fullmatch(text):
        key, handle = _with_id(found[2])
        return _resource_key(found[1].lower() + "s", key, handle, text, layout)
    if found := _ANNOTATION.fullmatch(text):
        return ("annotations", found["key"].strip()), ""
    return ((MARKER,), "") if _MARKED.fullmatch(text) else ((), "")


def _with_id(text: str) -> tuple[str, str | None]:
    """What stands before `[template id: …]`, and the id; None if that is not there."""
    name, mark, rest = text.rpartition("[template id:")
    handle = rest.strip()
    if mark and handle.endswith("]"):
        return name.strip(), handle[:-1].strip()
    return text.strip(), None


def _dataset_key(side: str, handle: str | None, text: str, layout: Layout) -> tuple[Key, str]:
    if handle in {use.template.handle for use in layout.side(side)}:
        return (side, handle), ""
    return (), f'The column "{_short(text)}" is passed over: the workflow has no such {side[:-1]}.'


def _resource_key(
    side: str, key: str, handle: str | None, text: str, layout: Layout
) -> tuple[Key, str]:
    owners = [use.template.handle for use in layout.owners(side, key)]
    if handle in owners:
        return (side, str(handle), key), ""
    if handle is None and len(owners) == 1:
        return (side, owners[0], key), ""
    if handle is None and owners:
        return (), (
            f'The column "{_short(text)}" is passed over: {" and ".join(owners)} have a file of '
            f'that key. Write "{_short(text)} [template id: …]" for each.'
        )
    return (), f'The column "{_short(text)}" is passed over: the workflow has no such file.'


def _resources(template: Item) -> tuple[Resource, ...]:
    return tuple(
        Resource(one["key"], bool(one.get("optional")), one["description"])
        for one in template.info.get("deferred_resources", [])
    )


def _role(side: str) -> str:
    return f"{SIDES[side].capitalize()} template of the workflow"


def _short(text: str) -> str:
    return text if len(text) <= 100 else f"{text[:99]}…"

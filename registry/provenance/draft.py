"""A W3C PROV document in the making: names, elements and relations, as one reader may see them.

PROV has a word for most things, and it is used. What it has none for is in a namespace of ours. It
is written with the `prov` package's own names, not with texts that it would have to parse: one
document is made for every model run.
"""

import re
from collections.abc import Collection, Iterable, Mapping
from datetime import datetime
from typing import Any
from urllib.parse import quote

from django.conf import settings
from prov.constants import (
    PROV,
    PROV_ACTIVITY,
    PROV_AGENT,
    PROV_ASSOCIATION,
    PROV_ATTR_ENDTIME,
    PROV_ATTR_PLAN,
    PROV_ATTR_STARTTIME,
    PROV_ATTR_TIME,
    PROV_ATTRIBUTION,
    PROV_COMMUNICATION,
    PROV_DERIVATION,
    PROV_ENTITY,
    PROV_GENERATION,
    PROV_INFLUENCE,
    PROV_LABEL,
    PROV_MEMBERSHIP,
    PROV_ROLE,
    PROV_TYPE,
    PROV_USAGE,
)
from prov.identifier import Namespace, QualifiedName
from prov.model import PROV_REC_CLS, ProvDocument

from registry.kinds import Category
from registry.models import Item, Relation
from registry.provenance.relations import Derivation, Edge

OURS = Namespace("provena", "https://provena.example.org/ns#")
NOTES = "https://provena.example.org/ns/note#"  # keys that people chose
RESTRICTED = "https://provena.example.org/restricted/{handle}#"
RESOLVER = "https://hdl.handle.net/"
ELEMENTS = {
    Category.ENTITY: PROV_ENTITY,
    Category.ACTIVITY: PROV_ACTIVITY,
    Category.AGENT: PROV_AGENT,
}
RELATIONS = {
    Relation.Type.WAS_GENERATED_BY: PROV_GENERATION,
    Relation.Type.USED: PROV_USAGE,
    Relation.Type.WAS_ASSOCIATED_WITH: PROV_ASSOCIATION,
    Relation.Type.WAS_ATTRIBUTED_TO: PROV_ATTRIBUTION,
    Relation.Type.WAS_INFORMED_BY: PROV_COMMUNICATION,
    Relation.Type.WAS_INFLUENCED_BY: PROV_INFLUENCE,
    Relation.Type.HAD_MEMBER: PROV_MEMBERSHIP,
}
# What PROV itself calls some of our kinds (PROV-DM 3.1, 5.3.1, 5.7.2.4).
PROV_TYPES = {
    "PERSON": PROV["Person"],
    "ORGANISATION": PROV["Organization"],
    "MODEL_RUN_WORKFLOW_TEMPLATE": PROV["Plan"],
}
REVISION = PROV["Revision"]
# All that XML 1.0 can hold (production 2). Content of items is checked for most of this, not all.
_NOT_XML = re.compile("[^\t\n\r -\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_NOT_LOCAL = re.compile("[.~]|^-")  # of what percent-encoding leaves as it is

Attributes = Iterable[tuple[QualifiedName, Any]]


class Names:
    """The names of items in one document. Those that its reader may not see are numbered, in a
    namespace of that document alone: another document's restricted items are not the same ones."""

    def __init__(self, document: ProvDocument, home: str, hidden: Collection[str]) -> None:
        self._document = document
        self._home = home
        self._hidden = hidden
        self._hidden_ids = re.compile(f"(?:{'|'.join(map(re.escape, sorted(hidden)))})(?![0-9])")
        self._spaces: dict[str, Namespace] = {}
        self._restricted: dict[str, QualifiedName] = {}

    def is_hidden(self, handle: str) -> bool:
        return handle in self._hidden

    def of(self, handle: str) -> QualifiedName:
        """The name of an item: its prefix as a namespace, its number as the local part."""
        if self.is_hidden(handle):
            return self._number(handle)
        prefix, _, number = handle.partition("/")
        return self._space(prefix)[number]

    def _space(self, prefix: str) -> Namespace:
        if prefix not in self._spaces:
            own = prefix == settings.HANDLE_PREFIX
            word = "item" if own else f"p{prefix.replace('.', '_')}"
            self._spaces[prefix] = self._document.add_namespace(word, f"{RESOLVER}{prefix}/")
        return self._spaces[prefix]

    def in_text(self, text: str) -> str:
        """A text that every format can hold (what XML has no place for becomes U+FFFD), without the
        ids of what the reader may not see: the name of a Version activity has two."""
        held = _NOT_XML.sub("\ufffd", text)
        return self._hidden_ids.sub("restricted", held) if self._hidden else held

    def _number(self, handle: str) -> QualifiedName:
        if handle not in self._restricted:
            uri = RESTRICTED.format(handle=self._home)
            space = self._document.add_namespace("restricted", uri)
            self._restricted[handle] = space[f"restricted-{len(self._restricted) + 1}"]
        return self._restricted[handle]


class Draft:
    """A document in which each item that is named is declared once, before it is named."""

    def __init__(self, home: str, hidden: Collection[str] = ()) -> None:
        """`home` is the id of the item that it is about, `hidden` the ids that its reader may not
        see."""
        self.document = ProvDocument()
        self.names = Names(self.document, home, hidden)
        self.document.add_namespace(OURS)
        self._declared: dict[str, QualifiedName] = {}

    def ours(self, **values: str | int | None) -> Attributes:
        """Attributes in our namespace. Those without a value are left out."""
        for word, value in values.items():
            if value is not None:
                told = self.names.in_text(value) if isinstance(value, str) else value
                yield OURS[word], told

    def notes(self, notes: Mapping[str, str] | None) -> Attributes:
        """What people noted by keys of their own, as attributes."""
        if notes:
            space = self.document.add_namespace("note", NOTES)
            for key, value in notes.items():
                yield space[local_name(self.names.in_text(key))], self.names.in_text(value)

    def declare(self, item: Item, attributes: Attributes = ()) -> QualifiedName:
        """The name of an item, which is declared with its kind, name and version if it was not yet.
        Of one that the reader may not see, only the kind is told."""
        if name := self._declared.get(item.handle):
            return name
        self._declared[item.handle] = name = self.names.of(item.handle)
        told = list(self._types(item.subtype))
        if not self.names.is_hidden(item.handle):
            label = self.names.in_text(item.display_name)
            told += [(PROV_LABEL, label)] if label else []
            told += [*self.ours(version=item.version), *attributes]
        self.document.new_record(ELEMENTS[Category(item.category)], name, told)
        return name

    def declare_all(self, edges: Iterable[Edge]) -> None:
        """Declare both ends of all these edges, so that they stand before all relations."""
        for edge in edges:
            self.declare(edge.source)
            self.declare(edge.target)

    def relate(self, edge: Edge, attributes: Attributes = ()) -> None:
        """An edge of the graph, and what is said of it beyond its ends."""
        self._relation(RELATIONS[edge.type], edge.source, edge.target, attributes)

    def derive(self, derivation: Derivation) -> None:
        """What documents say beyond the edges."""
        attributes = [(PROV_TYPE, REVISION)] if derivation.is_revision else []
        self._relation(PROV_DERIVATION, derivation.result, derivation.origin, attributes)

    def _relation(
        self, record: QualifiedName, source: Item, target: Item, attributes: Attributes
    ) -> None:
        effect, cause = PROV_REC_CLS[record].FORMAL_ATTRIBUTES[:2]
        ends = [(effect, self.declare(source)), (cause, self.declare(target))]
        self.document.new_record(record, None, [*ends, *attributes])

    def _types(self, subtype: str) -> Attributes:
        yield PROV_TYPE, OURS[subtype]
        if subtype in PROV_TYPES:
            yield PROV_TYPE, PROV_TYPES[subtype]


def at(time: datetime) -> Attributes:
    """When an entity was generated."""
    return [(PROV_ATTR_TIME, time)]


def plan(name: QualifiedName) -> Attributes:
    """What an agent followed in an activity."""
    return [(PROV_ATTR_PLAN, name)]


def role(word: str) -> Attributes:
    """What an agent was in an activity."""
    return [(PROV_ROLE, OURS[word])]


def period(start: datetime, end: datetime) -> Attributes:
    """When an activity was, as attributes of it."""
    return [(PROV_ATTR_STARTTIME, start), (PROV_ATTR_ENDTIME, end)]


def local_name(key: str) -> str:
    """A key as the local part of a name: percent-encoded as in any address (RFC 3986), and also
    where rdflib would not take it for the local part of a name."""
    return _NOT_LOCAL.sub(lambda found: f"%{ord(found[0]):02X}", quote(key, safe=""))

"""A W3C PROV document in the making: names, elements and relations, as one reader may see them.

PROV has a word for most things, and it is used. What it has none for is in a namespace of ours.

A draft is written as PROV-JSON, with the names and values of the `prov` package, which reads it for
everything else. One is made for every model run, and to let `prov` build and write it would cost a
run more than all its statements do.
"""

import json
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
    PROV_ATTRIBUTE_LITERALS,
    PROV_ATTRIBUTE_QNAMES,
    PROV_ATTRIBUTION,
    PROV_COMMUNICATION,
    PROV_DERIVATION,
    PROV_ENTITY,
    PROV_GENERATION,
    PROV_INFLUENCE,
    PROV_LABEL,
    PROV_MEMBERSHIP,
    PROV_N_MAP,
    PROV_ROLE,
    PROV_TYPE,
    PROV_USAGE,
)
from prov.identifier import Namespace, QualifiedName
from prov.model import PROV_REC_CLS
from prov.serializers.provjson import encode_json_representation

from registry.kinds import Category
from registry.models import Item, Relation
from registry.provenance.relations import Derivation, Edge

OURS = Namespace("provena", "https://provena.example.org/ns#")
# Their local parts are keys that people chose: of what they noted, and of the files in a dataset.
NOTES = Namespace("note", "https://provena.example.org/ns/note#")
FILES = Namespace("file", "https://provena.example.org/ns/file#")
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


def for_xml(text: str) -> str:
    """The text with U+FFFD for what XML has no place for."""
    return _NOT_XML.sub("\ufffd", text)


class Names:
    """The names of items in one document. Those that its reader may not see are numbered, in a
    namespace of that document alone: another document's restricted items are not the same ones."""

    def __init__(self, home: str, hidden: Collection[str]) -> None:
        self._hidden = hidden
        self._hidden_ids = re.compile(f"(?:{'|'.join(map(re.escape, sorted(hidden)))})(?![0-9])")
        self._spaces: dict[str, Namespace] = {}
        self._numbers = Namespace("restricted", RESTRICTED.format(handle=home))
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
            while any(word == space.prefix for space in self._spaces.values()):
                word += "_"
            self._spaces[prefix] = Namespace(word, f"{RESOLVER}{prefix}/")
        return self._spaces[prefix]

    def in_text(self, text: str) -> str:
        """A text that every format can hold (what XML has no place for becomes U+FFFD), without the
        ids of what the reader may not see: the name of a Version activity has two."""
        held = for_xml(text)
        return self._hidden_ids.sub("restricted", held) if self._hidden else held

    def _number(self, handle: str) -> QualifiedName:
        if handle not in self._restricted:
            number = len(self._restricted) + 1
            self._restricted[handle] = self._numbers[f"restricted-{number}"]
        return self._restricted[handle]


class Draft:
    """A document in which each item that is named is declared once, before it is named."""

    def __init__(self, home: str, hidden: Collection[str] = ()) -> None:
        """`home` is the id of the item that it is about, `hidden` the ids that its reader may not
        see."""
        self.names = Names(home, hidden)
        self._prefixes = {OURS.prefix: OURS.uri}
        self._records: dict[str, dict[str, Any]] = {}  # of each type, by name
        self._relations = 0
        self._declared: dict[str, QualifiedName] = {}

    def text(self) -> str:
        """The document as PROV-JSON in one line (W3C submission of 24 April 2013)."""
        return json.dumps({"prefix": self._prefixes} | self._records)

    def ours(self, **values: str | int | None) -> Attributes:
        """Attributes in our namespace. Those without a value are left out."""
        for word, value in values.items():
            if value is not None:
                told = self.names.in_text(value) if isinstance(value, str) else value
                yield OURS[word], told

    def notes(self, notes: Mapping[str, str] | None) -> Attributes:
        """What people noted by keys of their own, as attributes."""
        return self._keyed(NOTES, notes or {})

    def files(self, paths: Mapping[str, str]) -> Attributes:
        """The paths of files within a dataset by their keys, as attributes of its use."""
        return self._keyed(FILES, paths)

    def _keyed(self, space: Namespace, values: Mapping[str, str]) -> Attributes:
        for key, value in values.items():
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
        self._add(ELEMENTS[Category(item.category)], self._text(name), told)
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
        self._relations += 1
        self._add(record, f"_:id{self._relations}", [*ends, *attributes])

    def _add(self, record: QualifiedName, name: str, attributes: Attributes) -> None:
        """A record of that type. What PROV defines stands alone and plain (PROV-JSON 2.2, 3.1),
        anything else with its type, and in a list where there is more than one."""
        told: dict[str, Any] = {}
        for attribute, value in attributes:
            key = self._text(attribute)
            if attribute in PROV_ATTRIBUTE_QNAMES:
                told[key] = self._text(value)
            elif attribute in PROV_ATTRIBUTE_LITERALS:
                told[key] = value.isoformat()
            else:
                encoded = encode_json_representation(value, self._text)
                before = told.get(key)
                if before is None:
                    told[key] = encoded
                else:
                    told[key] = [*(before if isinstance(before, list) else [before]), encoded]
        self._records.setdefault(PROV_N_MAP[record], {})[name] = told

    def _text(self, name: Any) -> str:
        """A name with its prefix, which is declared."""
        space = name.namespace
        if space.prefix not in self._prefixes and space is not PROV:
            self._prefixes[space.prefix] = space.uri
        return str(name)

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

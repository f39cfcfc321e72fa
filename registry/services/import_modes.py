"""What an import of the API may do, and what it tells: the same of groups and of items (contract,
section 12)."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from pydantic import ValidationError

from provena.words import counted

Failure = tuple[str, dict[str, Any]]
SHOWN = 20  # ids in one text


class Mode(StrEnum):
    """What may be done: add, overwrite, both; SYNC modes want nothing to be left out, and the last
    one deletes what is."""

    ADD_ONLY = "ADD_ONLY"
    ADD_OR_OVERWRITE = "ADD_OR_OVERWRITE"
    OVERWRITE_ONLY = "OVERWRITE_ONLY"
    SYNC_ADD_OR_OVERWRITE = "SYNC_ADD_OR_OVERWRITE"
    SYNC_DELETION_ALLOWED = "SYNC_DELETION_ALLOWED"

    @property
    def wants_all(self) -> bool:
        """Nothing that is here may be left out."""
        return self in {Mode.SYNC_ADD_OR_OVERWRITE, Mode.SYNC_DELETION_ALLOWED}

    def refusal(self, what: str, id: str, *, is_present: bool) -> str:
        """Why one of these, such as a "group", may not be imported; empty if it may."""
        if self is Mode.ADD_ONLY and is_present:
            return f"There is a{'n' * what.startswith('i')} {what} {id} already."
        if self is Mode.OVERWRITE_ONLY and not is_present:
            return f"There is no {what} {id} to overwrite."
        return ""

    def left_out(self, what: str, ids: Iterable[str], *, may_delete: bool) -> Failure | None:
        """Why these must not be left out, if they must not."""
        left = sorted(ids)
        named = ", ".join(left[:SHOWN]) + (" and more" if len(left) > SHOWN else "")
        if left and self is Mode.SYNC_ADD_OR_OVERWRITE:
            return f"These {what}s would be left out: {named}.", {"ids": left}
        if left and self is Mode.SYNC_DELETION_ALLOWED and not may_delete:
            return f"allow_entry_deletion is needed to delete {named}.", {"ids": left}
        return None


@dataclass
class Outcome:
    """What an import did or, in a trial or with failures, would have done."""

    old_size: int
    new: int = 0
    overwritten: int = 0
    deleted: int = 0
    failures: list[Failure] = field(default_factory=list)

    @property
    def new_size(self) -> int:
        return self.old_size + self.new - self.deleted

    def told(self, what: str, *, trial: bool) -> str:
        """In words, with the first failures."""
        if self.failures:
            return f"Nothing was imported. {' '.join(text for text, _ in self.failures[:10])}"
        done, count = "would be" if trial else "were", counted(self.new + self.overwritten, what)
        return f"{count} {done} imported, and {self.deleted:,} {done} deleted."


def misread(error: ValidationError, told: Mapping[str, Any]) -> Failure:
    """The failure of what has not the shape of an export."""
    faults = [f"{'.'.join(map(str, fault['loc']))}: {fault['msg']}" for fault in error.errors()]
    return "; ".join(faults), dict(told)

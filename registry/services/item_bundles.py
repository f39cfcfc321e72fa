"""Items as the API exports them (contract, section 12), read again: their shape, and what of each
is its content."""

from datetime import UTC, datetime
from functools import cached_property
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from registry import kinds
from registry.kinds import Findings, Kind
from registry.kinds.runs import Moment
from registry.kinds.values import ItemId, Line, Text

Username = Annotated[str, Field(max_length=150)]  # as long as Django lets them be


class _Read(BaseModel):
    model_config = ConfigDict(extra="ignore")


class Versioning(_Read):
    version: Annotated[int, Field(ge=1, le=1_000_000)] = 1
    previous_version: ItemId | None = None
    reason: Text | None = None


class Entry(_Read):
    """A revision: ids count from 0, numbers of revisions from 1."""

    id: Annotated[int, Field(ge=0, le=1_000_000_000)]
    timestamp: Moment
    reason: str
    username: Username
    item: dict[str, Any]


class Store(_Read):
    bucket_name: Line
    path: Line
    s3_uri: Line


class Step(_Read):
    """Of a release, as `services.releases` keeps it."""

    action: Literal["REQUEST", "APPROVE", "REJECT"]
    approver: ItemId
    requester: ItemId | None = None
    notes: str = ""
    timestamp: Moment


class DatasetSystem(_Read):
    """What the system keeps beside the content of a dataset (domain reference, 1.2)."""

    s3: Store
    release_status: Literal["NOT_RELEASED", "PENDING", "RELEASED"] = "NOT_RELEASED"
    release_approver: ItemId | None = None
    release_timestamp: Moment | None = None
    release_history: list[Step] = []


BESIDE = {*DatasetSystem.model_fields, "access_info_uri"}


class Payload(BaseModel):
    """An item as it is fetched. What is no field here is its content."""

    model_config = ConfigDict(extra="allow")

    id: ItemId
    owner_username: Username
    created_timestamp: Moment
    updated_timestamp: Moment
    item_category: str = ""
    item_subtype: str
    record_type: Literal["COMPLETE_ITEM", "SEED_ITEM"]
    versioning_info: Versioning | None = None
    workflow_links: Any = None  # jobs stay where they ran
    history: list[Entry] = []


class Settings(_Read):
    owner: Username
    general: list[str]
    groups: dict[str, list[str]]


class Auth(_Read):
    access_settings: Settings


class LockChange(_Read):
    action_type: Literal["LOCK", "UNLOCK"]
    username: Username
    reason: Text
    timestamp: Moment


class LockInformation(_Read):
    locked: bool
    history: list[LockChange] = []


class Lock(_Read):
    lock_information: LockInformation


class Bundle(_Read):
    """An item with its access settings and the history of its lock."""

    id: ItemId
    item_payload: Payload
    auth_payload: Auth
    lock_payload: Lock

    @property
    def is_complete(self) -> bool:
        return self.item_payload.record_type == "COMPLETE_ITEM"

    @cached_property
    def kind(self) -> type[Kind]:
        """Raises KeyError for an unknown one."""
        return kinds.kind(self.item_payload.item_subtype)

    @cached_property
    def content(self) -> Kind:
        """Raises Findings."""
        return self.kind.parse(self._without_system(self.item_payload.model_extra or {}))

    @property
    def users(self) -> set[str]:
        """All who are named by their account."""
        return {
            self.item_payload.owner_username,
            *(entry.username for entry in self.item_payload.history),
            *(change.username for change in self.lock.history),
        }

    @property
    def access(self) -> Settings:
        return self.auth_payload.access_settings

    @property
    def lock(self) -> LockInformation:
        return self.lock_payload.lock_information

    @property
    def versioning(self) -> Versioning:
        return self.item_payload.versioning_info or Versioning()

    def earlier(self) -> list[tuple[int, dict[str, Any], Entry]]:
        """All revisions but the newest, oldest first: number, content, and who made it when.

        Raises Findings for one of another shape; content that is not right any more may stay, as
        what was said then.
        """
        entries = sorted(self.item_payload.history, key=lambda entry: entry.id)[:-1]
        return [(entry.id + 1, self._old(entry), entry) for entry in entries]

    def newest(self) -> Entry | None:
        return max(self.item_payload.history, key=lambda entry: entry.id, default=None)

    def system(self) -> dict[str, Any]:
        """What is kept beside its content. Raises ValidationError."""
        if not self.kind.has_files:
            return {}
        read = DatasetSystem.model_validate(self.item_payload.model_extra)
        return read.model_dump(mode="json", exclude_none=True)

    def _old(self, entry: Entry) -> dict[str, Any]:
        content = self._without_system(entry.item)
        try:
            return self.kind.parse(content).stored()
        except Findings as found:
            if found.misshapen:
                raise
            return content

    def _without_system(self, told: dict[str, Any]) -> dict[str, Any]:
        if not self.kind.has_files:
            return told
        return {name: value for name, value in told.items() if name not in BESIDE}


def moment(seconds: int) -> datetime:
    """Unix seconds as the database keeps them."""
    return datetime.fromtimestamp(seconds, UTC)

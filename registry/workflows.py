"""The workflows of an item, creation and version: register the activity, lodge its provenance.

Payload and result keys are wire facts (domain reference, 4.1).
"""

from uuid import UUID

from jobs import definitions, wakeups
from jobs.definitions import Payload, PermanentError
from jobs.worker import Run
from registry import services
from registry.kinds import Kind
from registry.kinds.activities import Create, Version
from registry.kinds.values import SHORT
from registry.models import Item
from registry.provenance import relations
from registry.services.custody import follow_access

definitions.workflow(
    name="ITEM_CREATION",
    title="Item creation workflow",
    purpose="Records who registered this item, and when, as provenance.",
    steps=("REGISTER_CREATE_ACTIVITY", "LODGE_CREATE_ACTIVITY"),
    started_by="registering a model, a dataset or a template",
)
definitions.workflow(
    name="ITEM_VERSION",
    title="Version workflow",
    purpose="Records who made this version, from which one and why, as provenance.",
    steps=("REGISTER_VERSION_ACTIVITY", "LODGE_VERSION_ACTIVITY"),
    started_by="making a new version of a model, a dataset or a template",
)
wakeups.declare("REGISTRY", "Registry Wake-up")
wakeups.declare("PROV_LODGE", "Provenance Wake-up")


class RegisterCreatePayload(Payload):
    created_item_id: str
    created_item_subtype: str
    linked_person_id: str


class RegisterCreateResult(Payload):
    creation_activity_id: str
    lodge_session_id: UUID


class LodgeCreatePayload(Payload):
    created_item_id: str
    creation_activity_id: str
    linked_person_id: str
    created_item_subtype: str


class RegisterVersionPayload(Payload):
    reason: str
    version_number: int
    from_version_id: str
    to_version_id: str
    linked_person_id: str
    item_subtype: str


class RegisterVersionResult(Payload):
    version_activity_id: str
    lodge_session_id: UUID


class LodgeVersionPayload(Payload):
    from_version_id: str
    to_version_id: str
    version_activity_id: str
    linked_person_id: str
    item_subtype: str


@definitions.job(
    type="REGISTRY",
    sub_type="REGISTER_CREATE_ACTIVITY",
    title="Register Create Activity",
    payload=RegisterCreatePayload,
    result=RegisterCreateResult,
    makes="creation_activity_id",
)
def register_create_activity(run: Run, payload: RegisterCreatePayload) -> RegisterCreateResult:
    """Make the Create activity of an item, and queue the lodging of its provenance."""
    item = _item(payload.created_item_id, lock=True)
    content = Create(
        display_name=_named("Creation of {}", item.display_name), created_item_id=item.handle
    )
    activity = _make(run, content, item)
    lodging = LodgeCreatePayload(creation_activity_id=activity.handle, **payload.model_dump())
    return RegisterCreateResult(
        creation_activity_id=activity.handle, lodge_session_id=run.submit_next(lodging)
    )


@definitions.job(
    type="PROV_LODGE",
    sub_type="LODGE_CREATE_ACTIVITY",
    title="Lodge Create Activity Provenance",
    payload=LodgeCreatePayload,
)
def lodge_create_activity(run: Run, payload: LodgeCreatePayload) -> None:
    """Write the provenance relations of a Create activity. Doing it again changes nothing."""
    activity = _item(payload.creation_activity_id)
    edges = relations.of_creation(
        item=_item(payload.created_item_id),
        activity=activity,
        person=_item(payload.linked_person_id),
    )
    relations.lodge(record=activity, edges=edges)


@definitions.job(
    type="REGISTRY",
    sub_type="REGISTER_VERSION_ACTIVITY",
    title="Register Version Activity",
    payload=RegisterVersionPayload,
    result=RegisterVersionResult,
    makes="version_activity_id",
)
def register_version_activity(run: Run, payload: RegisterVersionPayload) -> RegisterVersionResult:
    """Make the Version activity of an item, and queue the lodging of its provenance."""
    old, new = _item(payload.from_version_id), _item(payload.to_version_id, lock=True)
    content = Version(
        display_name=_named(
            f"Version {payload.version_number} of {{}}: {old.handle} to {new.handle}",
            new.display_name,
        ),
        from_item_id=old.handle,
        to_item_id=new.handle,
        reason=payload.reason,
        new_version_number=payload.version_number,
    )
    activity = _make(run, content, new)
    lodging = LodgeVersionPayload(
        version_activity_id=activity.handle,
        **payload.model_dump(exclude={"reason", "version_number"}),
    )
    return RegisterVersionResult(
        version_activity_id=activity.handle, lodge_session_id=run.submit_next(lodging)
    )


@definitions.job(
    type="PROV_LODGE",
    sub_type="LODGE_VERSION_ACTIVITY",
    title="Lodge Version Activity Provenance",
    payload=LodgeVersionPayload,
)
def lodge_version_activity(run: Run, payload: LodgeVersionPayload) -> None:
    """Write the provenance relations of a Version activity. Doing it again changes nothing."""
    activity = _item(payload.version_activity_id)
    edges = relations.of_version(
        old=_item(payload.from_version_id),
        new=_item(payload.to_version_id),
        activity=activity,
        person=_item(payload.linked_person_id),
    )
    relations.lodge(record=activity, edges=edges)


def _make(run: Run, content: Kind, about: Item) -> Item:
    """Make the activity that recorded an item; who may read the item may read it, too."""
    activity = services.create(handle=services.mint(), content=content, owner=run.owner)
    follow_access(activity, about)
    return activity


def _item(handle: str, *, lock: bool = False) -> Item:
    """The item; locked, its name and access stay what they are until the job commits."""
    items = Item.objects.live().filter(handle=handle)
    item = (items.select_for_update() if lock else items).first()
    if item is None:
        raise PermanentError(
            f"Item {handle} is not in the registry any more, so its provenance cannot be recorded.",
            remedy="What was deleted does not come back, so there is nothing to retry: this job "
            "can stay as it is. If the item is missed, register it again.",
        )
    return item


def _named(sentence: str, name: str) -> str:
    """The sentence with the name in it, which is cut where that would be too long."""
    room = SHORT - len(sentence.format(""))
    return sentence.format(name if len(name) <= room else f"{name[: room - 1].rstrip()}…")

"""The item creation workflow: register the Create activity, then lodge its provenance.

Payload and result keys are wire facts (domain reference, 4.1).
"""

from uuid import UUID

from jobs import definitions
from jobs.definitions import Payload, PermanentError
from jobs.worker import Run
from registry import services
from registry.kinds.activities import Create
from registry.models import Item
from registry.provenance import relations

definitions.workflow(
    name="ITEM_CREATION",
    title="Item creation workflow",
    purpose="Records who registered this item, and when, as provenance.",
    steps=("REGISTER_CREATE_ACTIVITY", "LODGE_CREATE_ACTIVITY"),
)


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


@definitions.job(
    type="REGISTRY",
    sub_type="REGISTER_CREATE_ACTIVITY",
    title="Register Create Activity",
    payload=RegisterCreatePayload,
    result=RegisterCreateResult,
)
def register_create_activity(run: Run, payload: RegisterCreatePayload) -> RegisterCreateResult:
    """Make the Create activity of an item, and queue the lodging of its provenance."""
    item = _item(payload.created_item_id)
    activity = services.create(
        handle=services.mint(),
        content=Create(
            display_name=_at_most_300(f"Creation of {item.display_name}"),
            created_item_id=item.handle,
        ),
        owner=run.owner,
    )
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
    """Write the edges of a Create activity. Doing it again changes nothing."""
    activity = _item(payload.creation_activity_id)
    edges = relations.of_creation(
        item=_item(payload.created_item_id),
        activity=activity,
        person=_item(payload.linked_person_id),
    )
    relations.lodge(record=activity, edges=edges)


def _item(handle: str) -> Item:
    try:
        return Item.objects.get(handle=handle)
    except Item.DoesNotExist:
        raise PermanentError(
            f"Item {handle} is not in the registry any more, so its provenance cannot be recorded."
        ) from None


def _at_most_300(text: str) -> str:
    return text if len(text) <= 300 else f"{text[:299]}…"

"""Submitting a job of any kind for any user, as operators do from code (contract, section 6)."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any
from uuid import UUID

from django.contrib.auth import get_user_model
from django.db import transaction

from jobs import definitions, lifecycle
from jobs.definitions import UnknownKind
from jobs.lifecycle import NotPossible
from jobs.models import Batch, Job

if TYPE_CHECKING:
    from django.contrib.auth.models import User


def launch(
    *,
    type: str,
    sub_type: str,
    payload: Mapping[str, Any],
    username: str,
    in_new_batch: bool = False,
    add_to_batch: UUID | None = None,
) -> Job:
    """Add a PENDING job of that user: alone, in a new batch, or as one more of a batch of theirs.

    Raises NotPossible for a user, a kind or a batch that is not there, or that do not belong
    together, and InvalidPayload naming every fault of the payload.
    """
    owner = get_user_model().objects.filter(username=username, is_active=True).first()
    if owner is None:
        raise NotPossible(f"There is no user {username!r} who could own the job.")
    _need_kind(type, sub_type)
    with transaction.atomic():
        batch, index = None, None
        if in_new_batch:
            title = definitions.title_of(sub_type)
            batch, index = Batch.objects.create(owner=owner, title=title, total=1), 0
        elif add_to_batch:
            batch, index = _room_in(add_to_batch, owner, sub_type)
        return lifecycle.submit(
            sub_type=sub_type, payload=payload, owner=owner, batch=batch, batch_index=index
        )


def _need_kind(type: str, sub_type: str) -> None:
    try:
        kind = definitions.job_kind(sub_type)
    except UnknownKind:
        known = ", ".join(kind.sub_type for kind in definitions.job_kinds())
        raise NotPossible(
            f"There is no kind of job {sub_type!r} here. There are: {known}."
        ) from None
    if kind.type != type:
        raise NotPossible(f"Jobs {sub_type} are of the type {kind.type}, and not {type}.")


def _room_in(batch_id: UUID, owner: "User", sub_type: str) -> tuple[Batch, int]:
    """The batch of that owner, with its total one higher, and the place of the job in it."""
    batch = Batch.objects.select_for_update().filter(pk=batch_id, owner=owner).first()
    if batch is None:
        raise NotPossible(f"{owner.get_username()} has no batch {batch_id}.")
    of = batch.jobs.order_by().values_list("sub_type", flat=True).first()
    if of != sub_type:
        raise NotPossible(f"The batch {batch_id} holds jobs {of}; a {sub_type} cannot join it.")
    batch.total += 1
    batch.save(update_fields=["total"])
    lifecycle.resume(batch.pk)
    return batch, batch.total - 1

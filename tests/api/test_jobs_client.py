"""Every method of the unmodified client's `job_api`, on a server with a real worker."""

from collections.abc import Callable
from typing import Any
from uuid import uuid4

import pytest
from django.contrib.auth.models import User
from provenaclient.utils.exceptions import AuthException, BadRequestException
from ProvenaInterfaces.AsyncJobAPI import (
    AdminLaunchJobRequest,
    AdminListByBatchRequest,
    AdminListJobsRequest,
    JobSubType,
    JobType,
    ListByBatchRequest,
    ListJobsRequest,
)

from jobs import lifecycle
from provena.tokens import keeping
from registry.models import Item
from tests.api.client import Provena, connect, wait_for

pytestmark = [pytest.mark.cluster, pytest.mark.django_db(transaction=True)]


async def _all(jobs: Any) -> list[str]:
    return [job.session_id async for job in jobs]


def test_every_method_for_users(
    provena: Provena, user: User, make_item: Callable[..., Item]
) -> None:
    api = provena.job_api
    item = make_item(user)
    batch = lifecycle.submit_batch(
        sub_type="REGISTRY_WAKE_UP", payloads=[{}] * 5, owner=user, title="Five"
    )
    first = str(item.creation_workflow.jobs.get(step=0).session_id)
    done = wait_for(api.await_successful_job_completion(first))
    assert done.result["creation_activity_id"]
    wait_for(api.await_job_completion(done.result["lodge_session_id"]))
    assert wait_for(api.fetch_job(first)).job.status == "SUCCEEDED"
    assert len(wait_for(api.list_jobs(ListJobsRequest(limit=3))).jobs) == 3
    assert len(wait_for(api.list_all_jobs(ListJobsRequest(limit=2)))) == 7
    assert len(set(wait_for(_all(api.for_all_jobs(ListJobsRequest(limit=3)))))) == 7
    of = str(batch.pk)
    assert len(wait_for(api.list_jobs_in_batch(ListByBatchRequest(batch_id=of, limit=2))).jobs) == 2
    assert len(wait_for(api.list_all_jobs_in_batch(ListByBatchRequest(batch_id=of, limit=2)))) == 5
    some = api.for_all_jobs_in_batch(ListByBatchRequest(batch_id=of, limit=2))
    assert len(set(wait_for(_all(some)))) == 5


def test_every_method_for_administrators_and_what_others_are_told(
    provena: Provena, address: str, user: User, make_user: Callable[..., User]
) -> None:

    root = make_user("root", is_staff=True, is_superuser=True)
    admin = connect(address, keeping.issue(user=root, name="admin")[1]).job_api.admin
    wake_up = AdminLaunchJobRequest(
        username="ana",
        request_batch_id=True,
        job_type=JobType.PROV_LODGE,
        job_sub_type=JobSubType.PROV_LODGE_WAKE_UP,
        job_payload={"reason": "a test"},
    )
    launched = wait_for(admin.launch_job(wake_up))
    job = wait_for(provena.job_api.await_successful_job_completion(launched.session_id))
    assert (job.username, job.batch_id) == ("ana", launched.batch_id)
    assert wait_for(admin.get_job(launched.session_id)).job.payload == {"reason": "a test"}
    hers = AdminListJobsRequest(username_filter="ana", limit=1)
    assert len(wait_for(admin.list_jobs(hers)).jobs) == 1
    assert len(wait_for(admin.list_all_jobs(hers))) == 1
    assert wait_for(_all(admin.for_all_jobs(AdminListJobsRequest(limit=1)))) == [job.session_id]
    batch = AdminListByBatchRequest(batch_id=launched.batch_id, limit=10)
    assert len(wait_for(admin.list_job_batch(batch)).jobs) == 1
    assert len(wait_for(admin.list_all_jobs_in_batch(batch))) == 1
    assert wait_for(_all(admin.for_all_jobs_in_batch(batch))) == [job.session_id]

    with pytest.raises(AuthException):
        wait_for(provena.job_api.admin.launch_job(wake_up))
    with pytest.raises(BadRequestException, match="no job"):
        wait_for(provena.job_api.fetch_job(str(uuid4())))
    wrong = wake_up.model_copy(update={"job_payload": {"reason": 5}})
    with pytest.raises(BadRequestException, match="reason"):
        wait_for(admin.launch_job(wrong))
    revoked = connect(address, "provena_nonsense").job_api
    with pytest.raises(AuthException):
        wait_for(revoked.fetch_job(launched.session_id))

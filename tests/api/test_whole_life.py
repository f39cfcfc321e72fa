"""The life of an item by the unmodified client, which signs in by its own offline flow."""

from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.auth.models import User
from provenaclient import ProvenaClient
from provenaclient.auth import OfflineFlow
from provenaclient.models.general import AsyncAwaitSettings
from provenaclient.utils.exceptions import AuthException, BadRequestException
from ProvenaInterfaces.RegistryAPI import (
    GeneralListRequest,
    ItemRevertRequest,
    VersionRequest,
)
from ProvenaInterfaces.RegistryModels import (
    ItemModel,
    ItemSubType,
    ModelDomainInfo,
    ModelRunWorkflowTemplateDomainInfo,
)

from jobs.models import Job
from provena.tokens import keeping
from provena.tokens.models import Token
from registry.models import Item
from tests.api.client import config, connect, wait_for
from tests.conftest import MODEL
from tests.stack import Stack, wait_until

OFTEN = AsyncAwaitSettings(job_polling_interval=1)


@pytest.mark.cluster
@pytest.mark.django_db(transaction=True)
def test_an_item_from_its_registration_to_its_next_version(
    address: str,
    stack: Stack,
    user: User,
    make_user: Callable[..., User],
    make_item: Callable[..., Item],
) -> None:
    stack.start_worker()
    where = config(address)
    _, offline = keeping.issue(user=user, name="laptop", purpose=Token.Purpose.OFFLINE)
    auth = OfflineFlow(config=where, client_id="client-tools", offline_token=offline)
    client: Any = ProvenaClient(auth=auth, config=where)  # its types ask for what it leaves out
    models, jobs = client.registry.model, client.job_api

    made = wait_for(models.create_item(ModelDomainInfo.model_validate(MODEL)))
    first = made.created_item.id
    recorded = jobs.await_successful_job_completion(
        made.register_create_activity_session_id, settings=OFTEN
    )
    creation = wait_for(recorded).result["creation_activity_id"]
    assert wait_for(client.registry.create_activity.fetch(creation)).item.created_item_id == first

    changed = ModelDomainInfo.model_validate(MODEL | {"description": "Of all corals"})
    wait_for(models.update(first, changed, reason="More species"))
    fetched = wait_for(models.fetch(first)).item
    assert isinstance(fetched, ItemModel)
    assert (fetched.description, len(fetched.history)) == ("Of all corals", 2)
    wait_for(models.revert_item(ItemRevertRequest(id=first, history_id=0, reason="No")))
    fetched = wait_for(models.fetch(first)).item
    assert (fetched.description, fetched.history[0].id) == (MODEL["description"], 2)

    version = wait_for(models.version_item(VersionRequest(id=first, reason="Rewritten")))
    wait_for(jobs.await_successful_job_completion(version.version_job_session_id, settings=OFTEN))
    second = wait_for(models.fetch(version.new_version_id)).item
    assert (second.versioning_info.version, second.versioning_info.previous_version) == (2, first)

    found = wait_for(client.search.search_registry("Reef", 10, ItemSubType.MODEL)).results
    assert {hit.id for hit in found} == {first, second.id}
    for number in range(7):
        make_item(user, display_name=f"Model {number}")
    wait_until(lambda: not Job.objects.unfinished().exists(), "all that is new is recorded")
    listed, asked = [], GeneralListRequest(page_size=3)
    while True:
        page = wait_for(client.registry.list_general_registry_items(asked))
        listed += [item["id"] for item in page.items]
        if page.pagination_key is None:
            break
        asked.pagination_key = page.pagination_key
    assert len(listed) == len(set(listed))
    assert set(listed) == set(Item.objects.values_list("handle", flat=True))
    assert wait_for(client.registry.list_registry_items_with_count())["MODEL"] == 9

    lost = ModelRunWorkflowTemplateDomainInfo.model_validate(
        {"display_name": "Of no model", "software_id": "10378.1/9"}
    )
    with pytest.raises(Exception, match=r"10378\.1/9"):
        wait_for(client.registry.model_run_workflow.create_item(lost))
    with pytest.raises(BadRequestException, match="not the latest version"):
        wait_for(models.version_item(VersionRequest(id=first, reason="Again")))
    Item.objects.get(handle=first).grants.all().delete()
    eve = connect(address, keeping.issue(user=make_user("eve"), name="hers")[1])
    with pytest.raises(AuthException):
        wait_for(eve.registry.model.fetch(first))

"""Every method of the unmodified client's `datastore` and `search`, on a server with a real
worker."""

from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.auth.models import User
from provenaclient.models import RevertMetadata
from provenaclient.utils.exceptions import AuthException, BadRequestException
from ProvenaInterfaces.DataStoreAPI import CredentialsRequest, PresignedURLRequest
from ProvenaInterfaces.RegistryAPI import (
    NoFilterSubtypeListRequest,
    SortOptions,
    SortType,
    VersionRequest,
)
from ProvenaInterfaces.RegistryModels import CollectionFormat, ItemDataset, ItemSubType

from provena.tokens import keeping
from registry.models import Item
from tests.api.client import Provena, connect, wait_for
from tests.conftest import dataset

pytestmark = [pytest.mark.cluster, pytest.mark.django_db(transaction=True)]


async def _all(datasets: Any) -> list[str]:
    return [found.id async for found in datasets]


def test_every_method_for_datasets(
    provena: Provena, user: User, make_item: Callable[..., Item]
) -> None:
    api = provena.datastore
    organisation = make_item(user, subtype="ORGANISATION").handle
    whole = {
        "formats": ["NetCDF"],
        "keywords": ["reef"],
        "user_metadata": {"team": "coral"},
        "access_info": {"reposited": False, "uri": "https://example.org/x", "description": "Ask"},
        "created_date": {"relevant": True, "value": "2024-02-29"},
        "temporal_info": {"resolution": "P1D"},
    }
    content = CollectionFormat(**dataset(organisation, **whole)["collection_format"])
    plain = CollectionFormat(**dataset(organisation)["collection_format"])
    assert wait_for(api.validate_dataset_metadata(content)).status.success

    minted = wait_for(api.mint_dataset(content))
    session_id = minted.register_create_activity_session_id
    wait_for(provena.job_api.await_successful_job_completion(session_id))
    fetched = wait_for(api.fetch_dataset(minted.handle)).item
    assert isinstance(fetched, ItemDataset)
    assert (fetched.collection_format, fetched.s3) == (content, minted.s3_location)
    assert str(fetched.access_info_uri) == "https://example.org/x"

    updated = wait_for(api.update_dataset_metadata(minted.handle, "Moved here", plain))
    assert (updated.handle, updated.s3_location) == (minted.handle, minted.s3_location)
    assert wait_for(api.fetch_dataset(minted.handle)).item.collection_format == plain
    back = RevertMetadata(id=minted.handle, history_id=0, reason="It was right")
    assert wait_for(api.revert_dataset_metadata(back)).status.success
    reverted = wait_for(api.fetch_dataset(minted.handle)).item
    assert reverted.collection_format == content
    assert [entry.id for entry in reverted.history] == [2, 1, 0]
    assert reverted.history[0].item.collection_format == content

    asked = VersionRequest(id=minted.handle, reason="More of it")
    version = wait_for(api.version_dataset(asked))
    wait_for(provena.job_api.await_successful_job_completion(version.version_job_session_id))
    newer = wait_for(api.fetch_dataset(version.new_version_id)).item
    assert newer.versioning_info.previous_version == minted.handle

    both = {minted.handle, version.new_version_id}
    by_name = SortOptions(sort_type=SortType.DISPLAY_NAME, ascending=True)
    page = wait_for(api.list_datasets(NoFilterSubtypeListRequest(page_size=1, sort_by=by_name)))
    assert (len(page.items), page.total_item_count) == (1, 1)
    assert page.pagination_key
    assert {found.id for found in wait_for(api.list_all_datasets(by_name))} == both
    some = api.for_all_datasets(NoFilterSubtypeListRequest(page_size=1))
    assert set(wait_for(_all(some))) == both

    loaded = wait_for(api.search_datasets("surface temperatures"))
    assert {found.id for found in loaded.items} == both
    assert (loaded.auth_errors, loaded.misc_errors) == ([], [])


def test_what_the_client_is_refused(
    provena: Provena, address: str, user: User, make_item: Callable[..., Item], make_user: Any
) -> None:
    api = provena.datastore
    elsewhere = {"reposited": False, "uri": "https://example.org/x", "description": "Ask"}
    organisation = make_item(user, subtype="ORGANISATION").handle
    plain = CollectionFormat(**dataset(organisation, access_info=elsewhere)["collection_format"])
    handle = wait_for(api.mint_dataset(plain)).handle
    file = PresignedURLRequest(dataset_id=handle, file_path="a.nc", expires_in=60)
    keys = CredentialsRequest(dataset_id=handle, console_session_required=False)
    session = wait_for(api.interactive_dataset(handle))
    assert wait_for(session.fetch_dataset()).item.id == handle
    for refused in (
        api.generate_dataset_presigned_url(file),
        api.generate_read_access_credentials(keys),
        api.generate_write_access_credentials(keys),
        session.generate_read_access_credentials(False),
        session.generate_write_access_credentials(False),
    ):
        with pytest.raises(BadRequestException, match=r"kept elsewhere, at https://example\.org"):
            wait_for(refused)
    assert wait_for(session.revert_dataset_metadata(0, "Again")).status.success
    assert wait_for(session.version("More")).new_version_id
    with pytest.raises(BadRequestException, match="latest version"):
        wait_for(session.version("Again"))

    with pytest.raises(BadRequestException, match="no item"):
        wait_for(api.fetch_dataset("10378.1/7"))
    wrong = plain.model_copy(deep=True)
    wrong.dataset_info.publisher_id = "10378.1/7"
    with pytest.raises(Exception, match=r"10378\.1/7"):
        wait_for(api.mint_dataset(wrong))
    with pytest.raises(BadRequestException, match=r"10378\.1/7"):
        wait_for(api.update_dataset_metadata(handle, "Wrong", wrong))
    other = connect(address, keeping.issue(user=make_user("stranger"), name="x")[1]).datastore
    with pytest.raises(AuthException):
        wait_for(other.update_dataset_metadata(handle, "Mine", plain))


def test_every_method_for_search(
    provena: Provena, user: User, make_item: Callable[..., Item]
) -> None:
    search = provena.search
    item = make_item(user, display_name="Acropora")
    found = wait_for(search.search_registry("acropora", limit=None, subtype_filter=None))
    assert [result.id for result in found.results] == [item.handle]
    found = wait_for(search.search_registry(item.handle, limit=1, subtype_filter=ItemSubType.MODEL))
    assert [result.id for result in found.results] == [item.handle]
    assert wait_for(search.search_registry("qwertzuiop", None, None)).results == []

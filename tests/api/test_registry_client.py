"""Every method of the registry of Provena's unmodified client, against a server of this process;
jobs run when the test says so."""

import warnings
from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.auth.models import User
from pytest_django.live_server_helper import LiveServer

from provena.tokens import keeping
from registry import services
from registry.model_runs import services as runs
from registry.models import Group, Item
from tests.api.client import Provena, connect, wait_for
from tests.conftest import DEFAULTS, MODEL, drain, registered
from tests.registry.runs import Workflow, made_for

with warnings.catch_warnings(action="ignore"):
    from provenaclient.modules.registry import DatasetClient
    from provenaclient.utils.exceptions import AuthException, BadRequestException
    from ProvenaInterfaces import RegistryAPI

# Of the six kinds that it registers: the part of the client, its model of content, what it must
# read items as, content, and whether there are versions.
SIX: dict[str, tuple[str, Any, Any, bool]] = {
    "ORGANISATION": (
        "organisation",
        RegistryAPI.OrganisationDomainInfo,
        RegistryAPI.ItemOrganisation,
        False,
    ),
    "PERSON": ("person", RegistryAPI.PersonDomainInfo, RegistryAPI.ItemPerson, False),
    "MODEL": ("model", RegistryAPI.ModelDomainInfo, RegistryAPI.ItemModel, True),
    "MODEL_RUN_WORKFLOW_TEMPLATE": (
        "model_run_workflow",
        RegistryAPI.ModelRunWorkflowTemplateDomainInfo,
        RegistryAPI.ItemModelRunWorkflowTemplate,
        True,
    ),
    "DATASET_TEMPLATE": (
        "dataset_template",
        RegistryAPI.DatasetTemplateDomainInfo,
        RegistryAPI.ItemDatasetTemplate,
        True,
    ),
    "STUDY": ("study", RegistryAPI.StudyDomainInfo, RegistryAPI.ItemStudy, False),
}
# Of those that others make.
OTHERS: dict[str, tuple[str, Any, Any]] = {
    "DATASET": ("dataset", RegistryAPI.DatasetDomainInfo, RegistryAPI.ItemDataset),
    "MODEL_RUN": ("model_run", RegistryAPI.ModelRunDomainInfo, RegistryAPI.ItemModelRun),
    "CREATE": ("create_activity", RegistryAPI.CreateDomainInfo, RegistryAPI.ItemCreate),
    "VERSION": ("version_acitvity", RegistryAPI.VersionDomainInfo, RegistryAPI.ItemVersion),
}
ALL = [(subtype, *about[:3]) for subtype, about in (SIX | OTHERS).items()]


@pytest.fixture
def modeller(transactional_db: None, user: User) -> User:
    return user


@pytest.fixture
def client_of(live_server: LiveServer) -> Callable[[User], Provena]:
    return lambda user: connect(live_server.url, keeping.issue(user=user, name="client")[1])


@pytest.fixture
def provena(modeller: User, client_of: Callable[[User], Provena]) -> Provena:
    return client_of(modeller)


@pytest.fixture
def root(client_of: Callable[[User], Provena], make_user: Callable[..., User]) -> Provena:
    return client_of(make_user("root", is_staff=True, is_superuser=True))


@pytest.fixture
def world(modeller: User) -> Workflow:
    """Items of every kind, with all that jobs make of them."""
    made = made_for(modeller)
    services.create_version(handle=made.model.handle, reason="New grid", by=modeller)
    runs.register(record=made.record(), owner=modeller)
    drain()
    return made


def part(client: Provena, name: str) -> Any:
    """The client has one for datasets, too, but hands it out nowhere."""
    registry = client.registry
    if name == "dataset":
        return DatasetClient(registry._auth, registry._config, registry._registry_client)
    return getattr(registry, name)


def content_for(owner: User, subtype: str) -> dict[str, Any]:
    if subtype == "MODEL_RUN_WORKFLOW_TEMPLATE":
        template = registered(owner, subtype="DATASET_TEMPLATE")
        return {
            "display_name": "Template",
            "software_id": registered(owner).handle,
            "input_templates": [{"template_id": template.handle, "optional": True}],
            "annotations": {"required": ["seed"], "optional": []},
        }
    if subtype == "DATASET_TEMPLATE":
        resource: dict[str, Any] = {
            "description": "d",
            "usage_type": "CONFIG_FILE",
            "is_folder": True,
        }
        resource["optional"] = False
        return {
            "display_name": "Template",
            "defined_resources": [resource | {"path": "a.nc"}],
            "deferred_resources": [resource | {"key": "k", "additional_metadata": {"a": "b"}}],
        }
    return {"display_name": "Something", "user_metadata": {"team": "coral"}} | DEFAULTS[subtype]


@pytest.mark.parametrize("subtype", SIX)
def test_the_client_leads_an_item_through_its_whole_life(
    subtype: str, modeller: User, provena: Provena, root: Provena
) -> None:
    name, content_model, item_model, is_versioned = SIX[subtype]
    kind = part(provena, name)
    content = content_model(**content_for(modeller, subtype))

    assert wait_for(kind.validate_item(content)).status.success
    created = wait_for(kind.create_item(content))
    item = created.created_item
    assert type(item) is item_model
    session = created.register_create_activity_session_id
    assert bool(session) == is_versioned
    if is_versioned:
        assert item.workflow_links.create_activity_workflow_id == session
    fetched = wait_for(kind.fetch(item.id))
    assert type(fetched.item) is item_model
    assert fetched.item == item
    assert content_model(**fetched.item.model_dump()) == content
    assert "admin" in fetched.roles
    assert (fetched.locked, fetched.item_is_seed) == (False, False)

    change_and_revert(kind, item, content)
    lock_and_unlock(kind, item, content)
    if is_versioned:
        make_version(kind, item, item_model)
    drain()
    complete_a_seed(kind, content, item_model)
    drain()
    delete_seeds(kind, part(root, name), root)


def change_and_revert(kind: Any, item: Any, content: Any) -> None:
    changed = content.model_copy(update={"display_name": "Renamed"})
    updated = wait_for(kind.update(item.id, changed, "A better name"))
    assert getattr(updated, "register_create_activity_session_id", None) is None
    history = wait_for(kind.fetch(item.id)).item.history
    assert [(entry.id, entry.item.display_name) for entry in history] == [
        (1, "Renamed"),
        (0, content.display_name),
    ]
    assert history[0].reason == "A better name"
    back = RegistryAPI.ItemRevertRequest(id=item.id, history_id=0, reason="It was right")
    wait_for(kind.revert_item(back))
    assert wait_for(kind.fetch(item.id)).item.display_name == content.display_name


def lock_and_unlock(kind: Any, item: Any, content: Any) -> None:
    change = RegistryAPI.LockChangeRequest(id=item.id, reason="Published")
    wait_for(kind.lock_resource(change))
    assert wait_for(kind.get_lock_status(item.id)).locked
    with pytest.raises(AuthException, match="locked"):
        wait_for(kind.update(item.id, content, "Again"))
    wait_for(kind.unlock_resource(change))
    events = wait_for(kind.get_lock_history(item.id)).history
    assert [event.action_type for event in events] == ["UNLOCK", "LOCK"]


def make_version(kind: Any, item: Any, item_model: Any) -> None:
    asked = RegistryAPI.VersionRequest(id=item.id, reason="New grid")
    version = wait_for(kind.version_item(asked))
    new = wait_for(kind.fetch(version.new_version_id)).item
    assert type(new) is item_model
    assert (new.versioning_info.version, new.versioning_info.previous_version) == (2, item.id)
    assert new.versioning_info.reason == "New grid"
    assert new.workflow_links.version_activity_workflow_id == version.version_job_session_id
    assert [entry.id for entry in new.history] == [0]
    old = wait_for(kind.fetch(item.id)).item
    assert old.versioning_info.next_version == version.new_version_id


def complete_a_seed(kind: Any, content: Any, item_model: Any) -> None:
    seeded = wait_for(kind.seed_item()).seeded_item
    assert type(seeded) is RegistryAPI.SeededItem
    with pytest.raises(Exception, match="reserved id"):
        wait_for(kind.fetch(seeded.id))
    seed = wait_for(kind.fetch(seeded.id, seed_allowed=True))
    assert seed.item_is_seed
    assert type(seed.item) is RegistryAPI.SeededItem
    wait_for(kind.update(seeded.id, content, None))
    assert type(wait_for(kind.fetch(seeded.id)).item) is item_model


def delete_seeds(kind: Any, kind_of_root: Any, root: Provena) -> None:
    spare = wait_for(kind.seed_item()).seeded_item
    with pytest.raises(AuthException):
        wait_for(kind.admin_delete(spare.id))
    assert wait_for(kind_of_root.admin_delete(spare.id)).status.success
    with pytest.raises(Exception, match="no item"):
        wait_for(kind.fetch(spare.id, seed_allowed=True))
    other = wait_for(kind.seed_item()).seeded_item
    assert wait_for(root.registry.admin.delete(other.id)).status.success


@pytest.mark.parametrize(("subtype", "name", "content_model", "item_model"), ALL)
def test_the_client_reads_what_there_is_of_every_kind(
    subtype: str,
    name: str,
    content_model: Any,
    item_model: Any,
    modeller: User,
    world: Workflow,
    provena: Provena,
) -> None:
    """The class is what counts: what the client cannot read whole, it takes for a seed."""
    kind = part(provena, name)
    expected = Item.objects.filter(subtype=subtype).count()
    assert expected
    asked = RegistryAPI.GeneralListRequest(page_size=2)
    seen = []
    while True:
        listed = wait_for(kind.list_items(asked))
        seen += listed.items
        if not listed.pagination_key:
            break
        assert len(listed.items) == listed.total_item_count == 2
        asked.pagination_key = listed.pagination_key
    assert len({item.id for item in seen}) == len(seen) == expected
    assert {type(item) for item in seen} == {item_model}

    item = seen[0]
    fetched = wait_for(kind.fetch(item.id))
    assert type(fetched.item) is item_model
    assert fetched.item == item
    content = content_model(**item.model_dump())
    assert wait_for(kind.validate_item(content)).status.success
    schema = wait_for(kind.get_schema()).json_schema
    assert schema["title"]
    assert "admin" in wait_for(kind.evaluate_auth_access(item.id)).roles
    roles = {role.role_name: role for role in wait_for(kind.get_auth_roles()).roles}
    assert ("dataset-data-read" in roles) == (subtype == "DATASET")
    assert set(roles["admin"].also_grants) == set(roles) - {"admin"}

    Group.objects.create(slug="reef", display_name="Reef")
    wanted = wait_for(kind.get_auth_configuration(item.id))
    assert wanted.owner == modeller.username
    wanted = RegistryAPI.AccessSettings(owner=wanted.owner, general=[], groups={"reef": ["admin"]})
    wait_for(kind.modify_auth_configuration(item.id, wanted))
    assert wait_for(kind.get_auth_configuration(item.id)) == wanted
    wait_for(kind.lock_resource(RegistryAPI.LockChangeRequest(id=item.id, reason="Published")))
    assert wait_for(kind.get_lock_status(item.id)).locked


@pytest.mark.parametrize("subtype", ["DATASET", "MODEL_RUN"])
def test_the_client_reverts_what_other_apis_write(
    subtype: str, modeller: User, world: Workflow, provena: Provena
) -> None:
    name, _, item_model = OTHERS[subtype]
    item = Item.objects.filter(subtype=subtype).latest("pk")
    if subtype == "DATASET":
        changed = {"collection_format": item.info["collection_format"]}
        changed["collection_format"]["dataset_info"]["keywords"] = ["reef"]
        services.update(
            handle=item.handle, subtype=subtype, content=changed, reason="More", by=modeller
        )
    else:
        record = world.record(description="Otherwise")
        runs.update(handle=item.handle, record=record, reason="More", by=modeller)
    drain()
    back = RegistryAPI.ItemRevertRequest(id=item.handle, history_id=0, reason="It was right")
    wait_for(part(provena, name).revert_item(back))
    drain()
    found = wait_for(part(provena, name).fetch(item.handle)).item
    assert type(found) is item_model
    assert [entry.id for entry in found.history] == [2, 1, 0]
    assert found.history[0].item == found.history[2].item
    assert "It was right" in found.history[0].reason


def test_the_client_reads_the_registry_as_a_whole(world: Workflow, provena: Provena) -> None:
    registry = provena.registry
    counts = wait_for(registry.list_registry_items_with_count())
    assert counts == {subtype: Item.objects.filter(subtype=subtype).count() for subtype, *_ in ALL}
    asked = RegistryAPI.GeneralListRequest(
        filter_by=RegistryAPI.FilterOptions(item_subtype=RegistryAPI.ItemSubType.MODEL),
        sort_by=RegistryAPI.SortOptions(
            sort_type=RegistryAPI.SortType.DISPLAY_NAME, ascending=True
        ),
    )
    listed = wait_for(registry.list_general_registry_items(asked))
    assert {item["item_subtype"] for item in listed.items} == {"MODEL"}
    for item in Item.objects.all():
        found = wait_for(registry.general_fetch_item(item.handle)).item
        assert found["item_subtype"] == item.subtype
    assert wait_for(registry.get_current_provena_version()).new_version_id
    assert wait_for(registry.get_health_check()).message


def test_the_client_is_told_what_is_refused(
    modeller: User, provena: Provena, client_of: Callable[[User], Provena], make_user: Any
) -> None:
    model = provena.registry.model
    content = RegistryAPI.ModelDomainInfo.model_validate(MODEL)
    with pytest.raises(Exception, match=r"no item '10378.1/1'"):
        wait_for(model.fetch("10378.1/1"))
    with pytest.raises(BadRequestException, match=r"no item '10378.1/1'"):
        wait_for(model.update("10378.1/1", content, "Why"))
    newcomer = client_of(make_user("newcomer", linked=False))
    with pytest.raises(BadRequestException, match="linked to a Person"):
        wait_for(newcomer.registry.model.create_item(content))
    secret = registered(modeller)
    services.change_access(handle=secret.handle, general=[], groups={}, by=modeller)
    with pytest.raises(AuthException, match="metadata-read"):
        wait_for(newcomer.registry.model.fetch(secret.handle))


def test_the_client_administers_the_registry(world: Workflow, root: Provena) -> None:
    admin = root.registry.admin
    exported = wait_for(admin.export_items()).items
    assert exported is not None
    assert {item.id for item in exported} == set(Item.objects.values_list("handle", flat=True))
    assert "HANDLE_PREFIX=" in wait_for(admin.generate_config_file(required_only=False))
    tables = RegistryAPI.TableNames(
        resource_table_name="a", auth_table_name="b", lock_table_name="c"
    )
    asked = RegistryAPI.RegistryRestoreRequest(
        import_mode=RegistryAPI.ImportMode.ADD_ONLY, table_names=tables
    )
    with pytest.raises(BadRequestException, match="backup"):
        wait_for(admin.restore_items_from_dynamo_table(asked))

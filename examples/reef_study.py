"""A study of the reef from code: from the model to the lineage of a result.

It uses Provena's Python client as it is (`pip install provenaclient`). Read it from top to bottom,
as a notebook; each part is printed as it is done. Run it with an address and a token:

    export PROVENA_URL=http://127.0.0.1:8000
    export PROVENA_TOKEN=$(python manage.py create_token modeller)
    python examples/reef_study.py

It registers a model, templates and datasets, a single run and a batch of ten, waits for their jobs,
and walks the lineage of an output. Each time it is run it makes new items.
"""

import asyncio
import os
import time
from typing import Any

from provenaclient import ProvenaClient
from provenaclient.auth.manager import AuthManager
from provenaclient.utils.config import APIOverrides, Config
from ProvenaInterfaces.AsyncJobAPI import ListByBatchRequest
from ProvenaInterfaces.AuthAPI import UserLinkUserAssignRequest
from ProvenaInterfaces.ProvenanceAPI import RegisterBatchModelRunRequest
from ProvenaInterfaces.ProvenanceModels import ModelRunRecord
from ProvenaInterfaces.RegistryModels import (
    CollectionFormat,
    DatasetTemplateDomainInfo,
    ModelDomainInfo,
    ModelRunWorkflowTemplateDomainInfo,
    OrganisationDomainInfo,
    PersonDomainInfo,
    StudyDomainInfo,
)

RUNS = 10


class Token(AuthManager):
    """Sends the same token with each request."""

    def __init__(self, token: str) -> None:
        super().__init__()
        self.token = token

    def get_token(self) -> str:
        return self.token

    def force_refresh(self) -> None:
        """There is nothing to refresh."""


def connect(url: str, token: str) -> ProvenaClient:
    """A client of this system: the address of each of its APIs, and a token."""
    overrides = APIOverrides(
        auth_api_endpoint_override=f"{url}/auth-api",
        registry_api_endpoint_override=f"{url}/registry-api",
        prov_api_endpoint_override=f"{url}/prov-api",
        jobs_service_api_endpoint_override=f"{url}/job-api",
        datastore_api_endpoint_override=f"{url}/data-api",
        search_api_endpoint_override=f"{url}/search",
        keycloak_endpoint_override=f"{url}/auth/realms/provena",
    )
    config = Config(domain="example.org", realm_name="provena", api_overrides=overrides)
    return ProvenaClient(auth=Token(token), config=config)


async def me(client: ProvenaClient) -> str:
    """The id of the Person that I am; the first time, I register myself."""
    known = await client.auth_api.get_link_lookup_username()
    if known.person_id:
        return str(known.person_id)
    made = await client.registry.person.create_item(
        PersonDomainInfo(
            display_name="Robin Reef",
            first_name="Robin",
            last_name="Reef",
            email="robin@reef.example.com",
            ethics_approved=True,
        )
    )
    person = str(made.created_item.id)
    await client.auth_api.post_link_assign(body=UserLinkUserAssignRequest(person_id=person))
    return person


def dataset(name: str, organisation: str) -> CollectionFormat:
    """The least that has to be said of data."""
    no = {"relevant": False, "obtained": False}
    return CollectionFormat.model_validate(
        {
            "associations": {"organisation_id": organisation},
            "approvals": {
                "ethics_registration": no,
                "ethics_access": no,
                "indigenous_knowledge": no,
                "export_controls": no,
            },
            "dataset_info": {
                "name": name,
                "description": f"{name} of the Great Barrier Reef",
                "access_info": {"reposited": True},
                "publisher_id": organisation,
                "created_date": {"relevant": False},
                "published_date": {"relevant": False},
                "license": "https://creativecommons.org/licenses/by/4.0/",
            },
        }
    )


async def result_of(client: ProvenaClient, session_id: str | None) -> dict[str, Any]:
    """Wait for a job, and take its result."""
    if session_id is None:
        raise RuntimeError("The answer names no job.")
    job = await client.job_api.await_successful_job_completion(session_id)
    return job.result or {}


async def main(url: str, token: str) -> None:
    client = connect(url, token)

    # Who, and for whom
    person = await me(client)
    made = await client.registry.organisation.create_item(
        OrganisationDomainInfo(display_name="Reef Institute", name="Reef Institute")
    )
    organisation = str(made.created_item.id)
    print(f"I am {person}, of {organisation}.")

    # What runs, and what shape its data has
    model = await client.registry.model.create_item(
        ModelDomainInfo(
            display_name="Larval dispersal",
            name="Larval dispersal",
            description="Where the larvae of corals drift to",
            documentation_url="https://example.com/dispersal/doc",
            source_url="https://example.com/dispersal/source",
        )
    )
    currents = await client.registry.dataset_template.create_item(
        DatasetTemplateDomainInfo.model_validate(
            {
                "display_name": "Currents",
                "description": "Hourly currents of a year",
                "deferred_resources": [
                    {
                        "key": "forcing",
                        "description": "The file of the year",
                        "usage_type": "FORCING_DATA",
                    }
                ],
            }
        )
    )
    matrix = await client.registry.dataset_template.create_item(
        DatasetTemplateDomainInfo(display_name="Matrix", description="Who seeds whom")
    )
    workflow = await client.registry.model_run_workflow.create_item(
        ModelRunWorkflowTemplateDomainInfo.model_validate(
            {
                "display_name": "A year of dispersal",
                "software_id": model.created_item.id,
                "input_templates": [{"template_id": currents.created_item.id}],
                "output_templates": [{"template_id": matrix.created_item.id}],
                "annotations": {"required": ["species"], "optional": []},
            }
        )
    )
    study = await client.registry.study.create_item(
        StudyDomainInfo(
            display_name="Which reefs help others?",
            title="Which reefs help others?",
            description="Ten years of spawning",
        )
    )
    print(f"The model {model.created_item.id} runs as {workflow.created_item.id} says.")

    # Their provenance is recorded in the background; nobody has to wait, but anybody may
    creation = await result_of(client, model.register_create_activity_session_id)
    print(f"That the model was made is recorded by {creation['creation_activity_id']}.")

    # The data
    inputs = await client.datastore.mint_dataset(dataset("Currents 2024", organisation))
    outputs = await client.datastore.mint_dataset(dataset("Connectivity 2024", organisation))
    print(f"The currents are {inputs.handle}, the result will be {outputs.handle}.")

    # One run, and ten
    now = int(time.time())

    def run(number: int) -> ModelRunRecord:
        return ModelRunRecord.model_validate(
            {
                "workflow_template_id": workflow.created_item.id,
                "display_name": f"Spawning {number}",
                "description": f"Spawning number {number}",
                "inputs": [
                    {
                        "dataset_template_id": currents.created_item.id,
                        "dataset_id": inputs.handle,
                        "dataset_type": "DATA_STORE",
                        "resources": {"forcing": f"forcing/{number}.nc"},
                    }
                ],
                "outputs": [
                    {
                        "dataset_template_id": matrix.created_item.id,
                        "dataset_id": outputs.handle,
                        "dataset_type": "DATA_STORE",
                    }
                ],
                "annotations": {"species": "Acropora millepora"},
                "study_id": study.created_item.id,
                "associations": {
                    "modeller_id": person,
                    "requesting_organisation_id": organisation,
                },
                "start_time": now - 3600,
                "end_time": now,
            }
        )

    registered = await client.prov_api.register_model_run(run(0))
    first = (await result_of(client, registered.session_id))["record"]["id"]
    print(f"The first run is {first}.")

    many = RegisterBatchModelRunRequest(records=[run(number) for number in range(1, RUNS + 1)])
    launched = await client.prov_api.register_batch_model_runs(many)
    batch = (await result_of(client, launched.session_id))["batch_id"]
    jobs = await jobs_of(client, batch)
    for job in jobs:
        await result_of(client, job.session_id)
    print(f"The batch {batch} has registered {len(jobs)} more.")

    # Where the result comes from, and what the currents have led to
    if outputs.handle is None or inputs.handle is None:
        raise RuntimeError("The datasets have no ids.")
    causes = await client.prov_api.explore_upstream(starting_id=outputs.handle, depth=2)
    effects = await client.prov_api.explore_downstream(starting_id=inputs.handle, depth=2)
    print(f"Upstream of the result are {causes.record_count} items: {kinds(causes)}.")
    print(f"Downstream of the currents are {effects.record_count} items: {kinds(effects)}.")


async def jobs_of(client: ProvenaClient, batch: str) -> list[Any]:
    """All jobs of a batch, page by page."""
    request = ListByBatchRequest(batch_id=batch, limit=4)
    return await client.job_api.list_all_jobs_in_batch(request)


def kinds(lineage: Any) -> str:
    """How many items of which kind there are in a lineage."""
    found = sorted(node.item_subtype.value for node in lineage.graph.nodes)
    return ", ".join(f"{found.count(kind)} {kind}" for kind in dict.fromkeys(found))


if __name__ == "__main__":
    asyncio.run(main(os.environ["PROVENA_URL"], os.environ["PROVENA_TOKEN"]))

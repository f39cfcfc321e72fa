"""A workflow template with all it needs, and a record that fits it."""

from dataclasses import dataclass
from typing import Any

import pytest
from django.contrib.auth.models import User

from registry import services
from registry.models import Item
from tests.conftest import registered


@dataclass
class Workflow:
    """The items that a run may name."""

    template: Item
    model: Item
    forcing: Item
    output: Item
    optional: Item
    currents: Item
    matrix: Item
    study: Item
    modeller: Item
    organisation: Item

    def record(self, **changed: Any) -> dict[str, Any]:
        """A record that fits, with something changed."""
        return {
            "workflow_template_id": self.template.handle,
            "inputs": [
                {
                    "dataset_template_id": self.forcing.handle,
                    "dataset_id": self.currents.handle,
                    "dataset_type": "DATA_STORE",
                    "resources": {"currents": "2024/"},
                }
            ],
            "outputs": [
                {
                    "dataset_template_id": self.output.handle,
                    "dataset_id": self.matrix.handle,
                    "dataset_type": "DATA_STORE",
                }
            ],
            "annotations": {"random seed": "7"},
            "display_name": "Season 2024",
            "description": "Larval drift of one season",
            "study_id": self.study.handle,
            "associations": {
                "modeller_id": self.modeller.handle,
                "requesting_organisation_id": self.organisation.handle,
            },
            "start_time": 1_700_000_000,
            "end_time": 1_700_003_600,
        } | changed


@pytest.fixture
def workflow(user: User) -> Workflow:
    return made_for(user)


def made_for(user: User) -> Workflow:
    """A workflow template with all that its runs name, of a user who is a Person."""
    model = registered(user)
    resource = {"description": "d", "usage_type": "FORCING_DATA"}
    forcing = registered(
        user,
        subtype="DATASET_TEMPLATE",
        display_name="Forcing",
        deferred_resources=[resource | {"key": "currents"}],
    )
    output = registered(
        user,
        subtype="DATASET_TEMPLATE",
        display_name="Matrix",
        deferred_resources=[resource | {"key": "log", "optional": True}],
    )
    optional = registered(user, subtype="DATASET_TEMPLATE", display_name="Restart")
    template = registered(
        user,
        subtype="MODEL_RUN_WORKFLOW_TEMPLATE",
        display_name="One season",
        software_id=model.handle,
        input_templates=[
            {"template_id": forcing.handle},
            {"template_id": optional.handle, "optional": True},
        ],
        output_templates=[{"template_id": output.handle}],
        annotations={"required": ["random seed"], "optional": ["hardware"]},
    )
    person = services.person_of(user)
    assert person is not None
    return Workflow(
        template=template,
        model=model,
        forcing=forcing,
        output=output,
        optional=optional,
        currents=registered(user, subtype="DATASET"),
        matrix=registered(user, subtype="DATASET"),
        study=registered(user, subtype="STUDY", title="t", description="d"),
        modeller=person,
        organisation=registered(user, subtype="ORGANISATION", name="n"),
    )

"""Entities: the things that work uses and makes (W3C PROV: prov:Entity). Datasets are next door."""

from enum import StrEnum
from typing import Annotated, Any

from pydantic import Field, SerializerFunctionWrapHandler, model_serializer

from registry.kinds.base import Category, Fault, Kind, Part, register
from registry.kinds.values import MOST_ROWS, Line, Notes, Text, WebAddress, reference_to, repeated


class Entity(Kind):
    """Entities have versions, and registering one records its creation as provenance."""

    category = Category.ENTITY
    versioned = True


@register
class Model(Entity):
    subtype = "MODEL"
    label = "Model"
    plural = "Models"
    mark = "MO"
    explanation = "Software that simulates or computes: a reef model, a rainfall model, a script."
    examples = "an ecosystem model, a statistical downscaling, a plotting script"

    name: Line = Field(title="Model name", description="The full name of the software.")
    description: Text = Field(
        title="Description", description="What the model does, for which questions, and how."
    )
    documentation_url: WebAddress = Field(
        title="Documentation", description="Where to read about it: a web address."
    )
    source_url: WebAddress = Field(
        title="Source code", description="Where its code is kept: a web address."
    )


class UsageType(StrEnum):
    """What a file is for."""

    PARAMETER_FILE = "PARAMETER_FILE"
    CONFIG_FILE = "CONFIG_FILE"
    FORCING_DATA = "FORCING_DATA"
    GENERAL_DATA = "GENERAL_DATA"


class Sparse(Part):
    """A part whose booleans stay absent where they are left out, which means no. So it is in
    Provena, where only lists have defaults, and clients compare what they sent."""

    @model_serializer(mode="wrap")
    def _as_given(self, told: SerializerFunctionWrapHandler) -> dict[str, Any]:
        given = self.model_fields_set
        return {
            name: value for name, value in told(self).items() if value is not False or name in given
        }


class Resource(Sparse):
    """What files of both sorts have."""

    description: Line = Field(title="Description", description="What the file or folder holds.")
    usage_type: UsageType = Field(title="Use", description="What a run needs it for.")
    optional: bool = Field(
        default=False, title="Optional", description="A dataset may leave it out."
    )
    is_folder: bool = Field(
        default=False, title="Folder", description="The path is that of a folder, not of a file."
    )
    additional_metadata: Notes | None = Field(
        default=None, title="More about it", description="Anything else, each under a key."
    )


class _Path(Part):
    path: Line = Field(
        title="Path", description="Where it is in each dataset, such as config/run.yaml."
    )


class _Key(Part):
    key: Line = Field(title="Key", description="The name by which each model run gives its path.")


class DefinedResource(Resource, _Path):
    """A file at a known path. (Bases are in this order so that the path comes first.)"""


class DeferredResource(Resource, _Key):
    """A file whose path each run gives, under a key."""


@register
class DatasetTemplate(Entity):
    subtype = "DATASET_TEMPLATE"
    label = "Dataset template"
    plural = "Dataset templates"
    mark = "DT"
    explanation = "The shape of a dataset: which files it holds, so that a run can name them."
    examples = "forcing of one year, a parameter set, the output of a season"

    description: Text | None = Field(
        default=None, title="Description", description="What data of this shape is."
    )
    defined_resources: Annotated[list[DefinedResource], Field(max_length=MOST_ROWS)] = Field(
        default=[],
        title="Files at known paths",
        description="Files that are at the same path in every dataset of this shape. They inform "
        "readers, and are not checked against real files.",
    )
    deferred_resources: Annotated[list[DeferredResource], Field(max_length=MOST_ROWS)] = Field(
        default=[],
        title="Files named by each run",
        description="Files whose path differs from dataset to dataset: each model run gives it "
        "under the key.",
    )

    def misfits(self) -> list[Fault]:
        keys = [resource.key for resource in self.deferred_resources]
        return [
            (
                ("deferred_resources", index, "key"),
                f"Each key may occur once; {resource.key} stands {keys.count(resource.key)} times.",
            )
            for index, resource in enumerate(self.deferred_resources)
            if resource.key in keys[:index]
        ]


class TemplateUse(Sparse):
    template_id: reference_to("DATASET_TEMPLATE") = Field(  # type: ignore[valid-type]
        title="Dataset template", description="The shape of the data."
    )
    optional: bool = Field(default=False, title="Optional", description="A run may do without it.")


class Annotations(Part):
    required: Annotated[list[Line], Field(max_length=MOST_ROWS)] = Field(
        default=[], title="Each run must give", description="Keys, such as random seed."
    )
    optional: Annotated[list[Line], Field(max_length=MOST_ROWS)] = Field(
        default=[], title="Each run may give", description="Keys, such as hardware."
    )


@register
class WorkflowTemplate(Entity):
    subtype = "MODEL_RUN_WORKFLOW_TEMPLATE"
    label = "Workflow template"
    plural = "Workflow templates"
    mark = "WT"
    explanation = "How a model is run: the model, and the shapes of its inputs and outputs."
    examples = "a seasonal forecast, a calibration, a scenario ensemble"

    software_id: reference_to("MODEL") = Field(  # type: ignore[valid-type]
        title="Model", description="The model that runs of this workflow use."
    )
    input_templates: Annotated[list[TemplateUse], Field(max_length=MOST_ROWS)] = Field(
        default=[], title="Inputs", description="The shapes of what a run reads."
    )
    output_templates: Annotated[list[TemplateUse], Field(max_length=MOST_ROWS)] = Field(
        default=[], title="Outputs", description="The shapes of what a run writes."
    )
    annotations: Annotations | None = Field(
        default=None,
        title="Annotations",
        description="Facts about each run beyond its data. A key may occur in one list, once.",
    )

    def misfits(self) -> list[Fault]:
        faults: list[Fault] = []
        for side in ("input_templates", "output_templates"):
            ids = [use.template_id for use in getattr(self, side)]
            faults += [
                ((side, index, "template_id"), f"{handle} stands in this list more than once.")
                for index, handle in enumerate(ids)
                if handle in ids[:index]
            ]
        if self.annotations:
            keys = self.annotations.required + self.annotations.optional
            faults += [
                (("annotations",), f"The key {key} occurs more than once.")
                for key in repeated(keys)
            ]
        return faults

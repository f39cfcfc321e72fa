"""Model runs: what a run used and made (domain reference, 1.3). Jobs make the items."""

import hashlib
import json
from collections.abc import Mapping
from enum import StrEnum
from typing import Annotated, Any

from pydantic import Field, model_validator

from registry.kinds.activities import Activity
from registry.kinds.base import Fault, Part, register
from registry.kinds.values import LONG, MOST_ROWS, Line, Notes, Text, reference_to

LATEST = 253_402_300_799  # Unix seconds at the end of the year 9999, the last that dates can say
Moment = Annotated[int, Field(ge=0, le=LATEST, json_schema_extra={"format": "moment"})]


class DatasetType(StrEnum):
    """Where the dataset of a run is kept; there is one such place."""

    DATA_STORE = "DATA_STORE"


class RecordStatus(StrEnum):
    """How far a run is recorded: stored, or with its edges in the graph."""

    INCOMPLETE = "INCOMPLETE"
    COMPLETE = "COMPLETE"
    LODGED = "LODGED"


class TemplatedDataset(Part):
    """A dataset that a run used or made, in the shape of a template."""

    dataset_template_id: reference_to("DATASET_TEMPLATE") = Field(  # type: ignore[valid-type]
        title="Dataset template", description="The shape of the data."
    )
    dataset_id: reference_to("DATASET") = Field(  # type: ignore[valid-type]
        title="Dataset", description="The data itself."
    )
    dataset_type: DatasetType = Field(
        default=DatasetType.DATA_STORE, title="Kept in", json_schema_extra={"format": "hidden"}
    )
    resources: Annotated[dict[Line, Line], Field(max_length=MOST_ROWS)] | None = Field(
        default=None, title="Files", description="The path of each file that the template defers."
    )


class RunAssociations(Part):
    modeller_id: reference_to("PERSON") = Field(  # type: ignore[valid-type]
        title="Modeller", description="Who ran the model."
    )
    requesting_organisation_id: reference_to("ORGANISATION") | None = Field(  # type: ignore[valid-type]
        default=None, title="Requested by", description="The organisation that asked for the run."
    )


class RunRecord(Part):
    """What is said of a run when it is registered."""

    display_name: Line = Field(
        title="Display name", description="The short name by which lists and drawings show it."
    )
    description: Text = Field(title="Description", description="What was run, and why.")
    workflow_template_id: reference_to("MODEL_RUN_WORKFLOW_TEMPLATE") = Field(  # type: ignore[valid-type]
        title="Workflow template", description="Which workflow the run followed."
    )
    model_version: Line | None = Field(
        default=None,
        title="Model version",
        description="Of the software: a version, tag or commit.",
    )
    inputs: Annotated[list[TemplatedDataset], Field(max_length=MOST_ROWS)] = Field(title="Inputs")
    outputs: Annotated[list[TemplatedDataset], Field(max_length=MOST_ROWS)] = Field(title="Outputs")
    annotations: Notes | None = Field(
        default=None, title="Annotations", description="Facts about the run beyond its data."
    )
    study_id: reference_to("STUDY") | None = Field(  # type: ignore[valid-type]
        default=None, title="Study", description="The study that it is part of."
    )
    associations: RunAssociations = Field(title="Who")
    start_time: Moment = Field(title="Start", description="When the run began, in UTC.")
    end_time: Moment = Field(title="End", description="When it ended, in UTC.")

    def misfits(self) -> list[Fault]:
        if self.start_time <= self.end_time:
            return []
        return [(("end_time",), "The run cannot end before it begins.")]


def fingerprint_of(record: Mapping[str, Any]) -> str:
    """The fingerprint of a stored record (domain reference, 7.3): the same for two that differ in
    the order of keys or of datasets only."""
    ordered = dict(record)
    for side in ("inputs", "outputs"):
        if len(record[side]) > 1:
            ordered[side] = sorted(record[side], key=_canonical)
    return hashlib.sha256(_canonical(ordered).encode()).hexdigest()


_canonical = json.JSONEncoder(sort_keys=True, separators=(",", ":")).encode


@register
class ModelRun(Activity):
    subtype = "MODEL_RUN"
    label = "Model run"
    plural = "Model runs"
    mark = "RN"
    explanation = "One run of a model: what it used, what it made, who ran it and when."
    examples = "one season of larval drift, one member of an ensemble"
    user_made = False
    needs_person = False
    derived = frozenset({"display_name"})

    record: RunRecord = Field(title="Run", json_schema_extra={"unframed": True})
    prov_serialisation: Annotated[str, Field(max_length=100 * LONG)] = Field(
        title="PROV document",
        description="The run's own provenance, as PROV-JSON.",
        json_schema_extra={"format": "hidden"},
    )
    record_status: RecordStatus = Field(title="Status", description="How far it is recorded.")

    @classmethod
    def fingerprint(cls, info: Mapping[str, Any]) -> str | None:
        return fingerprint_of(info["record"])

    @model_validator(mode="before")
    @classmethod
    def _derive(cls, data: Any) -> Any:
        """The item is called what its record is called."""
        record = data.get("record") if isinstance(data, Mapping) else None
        if isinstance(record, RunRecord):
            return dict(data) | {"display_name": record.display_name}
        if isinstance(record, Mapping):
            return dict(data) | {"display_name": record.get("display_name", "?")}
        return data

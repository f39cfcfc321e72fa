"""Datasets: data with its custody, approvals, dates and extent (domain reference, 1.2).

All of it is one closed object, `collection_format`, as clients of the API send it.
"""

from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import Field, ValidationInfo, field_validator, model_validator
from pydantic_core import PydanticCustomError

from registry.kinds.base import FAULTS, Fault, Part, register
from registry.kinds.entities import Entity
from registry.kinds.values import (
    MOST_ROWS,
    Day,
    Duration,
    Line,
    Notes,
    Place,
    PositiveNumber,
    Text,
    Uri,
    WebAddress,
    place_fault,
    reference_to,
)

BUCKET, DATASET_ROOT = "provena", "datasets"  # where a store of files would keep them
LICENCES = (
    "https://creativecommons.org/licenses/by/4.0/",
    "https://creativecommons.org/licenses/by-sa/4.0/",
    "https://creativecommons.org/licenses/by-nc/4.0/",
    "https://creativecommons.org/publicdomain/zero/1.0/",
    "https://opendatacommons.org/licenses/odbl/1-0/",
)


class Associations(Part):
    organisation_id: reference_to("ORGANISATION") = Field(  # type: ignore[valid-type]
        title="Organisation", description="For whom the data is registered."
    )
    data_custodian_id: reference_to("PERSON") | None = Field(  # type: ignore[valid-type]
        default=None, title="Data custodian", description="Who looks after the data."
    )
    point_of_contact: Line | None = Field(
        default=None,
        title="Point of contact",
        description="How to reach somebody about the data. Have their consent to publish it.",
    )


class Approval(Part):
    relevant: bool = Field(default=False, title="Applies to this data")
    obtained: bool = Field(default=False, title="Approval obtained")


class Approvals(Part):
    ethics_registration: Approval = Field(
        title="Ethics of registering",
        description="Does registering this data need an ethics approval or consent?",
    )
    ethics_access: Approval = Field(
        title="Ethics of access",
        description="Does giving access to this data need an ethics approval or consent?",
    )
    indigenous_knowledge: Approval = Field(
        title="Indigenous knowledge",
        description="Does the data hold Indigenous knowledge, and was consent given to share it?",
    )
    export_controls: Approval = Field(
        title="Export controls",
        description="Is the data under export controls, and were the due steps taken?",
    )

    def faults(self) -> list[Fault]:
        """Each topic: approved if and only if it applies."""
        faults: list[Fault] = []
        for name, about in type(self).model_fields.items():
            approval: Approval = getattr(self, name)
            if approval.relevant and not approval.obtained:
                text = f"{about.title}: it applies, but the approval is missing. Obtain it first."
                faults.append(((name, "obtained"), text))
            elif approval.obtained and not approval.relevant:
                text = f"{about.title}: approved, but said not to apply. Correct one of the two."
                faults.append(((name, "relevant"), text))
        return faults


class AccessInfo(Part):
    reposited: bool = Field(
        default=True,
        title="The files are kept in this system's store",
        description="If they are kept elsewhere, say where and how to get them.",
    )
    uri: Uri | None = Field(
        default=None, title="Address", description="Where the files are, such as s3://bucket/path."
    )
    description: Text | None = Field(
        default=None, title="How to get them", description="What a reader has to do for access."
    )

    def misfits(self) -> list[Fault]:
        if self.reposited:
            text = "Leave this out for files in this system's store, or untick that they are."
            return [((name,), text) for name in ("uri", "description") if getattr(self, name)]
        text = "Needed for files that are kept elsewhere."
        return [((name,), text) for name in ("uri", "description") if not getattr(self, name)]


class MaybeDay(Part):
    relevant: bool = Field(default=False, title="Applies")
    value: Day | None = Field(default=None, title="Date")

    def misfits(self) -> list[Fault]:
        if self.relevant and not self.value:
            return [(("value",), "Give the date, or say that it does not apply.")]
        if self.value and not self.relevant:
            return [(("relevant",), "A date is given: say that it applies, or clear the date.")]
        return []


class SpatialInfo(Part):
    coverage: Place | None = Field(
        default=None,
        title="Coverage",
        description="The area as EWKT: SRID=<EPSG code>;<WKT>, such as "
        "SRID=4326;POLYGON((146 -19, 147 -19, 147 -18, 146 -18, 146 -19)).",
    )
    extent: Place | None = Field(
        default=None, title="Extent", description="Its bounding box, written in the same way."
    )
    resolution: PositiveNumber | None = Field(
        default=None, title="Resolution", description="In degrees, such as 0.01."
    )

    def faults(self) -> list[Fault]:
        places = {name: getattr(self, name) for name in ("coverage", "extent")}
        return [
            ((name,), fault)
            for name, place in places.items()
            if place and (fault := place_fault(place))
        ]


class Period(Part):
    begin_date: Day = Field(title="First day")
    end_date: Day = Field(title="Last day")

    def misfits(self) -> list[Fault]:
        if self.begin_date <= self.end_date:
            return []
        return [(("end_date",), f"The last day is before the first, {self.begin_date}.")]


class TemporalInfo(Part):
    duration: Period | None = Field(default=None, title="Period", description="What it covers.")
    resolution: Duration | None = Field(
        default=None, title="Time step", description="As ISO 8601 duration, such as P1D for a day."
    )


class DatasetInfo(Part):
    name: Line = Field(title="Name", description="By which lists and drawings show it.")
    description: Text = Field(title="Description", description="What the data is, and how made.")
    access_info: AccessInfo = Field(title="Access to the files")
    publisher_id: reference_to("ORGANISATION") = Field(  # type: ignore[valid-type]
        title="Publisher", description="The organisation that publishes or produces it."
    )
    created_date: MaybeDay = Field(
        title="Created on", description="When the data was made, if there is one such day."
    )
    published_date: MaybeDay = Field(
        title="Published on", description="When it was first published, if it was."
    )
    license: WebAddress = Field(
        title="Licence",
        description="The web address of its licence. The field suggests those that are often used.",
        json_schema_extra={"suggestions": list(LICENCES)},
    )
    purpose: Text | None = Field(
        default=None, title="Purpose", description="Why the data was made or collected."
    )
    rights_holder: Line | None = Field(
        default=None, title="Rights holder", description="Who owns the rights in the data."
    )
    usage_limitations: Text | None = Field(
        default=None, title="Limits of use", description="What the data must not be used for."
    )
    preferred_citation: Text | None = Field(
        default=None, title="Preferred citation", description="How to cite it."
    )
    spatial_info: SpatialInfo | None = Field(
        default=None, title="Where", description="The space that the data covers."
    )
    temporal_info: TemporalInfo | None = Field(
        default=None, title="When", description="The time that the data covers."
    )
    formats: Annotated[list[Line], Field(max_length=MOST_ROWS)] = Field(
        default=[], title="File formats", description="Such as NetCDF or CSV, one a row."
    )
    keywords: Annotated[list[Line], Field(max_length=MOST_ROWS)] = Field(
        default=[], title="Keywords", description="Words by which to find it, one a row."
    )
    user_metadata: Notes | None = Field(
        default=None,
        title="Notes",
        description="Anything else worth keeping, each note under a key of your choice.",
    )
    version: Line | None = Field(
        default=None,
        title="Version label",
        description="Of former systems.",
        json_schema_extra={"format": "hidden"},
    )

    @field_validator("published_date")
    @classmethod
    def _not_before_it_was_made(cls, published: MaybeDay, known: ValidationInfo) -> MaybeDay:
        """Beside the other validators of this part, so that it is told with whatever they find."""
        created: MaybeDay | None = known.data.get("created_date")
        if created and created.value and published.value and published.value < created.value:
            text = f"It was published before it was created: {created.value}."
            raise PydanticCustomError(FAULTS, "too early", {"faults": [(("value",), text)]})
        return published


class CollectionFormat(Part):
    dataset_info: DatasetInfo = Field(title="The data")
    associations: Associations = Field(title="Who it belongs to")
    approvals: Approvals = Field(
        title="Approvals",
        description="For each topic, tick both or neither: what applies must be approved.",
    )


@register
class Dataset(Entity):
    subtype = "DATASET"
    label = "Dataset"
    plural = "Datasets"
    mark = "DS"
    explanation = "Data that was observed, computed or prepared, with its custody and approvals."
    examples = "sea surface temperatures, a reef map, the output of a model run"
    has_files = True
    derived = frozenset({"display_name", "user_metadata"})

    collection_format: CollectionFormat = Field(
        title="Dataset", json_schema_extra={"unframed": True}
    )

    @classmethod
    def system(cls, handle: str) -> dict[str, Any]:
        """Where its files are kept, and how far its release is (domain reference, 1.2)."""
        path = f"{DATASET_ROOT}/{handle.replace('.', '-').replace('/', '-')}/"
        return {
            "s3": {
                "bucket_name": BUCKET,
                "path": path,
                "s3_uri": f"s3://{BUCKET}/{path}",
            },
            "release_status": "NOT_RELEASED",
            "release_history": [],
        }

    def stored(self) -> dict[str, Any]:
        """Its `collection_format` with what was given and nothing else: clients compare it with
        what they sent."""
        return self.model_dump(mode="json", exclude_unset=True, exclude_none=True)

    @model_validator(mode="before")
    @classmethod
    def _derive(cls, data: Any) -> Any:
        """The item is called what its data is called, and both carry the same notes."""
        if not isinstance(data, Mapping):
            return data
        collection = data.get("collection_format")
        inner = collection.get("dataset_info") if isinstance(collection, Mapping) else None
        if not isinstance(collection, Mapping) or not isinstance(inner, Mapping):
            return {"display_name": "?"} | dict(data)
        about = dict(inner)
        notes = about.get("user_metadata", data.get("user_metadata"))
        about |= {"user_metadata": notes} if notes is not None else {}
        return dict(data) | {
            "display_name": about.get("name", "?"),
            "user_metadata": notes,
            "collection_format": dict(collection) | {"dataset_info": about},
        }

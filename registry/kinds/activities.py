"""Activities: what happened (W3C PROV: prov:Activity). Most are made by jobs, not by hand."""

from pydantic import Field

from registry.kinds.base import Category, Kind, register
from registry.kinds.values import ItemId, Line, Text


class Activity(Kind):
    category = Category.ACTIVITY


@register
class Study(Activity):
    subtype = "STUDY"
    label = "Study"
    plural = "Studies"
    mark = "ST"
    explanation = "A question or project that groups model runs."
    examples = "a restoration plan, a flood assessment, a sensitivity analysis"

    title: Line = Field(title="Title", description="The question or project in one line.")
    description: Text = Field(
        title="Description", description="What the study asks, and how it goes about it."
    )
    study_alternative_id: Line | None = Field(
        default=None,
        title="Alternative id",
        description="Its number or code elsewhere, for example in your project system.",
    )


class SystemActivity(Activity):
    """Made by a job only."""

    user_made = False
    needs_person = False


@register
class Create(SystemActivity):
    subtype = "CREATE"
    label = "Create activity"
    plural = "Create activities"
    mark = "CR"
    explanation = "The registration of an entity, recorded by the item creation workflow."
    follows = "created_item_id"

    created_item_id: ItemId = Field(title="Created item", description="What was registered.")


@register
class Version(SystemActivity):
    subtype = "VERSION"
    label = "Version activity"
    plural = "Version activities"
    mark = "VE"
    explanation = "The making of a new version of an entity, recorded by the version workflow."
    follows = "to_item_id"

    from_item_id: ItemId = Field(title="From", description="The version before.")
    to_item_id: ItemId = Field(title="To", description="The new version.")
    reason: Text = Field(title="Reason", description="Why the new version was made.")
    new_version_number: int = Field(title="Version number", description="Of the new version.", ge=1)

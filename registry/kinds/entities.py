"""Entities: the things that work uses and makes (W3C PROV: prov:Entity)."""

from pydantic import Field

from registry.kinds.base import Category, Kind, Line, Text, WebAddress, register


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

"""Agents: who is responsible (W3C PROV: prov:Agent)."""

from pydantic import EmailStr, Field, field_validator
from pydantic_core import PydanticCustomError

from registry.kinds.base import FAULTS, Category, Kind, register
from registry.kinds.values import Line, WebAddress


class Agent(Kind):
    """Registering an agent needs no linked Person, so that newcomers can register themselves."""

    category = Category.AGENT
    needs_person = False


@register
class Person(Agent):
    subtype = "PERSON"
    label = "Person"
    plural = "People"
    mark = "PE"
    explanation = "A human being who models, owns data or runs studies. Register yourself first."
    examples = "a modeller, a data custodian, a principal investigator"
    afresh = frozenset({"ethics_approved"})  # each person gives their own consent

    first_name: Line = Field(title="First name", description="Given name.")
    last_name: Line = Field(title="Last name", description="Family name.")
    email: EmailStr = Field(title="Email address", description="How to reach this person.")
    orcid: WebAddress | None = Field(
        default=None,
        title="ORCID",
        description="The person's researcher page, such as https://orcid.org/0000-0002-1825-0097.",
    )
    ethics_approved: bool = Field(
        default=False,
        validate_default=True,
        title="This person agrees to be registered",
        description="You asked this person, and they consent to these details being kept here.",
    )

    @field_validator("ethics_approved")
    @classmethod
    def _must_agree(cls, agrees: bool) -> bool:
        if not agrees:
            text = "The person's consent is missing. Ask them, then tick this box."
            raise PydanticCustomError(FAULTS, "no consent", {"faults": [((), text)]})
        return agrees


@register
class Organisation(Agent):
    subtype = "ORGANISATION"
    label = "Organisation"
    plural = "Organisations"
    mark = "OR"
    explanation = "A university, agency, company or group that people act for."
    examples = "a research institute, a water authority, a ranger group"

    name: Line = Field(title="Official name", description="The organisation's full, official name.")
    ror: WebAddress | None = Field(
        default=None,
        title="ROR",
        description="Its page in the Research Organization Registry, such as https://ror.org/03qn8fb07.",
    )

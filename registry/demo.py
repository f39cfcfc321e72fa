"""The demo data: three users and a dozen believable items of reef modelling.

Names and addresses are invented. The items are in the order in which they are registered.
"""

from typing import Any, NamedTuple

PASSWORD = "provena-demo"  # noqa: S105 - printed on screen, made by `manage.py demo` only


class DemoUser(NamedTuple):
    username: str
    first_name: str
    last_name: str
    is_superuser: bool = False

    @property
    def email(self) -> str:
        return f"{self.username}@reef-modelling.example.org"


class DemoItem(NamedTuple):
    owner: str
    subtype: str
    content: dict[str, Any]


USERS = [
    DemoUser("modeller", "Mara", "Okafor"),
    DemoUser("reviewer", "Tomas", "Lindqvist"),
    DemoUser("admin", "Ada", "Admin", is_superuser=True),
]

ITEMS = [
    DemoItem(
        "modeller",
        "PERSON",
        {
            "display_name": "Mara Okafor",
            "first_name": "Mara",
            "last_name": "Okafor",
            "email": "modeller@reef-modelling.example.org",
            "orcid": "https://orcid.org/0000-0002-1825-0097",
            "ethics_approved": True,
        },
    ),
    DemoItem(
        "reviewer",
        "PERSON",
        {
            "display_name": "Tomas Lindqvist",
            "first_name": "Tomas",
            "last_name": "Lindqvist",
            "email": "reviewer@reef-modelling.example.org",
            "ethics_approved": True,
        },
    ),
    DemoItem(
        "modeller",
        "ORGANISATION",
        {
            "display_name": "Coral Futures Institute",
            "name": "Coral Futures Institute",
            "user_metadata": {"region": "Great Barrier Reef"},
        },
    ),
    DemoItem(
        "reviewer",
        "ORGANISATION",
        {
            "display_name": "Tropical Waters Agency",
            "name": "Tropical Waters Monitoring and Modelling Agency",
        },
    ),
    DemoItem(
        "modeller",
        "STUDY",
        {
            "display_name": "Where to restore first",
            "title": "Which reefs should be restored first to help the whole region recover?",
            "description": "Ranks 3,806 reefs by how far their larvae spread and how often they "
            "escape severe heat, under three warming pathways until 2060.",
            "study_alternative_id": "CFI-2026-014",
        },
    ),
    DemoItem(
        "reviewer",
        "STUDY",
        {
            "display_name": "Sediment after floods",
            "title": "How long do inshore reefs stay turbid after river floods?",
            "description": "Compares plume models with ten years of moored turbidity sensors.",
        },
    ),
    DemoItem(
        "modeller",
        "MODEL",
        {
            "display_name": "Coral connectivity model",
            "name": "Coral larval connectivity model",
            "description": "Particle tracking of coral larvae between 3,806 reefs of the Great "
            "Barrier Reef, from hourly currents, for the spawning seasons 2015 to 2024.\n\n"
            "Larvae drift, gain competence to settle and die at rates measured in tanks.",
            "documentation_url": "https://connectivity.example.org/docs",
            "source_url": "https://connectivity.example.org/source",
            "user_metadata": {"team": "reef-futures", "language": "Fortran 2018"},
        },
    ),
    DemoItem(
        "modeller",
        "MODEL",
        {
            "display_name": "Reef heat stress model",
            "name": "Degree heating weeks at reef scale",
            "description": "Accumulates daily heat stress for each reef from downscaled sea "
            "surface temperature, and flags years of likely bleaching.",
            "documentation_url": "https://heat-stress.example.org/manual",
            "source_url": "https://heat-stress.example.org/code",
        },
    ),
    DemoItem(
        "modeller",
        "MODEL",
        {
            "display_name": "Coral community dynamics",
            "name": "Coral community dynamics model",
            "description": "Grows, ages and bleaches six coral groups on each reef in half-year "
            "steps, with cyclones, crown-of-thorns starfish and restoration as events.",
            "documentation_url": "https://community.example.org/docs",
            "source_url": "https://community.example.org/source",
            "user_metadata": {"language": "Julia"},
        },
    ),
    DemoItem(
        "reviewer",
        "MODEL",
        {
            "display_name": "River plume model",
            "name": "River plume and sediment model",
            "description": "Three-dimensional hydrodynamics of flood plumes with four classes of "
            "sediment, on a grid of one kilometre.",
            "documentation_url": "https://plume.example.org/docs",
            "source_url": "https://plume.example.org/source",
        },
    ),
    DemoItem(
        "reviewer",
        "MODEL",
        {
            "display_name": "Sea surface downscaling",
            "name": "Statistical downscaling of sea surface temperature",
            "description": "Brings global climate model output to the reef grid with a "
            "quantile map trained on satellite data since 1985.",
            "documentation_url": "https://downscaling.example.org/docs",
            "source_url": "https://downscaling.example.org/source",
        },
    ),
    DemoItem(
        "modeller",
        "MODEL",
        {
            "display_name": "Larval supply emulator",
            "name": "Fast emulator of larval supply",
            "description": "A small neural network that stands in for the connectivity model when "
            "thousands of restoration plans are compared.",
            "documentation_url": "https://emulator.example.org/docs",
            "source_url": "https://emulator.example.org/source",
            "user_metadata": {"stands in for": "Coral connectivity model"},
        },
    ),
]

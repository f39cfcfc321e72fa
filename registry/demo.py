"""The demo data: three users, a group and believable items of reef modelling, of every kind.

Names and addresses are invented. The items are in the order in which they are registered; a text
such as "@Mara Okafor" stands for the id of the item of that name.
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

    @property
    def name(self) -> str:
        info = self.content.get("collection_format", {}).get("dataset_info", {})
        return str(self.content.get("display_name") or info["name"])


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
    DemoItem(
        "modeller",
        "DATASET_TEMPLATE",
        {
            "display_name": "Hourly currents of one season",
            "description": "Currents at two depths, as the connectivity model reads them.",
            "defined_resources": [
                {
                    "path": "grid/bathymetry.nc",
                    "description": "Depth of each cell",
                    "usage_type": "GENERAL_DATA",
                }
            ],
            "deferred_resources": [
                {
                    "key": "currents",
                    "description": "Folder with one file a day",
                    "usage_type": "FORCING_DATA",
                    "is_folder": True,
                }
            ],
        },
    ),
    DemoItem(
        "modeller",
        "DATASET_TEMPLATE",
        {
            "display_name": "Connectivity matrices",
            "description": "How many larvae of each reef settle on each other reef.",
            "deferred_resources": [
                {
                    "key": "matrix",
                    "description": "Sparse matrix of one season",
                    "usage_type": "GENERAL_DATA",
                    "additional_metadata": {"format": "NetCDF"},
                },
                {
                    "key": "log",
                    "description": "What the run printed",
                    "usage_type": "GENERAL_DATA",
                    "optional": True,
                },
            ],
        },
    ),
    DemoItem(
        "modeller",
        "MODEL_RUN_WORKFLOW_TEMPLATE",
        {
            "display_name": "Connectivity of one season",
            "software_id": "@Coral connectivity model",
            "input_templates": [{"template_id": "@Hourly currents of one season"}],
            "output_templates": [{"template_id": "@Connectivity matrices"}],
            "annotations": {"required": ["random seed"], "optional": ["hardware"]},
        },
    ),
    DemoItem(
        "modeller",
        "DATASET",
        {
            "collection_format": {
                "associations": {
                    "organisation_id": "@Coral Futures Institute",
                    "data_custodian_id": "@Mara Okafor",
                    "point_of_contact": "data@coral-futures.example.org",
                },
                "approvals": {
                    "ethics_registration": {},
                    "ethics_access": {},
                    "indigenous_knowledge": {"relevant": True, "obtained": True},
                    "export_controls": {},
                },
                "dataset_info": {
                    "name": "Currents of the Great Barrier Reef, spawning season 2024",
                    "description": "Hourly currents at 1 km, from the regional ocean model.",
                    "access_info": {
                        "reposited": False,
                        "uri": "s3://ocean-archive/currents/2024",
                        "description": "Ask the point of contact for a read key.",
                    },
                    "publisher_id": "@Tropical Waters Agency",
                    "created_date": {"relevant": True, "value": "2025-01-20"},
                    "published_date": {"relevant": True, "value": "2025-03-01"},
                    "license": "https://creativecommons.org/licenses/by/4.0/",
                    "preferred_citation": "Tropical Waters Agency (2025), Currents 2024.",
                    "spatial_info": {
                        "coverage": "SRID=4326;POLYGON((142 -24.5, 154 -24.5, 154 -10, 142 -10, "
                        "142 -24.5))",
                        "resolution": "0.01",
                    },
                    "temporal_info": {
                        "duration": {"begin_date": "2024-10-15", "end_date": "2024-12-31"},
                        "resolution": "PT1H",
                    },
                    "formats": ["NetCDF"],
                    "keywords": ["currents", "hydrodynamics", "Great Barrier Reef"],
                },
            }
        },
    ),
    DemoItem(
        "modeller",
        "DATASET",
        {
            "collection_format": {
                "associations": {
                    "organisation_id": "@Coral Futures Institute",
                    "data_custodian_id": "@Mara Okafor",
                },
                "approvals": {
                    "ethics_registration": {},
                    "ethics_access": {},
                    "indigenous_knowledge": {},
                    "export_controls": {},
                },
                "dataset_info": {
                    "name": "Connectivity of the Great Barrier Reef, spawning season 2024",
                    "description": "A matrix for each of three seeds of the particle release.",
                    "access_info": {"reposited": True},
                    "publisher_id": "@Coral Futures Institute",
                    "created_date": {"relevant": True, "value": "2026-02-11"},
                    "published_date": {},
                    "license": "https://creativecommons.org/licenses/by/4.0/",
                    "formats": ["NetCDF"],
                    "keywords": ["connectivity", "larvae", "Great Barrier Reef"],
                },
            }
        },
    ),
]

# Model runs, which a batch of jobs registers: one for each seed.
RUNS_BY = "modeller"
REVIEWS = "reviewer"  # whom one can ask to approve the release of a dataset
RUNS: list[dict[str, Any]] = [
    {
        "workflow_template_id": "@Connectivity of one season",
        "model_version": "v3.2.1",
        "inputs": [
            {
                "dataset_template_id": "@Hourly currents of one season",
                "dataset_id": "@Currents of the Great Barrier Reef, spawning season 2024",
                "dataset_type": "DATA_STORE",
                "resources": {"currents": "2024/"},
            }
        ],
        "outputs": [
            {
                "dataset_template_id": "@Connectivity matrices",
                "dataset_id": "@Connectivity of the Great Barrier Reef, spawning season 2024",
                "dataset_type": "DATA_STORE",
                "resources": {"matrix": f"seed-{seed}.nc"},
            }
        ],
        "annotations": {"random seed": str(seed), "hardware": "96 cores"},
        "display_name": f"Connectivity 2024, seed {seed}",
        "description": "Larval drift of the spawning season 2024, hourly releases.",
        "study_id": "@Where to restore first",
        "associations": {
            "modeller_id": "@Mara Okafor",
            "requesting_organisation_id": "@Tropical Waters Agency",
        },
        "start_time": 1_770_768_000 + 7_200 * seed,
        "end_time": 1_770_775_000 + 7_200 * seed,
    }
    for seed in range(3)
]


class DemoGroup(NamedTuple):
    slug: str
    display_name: str
    description: str
    members: tuple[str, ...]
    default_data_roles: tuple[str, ...] = ()


GROUPS = [
    DemoGroup(
        "reef-futures",
        "Reef futures team",
        "Modellers of the restoration study.",
        ("modeller", "reviewer"),
        ("dataset-data-read", "dataset-data-write"),
    ),
]

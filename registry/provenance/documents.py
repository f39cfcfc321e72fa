"""W3C PROV documents, by the `prov` package.

Every item is under the namespace of its persistent id's prefix; attributes of ours have a namespace
of their own, and what PROV has a word for is said in PROV's words.
"""

import functools
from datetime import UTC, datetime
from typing import Any

from django.conf import settings
from prov.model import ProvDocument

from registry.kinds import Category
from registry.kinds.runs import RunRecord
from registry.models import Item
from registry.provenance.relations import RunParts

OURS = "https://provena.example.org/ns#"


def of_run(handle: str, record: RunRecord, parts: RunParts) -> str:
    """The PROV-JSON document of a model run: what its record says, which is what its edges say.

    The workflow template is the plan of the association with the modeller (PROV-DM 3.3.3).
    """
    document = ProvDocument()
    name = functools.partial(_declare, document)
    document.add_namespace("provena", OURS)
    run = document.activity(
        _id(document, handle),
        datetime.fromtimestamp(record.start_time, UTC),
        datetime.fromtimestamp(record.end_time, UTC),
        {"prov:type": "provena:MODEL_RUN", "prov:label": record.display_name},
    )
    plan = name(parts.workflow_template)
    modeller = name(parts.modeller)
    document.wasAssociatedWith(run, modeller, plan=plan)
    if parts.organisation:
        document.wasAssociatedWith(run, name(parts.organisation))
    for item in (parts.model, parts.workflow_template, *(used for used, _ in parts.inputs)):
        document.used(run, name(item))
    if parts.study:
        document.wasInformedBy(run, name(parts.study))
    for dataset, _ in parts.outputs:
        document.wasGeneratedBy(name(dataset), run)
        document.wasAttributedTo(name(dataset), modeller)
    templates = [template for _, template in (*parts.inputs, *parts.outputs)]
    for dataset, template in (*parts.inputs, *parts.outputs):
        document.wasInfluencedBy(name(dataset), name(template))
    for member in dict.fromkeys((parts.model, *templates)):
        document.hadMember(plan, name(member))
    return str(document.unified().serialize(format="json"))


def _declare(document: ProvDocument, item: Item) -> Any:
    """The item as an element of the document, with its kind and name."""
    attributes = {"prov:type": f"provena:{item.subtype}", "prov:label": item.display_name}
    identifier = _id(document, item.handle)
    match item.category:
        case Category.AGENT:
            return document.agent(identifier, attributes)
        case Category.ACTIVITY:
            return document.activity(identifier, other_attributes=attributes)
        case _:
            return document.entity(identifier, attributes)


def _id(document: ProvDocument, handle: str) -> str:
    """The qualified name of an item: its prefix as a namespace, its number as the local part."""
    prefix, _, number = handle.partition("/")
    word = "item" if prefix == settings.HANDLE_PREFIX else f"p{prefix.replace('.', '_')}"
    document.add_namespace(word, f"https://hdl.handle.net/{prefix}/")
    return f"{word}:{number}"

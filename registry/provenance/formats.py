"""The formats of W3C PROV documents: their names, and writing and reading them.

`prov` loads lxml and rdflib as soon as it is asked for a serializer by name. So its serializers are
named here, and each of the two is loaded when it is needed: a worker needs neither.
"""

import io
import json
import re
from dataclasses import dataclass
from typing import Any

from prov.model import ProvDocument
from prov.serializers.provjson import ProvJSONSerializer, encode_json_document
from prov.serializers.provjsonld import ProvJSONLDSerializer


@dataclass(frozen=True)
class Format:
    """A way to write a document. `suffix` is that of a file of it."""

    name: str
    title: str
    content_type: str
    suffix: str


FORMATS = {
    one.name: one
    for one in (
        Format("provn", "PROV-N", "text/provenance-notation; charset=utf-8", "provn"),
        Format("json", "PROV-JSON", "application/json", "json"),
        Format("xml", "PROV-XML", "application/provenance+xml", "xml"),
        Format("turtle", "Turtle", "text/turtle; charset=utf-8", "ttl"),
        Format("json-ld", "JSON-LD", "application/ld+json", "jsonld"),
    )
}


def file_name(handle: str, chosen: Format) -> str:
    """The name of a file of an item's document: ids hold characters that file names do not."""
    return f"{re.sub('[^A-Za-z0-9_-]', '-', handle)}.{chosen.suffix}"


def stored(document: ProvDocument) -> str:
    """The document as PROV-JSON in one line, as the record of a run keeps it."""
    # The serializer writes into a stream, which makes json leave its fast path.
    return json.dumps(encode_json_document(document))


def read(text: str) -> ProvDocument:
    """A document in PROV-JSON. Raises ValueError or prov.Error for what is none."""
    return ProvJSONSerializer().deserialize(io.StringIO(text))


def write(document: ProvDocument, name: str) -> str:
    """The document in one of FORMATS. The same document gives the same text."""
    match name:
        case "provn":
            return f"{document.get_provn()}\n"
        case "json":
            return _sorted(stored(document))
        case "json-ld":
            # Its context comes along, so that readers need no network.
            text = io.StringIO()
            ProvJSONLDSerializer(document).serialize(text, context="embed")
            return _sorted(text.getvalue())
        case "xml":
            return _xml(document)
        case _:
            return _turtle(document)


def _xml(document: ProvDocument) -> str:
    from prov.serializers.provxml import ProvXMLSerializer

    out = io.BytesIO()  # into a text stream, lxml would write ASCII
    ProvXMLSerializer(document).serialize(out)
    return out.getvalue().decode()


def _turtle(document: ProvDocument) -> str:
    """PROV-O. Its nodes without a name get random ones from `prov`; here they depend on content."""
    from prov.serializers.provrdf import ProvRDFSerializer
    from rdflib.compare import to_canonical_graph
    from rdflib.graph import DATASET_DEFAULT_GRAPH_ID, Graph

    dataset = ProvRDFSerializer(document).encode_document(document)
    graph = Graph() + to_canonical_graph(dataset.graph(DATASET_DEFAULT_GRAPH_ID))
    for namespace in document.namespaces:
        graph.bind(namespace.prefix, namespace.uri)
    return graph.serialize(format="turtle")


def _sorted(text: str) -> str:
    """JSON with lists of values in order: `prov` keeps the values of an attribute in sets."""
    return json.dumps(_in_order(json.loads(text)), indent=2, ensure_ascii=False) + "\n"


def _in_order(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: part if key == "@context" else _in_order(part) for key, part in value.items()}
    if isinstance(value, list):
        parts = [_in_order(part) for part in value]
        return parts if _are_statements(parts) else sorted(parts, key=json.dumps)
    return value


def _are_statements(parts: list[Any]) -> bool:
    """The records of PROV-JSONLD keep their order; values of attributes have none."""
    return all(
        isinstance(part, dict) and "@type" in part and "@value" not in part for part in parts
    )

"""Routes that there are for each kind of item: a view is written once, and added under the address
of every kind that has it."""

import functools
import inspect
from collections.abc import Callable, Iterable
from typing import Any

from django.http import HttpRequest, HttpResponse
from ninja import Router

from provena import rest
from provena.rest import Bearer
from registry import kinds
from registry.kinds import Kind

ALL = kinds.all_kinds()
# Datasets are registered and changed through the data API.
SIX = [kind for kind in kinds.user_made_kinds() if kind.subtype != "DATASET"]
VERSIONED = [kind for kind in SIX if kind.versioned]

# Where the last part of an address is not just the subtype.
PARTS = {"MODEL_RUN_WORKFLOW_TEMPLATE": "model_run_workflow"}

View = Callable[..., Any]


def address(kind: type[Kind]) -> str:
    """Where the routes of a kind are, such as /registry/entity/model."""
    return f"/registry/{kind.category.lower()}/{PARTS.get(kind.subtype, kind.subtype.lower())}"


def for_each(
    kinds: Iterable[type[Kind]],
    router: Router,
    method: str,
    path: str,
    *,
    auth: Bearer,
    response: Any,
    summary: str,
    takes_content: bool = False,
) -> Callable[[View], View]:
    """Add a view, which takes a request and a kind, as a route of each of these kinds.

    In the `summary`, `{}` stands for the kind with its article. Where the view `takes_content`, the
    description of the route shows the fields of the kind.
    """

    def add(view: View) -> View:
        for kind in kinds:
            router.api_operation(
                [method],
                address(kind) + path,
                auth=auth,
                response={200: response, **rest.REFUSALS},
                summary=summary.format(kind.a_label()),
                description=inspect.getdoc(view),
                operation_id=f"{view.__name__}_{kind.subtype.lower()}",
                tags=[f"Registry: {kind.plural.lower()}"],
                openapi_extra=rest.body_of(kind.model_json_schema()) if takes_content else None,
            )(_of(kind, view))
        return view

    return add


def _of(kind: type[Kind], view: View) -> View:
    """The view for one kind; its signature tells what a request must hold."""

    @functools.wraps(view)
    def of_kind(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        answer: HttpResponse = view(request, kind, *args, **kwargs)
        return answer

    signature = inspect.signature(view)
    left = [one for name, one in signature.parameters.items() if name != "kind"]
    of_kind.__signature__ = signature.replace(parameters=left)  # type: ignore[attr-defined]  # inspect reads it
    return of_kind

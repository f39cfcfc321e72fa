"""How the registry's APIs answer, and what they make of a refusal by a service.

Some routes tell refused content as a success of HTTP whose `status` says otherwise (the contract
calls it 200-); those views are wrapped in `content_in_status`.
"""

from collections.abc import Callable
from functools import wraps
from typing import Any, TypeVar

from django.http import HttpRequest, HttpResponse, JsonResponse
from ninja import NinjaAPI, Schema

from provena import rest
from registry import services
from registry.kinds import Findings
from registry.model_runs.services import RunRefused
from registry.provenance.lineage import WrongDepth


class Status(Schema):
    """Whether it was done, and in words what was done or why not."""

    success: bool = True
    details: str = "Done."


class Done(Schema):
    """The answer of a route that has nothing else to tell."""

    status: Status = Status()


View = TypeVar("View", bound=Callable[..., Any])


def content_in_status(view: View) -> View:
    """Let a route answer refused content with success=false instead of an error."""

    @wraps(view)
    def answer(request: HttpRequest, *args: Any, **kwargs: Any) -> Any:
        try:
            return view(request, *args, **kwargs)
        except Findings as found:
            if found.misshapen:
                raise
            return refused(" ".join(found.lines()))
        except services.WrongKind as error:
            return refused(str(error))

    return answer  # type: ignore[return-value]  # it is called as the view is


def refused(details: str) -> JsonResponse:
    """Success of HTTP, and none of what was wanted."""
    return JsonResponse({"status": {"success": False, "details": details}})


def install(api: NinjaAPI) -> None:
    """Let an API answer the refusals of the registry's services."""
    rest.add_handlers(
        api,
        {services.Refused: _refused, Findings: _findings, WrongDepth: _wrong_depth},
    )


CODES = {
    services.Locked: "locked",
    services.NotAllowed: "not_allowed",
    services.WrongKind: "wrong_kind",
    services.PersonNeeded: "person_needed",
    services.Released: "released",
    services.ChangedMeanwhile: "changed_meanwhile",
}


def _refused(request: HttpRequest, error: services.Refused) -> HttpResponse:
    """401 for a missing right (a lock is one, too), 403 for what a release forbids everybody, 400
    for all else."""
    is_unreadable = isinstance(error, RunRefused) and error.is_unreadable
    is_right = isinstance(error, services.NotAllowed) or is_unreadable
    status = 403 if isinstance(error, services.Released) else 401 if is_right else 400
    code = next((code for cls, code in CODES.items() if isinstance(error, cls)), "refused")
    return rest.problem(status, str(error), code)


def _findings(request: HttpRequest, found: Findings) -> HttpResponse:
    if found.misshapen:
        return rest.faults(found.faults)
    return rest.problem(400, " ".join(found.lines()), "refused_content")


def _wrong_depth(request: HttpRequest, error: WrongDepth) -> HttpResponse:
    return rest.problem(400, str(error), "wrong_depth")

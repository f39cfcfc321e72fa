"""Reports on model runs and studies."""

from typing import Annotated, Any

from ninja import Router, Schema
from pydantic import Field

from provena import rest
from provena.rest import ApiRequest
from registry.api.answers import Status
from registry.api.rights import READ
from registry.reports import contents, files, jobs
from registry.reports.files import WORD

router = Router(tags=["Reports"])


class Wanted(Schema):
    """The run or the study to report on, its kind, and how many steps upstream of runs to go."""

    id: str
    item_subtype: str
    depth: Annotated[int, Field(ge=min(contents.DEPTHS), le=max(contents.DEPTHS))]


class Reporting(Schema):
    """The job that makes the report. Its result has the `report_url`."""

    status: Status
    session_id: str


WORD_TOO = {
    "responses": {200: {"content": {WORD: {"schema": {"type": "string", "format": "binary"}}}}}
}


def generate_report(request: ApiRequest, wanted: Wanted) -> Any:
    if WORD in request.headers.get("Accept", ""):
        report = jobs.of(wanted.id, wanted.item_subtype, wanted.depth, request.user)
        return files.answer(report, files.FORMATS["docx"])
    job = jobs.submit(
        handle=wanted.id,
        subtype=wanted.item_subtype,
        depth=wanted.depth,
        owner=request.user,
        site=request.build_absolute_uri("/"),
    )
    details = f"The job {job.session_id} makes the report."
    return {"status": Status(details=details), "session_id": str(job.session_id)}


generate_report.__doc__ = f"""The inputs, model runs and outputs of a model run or a study, by kind
and name, each with its id. What you may not read is in it without name and id.

Whoever accepts the type of Word documents (`{WORD}`) gets one at once. Otherwise a job
makes the report: the `report_url` in its result is a link that holds for
{jobs.LINK_HOLDS // 60} minutes and needs no token; with `html` or `csv` in the place of
`docx` at its end it gives that.

Refused with 400 for another kind than MODEL_RUN or STUDY, and for a report that would be made of
more than {contents.MOST:,} items."""
router.post(
    "/explore/generate/report",
    auth=READ,
    response={200: Reporting, **rest.REFUSALS},
    summary="Report on a model run or a study",
    openapi_extra=WORD_TOO,
)(generate_report)

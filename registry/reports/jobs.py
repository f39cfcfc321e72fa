"""The job that makes a report and keeps it, and the links by which it is downloaded for a while."""

from urllib.parse import urljoin

from django.conf import settings
from django.contrib.auth.models import User
from django.core import signing
from django.db import transaction
from django.urls import reverse
from pydantic import Field

from jobs import definitions, lifecycle
from jobs.definitions import Link, Payload, PermanentError
from jobs.models import Job
from jobs.worker import Run
from registry.access import Level, Role
from registry.reports import contents, files
from registry.reports.contents import Report
from registry.services import rules
from registry.services.rules import Refused

LINK_HOLDS = 3600  # seconds
SALT = "registry.reports"
GENERATE = "GENERATE_REPORT"


class ReportPayload(Payload):
    """What to report on. `site` is the address of the site, for the link."""

    id: str
    item_subtype: str
    depth: int = Field(ge=min(contents.DEPTHS), le=max(contents.DEPTHS))
    user_info: str = ""
    site: str = ""


class ReportResult(Payload):
    """The report, and a link to it as a Word document that holds for an hour."""

    report_url: str
    report: Report


class LinkExpired(Exception):
    """A link to a report no longer holds, or never did."""


@definitions.job(
    type="REPORT",
    sub_type=GENERATE,
    title="Generate Report",
    payload=ReportPayload,
    result=ReportResult,
    started_by="asking for a report over the API",
)
def generate_report(run: Run, payload: ReportPayload) -> ReportResult:
    """Make a report on a model run or a study, as its owner may see what it names. The page of the
    job offers it as a file."""
    try:
        rules.need_level(run.owner, Level.READ)
        report = of(payload.id, payload.item_subtype, payload.depth, run.owner)
    except Refused as refused:
        raise PermanentError(str(refused)) from None
    return ReportResult(
        report_url=urljoin(payload.site or settings.SITE_URL, link(run.job)), report=report
    )


def of(handle: str, subtype: str, depth: int, user: User) -> Report:
    """The report on the item of that id and kind. Raises Refused."""
    item = rules.known(handle)
    rules.need_role(user, item, Role.METADATA_READ)
    if subtype not in (item.subtype, ""):
        raise Refused(f"{handle} is {item.kind.a_label()}, and not of the kind {subtype}.")
    return contents.of_item(item, user, depth)


def submit(*, handle: str, subtype: str, depth: int, owner: User, site: str = "") -> Job:
    """Queue the job that makes a report. Raises Refused, at once, for what it would refuse."""
    rules.need_level(owner, Level.READ)
    of(handle, subtype, depth, owner)
    payload = {"id": handle, "item_subtype": subtype, "depth": depth, "site": site}
    with transaction.atomic():
        return lifecycle.submit(sub_type=GENERATE, payload=payload, owner=owner, subject=handle)


def link(job: Job, name: str = "docx") -> str:
    """The address of the report of a job as a file. For LINK_HOLDS whoever has it may download the
    report, signed in or not."""
    token = signing.dumps(str(job.session_id), salt=SALT)
    return reverse("report-file", args=[token, name])


def linked(token: str) -> Report:
    """The report that a link is for. Raises LinkExpired."""
    try:
        session_id = signing.loads(token, salt=SALT, max_age=LINK_HOLDS)
    except signing.BadSignature:
        raise LinkExpired from None
    kept = Job.objects.filter(session_id=session_id).values_list("result__report", flat=True)
    report = kept.first()
    if report is None:
        raise LinkExpired
    return Report.model_validate(report)


def downloads(user: User, job: Job) -> list[Link]:
    """The report of a job, in each format, by links that hold from now on."""
    if not job.result:
        return []
    return [Link(f"Download {one.title}", link(job, one.name)) for one in files.FORMATS.values()]


definitions.offer_job_links(GENERATE, downloads)

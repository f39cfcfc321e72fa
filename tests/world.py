"""A site that has been lived in: the demo data, and what else can be seen on a page.

Everything is made by the services that people's clicks call; only what never stays as it is while
one looks (a job that waits, a batch that is half done) is put into a queue that no worker serves.
"""

import csv
import io
from collections.abc import Callable
from typing import Any

from django.contrib.auth.models import User
from django.core.management import call_command
from django.db import transaction
from django.utils import timezone

from jobs import batches, lifecycle
from jobs.models import Batch, Job, Status
from registry import services
from registry.model_runs import columns, rows, sheets
from registry.model_runs import services as runs
from registry.models import Group, Item, RunSheet

NOWHERE = "nowhere"  # a queue that no worker serves
WORD = "Weather-and-climate-" + "x" * 60  # nobody types this, and a page must bear it
GONE = "10378.1/9999999"
BAD_CELLS = {"agent id": "", "study id": "not-an-id", "execution start": "yesterday at noon"}


def furnish(settle: Callable[[], object]) -> dict[str, str]:
    """Make it all on an empty database; `settle` runs the jobs that are due, or waits until workers
    have. Returns addresses by the names that the table of pages uses."""
    call_command("demo", stdout=io.StringIO())
    settle()
    User.objects.create_user("newcomer", first_name="Noor")
    site = _Site()
    items = site.items(settle)
    places = {name: item.get_absolute_url() for name, item in items.items()}
    places |= {f"{name}_id": item.handle for name, item in items.items()}
    return places | site.tables(settle) | site.jobs() | site.batches(settle)


class _Site:
    """The parts of it, made by the demo users."""

    def __init__(self) -> None:
        self.modeller = User.objects.get(username="modeller")
        self.admin = User.objects.get(username="admin")
        self.run = Item.objects.filter(subtype="MODEL_RUN").order_by("id")[0]
        self.record: dict[str, Any] = self.run.info["record"]

    def items(self, settle: Callable[[], object]) -> dict[str, Item]:
        """Items in every condition: changed, superseded, locked, hidden, deleted, overlong."""
        old = _named("Coral connectivity model")
        new = services.create_version(handle=old.handle, reason="By reef zone", by=self.modeller)
        services.lock(handle=old.handle, reason="Published with the paper", by=self.modeller)
        self._change(new, "Particle tracking of coral larvae between the zones of 3,806 reefs.")
        group = Group.objects.get()
        services.change_access(
            handle=new.handle,
            general=["metadata-read"],
            groups={group.slug: ["metadata-write"]},
            by=self.modeller,
        )
        hidden = self._model("Not yet published")
        services.change_access(handle=hidden.handle, general=[], groups={}, by=self.modeller)
        long = self._model(WORD, user_metadata={"k" * 60: "v" * 90})
        self._change(long, f"{WORD} " * 3)
        deleted = self._model("Registered twice", subtype="STUDY")
        services.delete(handle=deleted.handle, reason="A mistake", by=self.admin)
        dataset = _named("Currents of the Great Barrier Reef, spawning season 2024")
        reviewer = services.person_of(User.objects.get(username="reviewer"))
        services.request_release(
            handle=dataset.handle,
            approver=reviewer.handle,
            notes="Checked against the moorings.",
            by=dataset.owner,
        )
        settle()
        return {
            "model": new,
            "old_model": old,
            "long_model": long,
            "hidden": hidden,
            "deleted": deleted,
            "run": self.run,
            "person": _named("Mara Okafor"),
            "organisation": _named("Coral Futures Institute"),
            "study": _named("Where to restore first"),
            "template": _named("Connectivity of one season"),
            "dataset": dataset,
            "matrices": _named("Connectivity of the Great Barrier Reef, spawning season 2024"),
            "dataset_template": _named("Connectivity matrices"),
            "create": Item.objects.filter(subtype="CREATE").order_by("id")[0],
            "version": Item.objects.filter(subtype="VERSION").order_by("id")[0],
        }

    def tables(self, settle: Callable[[], object]) -> dict[str, str]:
        """Tables of runs: one to mend, one with nothing wrong, one that was submitted."""
        faulty = [self._row(f"Run {number} {WORD}", BAD_CELLS) for number in range(27)]
        mixed = self._table("season-2024.csv", *faulty, self._row("Good"), self._row(None))
        good = self._table("season-2025.csv", self._row("Season 2025"))
        sent = self._table("season-2023.csv", self._row("Season 2023, north"))
        launch = sheets.submit(sheet=sent, by=self.modeller).job
        assert launch
        settle()
        return {
            "sheet": mixed.get_absolute_url(),
            "good_sheet": good.get_absolute_url(),
            "sent_sheet": sent.get_absolute_url(),
        }

    def jobs(self) -> dict[str, str]:
        """Jobs that failed, were cancelled, or wait in vain; and what leads to them."""
        study = _named("Sediment after floods")
        with transaction.atomic():  # the study is hidden before any worker sees the run
            record = self.record | {"study_id": study.handle, "display_name": "Season 2026"}
            failed = runs.register(record=record, owner=self.modeller)
            services.change_access(handle=study.handle, general=[], groups={}, by=study.owner)
        with transaction.atomic():
            cancelled = self._model("Drafted in haste").creation_workflow.jobs.get()
            lifecycle.cancel(cancelled, by=self.modeller)
        with transaction.atomic():
            waiting = self._model("Registered a moment ago")
            waiting.creation_workflow.jobs.update(queue=NOWHERE)
            following = runs.register(record=self.record, owner=self.modeller)
            Job.objects.filter(pk=following.pk).update(queue=NOWHERE)
        done = _named("Reef heat stress model").creation_workflow.jobs.order_by("step")
        return {
            "bulk_job": self._retried_many().get_absolute_url(),
            "done_job": done[0].get_absolute_url(),
            "lodged_job": done[1].get_absolute_url(),
            "failed_job": failed.get_absolute_url(),
            "failed_run_job": f"/runs/jobs/{failed.session_id}/",
            "cancelled_job": cancelled.get_absolute_url(),
            "waiting": waiting.get_absolute_url(),
            "waiting_job": waiting.creation_workflow.jobs.get().get_absolute_url(),
            "waiting_run_job": f"/runs/jobs/{following.session_id}/",
        }

    def batches(self, settle: Callable[[], object]) -> dict[str, str]:
        """A batch that succeeded, one of which some failed, and one half done."""
        done = Batch.objects.order_by("created_at")[0]
        settle()
        records = [self.record | {"display_name": f"Heat stress {n}"} for n in range(34)]
        for record in records[3::9]:
            record["associations"] = self.record["associations"] | {
                "requesting_organisation_id": GONE
            }
        launch = runs.register_batch(batch=records, owner=self.modeller)
        settle()
        launch.refresh_from_db()
        failed = Batch.objects.get(pk=launch.result["batch_id"])
        half = self._half_done()
        return {
            "batch": done.get_absolute_url(),
            "failed_batch": failed.get_absolute_url(),
            "batch_job": failed.jobs.filter(status=Status.FAILED)[0].get_absolute_url(),
            "half_batch": half.get_absolute_url(),
            "running_job": half.jobs.get(status=Status.IN_PROGRESS).get_absolute_url(),
        }

    def _retried_many(self) -> Job:
        """A job that has put many others back into the queue."""
        now = timezone.now()
        matching = {"status": ["FAILED"], "until": now.isoformat()}
        return Job.objects.create(
            owner=self.modeller,
            type="JOBS",
            sub_type="RETRY_MATCHING",
            payload={"filter": matching, "words": "Status FAILED"},
            status="SUCCEEDED",
            attempt=1,
            result={"changed": 1200},
            done=1200,
            total=1200,
            created_at=now,
            dequeued_at=now,
            started_at=now,
            finished_at=now,
        )

    def _half_done(self) -> Batch:
        """A batch as it is while workers are at it, with a job in each state."""
        states = [*["SUCCEEDED"] * 9, "FAILED", "IN_PROGRESS", "DEQUEUED", *["PENDING"] * 8]
        batch = Batch.objects.create(
            owner=self.modeller, title=f"Season 2030 {WORD}", total=len(states)
        )
        now = timezone.now()
        for index, status in enumerate(states):
            Job.objects.create(
                owner=self.modeller,
                type="PROV_LODGE",
                sub_type="MODEL_RUN_PROV_LODGE",
                payload={"record": self.record},
                batch=batch,
                batch_index=index,
                queue=NOWHERE,
                status=status,
                attempt=0 if status in {"PENDING", "DEQUEUED"} else 1,
                info="Dataset 10378.1/9999999 is not registered." if status == "FAILED" else "",
                result={} if status == "SUCCEEDED" else None,
                dequeued_at=None if status == "PENDING" else now,
                started_at=None if status in {"PENDING", "DEQUEUED"} else now,
                finished_at=now if status in {"SUCCEEDED", "FAILED"} else None,
            )
        batches.cancel_all(batch.jobs.filter(batch_index__gte=len(states) - 2), by=self.modeller)
        return batch

    def _model(self, name: str, *, subtype: str = "MODEL", **more: Any) -> Item:
        study = {"title": name, "description": name}
        content = study if subtype == "STUDY" else _named("River plume model").info
        return services.register(
            subtype=subtype,
            content=content | {"display_name": name} | more,
            owner=self.modeller,
        )

    def _change(self, item: Item, description: str) -> None:
        item.refresh_from_db()
        services.update(
            handle=item.handle,
            subtype=item.subtype,
            content=item.info | {"description": description},
            reason="As the paper has it",
            by=self.modeller,
        )

    def _columns(self) -> columns.Columns:
        layout = columns.layout_for(self.record["workflow_template_id"], self.modeller)
        return layout.columns(organisation=True, annotations=())

    def _row(self, name: str | None, cells: dict[str, str] | None = None) -> list[str]:
        """The cells of a run like the first one, with another name (None: as it is) and others in
        the columns that begin so."""
        record = self.record | ({"display_name": name} if name else {})
        row = list(rows.cells(record, self._columns()))
        for header, text in (cells or {}).items():
            [place] = [n for n, one in enumerate(self._columns().headers) if one.startswith(header)]
            row[place] = text
        return row

    def _table(self, name: str, *lines: list[str]) -> RunSheet:
        written = io.StringIO(newline="")
        csv.writer(written).writerows([self._columns().headers, *lines])
        file = io.BytesIO(written.getvalue().encode())
        return sheets.load(stream=file, file_name=name, owner=self.modeller)


def _named(name: str) -> Item:
    return Item.objects.live().filter(display_name=name).order_by("id")[0]

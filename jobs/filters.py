"""What a list of jobs may be narrowed to: one value for addresses, pages, commands and payloads."""

import json
from collections.abc import Callable, Iterator, Mapping
from datetime import datetime, timedelta, tzinfo
from typing import TYPE_CHECKING, Annotated, Any, NamedTuple, Self
from urllib.parse import urlencode

from django.contrib.auth import get_user_model
from django.db import connection
from django.db.models import OuterRef, Q, Subquery, TextField
from django.db.models.functions import Cast
from django.http import QueryDict
from django.utils import timezone
from pydantic import AfterValidator, ValidationError

from jobs import definitions
from jobs.definitions import Payload
from jobs.filter_values import (
    BATCHES,
    STATES,
    WINDOWS,
    after_since,
    end_of,
    instant,
    of_that_type,
    one_of,
    some_text,
    some_time,
    some_zone,
    sub_types,
    types,
    zone_of,
)
from jobs.models import FAILED_AS, ZERO, Batch, Job, JobQuerySet, sees_all_jobs

if TYPE_CHECKING:
    from django.contrib.auth.models import User

LABELS = {
    "status": "Status",
    "type": "Type",
    "sub_type": "Job",
    "item": "Item",
    "since": "From",
    "until": "Until",
    "text": "Text",
    "user": "User",
}


class Part(NamedTuple):
    """One thing that a filter asks for: its name in addresses, its value, and both in words."""

    name: str
    value: str
    label: str
    words: str


class JobFilter(Payload):
    """Which jobs are wanted; a default asks for nothing. Several states mean any of them, and all
    that is asked for must be true. FAILED finds what failed by itself, CANCELLED what somebody
    cancelled, MENDED what another job took the place of.

    Times without an offset are of `zone`, or of the site's zone; a day includes all of it. `mine`
    means those of whoever looks, so that a link shows each reader their own.
    """

    status: tuple[Annotated[str, one_of("state of a job", lambda: STATES)], ...] = ()
    type: Annotated[str, one_of("type of jobs", types)] = ""
    sub_type: Annotated[
        str,
        one_of("sub type of jobs", sub_types),
        AfterValidator(of_that_type),
    ] = ""
    batch: Annotated[str, one_of("choice for batches", lambda: BATCHES)] = ""
    item: Annotated[str, AfterValidator(some_text)] = ""
    when: Annotated[str, one_of("window of time", lambda: WINDOWS)] = ""
    zone: Annotated[str, AfterValidator(some_zone)] = ""
    since: Annotated[str, AfterValidator(some_time)] = ""
    until: Annotated[str, AfterValidator(some_time), AfterValidator(after_since)] = ""
    text: Annotated[str, AfterValidator(some_text)] = ""
    user: Annotated[str, AfterValidator(some_text)] = ""
    mine: bool = False

    @classmethod
    def from_query(cls, given: QueryDict) -> tuple[Self, list[str]]:
        """The filter that an address asks for, and a line for each value that makes no sense, which
        the filter then lacks. What else the address holds does not matter."""
        return cls.from_values(cls.values_in(given))

    @classmethod
    def values_in(cls, given: QueryDict) -> dict[str, Any]:
        """What an address gives for the fields of a filter."""
        values: dict[str, Any] = {
            name: given.get(name, "").strip() for name in cls.model_fields if name in given
        }
        values["status"] = [value for value in given.getlist("status") if value]
        values["mine"] = values.get("mine", "") not in {"", "0"}
        return values

    @classmethod
    def from_values(cls, values: dict[str, Any]) -> tuple[Self, list[str]]:
        """The same by the names of its fields."""
        found, faults = cls.checked(values)
        return found, [text for _, text in faults]

    @classmethod
    def checked(cls, values: dict[str, Any]) -> tuple[Self, list[tuple[str, str]]]:
        """The same, with the name of each field that makes no sense beside its line."""
        faults: list[tuple[str, str]] = []
        values = dict(values)
        while True:
            try:
                return cls(**values), faults
            except ValidationError as error:
                for fault in error.errors():
                    name = str(fault["loc"][0])
                    values.pop(name, None)
                    faults.append((name, str(fault.get("ctx", {}).get("error", fault["msg"]))))

    def to_query(self) -> str:
        """The part of an address behind `?`; empty if all jobs are wanted."""
        values = self.to_payload()
        if "mine" in values:
            values["mine"] = "1"
        return urlencode(values, doseq=True)

    @classmethod
    def from_payload(cls, values: Mapping[str, Any]) -> Self:
        """The filter that `to_payload` told. Raises ValidationError."""
        return cls.model_validate(values)

    def to_payload(self) -> dict[str, Any]:
        """What is asked for, as JSON can hold it."""
        values = self.model_dump(mode="json", exclude_defaults=True)
        if not (self.since or self.until or self.when in {"today", "yesterday"}):
            values.pop("zone", None)
        return values

    @property
    def has_more(self) -> bool:
        """True where something is asked for beside state, text and a named window of time."""
        return bool(self.to_payload().keys() - {"status", "text", "when", "zone"})

    def stands_for_batch(self, job: Job) -> bool:
        """Whether the row of a job that was found is that of its whole batch: where they are not
        listed one by one, and for a batch that was found by its title."""
        if not self.lists_each:
            return True
        if self.status or job.batch is None or job.batch_index:
            return False
        return self.text.lower() in job.batch.title.lower()

    @property
    def lists_each(self) -> bool:
        """True where jobs of batches are found one by one: only state and text tell them apart.
        Otherwise the first job of a batch stands for all of them."""
        return bool(self.status or self.text)

    @property
    def is_plain(self) -> bool:
        """True where nothing is asked for but whose jobs they are, and their state."""
        return not self.to_payload().keys() - {"status", "user", "mine"}

    def parts(self) -> Iterator[Part]:
        """All that is asked for, in words. Of an item it has its id only."""
        for name, value in self.to_payload().items():
            for one in value if isinstance(value, list) else [value]:
                if name != "zone":
                    yield Part(name, str(one), LABELS.get(name, ""), self._words(name, one))

    @property
    def since_shown(self) -> str:
        """`since` as a field of a form has it."""
        return self._shown(self.since, instant)

    @property
    def until_shown(self) -> str:
        """`until` likewise; of a day, its end."""
        return self._shown(self.until, end_of)

    def without(self, part: Part) -> Self:
        """The same filter without one of its parts."""
        values = self.to_payload()
        if part.name == "status":
            values["status"] = [status for status in self.status if status != part.value]
        else:
            del values[part.name]
        return self.from_payload(values)

    def window(self, now: datetime) -> tuple[datetime | None, datetime | None]:
        """From when (included) until when (not included) the jobs were created."""
        zone = zone_of(self.zone)
        today = now.astimezone(zone).replace(hour=0, minute=0, second=0, microsecond=0)
        begin, end = {
            "hour": (now - timedelta(hours=1), None),
            "today": (today, None),
            "yesterday": (today - timedelta(days=1), today),
            "week": (now - timedelta(days=7), None),
        }.get(self.when, (None, None))
        since = instant(self.since, zone) if self.since else None
        until = end_of(self.until, zone) if self.until else None
        return (
            max(filter(None, (begin, since)), default=None),
            min(filter(None, (end, until)), default=None),
        )

    def fixed(self, now: datetime) -> Self:
        """The same jobs for ever: its window in absolute times, and none that is created later. For
        what is kept and used afterwards, such as the payload of a job."""
        since, until = self.window(now)
        bounds = {"since": since.isoformat() if since else "", "when": "", "zone": ""}
        return self.model_copy(update=bounds | {"until": min(until or now, now).isoformat()})

    def apply(self, jobs: JobQuerySet, user: "User | None") -> JobQuerySet:
        """Those of the jobs that are wanted and that `user` may open; None is an operator, who may
        open all. What a job is about, and what it was given, finds only jobs in which the user may
        see that."""
        found = self.narrow(self.owned(jobs, user), user)
        return found if self.lists_each else found.listed()

    def owned(
        self, jobs: JobQuerySet, user: "User | None", column: str = "owner_id"
    ) -> JobQuerySet:
        """Those of the jobs that `user` may open and whose owner is the wanted one."""
        if user and (self.mine or not sees_all_jobs(user)):
            jobs = jobs.filter(**{column: user.pk})
        if self.user:
            # By key, and not by a join: so both databases take the index of the owner's jobs.
            named = get_user_model().objects.filter(username=self.user).values("pk")
            jobs = jobs.filter(**{column: Subquery(named)})
        return jobs

    def narrow(
        self, jobs: JobQuerySet, user: "User | None", *, ask_state: bool = True
    ) -> JobQuerySet:
        """Those of the jobs that are wanted, whoever their owner is. Not to ask for their state is
        for a caller that has done so: asked twice, PostgreSQL thinks that next to none is left."""
        exact = {"type": self.type, "sub_type": self.sub_type}
        found = jobs.filter(**{name: value for name, value in exact.items() if value})
        if self.status and ask_state:
            found = found.filter(self._in_states())
        if self.batch:
            found = found.filter(batch_index__isnull=self.batch == "none")
        if self.item:
            found = found.about(self.item).filter(_is_open(user))
        since, until = self.window(timezone.now())
        if since:
            found = found.filter(created_at__gte=since)
        if until:
            found = found.filter(created_at__lt=until)
        return self._with_text(found, user) if self.text else found

    def _in_states(self) -> Q:
        wanted = set(self.status)
        found = Q(status__in=wanted - FAILED_AS.keys())
        for state, told in FAILED_AS.items():
            if state in wanted:
                found |= told
        return found

    def _words(self, name: str, value: str) -> str:
        if name == "sub_type":
            return definitions.title_of(value)
        if name in {"since", "until"}:
            return value.replace("T", " ") + (f" ({self.zone})" if self.zone else "")
        if name == "mine":
            return "Mine"
        known = {"batch": BATCHES, "when": WINDOWS}.get(name, {})
        return known.get(value, f"“{value}”" if name == "text" else value)

    def _shown(self, value: str, moment: Callable[[str, tzinfo], datetime]) -> str:
        zone = zone_of(self.zone)
        return f"{moment(value, zone).astimezone(zone):%Y-%m-%dT%H:%M}" if value else ""

    def _with_text(self, jobs: JobQuerySet, user: "User | None") -> JobQuerySet:
        # As the text stands in JSON: SQLite keeps it as it was written, PostgreSQL reads it first.
        written = json.dumps(self.text, ensure_ascii=connection.vendor == "sqlite")[1:-1]
        given = Q(given__icontains=written) & _is_open(user)
        jobs = jobs.alias(given=Cast("payload", TextField()))
        titled = Batch.objects.filter(title__icontains=self.text).order_by().values("pk")
        of_batch = Q(batch__in=titled) & (Q() if self.status else Q(batch_index=ZERO))
        return jobs.filter(Q(info__icontains=self.text) | given | of_batch)


def _is_open(user: "User | None") -> Q:
    """Jobs in which the user may see what they are about, of those that they may open."""
    if user is None or not sees_all_jobs(user):
        return Q()  # their own
    readable = definitions.is_readable(user, OuterRef("subject"))
    return Q(subject="") | Q(owner=user) | Q(readable)

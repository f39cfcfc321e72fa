"""Model runs in a soak: what they are of, and whether each is there as its job says."""

from collections import Counter

from django.contrib.auth.models import User
from django.db.models import Count

from jobs.models import Job
from registry import services
from registry.models import Item
from tests.conftest import PERSON
from tests.registry.runs import Workflow, made_for

KIND = "MODEL_RUN_PROV_LODGE"
EDGES = 13  # of a run of that workflow (test_runs.py lists them)


def workflow_of(user: User) -> Workflow:
    """A workflow template with all that its runs name, whose owner becomes a Person."""
    user.email = "soak@example.org"
    user.save()
    content = PERSON | {"display_name": "Person of the soak"}
    person = services.register(subtype="PERSON", content=content, owner=user)
    services.link_person(user=user, person=person)
    return made_for(user)


def effects() -> Counter[int]:
    """How many whole runs each job has made, by its key. One that lacks an edge is none, so that it
    shows."""
    runs = Item.objects.filter(subtype="MODEL_RUN").annotate(edges=Count("claims"))
    made = Counter(
        system["session_id"]
        for system, edges in runs.values_list("system", "edges").iterator()
        if edges == EDGES
    )
    jobs = Job.objects.filter(sub_type=KIND).values_list("pk", "session_id")
    return Counter({pk: made[str(session_id)] for pk, session_id in jobs.iterator()})


def strays() -> list[str]:
    """Runs that are not whole, or of no job."""
    runs = Item.objects.filter(subtype="MODEL_RUN").annotate(edges=Count("claims"))
    jobs = set(map(str, Job.objects.filter(sub_type=KIND).values_list("session_id", flat=True)))
    faults = []
    for handle, system, edges in runs.values_list("handle", "system", "edges").iterator():
        if edges != EDGES:
            faults.append(f"The run {handle} has {edges} of {EDGES} edges.")
        if system["session_id"] not in jobs:
            faults.append(f"The run {handle} is of no job.")
    return faults

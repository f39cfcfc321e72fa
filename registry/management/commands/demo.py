"""`manage.py demo`: demo users and items. Running it again changes nothing."""

from typing import Any

from django.contrib.auth.models import User
from django.core.management.base import BaseCommand, CommandError
from django.db import transaction

from jobs.models import Job
from registry import demo, services
from registry.model_runs import services as runs
from registry.models import Group, Item


class Command(BaseCommand):
    help = "Makes the demo users and items, where they are not there yet."

    @transaction.atomic
    def handle(self, *args: Any, **options: Any) -> None:
        names = {user.username for user in demo.USERS}
        present = set(User.objects.values_list("username", flat=True))
        if present - names and names - present:
            raise CommandError(
                "This database has users of its own. The demo data, with its well-known "
                "passwords, is for a site of its own."
            )
        users = {user.username: _user(user) for user in demo.USERS}
        try:
            for group in demo.GROUPS:
                _group(group, users)
            made = sum(_registered(entry, users[entry.owner]) for entry in demo.ITEMS)
            _launch_runs(users[demo.RUNS_BY])
            if person := services.person_of(users[demo.REVIEWS]):
                services.add_reviewer(person.handle)
        except services.Refused as refused:
            raise CommandError(f"The demo data cannot be completed: {refused}") from None
        self.stdout.write(
            f"Demo data: {made} items made, {len(demo.ITEMS) - made} were there. "
            f"Users {', '.join(users)}, password {demo.PASSWORD}."
        )


def _user(wanted: demo.DemoUser) -> User:
    """The demo user. One who is there already is left as they are, password included."""
    user = User.objects.filter(username=wanted.username).first()
    if user is None:
        user = User.objects.create_user(
            wanted.username,
            wanted.email,
            demo.PASSWORD,
            first_name=wanted.first_name,
            last_name=wanted.last_name,
            is_staff=wanted.is_superuser,
            is_superuser=wanted.is_superuser,
        )
    return user


def _registered(entry: demo.DemoItem, owner: User) -> bool:
    """Register a demo item, and link its owner to the first Person of theirs. False if it is
    there already."""
    if _found(entry.name, owner=owner, subtype=entry.subtype):
        return False
    content = _with_ids(entry.content)
    item = services.register(subtype=entry.subtype, content=content, owner=owner)
    if entry.subtype == "PERSON" and services.person_of(owner) is None:
        services.link_person(user=owner, person=item)
    return True


def _launch_runs(owner: User) -> None:
    """Launch the batch of demo runs, unless that was done already."""
    if not Job.objects.filter(owner=owner, sub_type="MODEL_RUN_BATCH_SUBMIT").exists():
        runs.register_batch(batch=_with_ids(demo.RUNS), owner=owner)


def _group(wanted: demo.DemoGroup, users: dict[str, User]) -> None:
    """Make a demo group, unless it is there already."""
    group, is_new = Group.objects.get_or_create(
        slug=wanted.slug,
        defaults={
            "display_name": wanted.display_name,
            "description": wanted.description,
            "default_data_roles": list(wanted.default_data_roles),
        },
    )
    if is_new:
        group.members.set([users[name] for name in wanted.members])


def _found(name: str, **more: Any) -> Item | None:
    return Item.objects.live().filter(display_name=name, **more).order_by("id").first()


def _with_ids(value: Any) -> Any:
    """Content in which each name after an @ is the id of that item."""
    if isinstance(value, dict):
        return {key: _with_ids(part) for key, part in value.items()}
    if isinstance(value, list):
        return [_with_ids(part) for part in value]
    if isinstance(value, str) and value.startswith("@"):
        item = _found(value[1:])
        if item is None:
            raise CommandError(f"The demo data lacks the item {value[1:]!r}.")
        return item.handle
    return value

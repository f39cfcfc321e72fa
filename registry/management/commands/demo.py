"""`manage.py demo`: demo users and items. Running it again changes nothing."""

from typing import Any

from django.contrib.auth.models import User
from django.core.management.base import BaseCommand, CommandError
from django.db import transaction

from registry import demo, services
from registry.models import Item


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
            made = sum(_registered(entry, users[entry.owner]) for entry in demo.ITEMS)
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
    name = entry.content["display_name"]
    if Item.objects.filter(owner=owner, subtype=entry.subtype, display_name=name).exists():
        return False
    item = services.register(subtype=entry.subtype, content=entry.content, owner=owner)
    if entry.subtype == "PERSON" and services.person_of(owner) is None:
        services.link_person(user=owner, person=item)
    return True

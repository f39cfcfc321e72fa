"""Provena's system roles as permissions of Django (the table is in the README). Handles have no
service of their own here, and so no roles."""

from collections.abc import Collection
from dataclasses import dataclass

from django.contrib.auth.models import Permission, User
from django.db.models import Q

from registry import access
from registry.access import Level


@dataclass(frozen=True)
class SystemRole:
    """A role of one component of Provena. Who has all of its permissions has the role; but for
    those of the registry that are for everyone, only staff can."""

    component: str
    level: Level
    title: str
    description: str
    permissions: tuple[str, ...]
    for_staff: bool = True

    @property
    def name(self) -> str:
        return f"{self.component}-{self.level.name.lower()}"

    def is_held_by(self, user: User) -> bool:
        if self.component == REGISTRY:  # where everyone may have a level
            return access.level(user) >= self.level
        return all(access.is_permitted(user, permission) for permission in self.permissions)


REGISTRY, JOBS, PEOPLE = "entity-registry", "job-service", "sys-admin"
ROLES = {
    role.name: role
    for role in (
        SystemRole(
            REGISTRY,
            Level.READ,
            "Read the registry",
            "Find and see items, as far as each allows it.",
            ("registry.read_registry",),
            for_staff=False,
        ),
        SystemRole(
            REGISTRY,
            Level.WRITE,
            "Write to the registry",
            "Register items, and change those that allow it.",
            ("registry.write_registry",),
            for_staff=False,
        ),
        SystemRole(
            REGISTRY,
            Level.ADMIN,
            "Administer the registry",
            "All rights on all items; import, export and deletion.",
            ("registry.admin_registry",),
        ),
        SystemRole(JOBS, Level.READ, "See all jobs", "Of all users.", ("jobs.view_job",)),
        SystemRole(
            JOBS, Level.WRITE, "Launch jobs", "Of any type, for any user.", ("jobs.add_job",)
        ),
        SystemRole(
            PEOPLE,
            Level.READ,
            "See how people are managed",
            "Groups, links to Persons, and requests for access.",
            ("registry.view_group", "registry.view_personlink", "registry.view_accessrequest"),
        ),
        SystemRole(
            PEOPLE,
            Level.WRITE,
            "Manage people",
            "Change groups and links, put reviewers on their list, note on requests and deny them.",
            (
                "registry.add_group",
                "registry.change_group",
                "registry.add_personlink",
                "registry.change_personlink",
                "registry.delete_personlink",
                "registry.add_reviewer",
                "registry.change_accessrequest",
            ),
        ),
        SystemRole(
            PEOPLE,
            Level.ADMIN,
            "Remove groups and reviewers",
            "Delete groups, and take reviewers off their list.",
            ("registry.delete_group", "registry.delete_reviewer"),
        ),
    )
}


def held_by(user: User) -> list[str]:
    """The names of the roles that a user has."""
    return [name for name, role in ROLES.items() if role.is_held_by(user)]


def give(user: User, names: Collection[str]) -> None:
    """Let a user have these roles, in the caller's transaction: the permissions and, where a role
    needs it, that they are staff."""
    roles = [ROLES[name] for name in names]
    wanted = Q(pk__in=[])  # an empty Q would be all permissions that there are
    for permission in {one for role in roles for one in role.permissions}:
        app, codename = permission.split(".")
        wanted |= Q(content_type__app_label=app, codename=codename)
    user.user_permissions.add(*Permission.objects.filter(wanted))
    if any(role.for_staff for role in roles) and not user.is_staff:
        user.is_staff = True
        user.save(update_fields=["is_staff"])

"""Items with a persistent id, their revisions, and the W3C PROV relations between them."""

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING

from django.conf import settings
from django.contrib.auth.models import User
from django.db import models
from django.db.models import Exists, OuterRef, Q
from django.db.models.fields.json import KT
from django.db.models.functions import Cast, NullIf
from django.urls import reverse
from django.utils import timezone

from registry import access, kinds
from registry.access import Level
from registry.kinds import Category

if TYPE_CHECKING:
    from jobs.models import Workflow
    from registry.kinds import Kind

FIRST_NUMBER = 1_000_000
HANDLE = re.compile(r"[A-Za-z0-9._-]+/[0-9]+")


class Mint(models.Model):
    """Hands out the numbers of persistent ids. A number is never given twice, whatever becomes of
    the item, because rows are only ever added here."""

    number = models.BigAutoField(primary_key=True)

    def __str__(self) -> str:
        return self.handle

    @property
    def handle(self) -> str:
        return f"{settings.HANDLE_PREFIX}/{FIRST_NUMBER + self.number}"


class ItemQuerySet(models.QuerySet["Item"]):
    """Filters on items, named as adjectives."""

    def live(self) -> "ItemQuerySet":
        """All but tombstones."""
        return self.filter(deleted_at=None)

    def complete(self) -> "ItemQuerySet":
        """All but seeds, which are reserved ids without content."""
        return self.filter(is_complete=True)

    def readable_by(self, user: User) -> "ItemQuerySet":
        """The items whose metadata `user` may read."""
        return self.live().granted_to(user)

    def granted_to(self, user: User) -> "ItemQuerySet":
        """As `readable_by`, with tombstones: `access.roles` in SQL, where every role that can be
        granted includes reading."""
        level = access.level(user)
        if level < Level.READ:
            return self.none()
        if level == Level.ADMIN:
            return self
        grants = Grant.objects.given_to(user).filter(item=OuterRef("pk"))
        # Adds nothing, but keeps PostgreSQL from reading all grants for each page of items.
        grants = grants.filter(item__gte=OuterRef("pk"))
        return self.filter(Q(owner=user) | Exists(grants))

    @staticmethod
    def readable_among(items: "Sequence[Item]", user: User) -> "set[str]":
        """The ids of those of the items at hand that `user` may read: as `readable_by`, in at most
        one query, which is a small one."""
        level = access.level(user)
        if level < Level.READ:
            return set()
        live = [item for item in items if item.deleted_at is None]
        of_others = {item.pk for item in live if level < Level.ADMIN and item.owner_id != user.pk}
        if of_others:
            grants = Grant.objects.given_to(user).filter(item__in=of_others)
            of_others -= set(grants.values_list("item", flat=True))
        return {item.handle for item in live if item.pk not in of_others}

    def with_successors(self) -> "ItemQuerySet":
        """Each with `is_superseded`: whether there is a version after it that was not deleted."""
        following = Item.objects.live().filter(previous_version=OuterRef("pk"))
        # It is always the younger; said here, because PostgreSQL would else read all items.
        return self.annotate(is_superseded=Exists(following.filter(pk__gt=OuterRef("pk"))))

    def with_history(self) -> "ItemQuerySet":
        """Each with `has_history`: whether it has more than its first revision."""
        return self.annotate(
            has_history=Exists(Revision.objects.filter(item=OuterRef("pk"), number__gt=1))
        )

    def of_kind(self, subtype: str) -> "ItemQuerySet":
        return self.filter(subtype=subtype)

    def made_by_people(self) -> "ItemQuerySet":
        """Without the activities that jobs make."""
        return self.filter(by_hand=True)

    def named_by_people(self) -> "ItemQuerySet":
        """As `made_by_people`, with the model runs, which jobs make of what people wrote."""
        return self.filter(Q(by_hand=True) | Q(subtype="MODEL_RUN"))


class Item(models.Model):
    """Anything that has a persistent id here. `info` is the validated content of its kind.

    A seed is a reserved id without content. A deleted item stays as a tombstone, with its id, kind
    and name, so that the graph stays whole.
    """

    handle = models.CharField("persistent id", max_length=100, unique=True)
    category = models.CharField(max_length=8, choices=[(c.value, c.title()) for c in Category])
    subtype = models.CharField(max_length=40)
    # On PostgreSQL its collation is "C", so that names sort by code points as on SQLite (migration
    # 0002): a change of this field must say so again.
    display_name = models.CharField(max_length=300, blank=True)
    owner = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, db_index=False)
    info = models.JSONField()
    system = models.JSONField(
        default=dict, blank=True, help_text="What the system keeps beside the content."
    )
    search_text = models.TextField(editable=False)
    fingerprint = models.CharField(  # noqa: DJ001 - most items have none, and no place in its index
        max_length=64,
        null=True,
        blank=True,
        editable=False,
        help_text="Of what a model run says: the same for two that say the same.",
    )
    is_complete = models.BooleanField(default=True, help_text="Otherwise it is a seed.")
    is_locked = models.BooleanField(default=False)
    by_hand = models.BooleanField(default=True, help_text="People register items of its kind.")
    version = models.PositiveIntegerField(null=True, blank=True, help_text="Entities only.")
    previous_version = models.ForeignKey(
        "self",
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="successors",
        db_index=False,
        help_text="Each has one successor at most.",
    )
    version_reason = models.TextField(blank=True, help_text="Why this version was made.")
    creation_workflow = models.ForeignKey(
        "jobs.Workflow",
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="+",
        db_index=False,
    )
    version_workflow = models.ForeignKey(
        "jobs.Workflow",
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="+",
        db_index=False,
    )
    created_at = models.DateTimeField(default=timezone.now)
    updated_at = models.DateTimeField(default=timezone.now)
    deleted_at = models.DateTimeField(null=True, blank=True)
    # The database keeps these, for lists by them; of datasets only.
    release_timestamp = models.GeneratedField(
        expression=NullIf(Cast(KT("system__release_timestamp"), models.BigIntegerField()), 0),
        output_field=models.BigIntegerField(null=True),
        db_persist=True,
        help_text="When its release was last asked for or decided, in Unix seconds.",
    )
    # On PostgreSQL its collation is "C", too (migration 0009).
    access_uri = models.GeneratedField(
        expression=KT("info__collection_format__dataset_info__access_info__uri"),
        output_field=models.TextField(null=True),
        db_persist=True,
        help_text="Where data that is kept elsewhere is.",
    )

    objects = ItemQuerySet.as_manager()

    is_superseded: bool  # where `with_successors` was asked for
    has_history: bool  # where `with_history` was

    class Meta:
        ordering = ("-id",)
        # Explore sorts by id (which is by creation), update and name, of all, of a kind, of an
        # owner; the API also by the time of creation itself, which an import keeps. by_hand is in
        # none: SQLite would think that most rows have it, and sort them all.
        indexes = [
            models.Index(
                fields=["fingerprint"],
                condition=Q(fingerprint__isnull=False),
                name="item_fingerprint",
            ),
            models.Index(fields=["subtype", "-id"], name="item_of_kind"),
            models.Index(fields=["owner", "-id"], name="item_of_owner"),
            models.Index(fields=["updated_at", "id"], name="item_updated"),
            models.Index(fields=["subtype", "updated_at", "id"], name="item_of_kind_updated"),
            models.Index(fields=["owner", "updated_at", "id"], name="item_of_owner_updated"),
            models.Index(fields=["display_name", "id"], name="item_named"),
            models.Index(fields=["subtype", "display_name", "id"], name="item_of_kind_named"),
            models.Index(fields=["owner", "display_name", "id"], name="item_of_owner_named"),
            models.Index(fields=["created_at", "id"], name="item_created"),
            models.Index(fields=["subtype", "created_at", "id"], name="item_of_kind_created"),
            models.Index(fields=["id"], condition=Q(is_complete=False), name="item_seed"),
            models.Index(
                fields=["release_timestamp", "id"],
                condition=Q(release_timestamp__isnull=False),
                name="item_released",
            ),
            models.Index(
                fields=["access_uri", "id"],
                condition=Q(access_uri__isnull=False),
                name="item_with_address",
            ),
        ]
        constraints = [
            # Unique where there is one. With the many NULLs in it, SQLite would think such an index
            # useless and scan the table.
            models.UniqueConstraint(
                fields=["previous_version"],
                condition=Q(previous_version__isnull=False, deleted_at=None),
                name="item_once_previous_version",
            ),
            *(
                models.UniqueConstraint(
                    fields=[name],
                    condition=Q(**{f"{name}__isnull": False}),
                    name=f"item_once_{name}",
                )
                for name in ("creation_workflow", "version_workflow")
            ),
            models.CheckConstraint(
                condition=Q(previous_version=None)
                | ~Q(version_reason="")
                | Q(deleted_at__isnull=False),
                name="item_version_has_reason",
            ),
        ]
        permissions = [
            ("read_registry", "May read the registry"),
            ("write_registry", "May register and change items"),
            ("admin_registry", "Administers the registry: all rights on all items"),
        ]

    def __str__(self) -> str:
        return f"{self.display_name or 'Reserved id'} ({self.handle})"

    def get_absolute_url(self) -> str:
        return reverse("item-detail", args=[self.handle])

    @property
    def workflow(self) -> "Workflow | None":
        """The workflow that recorded how this item came to be."""
        return self.version_workflow or self.creation_workflow

    @property
    def kind(self) -> "type[Kind]":
        return kinds.kind(self.subtype)


class Entity(Item):
    """Django admin's name for items of this category; the others likewise."""

    class Meta:
        proxy = True
        verbose_name_plural = "entities"


class Agent(Item):
    class Meta:
        proxy = True


class Activity(Item):
    class Meta:
        proxy = True
        verbose_name_plural = "activities"


class Revision(models.Model):
    """The content of an item as it was saved once. Nothing is ever overwritten."""

    item = models.ForeignKey(
        Item, on_delete=models.CASCADE, related_name="revisions", db_index=False
    )
    number = models.PositiveIntegerField(help_text="From 1.")
    info = models.JSONField()
    reason = models.TextField()
    by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    at = models.DateTimeField(default=timezone.now)

    class Meta:
        ordering = ("item", "-number")
        constraints = [
            models.UniqueConstraint(fields=["item", "number"], name="revision_numbered_once")
        ]

    def __str__(self) -> str:
        return f"Revision {self.number} of {self.item_id}"


class Reference(models.Model):
    """That the content of an item names another item: what would dangle if that were deleted."""

    source = models.ForeignKey(
        Item, on_delete=models.CASCADE, related_name="references", db_index=False
    )
    target = models.ForeignKey(
        Item, on_delete=models.PROTECT, related_name="referrers", db_index=False
    )
    role = models.CharField(max_length=100, help_text="The field's title.")
    follows = models.BooleanField(
        default=False, help_text="The source records how the target came to be: same access."
    )

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["source", "target", "role"], name="reference_kept_once")
        ]
        indexes = [models.Index(fields=["target", "source"], name="reference_newest")]

    def __str__(self) -> str:
        return f"{self.source_id} names {self.target_id} as {self.role}"


class Group(models.Model):
    """People who get access to items together. Administrators manage groups."""

    slug = models.SlugField("id", max_length=60, unique=True, help_text="It cannot change later.")
    display_name = models.CharField(max_length=120)
    description = models.TextField(blank=True)
    default_data_roles = models.JSONField(
        "default access to new datasets",
        default=list,
        blank=True,
        help_text="Roles that the form of a dataset proposes for this group.",
    )
    members = models.ManyToManyField(
        settings.AUTH_USER_MODEL, blank=True, related_name="registry_groups"
    )

    class Meta:
        ordering = ("display_name",)
        verbose_name = "access group"

    def __str__(self) -> str:
        return self.display_name


class GrantQuerySet(models.QuerySet["Grant"]):
    def given_to(self, user: User) -> "GrantQuerySet":
        """Those of everyone and of the user's groups."""
        own_groups = Group.members.through.objects.filter(user=user).values("group")
        return self.filter(Q(group=None) | Q(group__in=own_groups))


class Grant(models.Model):
    """The roles on an item of a group, or of every user of the registry. Always at least one."""

    item = models.ForeignKey(Item, on_delete=models.CASCADE, related_name="grants", db_index=False)
    group = models.ForeignKey(
        Group,
        on_delete=models.CASCADE,
        related_name="grants",
        null=True,
        blank=True,
        help_text="None: every user of the registry.",
    )
    roles = models.JSONField()

    objects = GrantQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["item", "group"], name="grant_once_to_a_group"),
            models.UniqueConstraint(
                fields=["item"], condition=Q(group=None), name="grant_once_to_everyone"
            ),
        ]

    def __str__(self) -> str:
        return f"{', '.join(self.roles)} on {self.item_id} for {self.group or 'everyone'}"


class LockEvent(models.Model):
    """That an item was locked or unlocked. Append-only."""

    class Action(models.TextChoices):
        LOCK = "LOCK", "Locked"
        UNLOCK = "UNLOCK", "Unlocked"

    item = models.ForeignKey(Item, on_delete=models.CASCADE, related_name="lock_events")
    action = models.CharField(max_length=6, choices=Action.choices)
    reason = models.TextField()
    by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    at = models.DateTimeField(default=timezone.now)

    class Meta:
        ordering = ("-id",)

    def __str__(self) -> str:
        return f"{self.get_action_display()}: {self.reason}"


class AccessEvent(models.Model):
    """That the access settings of an item were changed, from what to what. Append-only.

    Settings are {"general": [role], "groups": {group id: [role]}}.
    """

    item = models.ForeignKey(Item, on_delete=models.CASCADE, related_name="access_events")
    before = models.JSONField()
    after = models.JSONField()
    by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    at = models.DateTimeField(default=timezone.now)

    class Meta:
        ordering = ("-id",)

    def __str__(self) -> str:
        return f"Access to {self.item_id} changed"

    @property
    def difference(self) -> str:
        """What the change gave and took, in words."""
        old = {"everyone": self.before["general"]} | self.before["groups"]
        new = {"everyone": self.after["general"]} | self.after["groups"]
        told = []
        for who in dict.fromkeys([*old, *new]):
            had, has = old.get(who, []), new.get(who, [])
            if gained := [role for role in has if role not in had]:
                told.append(f"{who} may now: {', '.join(gained)}")
            if lost := [role for role in had if role not in has]:
                told.append(f"{who} may no longer: {', '.join(lost)}")
        return "; ".join(told)


class Tombstone(models.Model):
    """Who deleted an item, when and why. Append-only."""

    item = models.OneToOneField(Item, on_delete=models.PROTECT, related_name="tombstone")
    reason = models.TextField()
    by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")

    def __str__(self) -> str:
        return f"{self.item_id} deleted: {self.reason}"


class Relation(models.Model):
    """An edge of the provenance graph, from effect to cause, as one activity claims it.

    An edge that several activities claim has a row for each, and lives while one is left.
    """

    class Type(models.TextChoices):
        """Relations of W3C PROV-DM, by their PROV-N names."""

        WAS_GENERATED_BY = "wasGeneratedBy", "was generated by"
        USED = "used", "used"
        WAS_ASSOCIATED_WITH = "wasAssociatedWith", "was associated with"
        WAS_ATTRIBUTED_TO = "wasAttributedTo", "was attributed to"
        WAS_INFORMED_BY = "wasInformedBy", "was informed by"
        WAS_INFLUENCED_BY = "wasInfluencedBy", "was influenced by"
        HAD_MEMBER = "hadMember", "had member"

    source = models.ForeignKey(
        Item, on_delete=models.PROTECT, related_name="causes", db_index=False
    )
    target = models.ForeignKey(
        Item, on_delete=models.PROTECT, related_name="effects", db_index=False
    )
    type = models.CharField(max_length=30, choices=Type.choices)
    record = models.ForeignKey(Item, on_delete=models.PROTECT, related_name="claims")

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["source", "target", "type", "record"], name="relation_claimed_once"
            )
        ]
        indexes = [models.Index(fields=["target", "source", "type"], name="relation_downstream")]

    def __str__(self) -> str:
        return f"{self.source_id} {self.type} {self.target_id}"


class PersonLink(models.Model):
    """Which Person of the registry a user is. Made by the user, because it needs
    consent, or by an administrator."""

    user = models.OneToOneField(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="person_link"
    )
    person = models.ForeignKey(
        Item,
        on_delete=models.PROTECT,
        related_name="+",
        limit_choices_to={"subtype": "PERSON"},
    )
    at = models.DateTimeField(default=timezone.now)

    def __str__(self) -> str:
        return f"{self.user_id} is {self.person_id}"

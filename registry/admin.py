"""The registry in Django admin. Items are there to be looked at and locked: they change through
`registry.services`, which keeps history, jobs and graph true; a hand edit would not. Access groups
and person links are edited here."""

from collections.abc import Callable, Sequence
from typing import Any, cast

import pydantic
from django import forms
from django.contrib import admin, messages
from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME, ActionForm
from django.contrib.auth.models import User
from django.core.exceptions import ValidationError
from django.db import transaction
from django.db.models import Count, QuerySet
from django.http import HttpRequest, HttpResponse
from django.template.defaultfilters import pluralize
from django.template.response import TemplateResponse
from django.utils.html import format_html

from jobs.admin import ReadOnly
from registry import access, kinds, services
from registry.access import Level, Role
from registry.models import (
    AccessEvent,
    AccessRequest,
    Activity,
    Agent,
    Entity,
    Grant,
    Group,
    Item,
    LockEvent,
    PersonLink,
    Reference,
    Relation,
    Reviewer,
    Revision,
    Tombstone,
)
from registry.services import Refused, rules

MOST_AT_ONCE = 500  # items of an action: a form may hold no more than 1,000 values


class OfItem(ReadOnly, admin.TabularInline):
    """Rows that belong to an item, read with what they show of others: no query for each."""

    extra = 0
    related: Sequence[str] = ("by",)

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        return super().get_queryset(request).select_related(*self.related)


class RevisionInline(OfItem):
    model = Revision
    fields = ("number", "reason", "by", "at")

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        return super().get_queryset(request).defer("info")


class GrantInline(OfItem):
    model = Grant
    verbose_name_plural = "access"
    fields = ("who", "granted")
    readonly_fields = fields
    related = ("group",)

    @admin.display
    def who(self, grant: Grant) -> str:
        return str(grant.group or "Everyone")

    @admin.display(description="roles")
    def granted(self, grant: Grant) -> str:
        return ", ".join(grant.roles)


class AccessEventInline(OfItem):
    model = AccessEvent
    verbose_name_plural = "changes of access"
    fields = ("difference", "by", "at")
    readonly_fields = ("difference",)


class LockEventInline(OfItem):
    model = LockEvent
    verbose_name_plural = "lock and unlock"
    fields = ("action", "reason", "by", "at")


class ReferenceInline(OfItem):
    model = Reference
    fk_name = "source"
    verbose_name_plural = "items that it names"
    fields = ("role", "named")
    readonly_fields = ("named",)
    related = ("target",)

    @admin.display(description="item")
    def named(self, reference: Reference) -> str:
        item = reference.target
        return format_html('<a href="{}">{}</a>', item.get_absolute_url(), item)


class TombstoneInline(OfItem):
    model = Tombstone
    verbose_name = "tombstone"
    fields = ("reason", "by")


class KindFilter(admin.SimpleListFilter):
    """The kinds of the category that is listed, whether or not there are items of them."""

    title = "kind"
    parameter_name = "subtype"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        category = _category(model_admin.model)
        return [
            (kind.subtype, kind.label) for kind in kinds.all_kinds() if kind.category == category
        ]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Item]) -> QuerySet[Item]:
        known = {subtype for subtype, _ in self.lookup_choices}
        return queryset.filter(subtype=self.value()) if self.value() in known else queryset


class DeletedFilter(admin.SimpleListFilter):
    """Tombstones, or what is not deleted."""

    title = "deleted"
    parameter_name = "deleted"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [("yes", "Yes"), ("no", "No")]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Item]) -> QuerySet[Item]:
        if self.value() not in {"yes", "no"}:
            return queryset
        return queryset.filter(deleted_at__isnull=self.value() == "no")


class ItemAdmin(ReadOnly, admin.ModelAdmin):
    list_display = (
        "handle",
        "display_name",
        "kind_label",
        "owner",
        "version",
        "is_complete",
        "is_locked",
        "created_at",
        "deleted_at",
    )
    list_filter = (KindFilter, "is_locked", "is_complete", DeletedFilter)
    list_select_related = ("owner",)
    search_fields = ("handle", "display_name", "search_text", "=owner__username")
    show_full_result_count = False
    inlines = (
        TombstoneInline,
        RevisionInline,
        GrantInline,
        AccessEventInline,
        LockEventInline,
        ReferenceInline,
    )
    actions = ("lock", "unlock")

    def get_queryset(self, request: HttpRequest) -> QuerySet[Item]:
        return super().get_queryset(request).filter(category=_category(self.model))

    def get_inlines(self, request: HttpRequest, obj: Item | None) -> list[Any]:
        """The tombstone only where there is one."""
        is_deleted = obj is not None and obj.deleted_at is not None
        return [one for one in self.inlines if is_deleted or one is not TombstoneInline]

    @admin.display(description="kind", ordering="subtype")
    def kind_label(self, item: Item) -> str:
        return item.kind.label

    def view_on_site(self, obj: Item) -> str | None:
        """The item's own page, which a deleted one has no more."""
        return None if obj.deleted_at else obj.get_absolute_url()

    def has_lock_permission(self, request: HttpRequest) -> bool:
        """Who may change items at all; the service decides about each."""
        return access.level(request.user) >= Level.WRITE

    @admin.action(description="Lock", permissions=["lock"])
    def lock(self, request: HttpRequest, items: QuerySet[Item]) -> HttpResponse | None:
        return self._settle(request, items, "lock")

    @admin.action(description="Unlock", permissions=["lock"])
    def unlock(self, request: HttpRequest, items: QuerySet[Item]) -> HttpResponse | None:
        return self._settle(request, items, "unlock")

    def _settle(
        self, request: HttpRequest, items: QuerySet[Item], action: str
    ) -> HttpResponse | None:
        """Ask for the reason, then lock or unlock each item and tell what was refused."""
        chosen = list(items.order_by("pk")[: MOST_AT_ONCE + 1])
        if len(chosen) > MOST_AT_ONCE:
            text = f"Choose at most {MOST_AT_ONCE} items at once. Nothing was {action}ed."
            self.message_user(request, text, messages.ERROR)
            return None
        refusal, reason = "", request.POST.get("reason")
        if reason is not None:
            try:
                reason = rules.need_reason(reason)
            except Refused as refused:
                refusal = str(refused)
            else:
                self._set_locks(request, chosen, action, reason)
                return None
        context = {
            **self.admin_site.each_context(request),
            "title": f"{action.title()} {len(chosen)} item{pluralize(len(chosen))}",
            "opts": self.opts,
            "media": self.media,
            "items": chosen,
            "action": action,
            "reason": reason or "",
            "refusal": refusal,
            "checkbox": ACTION_CHECKBOX_NAME,
            "back": request.get_full_path(),
        }
        return TemplateResponse(request, "admin/registry/lock_items.html", context)

    def _set_locks(self, request: HttpRequest, items: list[Item], action: str, reason: str) -> None:
        do: Callable[..., None] = services.lock if action == "lock" else services.unlock
        done = 0
        for item in items:
            try:
                do(handle=item.handle, reason=reason, by=request.user)
                done += 1
            except Refused as refused:
                self.message_user(request, f"{item}: {refused}", messages.ERROR)
        if done:
            self.message_user(request, f"{done} item{pluralize(done)} {action}ed.")


for proxy in (Entity, Agent, Activity):
    admin.site.register(proxy, ItemAdmin)


@admin.register(Relation)
class RelationAdmin(ReadOnly, admin.ModelAdmin):
    list_display = ("source", "type", "target", "record")
    list_filter = ("type",)
    list_select_related = ("source", "target", "record")
    search_fields = ("=source__handle", "=target__handle", "=record__handle")
    show_full_result_count = False


class GroupForm(forms.ModelForm):
    """An access group, with its roles as boxes to tick."""

    default_data_roles = forms.MultipleChoiceField(
        label="Default access to new datasets",
        help_text="What the form of a new dataset proposes for this group.",
        choices=[(role.value, f"{role}: {access.MEANINGS[role]}") for role in Role],
        widget=forms.CheckboxSelectMultiple,
        required=False,
    )

    class Meta:
        model = Group
        fields = ("slug", "display_name", "description", "default_data_roles", "members")

    def clean(self) -> dict[str, Any]:
        """What a group may be is said by its service."""
        given: dict[str, Any] = super().clean() or self.cleaned_data
        slug = self.instance.slug or given.get("slug", "")
        content = {
            "id": slug,
            "display_name": given.get("display_name"),
            "description": given.get("description"),
            "default_data_store_access": given.get("default_data_roles"),
        }
        if not self.errors:
            try:
                self.content = services.GroupContent.model_validate(content)
            except pydantic.ValidationError as error:
                for fault in error.errors():
                    self.add_error(GROUP_FIELDS[str(fault["loc"][0])], fault["msg"])
        return given


# Of a group, as the API calls them and as they are kept.
GROUP_FIELDS = {
    "id": "slug",
    "display_name": "display_name",
    "description": "description",
    "default_data_store_access": "default_data_roles",
}


@admin.register(Group)
class GroupAdmin(admin.ModelAdmin):
    form = GroupForm
    list_display = ("display_name", "slug", "members_now", "description")
    search_fields = ("slug", "display_name", "description")
    autocomplete_fields = ("members",)

    def get_queryset(self, request: HttpRequest) -> QuerySet[Group]:
        return super().get_queryset(request).annotate(size=Count("members"))

    def get_readonly_fields(self, request: HttpRequest, obj: Group | None = None) -> list[str]:
        """Grants and exports name groups by their id, so it stays what it was."""
        return ["slug"] if obj else []

    def save_model(self, request: HttpRequest, obj: Group, form: Any, change: bool) -> None:
        save = services.update_group if change else services.create_group
        obj.pk = save(form.content).pk

    def save_related(self, request: HttpRequest, form: Any, formsets: Any, change: bool) -> None:
        services.set_members(slug=form.instance.slug, members=form.cleaned_data["members"])

    def delete_model(self, request: HttpRequest, obj: Group) -> None:
        services.delete_group(obj.slug)

    def delete_queryset(self, request: HttpRequest, queryset: QuerySet[Group]) -> None:
        for group in queryset:
            services.delete_group(group.slug)

    @admin.display(description="members", ordering="size")
    def members_now(self, group: Any) -> int:
        return int(group.size)


class PersonLinkForm(forms.ModelForm):
    """Takes the Person by persistent id, and refuses what `services.assign_person` refuses."""

    person = forms.CharField(
        help_text="The persistent id of the user's Person, such as 10378.1/1000001. Ask the user "
        "for consent first: provenance will name that Person."
    )

    class Meta:
        model = PersonLink
        fields = ("user", "person")
        error_messages = {
            "user": {
                "unique": "This user is linked to a Person already. Open that link in the list to "
                "change or delete it."
            }
        }

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        if self.instance.pk:
            self.initial["person"] = self.instance.person.handle

    def clean_person(self) -> Item:
        try:
            return rules.known(self.cleaned_data["person"])
        except Refused as refused:
            raise ValidationError(str(refused)) from None

    def clean(self) -> dict[str, Any]:
        """Assign it and take it back: so the rule and its words are those of the service."""
        given: dict[str, Any] = super().clean() or self.cleaned_data
        is_change = self.instance.pk is not None
        user = self.instance.user if is_change else given.get("user")
        if user and "person" in given:
            try:
                with transaction.atomic():
                    services.assign_person(user=user, person=given["person"], force=is_change)
                    transaction.set_rollback(True)
            except Refused as refused:
                self.add_error("person", str(refused))
        return given


@admin.register(PersonLink)
class PersonLinkAdmin(admin.ModelAdmin):
    """A user links themself once; administrators assign, change and clear links here."""

    form = PersonLinkForm
    autocomplete_fields = ("user",)
    list_display = ("user", "person", "at")
    list_select_related = ("user", "person")
    search_fields = ("user__username", "=person__handle")

    def get_readonly_fields(self, request: HttpRequest, obj: PersonLink | None = None) -> list[str]:
        """Another user's link is another link."""
        return ["user"] if obj else []

    def save_model(self, request: HttpRequest, obj: PersonLink, form: Any, change: bool) -> None:
        services.assign_person(user=obj.user, person=obj.person, force=change)
        obj.pk = PersonLink.objects.values_list("pk", flat=True).get(user=obj.user)

    def delete_model(self, request: HttpRequest, obj: PersonLink) -> None:
        services.clear_person(user=obj.user)

    def delete_queryset(self, request: HttpRequest, queryset: QuerySet[PersonLink]) -> None:
        for link in queryset.select_related("user"):
            services.clear_person(user=link.user)


class ReviewerForm(forms.ModelForm):
    """Takes the Person by persistent id."""

    person = forms.CharField(help_text="The persistent id of their Person: 10378.1/1000001.")

    class Meta:
        model = Reviewer
        fields = ("person",)

    def clean_person(self) -> Item:
        try:
            with transaction.atomic():
                services.add_reviewer(self.cleaned_data["person"])
                transaction.set_rollback(True)
            return rules.known(self.cleaned_data["person"])
        except Refused as refused:
            raise ValidationError(str(refused)) from None


class NoteForm(ActionForm):
    """Beside the actions on requests for access: what is noted on each."""

    note = forms.CharField(required=False, label="Note for who asked")


@admin.register(AccessRequest)
class AccessRequestAdmin(ReadOnly, admin.ModelAdmin):
    """Who asks for rights: approved or denied here, with a note."""

    action_form = NoteForm
    actions = ("approve", "deny")
    list_display = ("user", "wanted", "status", "created_at", "updated_at")
    list_filter = ("status",)
    list_select_related = ("user",)
    search_fields = ("user__username",)

    @admin.display(description="Asks for")
    def wanted(self, asked: AccessRequest) -> str:
        return ", ".join(asked.roles)

    def has_decide_permission(self, request: HttpRequest) -> bool:
        return access.is_permitted(request.user, "registry.change_accessrequest")

    @admin.action(description="Approve: give the rights", permissions=["decide"])
    def approve(self, request: HttpRequest, asked: QuerySet[AccessRequest]) -> None:
        self._decide(request, asked, approve=True)

    @admin.action(description="Deny", permissions=["decide"])
    def deny(self, request: HttpRequest, asked: QuerySet[AccessRequest]) -> None:
        self._decide(request, asked, approve=False)

    def _decide(
        self, request: HttpRequest, asked: QuerySet[AccessRequest], *, approve: bool
    ) -> None:
        note, by = request.POST.get("note", ""), cast(User, request.user)
        for one in asked:
            try:
                services.decide_access(request=one, approve=approve, by=by, note=note)
            except Refused as refused:
                self.message_user(request, f"{one}: {refused}", messages.ERROR)
            else:
                self.message_user(request, f"{one}: {'approved' if approve else 'denied'}.")


@admin.register(Reviewer)
class ReviewerAdmin(admin.ModelAdmin):
    """Who may be asked to approve the release of datasets: put on the list and taken off it."""

    form = ReviewerForm
    list_display = ("person", "at")
    list_select_related = ("person",)
    search_fields = ("=person__handle",)

    def has_change_permission(self, request: HttpRequest, obj: Reviewer | None = None) -> bool:
        return False

    def save_model(self, request: HttpRequest, obj: Reviewer, form: Any, change: bool) -> None:
        services.add_reviewer(obj.person.handle)
        obj.pk = Reviewer.objects.values_list("pk", flat=True).get(person=obj.person)

    def delete_model(self, request: HttpRequest, obj: Reviewer) -> None:
        services.remove_reviewer(obj.person.handle)

    def delete_queryset(self, request: HttpRequest, queryset: QuerySet[Reviewer]) -> None:
        for reviewer in queryset.select_related("person"):
            services.remove_reviewer(reviewer.person.handle)


def _category(model: type[Item]) -> str:
    """The category of items that a proxy model stands for."""
    return model.__name__.upper()

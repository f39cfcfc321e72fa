"""Items and relations in Django admin: to look at. Items change through `registry.services`, which
keeps history, jobs and graph true; a hand edit would not."""

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest

from jobs.admin import ReadOnly
from registry.models import Activity, Agent, Entity, Item, PersonLink, Relation, Revision


class RevisionInline(ReadOnly, admin.TabularInline):
    model = Revision
    fields = ("number", "reason", "by", "at")
    extra = 0


class ItemAdmin(ReadOnly, admin.ModelAdmin):
    list_display = ("handle", "display_name", "subtype", "owner", "version", "created_at")
    list_filter = ("subtype",)
    list_select_related = ("owner",)
    search_fields = ("handle", "display_name", "search_text", "=owner__username")
    show_full_result_count = False
    inlines = (RevisionInline,)

    def get_queryset(self, request: HttpRequest) -> QuerySet[Item]:
        return super().get_queryset(request).filter(category=self.model.__name__.upper())


for proxy in (Entity, Agent, Activity):
    admin.site.register(proxy, ItemAdmin)


@admin.register(Relation)
class RelationAdmin(ReadOnly, admin.ModelAdmin):
    list_display = ("source", "type", "target", "record")
    list_filter = ("type",)
    list_select_related = ("source", "target", "record")
    search_fields = ("=source__handle", "=target__handle", "=record__handle")
    show_full_result_count = False


@admin.register(PersonLink)
class PersonLinkAdmin(admin.ModelAdmin):
    """A user links themself once; administrators assign, change and clear links here."""

    fields = ("user", "person")
    autocomplete_fields = ("user",)
    raw_id_fields = ("person",)
    list_display = ("user", "person", "at")
    list_select_related = ("user", "person")
    search_fields = ("user__username", "=person__handle")

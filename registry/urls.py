"""Addresses of the registry. A persistent id is `prefix/number`, so it takes two path segments."""

from django.urls import path, register_converter

from registry.models import HANDLE
from registry.views import account, explore, items


class HandleConverter:
    regex = HANDLE.pattern

    def to_python(self, value: str) -> str:
        return value

    def to_url(self, value: str) -> str:
        return value


register_converter(HandleConverter, "handle")

urlpatterns = [
    path("", explore.home, name="home"),
    path("items/", explore.explore, name="explore"),
    path("items/new/", items.choose_kind, name="item-new"),
    path("items/new/<slug:subtype>/", items.register, name="item-register"),
    path("item/<handle:handle>/", items.detail, name="item-detail"),
    path("item/<handle:handle>/lineage/", items.lineage, name="item-lineage"),
    path("item/<handle:handle>/workflow/", items.workflow, name="item-workflow"),
    path("account/", account.account, name="account"),
    path("account/person/", account.link_person, name="account-link-person"),
]

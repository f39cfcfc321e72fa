"""Addresses of the help on jobs. Items have theirs in the registry."""

from django.urls import path

from jobs import help_views

urlpatterns = [
    path("", help_views.index, name="help"),
    path("jobs/<slug:name>/", help_views.page, name="help-page"),
]

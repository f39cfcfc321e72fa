"""The account page: who I am here, and which Person of the registry that is."""

from typing import Any

from django import forms
from django.contrib import messages
from django.contrib.auth.models import User
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods

from jobs import mail
from provena.http import HtmxRequest
from registry import kinds, services
from registry.models import Item
from registry.views.common import item_for


class AccountForm(forms.ModelForm):
    class Meta:
        model = User
        fields = ("first_name", "last_name", "email")

    email = forms.EmailField(help_text="Needed to register items: who does must be reachable.")
    mail_on_failure = forms.BooleanField(
        required=False,
        label="Mail me when a job of mine fails",
        help_text="Of a batch there is one mail only, at its first failure.",
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if mail.is_set_up():
            self.initial["mail_on_failure"] = mail.is_wanted(self.instance)
        else:
            del self.fields["mail_on_failure"]

    def save(self, commit: bool = True) -> User:
        user: User = super().save(commit)
        if "mail_on_failure" in self.fields:
            mail.want(user, self.cleaned_data["mail_on_failure"])
        return user


@require_http_methods(["GET", "HEAD", "POST"])
def account(request: HtmxRequest) -> HttpResponse:
    """Name, email address, mails, password and the linked Person of the user."""
    form = AccountForm(request.POST or None, instance=request.user)
    if request.method == "POST" and form.is_valid():
        form.save()
        messages.success(request, "Saved.")
        return redirect("account")
    own_people = Item.objects.of_kind(kinds.agents.Person.subtype).filter(owner=request.user)
    context = {"form": form, "person": services.person_of(request.user), "own_people": own_people}
    return render(request, "registry/account.html", context)


@require_http_methods(["GET", "HEAD", "POST"])
def link_person(request: HtmxRequest) -> HttpResponse:
    """Link the account to a Person that the user registered."""
    if request.method != "POST":
        return redirect("account")
    person = item_for(request.user, request.POST.get("person", ""))
    try:
        services.link_person(user=request.user, person=person)
    except services.Refused as refused:
        messages.error(request, str(refused))
    else:
        messages.success(request, f"Your account is linked to {person.display_name}.")
    return redirect("account")

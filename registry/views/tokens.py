"""The tokens of an account: issuing them, and revoking them."""

from django import forms
from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods, require_POST

from provena.http import HtmxRequest
from provena.tokens import keeping
from provena.tokens.models import Token

LASTS = {"30": "30 days", "90": "90 days", "365": "a year", "": "until it is revoked"}


class TokenForm(forms.Form):
    name = forms.CharField(
        max_length=keeping.LONGEST_NAME,
        help_text="Where it is used, such as “laptop” or “nightly import”.",
    )
    purpose = forms.ChoiceField(
        label="For",
        choices=[
            (Token.Purpose.PERSONAL, "scripts and curl: sent with each request"),
            (Token.Purpose.OFFLINE, "the offline flow of Provena's Python client"),
        ],
    )
    days = forms.TypedChoiceField(
        label="Lasts",
        choices=list(LASTS.items()),
        initial="90",
        required=False,
        coerce=int,
        empty_value=None,
    )


@require_http_methods(["GET", "HEAD", "POST"])
def tokens(request: HtmxRequest) -> HttpResponse:
    """The tokens of the user. One that is issued is shown in this answer only."""
    form = TokenForm(request.POST if request.method == "POST" else None)
    issued, text = None, ""
    if request.method == "POST" and form.is_valid():
        try:
            issued, text = keeping.issue(
                user=request.user,
                name=form.cleaned_data["name"],
                days=form.cleaned_data["days"],
                purpose=Token.Purpose(form.cleaned_data["purpose"]),
            )
            form = TokenForm()
        except keeping.NotIssued as error:
            form.add_error("name", str(error))
    held = Token.objects.of(request.user).filter(revoked_at=None)
    context = {"form": form, "tokens": held, "issued": issued, "text": text}
    status = 422 if form.is_bound and form.errors else 200
    answer = render(request, "registry/tokens.html", context, status=status)
    answer["Cache-Control"] = "no-store"  # the text must not come back by the back button
    return answer


@require_POST
def revoke(request: HtmxRequest, key: int) -> HttpResponse:
    """End a token of the user."""
    if token := keeping.revoke(user=request.user, key=key):
        messages.success(request, f"“{token.name}” is revoked: nothing can use it any more.")
    return redirect("tokens")

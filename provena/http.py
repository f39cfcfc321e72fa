"""What every page of ours shares at the level of HTTP."""

import re
from collections.abc import Callable, Iterable

from django.conf import settings
from django.contrib.auth.models import User
from django.contrib.auth.views import redirect_to_login
from django.core.exceptions import RequestDataTooBig, TooManyFieldsSent
from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.shortcuts import resolve_url
from django.template.loader import render_to_string
from django.utils.cache import patch_vary_headers
from django.utils.http import content_disposition_header
from django_htmx.http import HttpResponseClientRedirect
from django_htmx.middleware import HtmxDetails

from provena import tables

CONTENT_SECURITY_POLICY = "; ".join(
    [
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "img-src 'self' data:",
        "connect-src 'self'",
        "font-src 'self'",
        "form-action 'self'",
        "base-uri 'none'",
        "frame-ancestors 'none'",
    ]
)


class HtmxRequest(HttpRequest):
    """A request of a signed-in user, as our views see it (LoginRequiredMiddleware sees to that)."""

    htmx: HtmxDetails
    user: User


def wants_fragment(request: HtmxRequest) -> bool:
    """True when htmx asks for a part of the page; a boosted or restored page wants all of it."""
    return bool(request.htmx) and not (request.htmx.boosted or request.htmx.history_restore_request)


def csv_file(
    name: str, rows: Iterable[Iterable[object]], separator: str = ",", *, for_people: bool = True
) -> StreamingHttpResponse:
    """A CSV file to download, sent as its rows come."""
    return _file(name, "text/csv", tables.lines(rows, separator, for_people=for_people))


def lines_file(name: str, lines: Iterable[str]) -> StreamingHttpResponse:
    """A file of lines of JSON to download, sent as they come."""
    return _file(name, "application/x-ndjson", lines)


def _file(name: str, type: str, content: Iterable[str]) -> StreamingHttpResponse:
    safe = re.sub(r"[^\w.-]+", "-", name)
    header = content_disposition_header(as_attachment=True, filename=safe)
    return StreamingHttpResponse(
        content,
        content_type=f"{type}; charset=utf-8",
        headers={"Content-Disposition": header or "attachment"},
    )


def bad_request(request: HttpRequest, exception: Exception) -> HttpResponse:
    """The page for a request that cannot be read: one that is too large is told the limits.

    It is rendered without the request, of which nothing can be trusted.
    """
    is_too_large = isinstance(exception, (RequestDataTooBig, TooManyFieldsSent))
    context = {
        "is_too_large": is_too_large,
        "fields": settings.DATA_UPLOAD_MAX_NUMBER_FIELDS,
        "megabytes": settings.DATA_UPLOAD_MAX_MEMORY_SIZE // 1024**2,
    }
    text = render_to_string("400.html", context)
    return HttpResponse(text, status=413 if is_too_large else 400)


class ContentSecurityPolicyMiddleware:
    """Sends a policy that allows our own files only: no inline script, no inline style.

    Pages and their fragments share addresses, so caches are told that they differ.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        response = self.get_response(request)
        response.setdefault("Content-Security-Policy", CONTENT_SECURITY_POLICY)
        if response.get("Content-Type", "").startswith("text/html"):
            patch_vary_headers(response, ["HX-Request"])
        return response


class HtmxSignInMiddleware:
    """When the session has ended, leads the whole page to the sign-in form and back.

    A part of a page that asks for its update would otherwise show that form in its own place.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        response = self.get_response(request)
        details = HtmxDetails(request)
        if details and response.get("Location", "").startswith(resolve_url(settings.LOGIN_URL)):
            return HttpResponseClientRedirect(redirect_to_login(_page(details)).url)
        return response


def _page(details: HtmxDetails) -> str:
    """The path of the page that asks, as far as the browser tells it."""
    try:
        return details.current_url_abs_path or "/"
    except ValueError:  # the header holds no address
        return "/"

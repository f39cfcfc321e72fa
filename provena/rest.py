"""What all HTTP APIs share: who calls, how errors are told, and how much may be asked.

The contract is that of Provena's Python client: only 200 is success, a missing token or right is
401, an unknown id 400, and the whole body of an error is shown to a person.
"""

import json
import logging
import re
import secrets
from collections.abc import Callable, Mapping
from typing import Annotated, Any, NoReturn, cast

from django.conf import settings
from django.contrib.auth.models import User
from django.core.exceptions import RequestDataTooBig, SuspiciousOperation, TooManyFieldsSent
from django.core.signals import got_request_exception
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.http.multipartparser import MultiPartParserError
from django.utils.datastructures import MultiValueDict
from django.views.decorators.csrf import csrf_exempt
from ninja import NinjaAPI, Schema
from ninja.errors import AuthenticationError, HttpError, ValidationError
from ninja.parser import Parser
from ninja.security import HttpBearer
from pydantic import AfterValidator, Field

from provena.tokens import access_tokens, keeping, usage

logger = logging.getLogger(__name__)

HEALTHY = {"message": "Health check successful."}
WITHOUT = (
    "Send a token in the header `Authorization: Bearer ...`. Tokens are issued on your account "
    "page, or by `manage.py create_token`."
)
UNKNOWN = (
    "This token is unknown, expired or revoked. Issue a new one on your account page, or by "
    "`manage.py create_token`."
)
ID = re.compile(r"\b[A-Za-z0-9._-]+/[0-9]+\b")
MOST_IDS = 50  # named beside an error's text


def _plain(text: str) -> str:
    """Refuse what no database takes in a text: half a character, and NUL."""
    if "\0" in text or any("\ud800" <= character <= "\udfff" for character in text):
        raise ValueError("this holds a character that cannot be stored; remove it")
    return text


# Texts that are looked up in the database, such as ids.
Plain = Annotated[str, Field(max_length=2_000), AfterValidator(_plain)]

Handler = Callable[[HttpRequest, Any], HttpResponse]


class ApiError(Exception):
    """An answer other than success. `code` is for programs, the text for people."""

    def __init__(self, status: int, detail: str, code: str, **headers: str) -> None:
        self.status = status
        self.detail = detail
        self.code = code
        self.headers = headers
        super().__init__(detail)


class ApiRequest(HttpRequest):
    """A request whose token was checked."""

    user: User


class Problem(Schema):
    """Why a request was refused: a sentence, a word for programs, and the ids that it is about."""

    detail: str
    code: str
    ids: list[str] = []


class Fault(Schema):
    """One thing that is wrong with a request: where, and what."""

    loc: list[str | int]
    msg: str
    type: str


class Faults(Schema):
    """All that is wrong with the shape of a request."""

    detail: list[Fault]


# What every route may answer beside its success.
REFUSALS: dict[int, Any] = {400: Problem, 401: Problem, 413: Problem, 422: Faults, 429: Problem}


class StrictParser(Parser):
    """Reads bodies and queries, and refuses what no database takes: NUL, lone surrogates, NaN."""

    def parse_body(self, request: HttpRequest) -> Any:
        read = json.loads(request.body, parse_constant=_no_number)
        # Without its escaped backslashes: what follows one is no escape.
        if b"\\u" in request.body and not _is_text(
            json.dumps(read, ensure_ascii=False).replace(r"\\", "")
        ):
            raise ValueError(request.path)  # the library words it
        return read

    def parse_querydict(
        self, data: MultiValueDict[str, Any], list_fields: list[str], request: HttpRequest
    ) -> dict[str, Any]:
        for name, values in data.lists():
            if not all(_is_text(value) for value in [name, *values] if isinstance(value, str)):
                text = f"The parameter {name!r} holds characters that cannot be kept."
                raise ApiError(400, text, "bad_request")
        return super().parse_querydict(data, list_fields, request)


def _is_text(text: str) -> bool:
    """False for what holds NUL or half a character, written out or as JSON escapes it."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return "\0" not in text and "\\u0000" not in text


def _no_number(name: str) -> Any:
    raise ValueError(f"{name} is no JSON")


class Bearer(HttpBearer):
    """Lets in who sends a valid token. `refusal` says why a user may not use the route; it is
    asked before the body is read, and an empty text means that they may."""

    def __init__(self, refusal: Callable[[User], str] = lambda user: "") -> None:
        self.refusal = refusal
        super().__init__()

    def __call__(self, request: HttpRequest) -> User:
        # Always answers: with a user, or by raising.
        return cast(User, super().__call__(request) or _refuse(WITHOUT, "no_token"))

    def authenticate(self, request: HttpRequest, token: str) -> User:
        found = keeping.find(token) or access_tokens.find(token)
        if found is None:
            _refuse(UNKNOWN, "bad_token")
        if wait := usage.count(found):
            raise ApiError(
                429,
                f"This token has made {settings.API_REQUESTS_PER_MINUTE:,} requests in this "
                f"minute, which is the limit. Wait {wait} seconds.",
                "too_many_requests",
                **{"Retry-After": str(wait)},
            )
        request.user = found.user
        if text := self.refusal(found.user):
            _refuse(text, "not_allowed")
        return found.user


def _refuse(text: str, code: str) -> NoReturn:
    raise ApiError(401, text, code, **{"WWW-Authenticate": "Bearer"})


def problem(status: int, detail: str, code: str) -> JsonResponse:
    """The answer for what went wrong."""
    ids = list(dict.fromkeys(ID.findall(detail)))[:MOST_IDS]
    return JsonResponse({"detail": detail, "code": code, "ids": ids}, status=status)


def faults(found: list[tuple[tuple[str | int, ...], str]], type: str = "value") -> JsonResponse:
    """The answer that lists all faults of a body, each with its path and a sentence."""
    detail = [{"loc": ["body", *path], "msg": text, "type": type} for path, text in found]
    return JsonResponse({"detail": detail}, status=422)


@csrf_exempt
def not_found(request: HttpRequest, rest: str = "") -> JsonResponse:
    """The answer for a path under an API that does not exist."""
    text = f"There is no {request.path} here. All routes are listed at /api/docs."
    return problem(404, text, "no_such_route")


def install(api: NinjaAPI) -> None:
    """Let an API answer errors as above."""
    handlers: dict[type[Exception], Handler] = {
        ApiError: _told,
        AuthenticationError: _http_error,
        HttpError: _http_error,
        ValidationError: _misshapen,
        RequestDataTooBig: _too_big,
        TooManyFieldsSent: _too_big,
        MultiPartParserError: _no_form,
        SuspiciousOperation: _no_form,
        Exception: _failed,
    }
    add_handlers(api, handlers)


def add_handlers(api: NinjaAPI, handlers: Mapping[type[Exception], Handler]) -> None:
    """Say what an API answers to errors; of several that fit, the most special class counts."""
    for error, handler in handlers.items():
        api.add_exception_handler(error, handler)


def _told(request: HttpRequest, error: ApiError) -> HttpResponse:
    answer = problem(error.status, error.detail, error.code)
    for name, value in error.headers.items():
        answer[name] = value
    return answer


def _http_error(request: HttpRequest, error: HttpError) -> HttpResponse:
    """What the library raises by itself: nearly always a body that is no JSON."""
    detail = str(error)
    if error.status_code == 400:
        detail = f"{detail.rstrip('.')}: send the body as JSON, without NUL characters or NaN."
    return problem(error.status_code, detail, "bad_request")


def _misshapen(request: HttpRequest, error: ValidationError) -> HttpResponse:
    """Every fault of the query or body, without the wrapper that the library puts around a body."""
    detail = [
        {"loc": _place(fault["loc"]), "msg": fault["msg"], "type": fault["type"]}
        for fault in error.errors
    ]
    return JsonResponse({"detail": detail}, status=422)


def _place(loc: tuple[str | int, ...]) -> list[str | int]:
    """("body", "body", "limit") as it is in the request: the second is our parameter's name."""
    return [loc[0], *loc[2:]] if loc[0] == "body" and len(loc) > 1 else list(loc)


def _too_big(request: HttpRequest, error: Exception) -> HttpResponse:
    megabytes = settings.DATA_UPLOAD_MAX_MEMORY_SIZE // 1024**2
    text = f"The request is too large: {megabytes} MB is the limit. Send it in several parts."
    return problem(413, text, "too_large")


def _no_form(request: HttpRequest, error: Exception) -> HttpResponse:
    return problem(400, f"The form cannot be read: {error}. Send it as multipart.", "bad_request")


def _failed(request: HttpRequest, error: Exception) -> HttpResponse:
    """What nobody foresaw: told to the log with a reference that the caller can quote."""
    got_request_exception.send(sender=None, request=request)  # as Django does
    reference = secrets.token_hex(4)
    logger.error("API error %s at %s", reference, request.path, exc_info=error)
    text = (
        "Something went wrong here that is not your fault. Nothing was changed by this request. "
        f"Tell an administrator the reference {reference}."
    )
    return problem(500, text, "internal_error")


def body_of(model: dict[str, Any]) -> dict[str, Any]:
    """How the description of a route tells a body that its service checks by itself: the JSON
    schema of the body."""
    schema = whole(model)
    return {"requestBody": {"required": True, "content": {"application/json": {"schema": schema}}}}


def whole(schema: dict[str, Any]) -> dict[str, Any]:
    """A JSON schema with each of its parts where it is named: inside of another document, such
    names would lead nowhere. Parts must not hold themselves."""
    parts = schema.get("$defs", {})

    def told(value: Any) -> Any:
        if isinstance(value, list):
            return [told(one) for one in value]
        if not isinstance(value, dict):
            return value
        named = parts[value["$ref"].rpartition("/")[2]] if "$ref" in value else {}
        own = {name: one for name, one in value.items() if name not in {"$ref", "$defs"}}
        return {name: told(one) for name, one in (named | own).items()}

    result: dict[str, Any] = told(schema)
    return result

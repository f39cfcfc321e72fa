"""The realm: where Provena's Python client exchanges an offline token for access tokens, as it does
with Keycloak (contract, section 2)."""

from django.contrib.auth.decorators import login_not_required
from django.http import HttpRequest, JsonResponse
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_POST, require_safe

from provena.tokens import access_tokens, keeping, usage
from provena.tokens.models import Token


@require_safe
@login_not_required
def about(request: HttpRequest, realm: str) -> JsonResponse:
    """The name of the realm and the key that its tokens are signed with."""
    return JsonResponse({"realm": realm, "public_key": access_tokens.public_key()})


@csrf_exempt
@require_POST
@login_not_required
def token(request: HttpRequest, realm: str) -> JsonResponse:
    """A new access token for an offline token; errors are those of OAuth (RFC 6749, 5.2)."""
    grant = request.POST.get("grant_type", "")
    if grant != "refresh_token":
        return _refused("unsupported_grant_type", f"Only refresh_token is known, not {grant!r}.")
    offline = keeping.find(request.POST.get("refresh_token", ""), Token.Purpose.OFFLINE)
    if offline is None:
        return _refused(
            "invalid_grant",
            "This offline token is unknown, expired or revoked. Issue a new one on your account "
            "page.",
        )
    if wait := usage.count(offline):
        answer = _refused("slow_down", f"Too many requests. Wait {wait} seconds.", status=429)
        answer["Retry-After"] = str(wait)
        return answer
    issuer = request.build_absolute_uri().partition("/protocol/")[0]
    answer = JsonResponse(
        {
            "access_token": access_tokens.issue(offline, issuer),
            "expires_in": access_tokens.LIFETIME,
            "refresh_token": request.POST["refresh_token"],
            "token_type": "Bearer",
            "scope": "offline_access",
        }
    )
    answer["Cache-Control"] = "no-store"
    return answer


def _refused(error: str, text: str, status: int = 400) -> JsonResponse:
    return JsonResponse({"error": error, "error_description": text}, status=status)

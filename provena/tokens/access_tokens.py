"""Access tokens: what an offline token is exchanged for, so that the long-lived one rarely travels.

They are JSON Web Tokens, signed with RS256 and valid for minutes. Each names its offline token and
is good only while that is, so revoking the one ends the other.
"""

import base64
import hashlib
import time
from functools import lru_cache
from urllib.parse import urlsplit

import jwt
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from django.conf import settings
from django.http.request import split_domain_port, validate_host

from provena.tokens.models import SigningKey, Token

LIFETIME = 600  # seconds
ALGORITHM = "RS256"
BITS = 2048
KEPT = 2  # keys by which tokens are still accepted: the one in use and the one before it


def issue(token: Token, issuer: str) -> str:
    """An access token for an offline one; `issuer` is the address of the realm."""
    now = int(time.time())
    user = token.user
    claims = {
        "iss": issuer,
        "sub": str(user.pk),  # a text, or the client refuses the token
        "sid": str(token.pk),
        "iat": now,
        "exp": now + LIFETIME,
        "typ": "Bearer",
        "preferred_username": user.get_username(),
        "email": user.email,
    }
    key, private = _current()
    return jwt.encode(claims, private, ALGORITHM, headers={"kid": str(key.pk)})


def find(text: str) -> Token | None:
    """The offline token that a valid access token was issued for, with its user; None otherwise."""
    try:
        key = SigningKey.objects.filter(pk=int(jwt.get_unverified_header(text)["kid"])).first()
        private = _private(key) if key else None
        if private is None:
            return None
        claims = jwt.decode(
            text,
            private.public_key(),
            algorithms=[ALGORITHM],
            options={"require": ["exp", "iss", "sid", "sub"]},
        )
        if not _is_here(claims["iss"]):
            return None
        wanted = Token.objects.valid().filter(
            pk=int(claims["sid"]), user=int(claims["sub"]), purpose=Token.Purpose.OFFLINE
        )
    except (jwt.InvalidTokenError, ValueError, TypeError, KeyError, OverflowError):
        return None
    return wanted.select_related("user").first()


def _is_here(issuer: str) -> bool:
    """True for a realm at a name of this site. A copy of it, for trying, has the same keys under
    another name, and must not issue tokens for this one."""
    host, _ = split_domain_port(urlsplit(issuer).netloc)
    return validate_host(host, settings.ALLOWED_HOSTS)


def public_key() -> str:
    """The key that tokens are signed with: base64 of its DER SubjectPublicKeyInfo, in one line."""
    _, private = _current()
    der = private.public_key().public_bytes(
        serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    return base64.b64encode(der).decode()


def rotate() -> tuple[SigningKey, rsa.RSAPrivateKey]:
    """Sign with a new key from now on; returns it. Tokens of the last one are good until they
    expire."""
    new = rsa.generate_private_key(public_exponent=65537, key_size=BITS)
    pem = new.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.BestAvailableEncryption(_password()),
    )
    key = SigningKey.objects.create(pem=pem.decode())
    SigningKey.objects.exclude(pk__in=SigningKey.objects.values("pk")[:KEPT]).delete()
    return key, new


def _current() -> tuple[SigningKey, rsa.RSAPrivateKey]:
    """The newest key, if this installation can read it. The first is made when it is needed; of two
    that are made at the same moment both are accepted."""
    newest = SigningKey.objects.first()
    private = _private(newest) if newest else None
    return (newest, private) if newest and private else rotate()


def _private(key: SigningKey) -> rsa.RSAPrivateKey | None:
    """The key itself; None where SECRET_KEY, which hides it, is another one now."""
    return _opened(key.pem, _password())


@lru_cache(maxsize=8)  # opening it is slow by design
def _opened(pem: str, password: bytes) -> rsa.RSAPrivateKey | None:
    try:
        key = serialization.load_pem_private_key(pem.encode(), password)
    except ValueError:
        return None
    return key if isinstance(key, rsa.RSAPrivateKey) else None


def _password() -> bytes:
    return hashlib.sha256(b"signing-key:" + settings.SECRET_KEY.encode()).hexdigest().encode()

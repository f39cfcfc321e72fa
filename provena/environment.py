"""Reading settings from the environment, with errors that name the variable.

Nothing of ours is imported here, so that settings.py can use it before Django is set up.
"""

import os
import secrets
from pathlib import Path
from typing import NamedTuple
from urllib.parse import unquote, urlsplit

from django.core.exceptions import ImproperlyConfigured

TRUE, FALSE = {"1", "true", "yes", "on"}, {"0", "false", "no", "off", ""}


def flag(name: str, default: bool = False) -> bool:
    """The truth value of a variable such as `DEBUG=1`."""
    text = os.environ.get(name, str(default)).strip().lower()
    if text in TRUE | FALSE:
        return text in TRUE
    raise ImproperlyConfigured(f"{name}={text!r} is neither true nor false: write 1 or 0.")


def number(name: str, default: int, *, minimum: int = 0) -> int:
    """The whole number in a variable such as `WORKERS=4`."""
    text = os.environ.get(name, str(default)).strip()
    try:
        value = int(text)
    except ValueError:
        raise ImproperlyConfigured(f"{name}={text!r} is not a whole number.") from None
    if value < minimum:
        raise ImproperlyConfigured(f"{name}={value} is too small: {minimum} is the least.")
    return value


def choice(name: str, default: str, options: tuple[str, ...]) -> str:
    """The value of a variable that has only a few, such as `REGISTRY_LEVEL=read`."""
    text = os.environ.get(name, default).strip().lower()
    if text in options:
        return text
    raise ImproperlyConfigured(f"{name}={text!r} is none of {', '.join(options)}.")


def words(name: str, default: str = "") -> list[str]:
    """The comma-separated values of a variable such as `ALLOWED_HOSTS=a.org,b.org`."""
    return [word.strip() for word in os.environ.get(name, default).split(",") if word.strip()]


class MailServer(NamedTuple):
    """An SMTP server; without a host there is none."""

    host: str = ""
    port: int = 0
    user: str = ""
    password: str = ""
    scheme: str = "smtp"


def mail_server(name: str) -> MailServer:
    """The SMTP server in a variable such as `EMAIL_URL=smtp+tls://user:password@mail.org`.

    `smtp+tls` begins in the clear and turns to TLS, `smtps` is TLS from the start.
    """
    text = os.environ.get(name, "").strip()
    if not text:
        return MailServer()
    ports = {"smtp": 25, "smtp+tls": 587, "smtps": 465}
    try:
        url = urlsplit(text)
        port = url.port
    except ValueError:
        port, url = None, urlsplit("")
    if url.scheme not in ports or not url.hostname:
        raise ImproperlyConfigured(  # which does not print what may hold a password
            f"{name} is not like smtp://host, smtp+tls://user:password@host:587 or smtps://..."
        )
    return MailServer(
        host=url.hostname,
        port=port or ports[url.scheme],
        user=unquote(url.username or ""),
        password=unquote(url.password or ""),
        scheme=url.scheme,
    )


def secret(name: str, file: Path) -> str:
    """The secret in the variable, or in a file that is made at the first start.

    The file lets a fresh install start safely with nothing configured: there is no built-in key
    that somebody could forget to change. Two processes may start together, so the file appears
    whole, by a hard link, and the loser of the race reads the winner's.
    """
    if value := os.environ.get(name):
        return value
    if not file.exists():
        file.parent.mkdir(parents=True, exist_ok=True)
        draft = file.with_name(f"{file.name}.{os.getpid()}")
        draft.touch(mode=0o600)
        draft.write_text(secrets.token_urlsafe(50))
        try:
            file.hardlink_to(draft)
        except FileExistsError:
            pass
        finally:
            draft.unlink()
    return file.read_text().strip()

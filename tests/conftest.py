"""Fixtures and factories that all tests share.

The test database on SQLite is a file, because worker processes and browsers' servers open it too.
"""

import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.contrib.auth.models import User
from django.db import connection, transaction
from django.test import Client, TransactionTestCase
from pytest_django import DjangoDbBlocker

from jobs.models import Job
from registry import services
from registry.models import Item
from tests.stack import Stack

os.environ.setdefault("DJANGO_ALLOW_ASYNC_UNSAFE", "1")  # Playwright's loop runs in this thread

CHROMIUM = next(
    filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None
)
MODEL = {
    "display_name": "Reef model",
    "name": "Reef model",
    "description": "Larval dispersal",
    "documentation_url": "https://example.org/doc",
    "source_url": "https://example.org/src",
}
PERSON = {
    "first_name": "Ana",
    "last_name": "Silva",
    "email": "ana@example.org",
    "ethics_approved": True,
}
DEFAULTS: dict[str, dict[str, Any]] = {
    "MODEL": MODEL,
    "PERSON": PERSON,
    "ORGANISATION": {"name": "Reef Institute"},
    "STUDY": {"title": "Reef futures", "description": "What will be left"},
}
RESOURCE = {"description": "Forcing of a year", "usage_type": "FORCING_DATA"}


def dataset(organisation: str, **info: Any) -> dict[str, Any]:
    """Content of a dataset of that organisation; `info` goes into its `dataset_info`."""
    topics = ("ethics_registration", "ethics_access", "indigenous_knowledge", "export_controls")
    about = {
        "name": "Sea surface temperatures",
        "description": "Daily, from satellites",
        "access_info": {"reposited": True},
        "publisher_id": organisation,
        "created_date": {"relevant": False},
        "published_date": {"relevant": False},
        "license": "https://creativecommons.org/licenses/by/4.0/",
    }
    return {
        "collection_format": {
            "associations": {"organisation_id": organisation},
            "approvals": {topic: {"relevant": False, "obtained": False} for topic in topics},
            "dataset_info": about | info,
        }
    }


def pytest_configure(config: pytest.Config) -> None:
    # Hashing is slow by design; tests sign in often.
    fast = "django.contrib.auth.hashers.MD5PasswordHasher"
    settings.PASSWORD_HASHERS = [fast, *settings.PASSWORD_HASHERS]
    settings.STATIC_ROOT.mkdir(parents=True, exist_ok=True)  # WhiteNoise warns of its absence
    # Pages are rendered here without collecting static files first.
    plain = {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"}
    settings.STORAGES = settings.STORAGES | {"staticfiles": plain}


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Browser tests need Chromium. Where it must be there (CI), its absence is an error."""
    if CHROMIUM:
        return
    if os.environ.get("REQUIRE_ALL"):
        raise pytest.UsageError("No Chromium was found, and REQUIRE_ALL forbids leaving tests out.")
    left_out = pytest.mark.skip(reason="no Chromium was found (install the package chromium)")
    for item in items:
        if item.get_closest_marker("browser"):
            item.add_marker(left_out)


@pytest.fixture(scope="session")
def django_db_modify_db_settings(tmp_path_factory: pytest.TempPathFactory) -> None:
    """A database file that other processes can open."""
    if connection.vendor == "sqlite":
        file = tmp_path_factory.mktemp("database") / "test.sqlite3"
        settings.DATABASES["default"].setdefault("TEST", {})["NAME"] = str(file)
        connection.settings_dict["TEST"]["NAME"] = str(file)


@pytest.fixture(scope="session")
def django_db_setup(django_db_setup: None) -> Iterator[None]:
    """The test database, which tests that commit leave empty by `empty_tables`."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(TransactionTestCase, "_fixture_teardown", empty_tables)
        yield


def empty_tables(_: TransactionTestCase) -> None:
    """Delete all rows, but for those of `migrate`: the content types and permissions.

    Django truncates and then makes these anew. That takes 20 times as long, and servers that
    tests share remember them.
    """
    names = connection.introspection.django_table_names(only_existing=True, include_views=False)
    with transaction.atomic(), connection.cursor() as cursor:  # keys are checked at its end
        for name in set(names) - {"django_content_type", "auth_permission"}:
            cursor.execute(f"DELETE FROM {connection.ops.quote_name(name)}")


@pytest.fixture(scope="session")
def static_files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of collected static files, as a server serves them."""
    data = tmp_path_factory.mktemp("collected")
    subprocess.run(
        [sys.executable, "manage.py", "collectstatic", "--noinput", "--verbosity", "0"],
        cwd=settings.BASE_DIR,
        env=os.environ | {"DATA_DIR": str(data), "SECRET_KEY": "of-tests"},
        check=True,
    )
    return data / "static"


@pytest.fixture(scope="session")
def address(
    django_db_setup: None, static_files: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[str]:
    """Where the site is. All that its server knows of a test is in the database."""
    running = Stack(tmp_path_factory.mktemp("site"), static_files)
    yield running.start_web()
    running.stop()


@pytest.fixture(scope="module")
def shared_db(django_db_setup: None, django_db_blocker: DjangoDbBlocker) -> Iterator[None]:
    """A transaction around all tests of a module: they find in it what fixtures of the module made,
    as it was, because each test rolls back what it did itself. Side by side, such a module is to be
    one piece: `pytest.mark.xdist_group`. Not for tests that commit."""
    with django_db_blocker.unblock(), transaction.atomic():
        yield
        transaction.set_rollback(True)


@pytest.fixture
def make_user(db: None) -> Callable[..., User]:
    """`new_user`, where there is a database."""
    return new_user


def new_user(username: str = "ana", *, linked: bool = True, **fields: Any) -> User:
    """Make a user; `linked` ones have a Person and may register anything."""
    fields.setdefault("email", f"{username}@example.org")
    user = User.objects.create_user(username, password="secret-of-tests", **fields)
    if linked:
        content = PERSON | {"display_name": f"Person of {username}"}
        person = services.register(subtype="PERSON", content=content, owner=user)
        services.link_person(user=user, person=person)
    return user


@pytest.fixture
def user(make_user: Callable[..., User]) -> User:
    """A user who may register anything."""
    return make_user()


@pytest.fixture
def make_item(db: None) -> Callable[..., Item]:
    """`registered`, where there is a database."""
    return registered


def registered(owner: User, *, subtype: str = "MODEL", **content: Any) -> Item:
    """Register a model, or another kind; what is not stated does not matter. Items that it must
    name are made on demand. `display_name` is the name of a dataset, too."""
    name = content.pop("display_name", "Reef model" if subtype == "MODEL" else "Something")
    # A default costs registrations, so it is made only if something is missing.
    is_whole = bool({"collection_format", "software_id"} & set(content))
    base = {} if is_whole else _needed(owner, subtype, name)
    named = {} if subtype == "DATASET" else {"display_name": name}
    return services.register(subtype=subtype, content=base | named | content, owner=owner)


def _needed(owner: User, subtype: str, name: str) -> dict[str, Any]:
    """What a kind needs beside its name."""
    if subtype == "DATASET":
        return dataset(registered(owner, subtype="ORGANISATION").handle, name=name)
    if subtype == "MODEL_RUN_WORKFLOW_TEMPLATE":
        return {"software_id": registered(owner).handle}
    return DEFAULTS.get(subtype, {})


@pytest.fixture
def signed_in(client: Client, user: User) -> Client:
    """A test client in which `user` is signed in."""
    client.force_login(user)
    return client


@pytest.fixture
def stack(transactional_db: None, static_files: Path, tmp_path: Path) -> Iterator[Stack]:
    """Real server and worker processes on the test database; started when asked for."""
    running = Stack(tmp_path, static_files)
    yield running
    running.stop()


def drain() -> int:
    """Run all due jobs here, as the broker and a worker would. Returns how many were run."""
    from jobs import lifecycle, worker

    done = 0
    while claimed := lifecycle.claim("provena", 8):
        for job_id, attempt, _ in claimed:
            worker.execute(job_id, attempt, 60)
            done += 1
    return done


def statuses() -> list[str]:
    """The states of all jobs, oldest first."""
    return list(Job.objects.order_by("id").values_list("status", flat=True))

"""Settings from the environment: wrong values say which variable and what to write."""

from pathlib import Path

import pytest
from django.core.checks import run_checks
from django.core.exceptions import ImproperlyConfigured
from pytest_django import Settings

from provena import environment


@pytest.mark.parametrize(("text", "value"), [("1", True), ("Yes", True), ("0", False), ("", False)])
def test_flags(monkeypatch: pytest.MonkeyPatch, text: str, value: bool) -> None:
    monkeypatch.setenv("DEBUG", text)
    assert environment.flag("DEBUG") is value


def test_a_wrong_value_names_its_variable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DEBUG", "maybe")
    monkeypatch.setenv("WORKERS", "two")
    with pytest.raises(ImproperlyConfigured, match="DEBUG='maybe'"):
        environment.flag("DEBUG")
    with pytest.raises(ImproperlyConfigured, match="WORKERS='two'"):
        environment.number("WORKERS", 2)
    monkeypatch.setenv("WORKERS", "0")
    with pytest.raises(ImproperlyConfigured, match="1 is the least"):
        environment.number("WORKERS", 2, minimum=1)


def test_words_are_separated_by_commas(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ALLOWED_HOSTS", " a.org, b.org ,,")
    assert environment.words("ALLOWED_HOSTS") == ["a.org", "b.org"]


def test_a_secret_is_made_once_and_only_its_owner_reads_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("SECRET_KEY", raising=False)
    file = tmp_path / "new" / "secret_key"
    first = environment.secret("SECRET_KEY", file)
    assert len(first) > 50
    assert environment.secret("SECRET_KEY", file) == first
    assert file.stat().st_mode & 0o777 == 0o600
    assert list(file.parent.iterdir()) == [file]
    monkeypatch.setenv("SECRET_KEY", "given")
    assert environment.secret("SECRET_KEY", file) == "given"


@pytest.mark.parametrize(
    ("name", "value", "check"),
    [
        ("HANDLE_PREFIX", "no spaces", "registry.E001"),
        ("HANDLE_PREFIX", "", "registry.E001"),
        ("Q_CLUSTER", {"broker_class": "x.Y", "save_limit": -1}, "jobs.E004"),
        ("Q_CLUSTER", {"broker_class": "jobs.broker.JobBroker"}, "jobs.W005"),
    ],
)
def test_a_wrong_setting_is_found_by_a_check(
    settings: Settings, name: str, value: object, check: str
) -> None:
    assert check not in [found.id for found in run_checks()]
    setattr(settings, name, value)
    [found] = [found for found in run_checks() if found.id == check]
    assert found.hint


def test_deploying_with_the_test_prefix_is_warned_of(settings: Settings) -> None:
    settings.HANDLE_PREFIX = "10378.1"
    assert "registry.W002" in [found.id for found in run_checks(include_deployment_checks=True)]
    settings.HANDLE_PREFIX = "102.100.100"
    assert "registry.W002" not in [found.id for found in run_checks(include_deployment_checks=True)]

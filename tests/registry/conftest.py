"""Fixtures that the tests of the registry share."""

from tests.registry.runs import workflow

__all__ = ["workflow"]

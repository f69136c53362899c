"""Conformance checks to call from a test of your own."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from landscape_dist.testing.databases import DatabaseTests
    from landscape_dist.testing.eigensolvers import check_eigensolver
    from landscape_dist.testing.problems import check_problem

__all__ = ["DatabaseTests", "check_eigensolver", "check_problem"]

# Not at import: those of databases bring in zarr and pytest, which a test of a problem needs neither of.
_WHERE = {"DatabaseTests": "databases", "check_eigensolver": "eigensolvers", "check_problem": "problems"}


def __getattr__(name: str) -> Any:
    if name not in _WHERE:
        raise AttributeError(f"module 'landscape_dist.testing' has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_WHERE[name]}"), name)

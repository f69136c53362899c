"""What importing costs, and what is public."""

from __future__ import annotations

import subprocess
import sys

import pytest

import landscape_dist as ld

HEAVY = ("torch", "sympy", "zarr", "dask", "distributed", "matplotlib", "networkx", "scipy", "pydantic")


@pytest.mark.parametrize("what", ["landscape_dist", "landscape_dist.cli", "landscape_dist.problems"])
def test_importing_brings_in_nothing_heavy(what: str) -> None:
    code = f"import {what}; import sys; print(*[m for m in {HEAVY!r} if m in sys.modules])"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    assert not loaded


def test_public_names() -> None:
    for name in ld.__all__:
        assert getattr(ld, name) is not None
    assert set(ld.__all__) <= set(dir(ld))
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        _ = ld.nothing


def test_explore_stays_the_function_when_its_package_is_imported() -> None:
    code = "import landscape_dist as ld; import landscape_dist.exploration.coordinator; assert callable(ld.explore)"
    subprocess.run([sys.executable, "-c", code], check=True)
    other = "import landscape_dist.exploration.coordinator; assert callable(landscape_dist.explore)"
    subprocess.run([sys.executable, "-c", other], check=True)

"""What importing costs, and what is public."""

from __future__ import annotations

import importlib.util
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

import landscape_dist as ld

HEAVY = ("torch", "sympy", "zarr", "dask", "distributed", "matplotlib", "networkx", "scipy", "pydantic")


@pytest.mark.parametrize("what", ["landscape_dist", "landscape_dist.cli", "landscape_dist.problems"])
def test_importing_brings_in_nothing_heavy(what: str) -> None:
    code = f"import {what}; import sys; print(*[m for m in {HEAVY!r} if m in sys.modules])"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    assert not loaded


def test_each_public_name_is_there_whichever_is_asked_for_first() -> None:
    code = f"""
import sys
for name in {ld.__all__!r}:
    import landscape_dist as ld
    assert getattr(ld, name) is not None and name in dir(ld), name
    for module in [m for m in sys.modules if m.partition(".")[0] == "landscape_dist"]:
        del sys.modules[module]
    del ld
"""
    subprocess.run([sys.executable, "-c", code], check=True)


def test_a_name_that_is_not_there() -> None:
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        _ = ld.nothing


def test_importing_costs_next_to_nothing() -> None:
    code = "import landscape_dist; import sys; print(*[m for m in sys.modules if m.startswith('landscape_dist')])"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    assert len(loaded) <= 15
    assert "numpy" not in loaded


@pytest.mark.parametrize("place", ["explore.settings", "exploration.settings", "exploration.coordinator"])
def test_explore_is_the_function_whatever_is_imported(place: str) -> None:
    code = f"""
import warnings
warnings.simplefilter("ignore")
import landscape_dist.{place}
import landscape_dist as ld
assert callable(ld.explore), ld.explore
"""
    subprocess.run([sys.executable, "-c", code], check=True)


def test_the_package_of_the_policy_can_be_named_as_a_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    import landscape_dist.exploration.settings as settings

    monkeypatch.setattr("landscape_dist.exploration.settings.ExploreSettings", None)
    assert settings.ExploreSettings is None


def test_functions_are_found_in_packages_that_were_modules() -> None:
    from landscape_dist.campaign import explore, open_landscape
    from landscape_dist.distribute.clusters import connect
    from landscape_dist.distribute.clusters.connecting import connect as same

    assert explore is ld.explore
    assert open_landscape is ld.open
    assert connect is same


def test_modules_that_moved_are_found_under_their_old_names_for_one_release() -> None:
    code = f"""
import importlib, warnings
for old, new in {ld._MOVED!r}.items():
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        module = importlib.import_module("landscape_dist." + old)
    new = "landscape_dist." + new
    assert module is importlib.import_module(new), old
    assert module.__spec__.name == module.__name__ == new, old
    assert any(f"{{new}} now" in str(w.message) for w in said), old
"""
    subprocess.run([sys.executable, "-c", code], check=True)


SCRIPT = """
import numpy as np
import landscape_dist as ld
problem = ld.systems.get("muller_brown")
landscape = ld.explore(problem, np.zeros(2), max_index=2)
reveal_type(landscape)
reveal_type(landscape.points[0])
reveal_type(problem.gradient(np.zeros((1, 2))))
reveal_type(ld.open("store.zarr"))
"""
REVEALED = [
    "landscape_dist.campaign.landscape.Landscape",
    "landscape_dist.records.StationaryPoint",
    "numpy.ndarray[tuple[Any, ...], numpy.dtype[numpy.float64]] | Any",
    "landscape_dist.campaign.landscape.Landscape",
]
MYPY = """
[mypy]
strict = true
[mypy-landscape_dist.*]
follow_imports = silent
warn_return_any = false
[mypy-bokeh.*,dask.*,distributed.*,matplotlib.*,networkx.*,pydantic.*,rich.*,scipy.*,sklearn.*,sympy.*,torch.*,typer.*,zarr.*]
follow_imports = skip
"""


def test_type_checkers_see_what_the_public_names_are(tmp_path: Path) -> None:
    pytest.importorskip("mypy", reason="mypy is not installed")
    package = Path(importlib.util.find_spec("landscape_dist").origin).parent
    assert (package / "py.typed").is_file()
    names = "".join(f"reveal_type(ld.{name})\n" for name in ld.__all__)
    (tmp_path / "script.py").write_text(SCRIPT + names)
    (tmp_path / "mypy.ini").write_text(MYPY)
    where = {**os.environ, "MYPYPATH": "" if package.parent.name == "site-packages" else str(package.parent)}
    command = [sys.executable, "-m", "mypy", "script.py"]
    said = subprocess.run(command, cwd=tmp_path, env=where, capture_output=True, text=True)
    assert said.returncode == 0, said.stdout + said.stderr
    revealed = re.findall(r'Revealed type is "(.*)"', said.stdout)
    assert revealed[: len(REVEALED)] == REVEALED
    assert len(revealed) == len(REVEALED) + len(ld.__all__)
    assert "Any" not in revealed

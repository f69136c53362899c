"""workflows/faults, in small: whatever strikes a run, its last resume finds what an undisturbed one finds."""

from __future__ import annotations

import importlib.util
import random
import sys
from pathlib import Path
from types import ModuleType

import pytest

FOLDER = Path(__file__).resolve().parents[2] / "workflows" / "faults"


def load(name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(f"faults_{name}", FOLDER / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # dataclasses look there
    spec.loader.exec_module(module)
    return module


campaign, readers = load("campaign"), load("readers")


def suffer(folder: Path, kinds: list[str], dim: int, seconds: float) -> None:
    with campaign.small_disk(folder) as is_small:
        if not is_small:
            kinds = [kind for kind in kinds if kind != "full disk"]
        case, left = campaign.Case(1), list(kinds)
        campaign.run_case(case, folder, left, campaign.Reference(dim, seconds), random.Random(3))
    assert not case.difference
    assert not left, f"the run was over before {left}"
    assert set(case.faults) >= set(kinds)
    assert case.n_executed >= case.n_searches > 0


@pytest.mark.long
def test_one_fault_after_another(tmp_path: Path) -> None:
    suffer(tmp_path, ["exception", "partial file", "full disk"], dim=4, seconds=4e-3)


@pytest.mark.long
@pytest.mark.parametrize("kind", list(campaign.KINDS))
def test_each_kind_of_fault(tmp_path: Path, kind: str) -> None:
    if kind == "full disk":
        with campaign.small_disk(tmp_path) as is_small:
            if not is_small:
                pytest.skip("a tmpfs cannot be mounted here (needs root)")
    suffer(tmp_path, [kind], dim=5, seconds=2e-3)


def test_readers_see_whole_commits(tmp_path: Path) -> None:
    reports = readers.watch_run(tmp_path, dim=3, seconds=3e-3)
    assert {report["command"] for report in reports} == {"info", "points", "verify"}
    for report in reports:
        assert report["reads"] > 10
        assert not report["torn"]
        # The points may all be new between two looks at them; the searches go on.
        assert report["changes seen"] >= (1 if report["command"] == "points" else 2)

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import landscape_dist as ld
from landscape_dist.analysis.matching import compare
from landscape_dist.correction.result import ArrowFate, Correction, CorrectionStatus, PointFate
from landscape_dist.errors import (
    ProblemError,
    SettingsError,
    StoreError,
    StoreFormatError,
    StoreInUseError,
    StoreMismatchError,
)
from landscape_dist.problems import from_callable, vector_field
from landscape_dist.store.lease import DirectoryLock
from landscape_dist.surrogates import TrainingData, TrainingSettings
from landscape_dist.surrogates.correction import CorrectionSettings
from tests.correction.wells import SETTINGS, Wells, problem

ROOT = Path(__file__).resolve().parents[2]


def true_points() -> np.ndarray:
    x = np.sort(np.roots([4.0, 0.0, -4.0, 0.2]).real)
    return np.stack([x, x / 2], axis=1)[[0, 2, 1]]  # minima, then the saddle


@pytest.fixture(scope="module")
def corrected(tmp_path_factory: pytest.TempPathFactory) -> tuple[Correction, Path]:
    folder = tmp_path_factory.mktemp("wells")
    return ld.correct(problem(str(folder / "diary")), folder=folder / "kept", check_arrows=True, **SETTINGS), folder


def test_finds_points_and_arrows_of_the_energy(corrected: tuple[Correction, Path]) -> None:
    found, _ = corrected
    assert found.status is CorrectionStatus.STABLE
    points = found.landscape.pathways.points
    np.testing.assert_allclose(points.x, true_points(), atol=1e-6)
    assert points.index.tolist() == [0, 0, 1]
    assert [(a.parent, a.child, a.fate) for a in found.arrows] == [
        (2, 0, ArrowFate.SURVIVES), (2, 1, ArrowFate.SURVIVES)
    ]  # fmt: skip
    assert found.landscape.pathways.children(2).tolist() == [0, 1]
    for point, x in zip(found.points, true_points(), strict=True):
        assert point.fate is PointFate.KEPT
        assert point.index_agrees
        assert point.displacement == pytest.approx(np.linalg.norm(np.array(point.x_surrogate) - x), abs=1e-6)
        assert point.bound is not None
        assert point.bound.within
        assert point.rate == 1.0


def test_counts_every_value(corrected: tuple[Correction, Path]) -> None:
    found, folder = corrected
    asked = (folder / "diary").read_text().splitlines()
    assert found.evaluations == {"n_energies": len(asked), "n_gradients": 0, "n_hessians": 0, "n_hvps": 0}
    assert sum(found.by_stage.values()) == found.n_evaluations
    assert found.by_stage["rounds"] == len(found.data) == len(set(asked[: len(found.data)]))
    assert found.rounds[-1].n_evaluations == found.by_stage["rounds"]


def test_says_what_it_found(corrected: tuple[Correction, Path]) -> None:
    found, folder = corrected
    told = json.loads((folder / "kept" / "result.json").read_text())
    assert told == json.loads(json.dumps(found.as_dict(), allow_nan=False))
    assert told["counts"] == {"0": 2, "1": 1}
    assert told["rounds"][0]["n_values"] == 24
    text = str(found)
    assert "stable: all points and arrows stayed where they were" in text
    assert "3 of 3 points of the surrogate are points of the true energy" in text
    assert "2 of 2 arrows survive on the true energy" in text


def test_same_call_asks_nothing_again(corrected: tuple[Correction, Path]) -> None:
    found, folder = corrected
    before = (folder / "diary").read_text()
    again = ld.correct(problem(str(folder / "diary")), folder=folder / "kept", check_arrows=True, **SETTINGS)
    assert again.as_dict() == found.as_dict()
    assert (folder / "diary").read_text() == before


@pytest.mark.parametrize(
    "last", [40, pytest.param(10, marks=pytest.mark.long), pytest.param(75, marks=pytest.mark.long)]
)
def test_goes_on_where_it_was_killed(corrected: tuple[Correction, Path], tmp_path: Path, last: int) -> None:
    diary, kept = tmp_path / "diary", tmp_path / "kept"
    killed = subprocess.run(
        [sys.executable, "-m", "tests.correction.wells", str(kept), str(diary), str(last)], cwd=ROOT, timeout=300,
        env=os.environ | {"PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"},
    )  # fmt: skip
    assert killed.returncode == -signal.SIGKILL
    first = diary.read_text().splitlines()
    found = ld.correct(problem(str(diary)), folder=kept, check_arrows=True, **SETTINGS)
    assert found.as_dict() == corrected[0].as_dict()
    asked = diary.read_text().splitlines()
    # Only the batch that it was killed in is asked again.
    assert len(asked) - len(set(asked)) <= len(first) - last + 24
    assert len(set(asked)) == len(set((corrected[1] / "diary").read_text().splitlines()))


def test_folder_of_something_else(corrected: tuple[Correction, Path], tmp_path: Path) -> None:
    kept = corrected[1] / "kept"
    with pytest.raises(StoreMismatchError, match=r"another correction: seed 3, now 4; give another folder"):
        ld.correct(problem(), folder=kept, **SETTINGS | {"seed": 4})
    other = from_callable(Wells(), dim=2, batched=True, domain=problem().domain, name="other", fingerprint="other")
    with pytest.raises(StoreMismatchError, match="another problem"):
        ld.correct(other, folder=kept, **SETTINGS)
    (tmp_path / "note.txt").write_text("mine")
    with pytest.raises(StoreError, match="is no correction and not empty"):
        ld.correct(problem(), folder=tmp_path, **SETTINGS)
    (tmp_path / "correction.json").write_text("{")
    with pytest.raises(StoreFormatError, match=r"correction\.json is damaged"):
        ld.correct(problem(), folder=tmp_path, **SETTINGS)


def test_one_process_at_a_time_works_in_a_folder(corrected: tuple[Correction, Path]) -> None:
    kept = corrected[1] / "kept"
    other = DirectoryLock(kept)
    try:
        with pytest.raises(StoreInUseError, match="another process corrects in"):
            ld.correct(problem(), folder=kept, **SETTINGS)
    finally:
        other.release()
    again = ld.correct(problem(), folder=kept, **SETTINGS)
    assert again.evaluations["n_energies"] > 0
    free = DirectoryLock(kept)
    assert free.held
    free.release()


def test_workers_come_to_the_same(corrected: tuple[Correction, Path], tmp_path: Path) -> None:
    diary = tmp_path / "diary"
    found = ld.correct(problem(str(diary)), workers=2, **SETTINGS)
    serial = corrected[0]
    assert compare(found.landscape.pathways, serial.landscape.pathways, 1e-7).is_empty
    np.testing.assert_allclose(found.data.x, serial.data.x, atol=1e-4)
    assert found.n_evaluations == serial.n_evaluations - serial.by_stage["arrows"]
    assert len(diary.read_text().splitlines()) == found.n_evaluations  # asked on the workers


def test_begins_with_what_is_known() -> None:
    rng = np.random.default_rng(0)
    x = rng.uniform([-1.7, -1.3], [1.6, 1.3], (60, 2))
    known = TrainingData(x, Wells()(x))
    unbounded = from_callable(Wells(), dim=2, batched=True, name="wells", check=False)
    found = ld.correct(unbounded, data=known, start=[0.1, 0.0], max_index=1, check_bounds=False)
    np.testing.assert_allclose(found.landscape.pathways.points.x, true_points(), atol=1e-6)
    assert len(found.data) == found.by_stage["rounds"] + 60
    assert found.points[0].bound is None


def test_angles_go_round() -> None:
    def energy(X: np.ndarray) -> np.ndarray:
        return np.cos(np.radians(X)).sum(axis=1)

    x = np.random.default_rng(1).uniform(-180, 180, (40, 2))
    known = TrainingData(x, energy(x), period=(360.0, 360.0), coordinates=("phi", "psi"))
    torus = from_callable(energy, dim=2, batched=True, name="torus", check=False)
    found = ld.correct(torus, data=known, start=[10.0, 20.0], max_index=2, check_bounds=False)
    assert found.landscape.counts_by_index == {0: 1, 1: 2, 2: 1}
    angles = (found.landscape.pathways.points.x + 90.0) % 360.0 - 90.0
    np.testing.assert_allclose(np.minimum(np.abs(angles), np.abs(angles - 180.0)), 0.0, atol=1e-4)
    assert found.data.coordinates == ("phi", "psi")
    family = TrainingData(x, energy(x), parameters=np.ones((40, 1)), parameter_names=("alpha",))
    with pytest.raises(SettingsError, match="data have parameters alpha; a correction is of one energy"):
        ld.correct(torus, data=family)


def test_budget_ends_the_rounds_and_says_so() -> None:
    found = ld.correct(problem(), max_values=40, **SETTINGS | {"atol": 1e-7})
    assert found.status is CorrectionStatus.VALUES_SPENT
    assert found.by_stage["rounds"] <= 40
    assert "raise max_values" in str(found)
    short = ld.correct(problem(), max_rounds=1, **SETTINGS)
    assert short.status is CorrectionStatus.ROUNDS_SPENT
    assert short.by_stage["rounds"] == 24
    assert len(short.rounds) == 1


def test_network_with_gradients() -> None:
    true = ld.systems.arctan_2d(domain=ld.problems.domain.Box(-1.0, 7.0))
    training = TrainingSettings(hidden=(24, 24), epochs=50, finish_iterations=300)
    found = ld.correct(
        true, gradients=True, n_initial=60, training=training, n_members=2, max_rounds=3, max_index=1,
    )  # fmt: skip
    assert {one.model for one in found.rounds} == {"perceptron"}
    assert found.data.gradient is not None
    assert np.isfinite(found.data.gradient).all()
    assert found.by_stage["rounds"] == 2 * len(found.data)
    assert all(point.rate in (0.5, 1.0) for point in found.points)  # of two members


def test_vanished_and_merged_points_are_reported() -> None:
    found = ld.correct(problem(), n_initial=8, max_rounds=1, max_index=2, seed=5, start=[0.1, 0.0])
    text = str(found)
    for point in found.points:
        if point.fate is PointFate.VANISHED:
            assert point.id is None
            assert point.x is None
            assert point.reason
            assert point.reason in text
    ids = {point.id for point in found.points} - {None}
    assert ids == set(range(len(found.landscape.points)))


def test_what_is_not_installed_is_said_before_the_energy_is_asked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "sklearn.gaussian_process", None)
    with pytest.raises(SettingsError, match=r'pip install "landscape-dist\[gp\]"'):
        ld.correct(problem(str(tmp_path / "diary")), **SETTINGS)
    assert not (tmp_path / "diary").exists()


def test_misuse() -> None:
    with pytest.raises(SettingsError, match="is a vector field without an energy"):
        ld.correct(vector_field(lambda x: -x, dim=2))
    with pytest.raises(SettingsError, match=r"start is .* give 2 finite numbers"):
        ld.correct(problem(), start=[1.0])
    with pytest.raises(SettingsError, match="no setting named 'n_initail'"):
        ld.correct(problem(), n_initail=3)
    for wrong in (
        {"model": "tree"},
        {"radius": 0.9},
        {"n_stable": 0},
        {"max_values": 1},
        {"noise": -1.0},
        {"seed": 1.5},
    ):
        with pytest.raises(SettingsError, match=f"correction setting {next(iter(wrong))} is "):
            CorrectionSettings(**wrong)
    with pytest.raises(SettingsError, match="gradients is True and model 'gaussian_process', which does not use them"):
        CorrectionSettings(gradients=True, model="gaussian_process")


def holes(x: np.ndarray) -> float:
    if x[0] > 1.3:
        raise RuntimeError("did not converge")
    return float("nan") if x[0] < -1.4 else float(Wells()(x[None])[0])


def test_points_without_a_value_are_left_out_and_told(tmp_path: Path) -> None:
    partial = from_callable(holes, dim=2, name="partial", domain=problem().domain, check=False)
    found = ld.correct(partial, folder=tmp_path / "kept", check_bounds=False, **SETTINGS)
    assert found.status is CorrectionStatus.STABLE
    np.testing.assert_allclose(found.landscape.pathways.points.x, true_points(), atol=1e-6)
    assert {one.reason for one in found.left_out} == {"RuntimeError: did not converge", "the energy is not finite"}
    for one in found.left_out:
        assert not -1.4 <= one.x[0] <= 1.3
    assert len({(*x,) for x in found.data.x.tolist()} | {one.x for one in found.left_out}) == sum(
        (one.asked_near + one.asked_arrows + one.asked_infill for one in found.rounds), start=24
    )
    assert f"{len(found.left_out)} points that were asked are left out" in str(found)
    again = ld.correct(partial, folder=tmp_path / "kept", check_bounds=False, **SETTINGS)
    assert again.as_dict() == found.as_dict()


def test_a_round_without_a_value_is_no_end() -> None:
    half = from_callable(
        lambda x: float(Wells()(x[None])[0]) if x[0] < 0.4 else float("nan"), dim=2, name="half",
        domain=problem().domain, check=False,
    )  # fmt: skip
    found = ld.correct(half, n_infill=0, max_values=100, check_bounds=False, max_index=1)
    fates = {point.fate for point in found.points}
    assert PointFate.KEPT in fates
    assert found.left_out
    assert found.by_stage["rounds"] <= 100
    nowhere = from_callable(lambda x: 1.0 / 0.0, dim=2, name="nowhere", domain=problem().domain, check=False)
    with pytest.raises(ProblemError, match=r"nowhere is finite at none of 50 points \(ZeroDivisionError: .*\)"):
        ld.correct(nowhere)


def test_gradients_by_differences_are_within_the_budget() -> None:
    network = TrainingSettings(hidden=(4,), epochs=1, finish_iterations=5)
    found = ld.correct(
        problem(), gradients=True, max_values=60, n_members=1, training=network, check_bounds=False, max_index=1
    )
    assert found.by_stage["rounds"] == 60  # 12 points, each one energy and two differences
    assert found.rounds[0].n_values == 12


def test_more_values_may_be_spent_in_the_same_folder(tmp_path: Path) -> None:
    kept, settings = tmp_path / "kept", SETTINGS | {"n_initial": 20, "n_stable": 3, "check_bounds": False}
    spent = ld.correct(problem(), folder=kept, max_values=43, **settings)
    assert spent.status is CorrectionStatus.VALUES_SPENT
    found = ld.correct(problem(), folder=kept, max_values=200, **settings)
    assert found.status is CorrectionStatus.STABLE
    fresh = ld.correct(problem(), folder=tmp_path / "fresh", max_values=200, **settings)
    assert found.as_dict() == fresh.as_dict()


def test_what_cannot_be_is_said_before(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("mine")
    with pytest.raises(StoreError, match=r"file cannot be used \(Not a directory\); give another folder"):
        ld.correct(problem(), folder=tmp_path / "file", **SETTINGS)
    for name, value, wanted in (
        ("correction", {"n_initial": 3}, "correction is a dict; give a CorrectionSettings"),
        ("training", {"epochs": 3}, "training is a dict; give a TrainingSettings"),
        ("data", np.zeros((3, 2)), "data is a ndarray; give a TrainingData"),
        ("start", "left", "start cannot be read as numbers"),
        ("noise", "much", "noise is 'much'; give 0 or a positive number"),
        ("noise", float("inf"), "noise is inf"),
        ("check_arrows", "no", "check_arrows is 'no'; give True or False"),
    ):
        with pytest.raises(SettingsError, match=wanted):
            ld.correct(problem(), **SETTINGS | {name: value})

"""Verification notices what is wrong, says what it could not look at, and calls a sound store sound."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import zarr

import landscape_dist as ld
from landscape_dist.errors import SettingsError, StoreMismatchError
from landscape_dist.numerics.plain_json import plain_json
from landscape_dist.problems import Ball, Box, from_callable, symbolic, vector_field
from landscape_dist.problems.definition import problem_of
from landscape_dist.spaces.judgement import Custom, Distance, PerCoordinate
from landscape_dist.spaces.kinds import JUDGEMENTS, judgement_of
from landscape_dist.spaces.signed_permutations import SignedPermutations
from landscape_dist.spaces.symmetry import PeriodicCoordinates, Permutations, SignFlips
from landscape_dist.spaces.translations import Translations
from landscape_dist.upkeep.verification import verify_store


@pytest.fixture(scope="module")
def sound(tmp_path_factory: pytest.TempPathFactory) -> Path:
    store = tmp_path_factory.mktemp("sound") / "x.zarr"
    ld.explore(ld.systems.coupled_lattice(dim=2), [0.1, 0.1], 2, store=store, keep_trajectories=True)
    return store


@pytest.fixture
def store(sound: Path, tmp_path: Path) -> Path:
    shutil.copytree(sound, tmp_path / "x.zarr")
    return tmp_path / "x.zarr"


def test_a_sound_store_is_sound(sound: Path) -> None:
    report = verify_store(sound)
    assert report.sound
    assert (report.n_points, report.n_gradients, report.skipped) == (9, 9, ())
    assert report.n_paths == report.n_searches
    assert report.largest_gradient is not None
    assert report.largest_gradient < 1e-8
    assert "nothing is wrong" in str(report)
    assert report.as_dict()["sound"] is True


# Array, row, column, value, and what is said about it.
DAMAGES: list[tuple[str, int, int, float, str]] = [
    ("points/x", 3, 0, 0.7, "are not stationary: the gradient at point 3"),
    ("points/x", 3, 0, np.nan, "x is not finite"),
    ("points/reals", 2, 0, 5.0, "another energy"),
    ("points/reals", 2, 1, -1.0, "gradient_norm is not"),
    ("points/integers", 1, 0, 3, "index is not within 0 and the dimension"),
    ("points/integers", 1, 2, 10**9, "found_by names no search"),
    ("points/integers", 0, 3, 4, "round falls"),
    ("searches/integers", 5, 1, 10**9, "parent is no point"),
    ("searches/integers", 5, 6, 10**9, "child is no point"),
    ("searches/integers", 5, 1, -1, "a start has a parent"),
    ("searches/integers", 5, 0, 0, "slot is there twice"),
    ("searches/integers", 5, 3, 1, "ordinal is not that of the slot"),
    ("failures/integers", 0, 0, 0, "failures: no search of this slot"),
    ("trajectories/integers", 1, 1, 10**9, "do not rise"),
    ("trajectories/integers", 1, 0, 10**9, "a path is of no search"),
]


@pytest.mark.parametrize(("array", "row", "column", "value", "text"), DAMAGES)
def test_damage_is_noticed(store: Path, array: str, row: int, column: int, value: float, text: str) -> None:
    zarr.open_array(store / array, mode="r+")[row, column] = value
    report = verify_store(store)
    assert not report.sound
    assert any(text in finding for finding in report.findings), report.findings


def test_points_that_are_the_same_are_noticed(store: Path) -> None:
    points = zarr.open_array(store / "points/x", mode="r+")
    kinds = zarr.open_array(store / "points/integers", mode="r")[:, 0]
    first, second = np.flatnonzero(kinds == 0)[:2]
    points[int(second)] = points[int(first)]
    assert any("are the same as one before" in finding for finding in verify_store(store).findings)


def test_what_cannot_be_looked_at_is_said(tmp_path: Path) -> None:
    def energy(x: np.ndarray) -> float:
        return float((x[0] ** 2 - 1) ** 2 + (x[1] ** 2 - 1) ** 2)

    def near(a: np.ndarray, b: np.ndarray) -> bool:
        return bool(np.abs(a - b).max() < 1e-4)

    problem = from_callable(energy, dim=2, domain=Box(-3, 3))
    ld.explore(problem, [0.1, 0.1], 2, store=tmp_path / "x", same=near)
    report = verify_store(tmp_path / "x")
    assert report.sound
    assert len(report.skipped) == 2
    assert "--problem" in report.skipped[1]
    whole = verify_store(tmp_path / "x", problem=problem, same=Custom(near))
    assert whole.sound, whole.findings
    assert not whole.skipped
    assert whole.n_gradients == 9
    with pytest.raises(StoreMismatchError, match="is not the problem of the store"):
        verify_store(tmp_path / "x", problem=ld.systems.coupled_lattice(dim=2))


# -- out of headers --------------------------------------------------------------------------------------------------
def header(problem: Any, same: Any = None) -> dict[str, Any]:
    from landscape_dist.campaign.header import make_header
    from landscape_dist.exploration.settings import ExploreSettings
    from landscape_dist.hisd.settings import SolverSettings

    judgement = Distance(1e-4, problem.dim) if same is None else same
    starts = np.zeros((1, problem.dim))
    return plain_json(
        "header", make_header(problem, starts, ExploreSettings(max_index=1), SolverSettings(), judgement.as_dict())
    )


@pytest.mark.parametrize(
    "problem",
    [
        ld.systems.muller_brown(),
        ld.systems.allen_cahn(shape=(8, 8)),
        ld.systems.coupled_lattice(dim=4, coupling=0.05, domain=Ball(4.0)),
        ld.systems.rosenbrock(dim=7, s=(-500.0,) * 5 + (1.0, 1.0)),
        symbolic("a*(x1**2 - 1)**2 + x2**2/3 + exp(-x1*x2)", parameters={"a": 0.1}, domain=Box(-2, 2), name="mine"),
        vector_field(["x1 - x1**3 + 0.3*x2", "-x2 - 0.1*x1"], name="flow"),
    ],
    ids=lambda problem: problem.name,
)
def test_problems_of_names_and_formulas_come_back(problem: Any) -> None:
    again = problem_of(header(problem))
    assert again.fingerprint() == problem.fingerprint()
    X = np.random.default_rng(0).uniform(-1, 1, (5, problem.dim))
    np.testing.assert_array_equal(again.gradient(X), problem.gradient(X))


@pytest.mark.parametrize(
    "definition",
    [
        {"kind": "symbolic", "formula": "__import__('os').mkdir('went_off')", "dim": 2, "domain": None},
        {"kind": "symbolic", "formula": ["x1"], "dim": 2, "domain": None},
        {"kind": "system", "name": "../../etc/passwd", "parameters": {}, "domain": {"kind": "unbounded"}},
        {"kind": "system", "name": "coupled_lattice", "parameters": {"dim": 10**12}, "domain": {"kind": "unbounded"}},
        {"kind": "system", "name": "coupled_lattice", "parameters": {"dim": 10**9}, "domain": {"kind": "unbounded"}},
        {"kind": "system", "name": "allen_cahn", "parameters": {"shape": [10**5, 10**5]}, "domain": None},
        {"kind": "system", "name": "coupled_lattice", "parameters": [1], "domain": {}},
        {"kind": "field", "formulas": 7, "dim": 2, "domain": None},
        {"kind": "module", "path": "evil.py"},
        {"kind": "torch", "dim": 2},
        "x1**2",
        None,
    ],
    ids=str,
)
def test_other_problems_do_not_and_run_nothing(definition: Any, tmp_path: Path, monkeypatch: Any) -> None:
    monkeypatch.chdir(tmp_path)
    said = header(ld.systems.muller_brown())
    said["problem"]["definition"] = definition
    with pytest.raises(SettingsError, match="--problem"):
        problem_of(said)
    assert not list(tmp_path.iterdir())


def test_every_judgement_comes_back() -> None:
    four = ld.systems.coupled_lattice(dim=4)
    judgements = [
        Distance(1e-3, 4),
        PerCoordinate([1e-3] * 4),
        PeriodicCoordinates(2.0, 1e-4),
        PeriodicCoordinates([2.0, np.inf, 1.0, 3.0], 1e-4),
        SignFlips(1e-4),
        SignFlips(1e-4, [[0, 1], [2]]),
        Permutations([[0, 1, 2]], 1e-4),
        Permutations([[(0, 1), (2, 3)]], 1e-4),
        SignedPermutations(1e-4, sign_flips=[[0], [1]]),
        SignedPermutations(1e-4, permutations=[[0, 1]], sign_flips=[[2]]),
        Translations(4),
        Translations((2, 2), 1e-3, sign=True, mirrors=True),
    ]
    assert {type(judgement) for judgement in judgements} == {Distance, *JUDGEMENTS.values()}
    for judgement in judgements:
        again = judgement_of(header(four, judgement))
        assert type(again) is type(judgement)
        assert again.as_dict() == judgement.as_dict()
    with pytest.raises(SettingsError, match="give same="):
        judgement_of(header(four, Custom(lambda a, b: True, name="mine")))


def test_a_store_is_sound_at_every_moment_of_a_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also where the run commits between two reads of the verification."""
    from landscape_dist.campaign import journal
    from landscape_dist.store.database import Database

    monkeypatch.setattr(journal, "COMMIT_SECONDS", 0.0)
    store, reports = tmp_path / "x", []

    def look(status: Any) -> None:
        reports.append(verify_store(store))

    original = Database.commit

    def commit(self: Database, *args: Any, **kwargs: Any) -> None:
        original(self, *args, **kwargs)
        reports.append(verify_store(store))

    monkeypatch.setattr(Database, "commit", commit)
    problem = ld.systems.coupled_lattice(dim=2)
    ld.explore(problem, [0.1, 0.1], 2, store=store, keep_trajectories=True, on_status=look)
    assert len(reports) > 4
    assert all(report.sound for report in reports), [report.findings for report in reports]

"""Allen–Cahn energies: derivatives, well-conditioned coordinates, and landscapes modulo translation."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import scipy.sparse
import scipy.sparse.linalg

import landscape_dist as ld
from landscape_dist.errors import ProblemError
from landscape_dist.hisd.curvatures import ConditionedCurvatures, SparseCurvatures
from landscape_dist.hisd.settings import SolverSettings
from landscape_dist.problems import systems
from landscape_dist.spaces.translations import Translations
from landscape_dist.testing import check_problem

ROOT = Path(__file__).resolve().parents[2]
REFERENCE = ROOT / ".." / "shared" / "reference" / "saddlescape"
EXPECTED: dict[str, Any] = json.loads((ROOT / "workflows" / "phase_field" / "expected.json").read_text())

GRIDS: list[dict[str, Any]] = [
    {"shape": [16]},
    {"shape": [9], "scheme": "spectral"},
    {"shape": [7, 8]},
    {"shape": [8, 6], "scheme": "spectral", "length": [1.0, 2.0]},
    {"shape": [4, 5, 6], "kappa": 0.1},
    {"shape": [5, 4, 3], "scheme": "spectral"},
]


def fields(problem: Any, n: int = 3) -> np.ndarray:
    return np.random.default_rng(7).standard_normal((n, problem.dim))


@pytest.mark.parametrize("parameters", GRIDS, ids=str)
def test_problem_and_its_other_coordinates(parameters: dict[str, Any]) -> None:
    problem = systems.get("allen_cahn", **parameters)
    check_problem(problem)
    inner = problem.conditioned()
    check_problem(inner)
    X = fields(problem)
    Y = inner.from_original(X)
    assert inner.to_original(Y) == pytest.approx(X)
    assert np.linalg.norm(inner.rotate(X), axis=1) == pytest.approx(np.linalg.norm(X, axis=1))
    assert inner.rotate_back(inner.rotate(X)) == pytest.approx(X)
    assert inner.energy(Y) == pytest.approx(problem.energy(X))
    assert inner.weights * inner.gradient(Y) == pytest.approx(inner.rotate(problem.gradient(X)))
    H = inner._hessian(Y[:1])[0]
    T = inner.rotate(np.eye(problem.dim)).T
    assert inner.weights[:, None] * H * inner.weights == pytest.approx(T @ problem.hessian(X[:1])[0] @ T.T)
    V = fields(problem, 1)[:, :, None]
    before = V.copy()
    inner.hvp(Y[:1], V)
    assert np.array_equal(V, before)


def test_energy_and_gradient_are_those_of_the_example() -> None:
    problem = systems.allen_cahn((8, 8), kappa=0.02)
    u = fields(problem, 1)[0].reshape(8, 8)
    h = 1 / 8
    laplacian = (sum(np.roll(u, s, a) for s in (1, -1) for a in (0, 1)) - 4 * u) / h**2
    assert problem.gradient(u.reshape(1, -1))[0] == pytest.approx(-(0.02 * laplacian + u - u**3).ravel())
    slopes = sum((np.roll(u, -1, a) - u) ** 2 / h**2 for a in (0, 1))
    mean = h**2 * np.sum(0.01 * slopes + (1 - u**2) ** 2 / 4)
    assert problem.energy(u.reshape(1, -1))[0] / problem.dim == pytest.approx(mean)


@pytest.mark.parametrize("scheme", ["stencil", "spectral"])
def test_the_homogeneous_state(scheme: str) -> None:
    problem = systems.allen_cahn((12, 12), kappa=0.02, scheme=scheme)
    w = np.linalg.eigvalsh(problem.hessian(np.zeros((1, problem.dim)))[0])
    assert w == pytest.approx(np.sort(problem.stiffness.ravel() - 1), abs=1e-9)
    assert (w < 0).sum() == problem.suggested_max_index == 5


def test_conditioned_coordinates_are_well_conditioned() -> None:
    problem = systems.allen_cahn((64, 64), kappa=0.02)
    inner = problem.conditioned()
    y = inner.from_original(np.ones((1, problem.dim)))
    V = np.random.default_rng(0).standard_normal((1, problem.dim, 3))
    assert inner.hvp(y, V) == pytest.approx(2 * V)


def test_spectrum_in_well_conditioned_coordinates() -> None:
    rng = np.random.default_rng(3)
    problem = systems.allen_cahn((24, 24), kappa=0.01)
    x = 0.5 * rng.standard_normal((1, problem.dim))
    w = np.linalg.eigvalsh(problem.hessian(x)[0])
    inner = problem.conditioned()
    for target in (0, 9):
        found = ConditionedCurvatures(problem, SolverSettings()).spectrum(inner.from_original(x)[0], target)
        assert (found.index, found.nullity, found.doubt) == (int((w < 0).sum()), 0, "")
        assert len(found.values) >= found.index
        assert found.values == pytest.approx(w[: len(found.values)], abs=1e-6)


@pytest.mark.parametrize("shape", [(7,), (6, 5), (4, 3, 5)], ids=str)
def test_sparse_hessian_and_preconditioner(shape: tuple[int, ...]) -> None:
    problem = systems.allen_cahn(shape, kappa=0.03, length=[1.0, 2.0, 0.5][: len(shape)])
    x = np.random.default_rng(0).standard_normal(problem.dim)
    H = problem.hessian(x[None])[0]
    assert problem.sparse_hessian(x).toarray() == pytest.approx(H, abs=1e-12)
    inverse = problem.preconditioner(x)(np.eye(problem.dim))
    linear = H - np.diag(3 * x * x - 1)
    assert inverse @ (linear + 2 * np.eye(problem.dim)) == pytest.approx(np.eye(problem.dim), abs=1e-10)


def test_sparse_hessian_of_the_spectral_scheme_is_refused() -> None:
    problem = systems.allen_cahn((8, 8), scheme="spectral")
    assert not problem.has_sparse_hessian
    with pytest.raises(ProblemError, match="scheme='stencil'"):
        problem.sparse_hessian(np.zeros(64))


def test_implicit_steps_with_sparse_hessians() -> None:
    landscape = ld.explore(
        systems.allen_cahn((16, 16), kappa=0.02), same=Translations((16, 16)), upward="none",
        step="implicit", dense_limit=100,
    )  # fmt: skip
    assert [k[:2] for k in kinds(landscape)] == [(0, 0), (0, 0), (1, 1), (1, 1), (2, 2), (5, 0)]
    assert landscape.counters["n_hvps"] == 0


@pytest.mark.parametrize(("atol", "index", "nullity"), [(0.0, 5, 0), (0.5, 1, 4), (0.7, 1, 8)])
def test_tolerance_of_zero_eigenvalues_in_the_unit_of_the_hessian(atol: float, index: int, nullity: int) -> None:
    problem = systems.allen_cahn((20, 20), kappa=0.02)
    # Of the homogeneous state: -1, four of about -0.21, four of about 0.57, and then above 2.
    origin = np.zeros(problem.dim)
    for strategy in (SparseCurvatures, ConditionedCurvatures):
        found = strategy(problem, SolverSettings(nullity_atol=atol)).spectrum(origin, 5)
        assert (found.index, found.nullity) == (index, nullity)


def explored(shape: tuple[int, ...], **parameters: Any) -> ld.Landscape:
    return ld.explore(systems.allen_cahn(shape, **parameters), same=Translations(shape), upward="none")


def kinds(landscape: ld.Landscape) -> list[tuple[int, int, float]]:
    return sorted((p.index, p.nullity, p.energy / len(p.x)) for p in landscape.points)


@pytest.mark.parametrize("shape", [(64,), (20,)])
def test_on_a_line(shape: tuple[int, ...]) -> None:
    landscape = explored(shape, kappa=0.02)
    assert [k[:2] for k in kinds(landscape)] == [(0, 0), (0, 0), (1, 1), (3, 0)]


@pytest.mark.parametrize("parameters", [{}, {"scheme": "spectral"}], ids=str)
@pytest.mark.parametrize("n", [16, 24])
def test_on_coarse_squares_with_and_without_matrices(n: int, parameters: dict[str, Any]) -> None:
    landscape = explored((n, n), kappa=0.02, **parameters)
    assert [k[:2] for k in kinds(landscape)] == [(0, 0), (0, 0), (1, 1), (1, 1), (2, 2), (5, 0)]


@pytest.mark.long
def test_in_space() -> None:
    landscape = explored((16, 16, 16), kappa=0.02)
    expected = [(0, 0)] * 2 + [(1, 1)] * 3 + [(2, 2)] * 3 + [(3, 3), (7, 0)]
    assert [k[:2] for k in kinds(landscape)] == expected


@pytest.mark.parametrize(
    "wanted",
    [pytest.param(w, marks=[pytest.mark.long] if w["kappa"] < 0.02 else []) for w in EXPECTED["landscapes"]],
    ids=lambda w: f"kappa={w['kappa']}",
)
def test_all_points_of_the_reference(wanted: dict[str, Any]) -> None:
    landscape = explored((64, 64), kappa=wanted["kappa"])
    found = kinds(landscape)
    known = sorted((p["index"], p["nullity"], p["energy"]) for p in wanted["points"])
    assert [f[:2] for f in found] == [k[:2] for k in known]
    assert [f[2] for f in found] == pytest.approx([k[2] for k in known], abs=EXPECTED["energy_atol"])
    assert landscape.columns.gradient_norm.max() < 1e-6
    file = REFERENCE / (
        "Ex_PhaseField_refined.npz" if wanted["kappa"] == 0.02 else "Ex_PhaseField_newkappa_refined.npz"
    )
    if not file.is_file():
        return
    # Each of the fields that SaddleScape found is among ours, and none is there twice.
    theirs = np.load(file)["pos"]
    same = Translations((64, 64))
    table = np.array([same.same(np.broadcast_to(x, theirs.shape), theirs) for x in landscape.columns.x])
    assert table.sum(axis=0).tolist() == [1] * len(theirs)
    assert table.sum(axis=1).tolist() == [1] * len(theirs)


@pytest.mark.long
@pytest.mark.parametrize("kappa", [0.02, 0.01])
def test_a_finer_grid_has_the_same_points(kappa: float) -> None:
    """Each point of 64 x 64, interpolated and polished by Newton's method, is one of 128 x 128; there are no others."""
    coarse, fine = (explored((n, n), kappa=kappa) for n in (64, 128))
    problem = systems.allen_cahn((128, 128), kappa=kappa)
    assert [k[:2] for k in kinds(fine)] == [k[:2] for k in kinds(coarse)]
    same = Translations((128, 128))
    for point in coarse.points:
        x = 4 * np.fft.irfft2(_padded(np.fft.rfft2(point.x.reshape(64, 64))), (128, 128)).ravel()
        for _ in range(6):
            H = problem.sparse_hessian(x) + 1e-9 * scipy.sparse.eye_array(problem.dim)
            x = x - scipy.sparse.linalg.spsolve(H.tocsc(), problem.gradient(x[None])[0])
        assert np.linalg.norm(problem.gradient(x[None])) < 1e-6
        others = fine.columns.x
        assert same.same(np.broadcast_to(x, others.shape), others).sum() == 1


def _padded(Z: np.ndarray) -> np.ndarray:
    """Coefficients of a 64 x 64 field on the 128 x 128 grid."""
    out = np.zeros((128, 65), dtype=complex)
    out[:32, :32], out[-32:, :32] = Z[:32, :32], Z[-32:, :32]
    return out


def test_searches_stay_in_the_users_coordinates_where_asked() -> None:
    problem = systems.allen_cahn((20, 20), kappa=0.02)
    landscape = ld.explore(
        problem, np.full(400, 0.9), 0, same=Translations((20, 20)), upward="none", step_size=0.03, step="explicit"
    )
    assert np.abs(landscape.points[0].x - 1).max() < 1e-4


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"shape": (2, 2, 2, 2)}, "1 to 3 whole numbers"),
        ({"shape": (8, 2)}, "of at least 3"),
        ({"shape": (8.5,)}, "whole numbers"),
        ({"kappa": -1.0}, "kappa is -1"),
        ({"scheme": "finite"}, "'stencil', 'spectral'"),
        ({"length": (1.0, 2.0, 3.0)}, "for each axis"),
        ({"length": 0.0}, "length is 0"),
    ],
)
def test_bad_parameters(parameters: dict[str, Any], message: str) -> None:
    with pytest.raises(ProblemError, match=message):
        systems.allen_cahn(**parameters)
    big = systems.allen_cahn((64, 64))
    with pytest.raises(ProblemError, match="use hvp"):
        big.hessian(np.zeros((1, big.dim)))

"""Searches on surfaces: every solver stays on them, and what it finds is what is there."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import landscape_dist as ld
from landscape_dist.problems.on_space import OnSpace
from landscape_dist.spaces.judgement import SameOrbit
from landscape_dist.spaces.kinds import SPACES
from landscape_dist.spaces.space import Space
from landscape_dist.upkeep.verification import verify_store


class UnitSphere(Space):
    """|x| = 1 in R^n; nothing of the package knows it but by the entry in the list of spaces."""

    kind = "unit_sphere"
    compact = True

    def __init__(self, n: int) -> None:
        self.n_variables, self.dim = n, n - 1
        self.betti = (1, *(0,) * (n - 2), 1)

    def retract(self, X: Any, V: Any) -> Any:
        return (X + V) / (((X + V) ** 2).sum(axis=-1) ** 0.5)[:, None]

    def log(self, X: Any, Y: Any) -> Any:
        cosine = (X * Y).sum(axis=-1)
        tangent = Y - cosine[:, None] * X
        sine = (tangent**2).sum(axis=-1) ** 0.5
        return tangent * (np.arctan2(sine, cosine) / np.where(sine > 0, sine, 1.0))[:, None]

    def normal(self, X: Any) -> Any:
        return (X / ((X**2).sum(axis=-1) ** 0.5)[:, None])[:, :, None]

    def hessian_product(self, X: Any, g: Any, V: Any, HV: Any) -> Any:
        return self.projection(X, HV) - (g * X).sum(axis=-1)[:, None, None] * V

    def as_dict(self) -> dict[str, Any]:
        return {"kind": self.kind, "n": self.n_variables}


@pytest.fixture(autouse=True)
def known(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(SPACES, UnitSphere.kind, UnitSphere)


def on_sphere(formula: str, n: int) -> ld.problems.Problem:
    problem = ld.problems.symbolic(formula, n)
    problem.space = UnitSphere(n)
    return problem


SOLVERS: list[dict[str, Any]] = [
    {},
    {"eigensolver": "lobpcg"},
    {"eigensolver": "sirqit"},
    {"eigensolver": "dense"},
    {"step": "explicit"},
    {"step": "barzilai_borwein"},
    {"step": "explicit", "acceleration": "heavy_ball"},
    {"step": "explicit", "acceleration": "nesterov"},
    {"dense_limit": 1},
]


@pytest.mark.parametrize("settings", SOLVERS, ids=str)
def test_quartic_on_the_sphere(settings: dict[str, Any]) -> None:
    """sum x_i^4: minima at the corners of a cube (1/3), saddles at its edges (1/2), maxima at its faces (1)."""
    landscape = ld.explore(on_sphere("x1**4 + x2**4 + x3**4", 3), [0.3, 0.5, 0.8], **settings)
    assert landscape.counts_by_index == {0: 8, 1: 12, 2: 6}
    assert [len(landscape.columns.x), len(landscape.connections)] == [26, 48]
    assert np.linalg.norm(landscape.columns.x, axis=1) == pytest.approx(1.0, abs=1e-12)
    values = {0: 1 / 3, 1: 1 / 2, 2: 1.0}
    assert landscape.columns.energy == pytest.approx([values[k] for k in landscape.columns.index.tolist()])
    assert not landscape.columns.nullity.any()
    assert landscape.columns.eigenvalues.shape[1] == 2
    audit = landscape.audit()
    assert audit.morse.euler_characteristic == 2
    assert not audit.contradictions


def test_what_the_problem_at_hand_says_of_its_space_needs_no_entry_in_the_list(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.delitem(SPACES, UnitSphere.kind)
    problem = on_sphere("x1**4 + x2**4 + x3**4", 3)
    landscape = ld.explore(problem, [0.3, 0.5, 0.8], store=tmp_path / "a.zarr")
    assert landscape.audit().morse.euler_characteristic == 2
    assert verify_store(tmp_path / "a.zarr", problem=problem, same=SameOrbit(1e-4, UnitSphere(3))).sound
    report = verify_store(tmp_path / "a.zarr")
    assert report.sound
    assert [text.partition(":")[0] for text in report.skipped] == [
        "numbers of searches",
        "points that are the same",
        "gradients",
    ]
    circle = ld.explore(on_sphere("x1**2 + 2*x2**2", 2), [0.6, 0.8])
    assert circle.counts_by_index == {0: 2, 1: 2}
    circle.plot(tmp_path / "circle.png")


@pytest.mark.parametrize("settings", SOLVERS, ids=str)
def test_rayleigh_quotient(settings: dict[str, Any]) -> None:
    """x.A x on S^3 has the eigenvectors of A, each with both signs, the j-th of index j."""
    weights = np.array([1.0, 2.0, 4.0, 7.0])
    problem = on_sphere(" + ".join(f"{w}*x{i + 1}**2" for i, w in enumerate(weights)), 4)
    landscape = ld.explore(problem, [0.3, -0.5, 0.2, 0.7], **settings)
    assert landscape.counts_by_index == {0: 2, 1: 2, 2: 2, 3: 2}
    assert landscape.columns.energy == pytest.approx(weights[landscape.columns.index])
    assert len(landscape.connections) == 12
    # The Riemannian Hessian at the j-th eigenvector has the eigenvalues 2 (w_i - w_j).
    for point in landscape.points:
        expected = np.delete(2 * (weights - weights[point.index]), point.index)
        assert point.eigenvalues == pytest.approx(expected, abs=1e-6)


def test_a_rotated_quotient_in_more_dimensions() -> None:
    rng = np.random.default_rng(3)
    Q = np.linalg.qr(rng.standard_normal((5, 5)))[0]
    A = (Q * np.array([-3.0, 0.5, 1.0, 2.5, 6.0])) @ Q.T
    problem = ld.problems.from_callable(
        lambda x: float(x @ A @ x), gradient=lambda x: 2 * A @ x, hessian=lambda x: 2 * A, dim=5
    )
    problem.space = UnitSphere(5)
    landscape = ld.explore(problem, rng.standard_normal(5))
    assert landscape.counts_by_index == dict.fromkeys(range(5), 2)
    assert len(landscape.connections) == 16


def test_index_and_start_are_those_of_the_space(tmp_path: Any) -> None:
    problem = on_sphere("x1**4 + x2**4 + x3**4", 3)
    with pytest.raises(ld.errors.SettingsError, match="max_index is 3, above the dimension 2"):
        ld.explore(problem, [1.0, 2.0, 3.0], max_index=3)
    store = tmp_path / "s.zarr"
    part = ld.explore(problem, [1.0, 2.0, 3.0], store=store, max_searches=20)
    assert not part.finished
    assert np.linalg.norm(part.header["start"]) == pytest.approx(1.0)
    assert ld.explore(problem, [1.0, 2.0, 3.0], store=store).counts_by_index == {0: 8, 1: 12, 2: 6}
    assert not ld.open(store).audit().contradictions


def test_the_view_on_a_surface_is_a_problem() -> None:
    rng = np.random.default_rng(0)
    X = rng.standard_normal((4, 3))
    X /= np.linalg.norm(X, axis=1, keepdims=True)
    view = OnSpace(on_sphere("x1**4 + x1*x2 + exp(x3)", 3))
    g, H = view.gradient_hessian(X)
    assert np.sum(g * X, axis=1) == pytest.approx(0.0, abs=1e-14)
    assert pytest.approx(H.mT) == H
    # Against differences along geodesics, and the normal stiffer than all else.
    for x, gradient, hessian in zip(X, g, H, strict=True):
        t = np.linalg.svd(x[None])[2][1:]
        for v in (t[0], t[1], (t[0] + t[1]) / np.sqrt(2)):
            h = 1e-4
            arc = np.array([np.cos(s) * x + np.sin(s) * v for s in (-h, 0.0, h)])
            low, here, high = view.energy(arc)
            assert (high - low) / (2 * h) == pytest.approx(gradient @ v, abs=1e-6)
            assert (high - 2 * here + low) / h**2 == pytest.approx(v @ hessian @ v, abs=1e-5)
        assert x @ hessian @ x > np.abs(np.linalg.eigvalsh(t @ hessian @ t.T)).max()
    V = np.tile(np.eye(3), (4, 1, 1))
    tangent = V - X[:, :, None] * X[:, None, :]
    assert view.hvp(X, tangent) == pytest.approx(view.hessian(X) @ tangent, abs=1e-12)

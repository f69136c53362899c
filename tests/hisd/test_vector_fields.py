"""Generalised saddle dynamics: complete sets of equilibria of systems that are no gradients."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import landscape_dist as ld
from landscape_dist.errors import ProblemError, SettingsError
from landscape_dist.hisd.schur import frames, jacobian_spectrum
from landscape_dist.problems import Box, vector_field
from landscape_dist.records import SearchKind, SearchStatus


def rotational_cubic(dim: int, w: float = 3.0) -> Any:
    """F = C (x^3 - x), C = -4 diag(1..d) + w (upper - lower): {-1, 0, 1}^d, index = number of zeros, for every w."""
    ones = np.ones((dim, dim))
    C = -4.0 * np.diag(np.arange(1.0, dim + 1)) + w * (np.triu(ones, 1) - np.tril(ones, -1))
    return vector_field(
        lambda X: (X**3 - X) @ C.T,
        dim,
        lambda X: C[None] * (3 * X**2 - 1)[:, None, :],
        batched=True,
        domain=Box(-2, 2),
        name="rotational_cubic",
    )


LOTKA_VOLTERRA = ["x1*(1-x1-0.6*x2-0.3*x3)", "x2*(0.8-0.5*x1-x2-0.7*x3)", "x3*(1.2-0.9*x1-0.2*x2-x3)"]


def assert_cubic_complete(landscape: ld.Landscape, dim: int) -> None:
    grid = np.round(landscape.columns.x)
    np.testing.assert_allclose(landscape.columns.x, grid, atol=1e-8)
    assert len({tuple(row) for row in grid.tolist()}) == 3**dim == len(landscape.points)
    np.testing.assert_array_equal(landscape.columns.index, (grid == 0).sum(axis=1))


@pytest.mark.parametrize("eigensolver", ["flow", "euler", "power", "dense"])
def test_rotational_cubic(eigensolver: str) -> None:
    landscape = ld.explore(rotational_cubic(3), start=[0.1] * 3, max_index=3, eigensolver=eigensolver)
    assert_cubic_complete(landscape, 3)
    assert any(np.abs(p.eigenvalues.imag).max() > 1 for p in landscape.points), "no complex pair"


@pytest.mark.parametrize("w", [0.5, 8.0])
def test_rotational_cubic_however_fast_it_turns(w: float) -> None:
    assert_cubic_complete(ld.explore(rotational_cubic(3, w), start=[0.1] * 3, max_index=3), 3)


def test_rotational_cubic_of_dimension_six() -> None:
    landscape = ld.explore(rotational_cubic(6), start=[0.1] * 6, max_index=6)
    assert_cubic_complete(landscape, 6)
    assert len(landscape.connections) == 2916


def test_arrows_of_exact_invariant_subspaces() -> None:
    landscape = ld.explore(rotational_cubic(5), start=[0.1] * 5, max_index=5, eigensolver="dense")
    assert_cubic_complete(landscape, 5)
    assert len(landscape.connections) == 810


def test_lotka_volterra() -> None:
    problem = vector_field(LOTKA_VOLTERRA, 3, domain=Box(-6, 6))
    landscape = ld.explore(problem, start=[0.3, 0.3, 0.3], max_index=3)
    assert landscape.counts_by_index == {0: 1, 1: 3, 2: 3, 3: 1}
    assert landscape.points.of_index(3)[0].x == pytest.approx(0.0, abs=1e-8)
    assert landscape.points.of_index(0)[0].x == pytest.approx([0.819484240688, 0.0773638968481, 0.446991404011])


def test_fitzhugh_nagumo() -> None:
    one = vector_field(["x1-x1**3/3-x2+0.5", "0.08*(x1+0.7-0.8*x2)"], 2, domain=Box(-3, 3))
    (point,) = ld.explore(one, start=[0.1, 0.1], max_index=2).points
    assert (point.index, point.energy) == (2, None)
    assert point.x == pytest.approx([-0.804847747008, -0.13105968376])
    assert point.eigenvalues == pytest.approx([0.144110052068 + 0.191546877365j, 0.144110052068 - 0.191546877365j])
    three = vector_field(["x1-x1**3/3-x2", "0.08*(x1-2*x2)"], 2, domain=Box(-3, 3))
    landscape = ld.explore(three, start=[0.1, 0.1], max_index=2)
    assert landscape.counts_by_index == {0: 2, 1: 1}
    assert len(landscape.connections) == 2


def test_on_workers_in_a_store_and_exported(tmp_path: Path) -> None:
    problem = vector_field(LOTKA_VOLTERRA, 3, domain=Box(-6, 6))
    landscape = ld.explore(problem, start=[0.3] * 3, max_index=3, workers=1, store=tmp_path / "lv.zarr")
    opened = ld.open(tmp_path / "lv.zarr")
    assert opened.counts_by_index == landscape.counts_by_index == {0: 1, 1: 3, 2: 3, 3: 1}
    record = opened.pathways.to_dict()["points"][0]
    assert record["energy"] is None
    assert len(record["eigenvalues"]) == len(record["eigenvalues_imag"]) == 3
    assert "energy" not in opened.summary()
    for writer, name in (("to_csv", "csv"), ("to_graphml", "a.graphml"), ("to_mat", "a.mat"), ("to_json", "a.json")):
        getattr(opened.pathways, writer)(tmp_path / name)
    landscape.plot(tmp_path / "lv.png")


def test_the_gradient_of_an_energy_is_recognised() -> None:
    butterfly = ld.systems.butterfly()
    field = vector_field(lambda X: -butterfly.gradient(X), 2, batched=True, domain=Box((-3, -2), (3, 4)))
    assert field.symmetric
    landscape = ld.explore(field, start=[0.1, 0.1], max_index=2)
    assert landscape.counts_by_index == {0: 4, 1: 4, 2: 1}
    assert len(landscape.connections) == 12
    assert not vector_field(["x2", "-x1 - 0.1*x2"], 2).symmetric
    assert vector_field(["x2", "-x1"], 2, gradient_system=True).symmetric


def test_torch_fields() -> None:
    torch = pytest.importorskip("torch")

    def F(x: Any) -> Any:
        return torch.stack([x[0] - x[0] ** 3 / 3 - x[1], 0.08 * (x[0] - 2 * x[1])])

    field = vector_field(F, 2, backend="torch", domain=Box(-3, 3))
    assert not field.symmetric
    assert ld.explore(field, start=[0.1, 0.1], max_index=2).counts_by_index == {0: 2, 1: 1}


def test_there_is_no_energy() -> None:
    field = vector_field(["-x1"], 1)
    with pytest.raises(ProblemError, match="no energy"):
        field.energy(np.zeros((1, 1)))


def test_directions_of_the_symmetric_part_where_asked() -> None:
    for eigensolver in ("flow", "lobpcg"):
        landscape = ld.explore(
            rotational_cubic(3, 0.5), start=[0.1] * 3, max_index=3, symmetric_part=True, eigensolver=eigensolver
        )
        assert_cubic_complete(landscape, 3)


def test_eigensolvers_that_need_symmetry_are_refused() -> None:
    with pytest.raises(SettingsError, match="'lobpcg', which needs a symmetric Jacobian"):
        ld.explore(rotational_cubic(2), start=[0.1, 0.1], max_index=2, eigensolver="lobpcg")


def test_frames_of_a_symmetric_matrix_are_its_eigenvectors() -> None:
    H = ld.systems.coupled_lattice(dim=4).hessian(np.array([[0.1, -1.0, 0.9, 0.0]]))
    Q = frames(H, 1e-6)[0]
    np.testing.assert_allclose(Q.T @ Q, np.eye(4), atol=1e-12)
    np.testing.assert_allclose(np.abs(Q.T @ np.linalg.eigh(H[0])[1]), np.eye(4), atol=1e-7)


def test_the_first_columns_of_a_frame_span_the_unstable_subspace() -> None:
    rng = np.random.default_rng(1)
    A = rng.standard_normal((6, 5, 5))
    Q = frames(A, 1e-9)
    _, index, nullity = jacobian_spectrum(A, 1e-9, 5)
    assert len(set(index.tolist())) > 1
    for a, q, m in zip(A, Q, index, strict=True):
        U = q[:, :m]
        np.testing.assert_allclose(a @ U, U @ (U.T @ a @ U), atol=1e-10)
        assert (np.linalg.eigvals(U.T @ a @ U).real < 0).all()
    assert (nullity == 0).all()


def test_spectrum_of_a_rotation_with_a_zero() -> None:
    H = -np.array([[[0.5, -2.0, 0.0], [2.0, 0.5, 0.0], [0.0, 0.0, 0.0]]])
    w, index, nullity = jacobian_spectrum(H, 1e-6, 3)
    np.testing.assert_allclose(w[0], [0.5, 0.5, 0.0, 2.0, -2.0, 0.0], atol=1e-12)
    assert (index[0], nullity[0]) == (2, 1)
    _, index, nullity = jacobian_spectrum(H, 1e-6, 3, nullity_atol=0.5)
    assert (index[0], nullity[0]) == (0, 3)


def test_tolerance_of_zero_eigenvalues_in_the_unit_of_the_jacobian() -> None:
    slow = vector_field(["x1 - x1**3 + x2", "-1e-3*x2"], 2, domain=Box(-2, 2))
    for atol, nullity in ((0.0, 0), (1e-2, 1)):
        found = ld.explore(slow, start=[0.1, 0.05], max_index=1, nullity_atol=atol, upward="none")
        assert {(p.index, p.nullity) for p in found.points} == {(1, nullity), (0, nullity)}
    # What counts as zero is no unstable direction of a frame, either.
    H = -np.array([[[1e-3, 0.0, 0.5], [0.0, 1.0, 0.0], [0.0, 0.0, -1.0]]])
    assert np.abs(frames(H, 1e-6, 1e-2)[0, :, 0]) == pytest.approx([0.0, 1.0, 0.0])


def test_descents_of_fields_arrive() -> None:
    """Jacobians are not symmetric: what is done about ridges of energies must not be done to spirals of fields."""
    rng = np.random.default_rng(3)
    for _ in range(4):
        A = rng.uniform(0.2, 1.8, (3, 3))
        np.fill_diagonal(A, 1.0)
        r = rng.uniform(0.5, 1.5, 3)
        field = [f"x{i + 1}*({r[i]} - " + " - ".join(f"{A[i, j]}*x{j + 1}" for j in range(3)) + ")" for i in range(3)]
        landscape = ld.explore(ld.problems.vector_field(field), rng.uniform(0.1, 1, 3), max_index=3)
        searches = landscape.searches
        down = searches.kind == SearchKind.DOWN
        assert searches.n_steps[down].max() < 300
        assert not np.isin(searches.status[down], [SearchStatus.MAX_STEPS]).any()

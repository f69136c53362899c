"""Spaces: flat ones, and a curve made of the base class alone."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from landscape_dist.analysis.morse import topology
from landscape_dist.errors import SettingsError
from landscape_dist.problems import symbolic
from landscape_dist.spaces.default_judgement import space_of_store
from landscape_dist.spaces.flat import Euclidean, Torus, space_with
from landscape_dist.spaces.judgement import SameOrbit
from landscape_dist.spaces.kinds import SPACES, judgement_of, space_of
from landscape_dist.spaces.space import Space

Points = np.ndarray
TUBE = Torus([2.0, np.inf])


class Circle(Space):
    """|x| = 1 in the plane."""

    kind = "circle"
    dim, n_variables = 1, 2
    betti = (1, 1)
    compact = True

    def retract(self, X: Any, V: Any) -> Any:
        return (X + V) / np.linalg.norm(X + V, axis=1, keepdims=True)

    def log(self, X: Any, Y: Any) -> Any:
        tangent = np.stack([-X[:, 1], X[:, 0]], axis=1)
        angle = np.arctan2(np.sum(tangent * Y, axis=1), np.sum(X * Y, axis=1))
        return angle[:, None] * tangent

    def normal(self, X: Any) -> Any:
        return X[:, :, None]

    def hessian_product(self, X: Any, g: Any, V: Any, HV: Any) -> Any:
        return self.projection(X, HV) - np.sum(g * X, axis=1)[:, None, None] * V

    def as_dict(self) -> dict[str, Any]:
        return {"kind": self.kind}


def on_circle(angles: Any) -> Points:
    return np.stack([np.cos(angles), np.sin(angles)], axis=1)


def test_a_circle_has_what_follows_from_the_base_class() -> None:
    circle, angles = Circle(), np.linspace(0.1, 6.0, 7)
    X, Y = on_circle(angles), on_circle(angles + 0.3)
    assert circle.distance(X, Y) == pytest.approx(0.3)
    V = circle.log(X, Y)
    assert circle.norm(X, V) == pytest.approx(0.3)
    assert circle.projection(X, V + 2 * X) == pytest.approx(V)
    assert np.sum(circle.transport(X, Y, V) * Y, axis=1) == pytest.approx(0.0, abs=1e-12)
    assert circle.euler_characteristic == 0
    assert circle.towards(X, Y) == pytest.approx(V)
    # E = x^2 + 3 y is cos^2 t + 3 sin t along it.
    g, H = np.stack([2 * X[:, 0], np.full(7, 3.0)], axis=1), np.tile(np.diag([2.0, 0.0]), (7, 1, 1))
    tangent = np.stack([-X[:, 1], X[:, 0]], axis=1)
    slope, curve = -np.sin(2 * angles) + 3 * np.cos(angles), -2 * np.cos(2 * angles) - 3 * np.sin(angles)
    assert np.sum(circle.gradient(X, g) * tangent, axis=1) == pytest.approx(slope)
    riemannian = circle.hessian(X, g, H)
    assert np.einsum("ni,nij,nj->n", tangent, riemannian, tangent) == pytest.approx(curve)
    assert np.einsum("nij,nj->ni", riemannian, X) == pytest.approx(0.0, abs=1e-12)


def test_points_of_a_circle_are_told_apart_along_it(monkeypatch: pytest.MonkeyPatch) -> None:
    judgement = SameOrbit(0.1, Circle())
    X = on_circle(np.array([0.0, 1.0]))
    assert judgement.same(X, on_circle(np.array([0.05, 1.2]))).tolist() == [True, False]
    assert topology(Circle(), None).betti == (1, 1)
    header = {"problem": {"dim": 2, "space": Circle().as_dict()}, "same": judgement.as_dict()}
    with pytest.raises(SettingsError, match=r"space .* cannot be built .* its kinds are euclidean, torus"):
        space_of(header)
    monkeypatch.setitem(SPACES, "circle", Circle)
    assert isinstance(space_of(header), Circle)
    assert isinstance(space_of_store(header), Circle)
    assert judgement_of(header).as_dict() == judgement.as_dict()


def test_flat_spaces_do_nothing() -> None:
    X, V, H = np.ones((3, 2)), np.full((3, 2), 0.5), np.zeros((3, 2, 2))
    for space in (Euclidean(2), TUBE):
        assert space.projection(X, V) is V
        assert space.transport(X, X, V) is V
        assert space.gradient(X, V) is V
        assert space.hessian(X, V, H) is H
        assert space.normal(X).shape == (3, 2, 0)
        assert space.retract(X, V).tolist() == (X + V).tolist()
        assert space.towards(X, X + 7.0).tolist() == np.full((3, 2), 7.0).tolist()
    assert Euclidean(2).log(X, X + 7.0).tolist() == np.full((3, 2), 7.0).tolist()
    assert TUBE.log(X, X + 7.0).tolist() == [[-1.0, 7.0]] * 3
    assert Euclidean(2).image(X, V, np.zeros(3, dtype=int)) is V


def test_differences_go_the_shortest_way_round() -> None:
    gaps, zero = np.array([[350.0, 350.0], [-190.0, 7.5], [180.0, -720.0]]), np.zeros((3, 2))
    np.testing.assert_allclose(Torus([360.0, np.inf]).log(zero, gaps), [[-10.0, 350.0], [170.0, 7.5], [180.0, -720.0]])
    np.testing.assert_allclose(np.abs(Torus([360.0] * 2).log(zero, gaps)), [[10.0, 10.0], [170.0, 7.5], [180.0, 0.0]])
    np.testing.assert_array_equal(Torus([np.inf] * 2).log(zero, gaps), gaps)


def test_betti_numbers_of_products_of_circles_and_lines() -> None:
    assert Euclidean(3).betti == (1, 0, 0, 0)
    assert TUBE.betti == (1, 1, 0)
    assert Torus([1.0, 2.0, np.inf, 3.0]).betti == (1, 3, 3, 1, 0)
    assert [space.euler_characteristic for space in (Euclidean(4), TUBE, Torus([1.0] * 2))] == [1, 0, 0]
    assert [space.compact for space in (Euclidean(1), TUBE, Torus([1.0] * 2))] == [False, False, True]


def test_spaces_by_name_and_by_periods() -> None:
    for space in (Euclidean(2), TUBE):
        again = space_of({"problem": {"dim": 2, "space": space.as_dict()}})
        assert again.as_dict() == space.as_dict()
    assert space_of({"problem": {"dim": 2}}).as_dict() == {"kind": "euclidean", "dim": 2}
    assert repr(TUBE) == "Torus(periods=[2.0, None])"
    assert isinstance(space_with(None, 2), Euclidean)
    assert isinstance(space_with([np.inf, np.inf], 2), Euclidean)
    problem = symbolic("cos(x1) + x2**2", 2, check=False)
    assert isinstance(problem.space, Euclidean)
    problem.periods = [2 * np.pi, np.inf]
    assert problem.space.as_dict() == {"kind": "torus", "periods": [2 * np.pi, None]}
    problem.space = TUBE
    assert problem.space is TUBE
    with pytest.raises(SettingsError, match="3 coordinates for 2 variables"):
        problem.space = Euclidean(3)
    with pytest.raises(SettingsError, match="periods are"):
        Torus([1.0, 0.0])


@settings(deadline=None, max_examples=50)
@given(seed=st.integers(0, 10**6), dim=st.integers(1, 4))
def test_images_are_of_the_point_and_ever_farther(seed: int, dim: int) -> None:
    rng = np.random.default_rng(seed)
    periods = rng.uniform(1.0, 3.0, dim)
    if dim > 1:
        periods[0] = np.inf
    space = Torus(periods)
    X, Y = rng.uniform(-9, 9, (2, 5, dim))
    turns = np.where(np.isfinite(periods), periods, 0.0) * rng.integers(-3, 4, (5, dim))
    images = [space.image(X, Y, np.full(5, rank)) for rank in range(space.n_images)]
    assert space.towards(X, images[0]) == pytest.approx(space.log(X, Y))
    assert len({tuple(np.round(image[0], 9)) for image in images}) == space.n_images
    assert space.n_images == min(3 ** np.isfinite(periods).sum(), 8)
    lengths = np.array([space.norm(X, space.towards(X, image)) for image in images])
    assert (np.diff(lengths, axis=0) >= -1e-12).all()
    for rank, image in enumerate(images):
        assert space.distance(image, Y) == pytest.approx(0.0, abs=1e-9)
        # Whatever images are given, the offsets are the same.
        assert space.image(X + turns, Y, np.full(5, rank)) - turns == pytest.approx(image)
        assert space.image(X, Y + turns, np.full(5, rank)) == pytest.approx(image)


def test_other_array_namespaces() -> None:
    torch = pytest.importorskip("torch")
    X, Y = np.array([[0.1, 5.0]]), np.array([[1.9, -5.0]])
    for space in (Euclidean(2), TUBE):
        given = [torch.asarray(a) for a in (X, Y)]
        assert isinstance(space.log(*given), torch.Tensor)
        assert space.log(*given).numpy() == pytest.approx(space.log(X, Y))
        assert space.distance(*given).numpy() == pytest.approx(space.distance(X, Y))
        assert tuple(space.normal(given[0]).shape) == (1, 2, 0)

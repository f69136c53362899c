"""Cones hold the unstable manifolds that are known, and ellipsoids what comes to their sinks."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from scipy.integrate import solve_ivp

from landscape_dist.exploration.proofs import flow_ends
from landscape_dist.exploration.proofs.certificates import certify_points
from landscape_dist.problems.programs.on_floats import evaluate
from tests.exploration.proofs.proving import energy, orbits


def point_at(equations: Any, x: Any) -> Any:
    """The certified point near x (d,)."""
    found = certify_points(equations, np.array([x], dtype=float), np.array([0]), np.array([0])).points[0]
    assert found is not None
    return found


def parabola(rng: np.random.Generator, stiff: float) -> tuple[Any, Any, float]:
    """x' = a x, y' = -b y + (b + 2 a) c x^2 in the columns of some T: the unstable manifold is y = c x^2."""
    a, c = rng.uniform(0.5, 2), rng.uniform(-2, 2)
    while True:
        T = np.eye(2) + rng.uniform(-0.6, 0.6, (2, 2))
        if abs(np.linalg.det(T)) > 0.4:
            break
    S = np.linalg.inv(T)
    u, v = (f"(({S[i, 0]!r})*x1 + ({S[i, 1]!r})*x2)".replace("np.float64", "") for i in range(2))
    rates = [f"({a})*{u}", f"(-({stiff})*{v} + ({stiff + 2 * a})*({c})*{u}^2)"]
    return orbits([f"({float(T[i, 0])})*{rates[0]} + ({float(T[i, 1])})*{rates[1]}" for i in range(2)]), T, c


def check_departures(seed: int) -> None:
    """The manifold passes as near to the step as is said."""
    rng = np.random.default_rng(seed)
    for stiff in (0.3, 30.0, 3000.0):
        equations, T, c = parabola(rng, stiff)
        for part in (1e-2, 1e-4):
            begin = flow_ends.departure(equations, point_at(equations, [0.0, 0.0]), 1.0, (part,))
            if begin is None:
                assert part > 1e-3
                continue
            step, r = begin
            for side in (1.0, -1.0):
                u = (np.linalg.inv(T) @ (side * step))[0] * np.linspace(0.9, 1.1, 20001)
                away = np.linalg.norm(np.stack([u, c * u * u], axis=1) @ T.T - side * step, axis=1).min()
                assert away <= r
            assert r < 0.2 * np.linalg.norm(step)


def test_branches_pass_near_departures() -> None:
    for seed in range(10):
        check_departures(seed)


def test_stiff_directions_make_no_cone_wide() -> None:
    """The soft one across does not know of what the stiff one is coupled by."""
    for K in (10.0, 1e3, 1e5):
        equations = energy(f"{K}*(x2 - sin(2*x1) - x3^2/3)^2 + (x1^2 - 1)^2 + x3^2")
        begin = flow_ends.departure(equations, point_at(equations, [0.0, 0.0, 0.0]), 1.0, (1e-5, 1e-6))
        assert begin is not None
        assert begin[1] < 1e-3 * np.linalg.norm(begin[0])


def test_there_is_no_cone_at_a_minimum() -> None:
    equations = energy("x1^2 + 2*x2^2")
    assert flow_ends.departure(equations, point_at(equations, [0.0, 0.0]), 1.0, (1e-4,)) is None


SINKS: dict[str, tuple[Any, Any]] = {
    "double well": (lambda: energy("(x1^2 - 1)^2 + x2^2 + x1*x2/3"), [(73 / 72) ** 0.5, -((73 / 72) ** 0.5) / 6]),
    "spiral": (lambda: orbits(["x2", "x1 - x1^3 - x2/3"]), [1.0, 0.0]),
    "strong spiral": (lambda: orbits(["-x1 - 20*x2 + x1^3", "20*x1 - x2"]), [0.0, 0.0]),
    "equal eigenvalues": (lambda: orbits(["-x1 + 5*x2 + x1^2", "-x2 + x1*x2"]), [0.0, 0.0]),
    "van der Pol, backwards": (lambda: orbits(["-x2", "x1 - (1 - x1^2)*x2"]), [0.0, 0.0]),
}


def check_sinks(name: str) -> None:
    """What is in an ellipsoid comes to its sink, from near to its rim, too."""
    make, x = SINKS[name]
    equations = make()
    point = point_at(equations, x)
    sink = flow_ends.sink(equations, point.x, np.ptp(point.box, axis=1), 3.0)
    assert sink is not None
    rng = np.random.default_rng(1)
    for _ in range(12):
        z = rng.normal(size=2)
        y = point.x + sink.basis.T @ (0.99 * sink.radius * z / np.linalg.norm(z))
        assert sink.holds(y, 0.0)
        assert not sink.holds(y, 3.0)
        end = solve_ivp(
            lambda t, z: -evaluate(equations.gradient, z[:, None])[:, 0], (0, 60), y, "LSODA", rtol=1e-9, atol=1e-12
        )
        assert np.linalg.norm(end.y[:, -1] - point.x) < 1e-5, name


@pytest.mark.parametrize("name", SINKS)
def test_sinks(name: str) -> None:
    check_sinks(name)


def test_saddles_are_no_sinks() -> None:
    equations = energy("x1^2 - x2^2")
    assert flow_ends.sink(equations, np.zeros(2), np.zeros(2), 1.0) is None
    equations = orbits(["x1/50 - x2", "x1"])
    assert flow_ends.sink(equations, np.zeros(2), np.zeros(2), 1.0) is None

"""Tubes hold the solutions that they say they hold: bounds of rates and defects, and what is integrated from inside."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from scipy.integrate import solve_ivp

from landscape_dist.exploration.proofs import flow_ends, flow_paths, flow_radii, flow_series
from landscape_dist.problems.programs.on_floats import evaluate
from tests.exploration.proofs.proving import energy, orbits

SYSTEMS: dict[str, Any] = {
    "ridge": lambda: energy("-x1^4/4 - x1^2/2 + x2^2 + x1*x2/3"),
    "valley": lambda: energy("300*(x2 - x1^2)^2 + (1 - x1)^2"),
    "turning": lambda: energy("50*(x1^2 + x2^2 - 1)^2 + x1*x2 + x3^2*(2 + x1)"),
    "waves": lambda: energy("sin(2*x1)*cos(x2) + exp(-x1^2 - x2^2)"),
    "spiral": lambda: orbits(["x2 - x1^3/5", "x1 - x1^3 - x2/3"]),
    "ratio": lambda: orbits(["x1/(1 + x2^2) - x1^3", "-x2 + atan(x1)"]),
}
# of solutions that are to be told from what is bounded
ACCURACY = 1e-9


def flow(equations: Any, x: Any) -> Any:
    """-g(x), (n, d) -> (n, d)."""
    return -evaluate(equations.gradient, np.ascontiguousarray(x.T)).T


def start_of(name: str, rng: np.random.Generator) -> Any:
    x = rng.uniform(-0.7, 0.7, SYSTEMS[name]().dim)
    if name == "ridge":
        x *= 0.1
    return x


def curve(equations: Any, x: Any, seconds: float, tolerance: float) -> flow_paths.Path:
    """From x on, as coarse as is asked for."""
    path = flow_paths.paths(equations, x[None], lambda y: np.full(len(y), -1), tolerance, 12)[0]
    n = max(1, int(np.searchsorted(np.cumsum(path.h), seconds)))
    return flow_paths.Path(path.start, path.a[:n], path.h[:n], 0)


def check_tube(name: str, seed: int) -> None:
    """Solutions from the rim of the first ball stay in the tube; some come near to its rim."""
    rng = np.random.default_rng(seed)
    equations = SYSTEMS[name]()
    x = start_of(name, rng)
    r0 = 10.0 ** (rng.uniform(-1.5, -0.5) if name == "ridge" else rng.uniform(-7, -1.5))
    path = curve(equations, x, 1.0, 10.0 ** rng.uniform(-3, -0.5))
    with np.errstate(all="ignore"):
        tube = flow_radii.tubes(equations, [path], np.array([r0]), 1e-3)[0]
    if tube is None:
        return
    points, radii = tube
    # pieces may have been halved: their ends come in order, and times with them
    pieces = flow_radii._fine(equations, flow_radii.Pieces(path.a, path.h, np.zeros(len(path.h), dtype=np.intp)), 1e-3)[
        0
    ]
    times = np.cumsum(pieces.h)
    for _ in range(6):
        v = rng.normal(size=len(x))
        y = x + r0 * v / np.linalg.norm(v) * rng.choice([0.0, 0.999, 0.999])
        done = solve_ivp(
            lambda t, z: flow(equations, z[None])[0], (0, times[-1]), y, "LSODA", times, rtol=1e-10, atol=1e-12
        )
        away = np.linalg.norm(done.y.T - points, axis=1)
        assert (away <= radii + ACCURACY).all(), f"{name} {seed}: {away.max()} of {radii.max()}"


@pytest.mark.parametrize("name", SYSTEMS)
def test_solutions_stay_in_tubes(name: str) -> None:
    for seed in range(6):
        check_tube(name, seed)


def check_rates(seed: int) -> None:
    """No derivative near a piece has a quadratic form below what is said."""
    rng = np.random.default_rng(seed)
    for make in SYSTEMS.values():
        equations = make()
        d = equations.dim
        a = rng.normal(size=(5, 6, d)) * 0.3 ** np.arange(6)[:, None] * 10.0 ** rng.uniform(-3, 0, (5, 1, 1))
        pieces = flow_radii.Pieces(a, np.ones(5), np.zeros(5, dtype=np.intp))
        r = 10.0 ** rng.uniform(-4, -1, 5)
        mu = flow_radii.rates(equations, pieces, flow_radii.Frames.of(equations, pieces), r)
        for _ in range(40):
            e = rng.normal(size=(5, d))
            e *= (r * rng.uniform(0, 1, 5) / np.linalg.norm(e, axis=1))[:, None]
            t = rng.choice([-1.0, 1.0, rng.uniform(-1, 1)])
            y = np.einsum("nmd,m->nd", a, t ** np.arange(6)) + e
            J = flow_ends.derivative(equations, evaluate(equations.both, np.ascontiguousarray(y.T)))
            w = np.linalg.eigvalsh((J + J.mT) / 2)[:, 0]
            assert (-w <= mu + 1e-9 * (1 + np.abs(w))).all()


def test_rates() -> None:
    for seed in range(8):
        check_rates(seed)


def check_defects(seed: int) -> None:
    """What a curve is off is nowhere more than is said, and some more of it would not do."""
    rng = np.random.default_rng(seed)
    for make in SYSTEMS.values():
        equations = make()
        a = rng.normal(size=(4, 6, equations.dim)) * 0.1 ** np.arange(6)[:, None]
        h = 10.0 ** rng.uniform(-2, 0, 4)
        bound = flow_radii.defects(equations, flow_radii.Pieces(a, h, np.zeros(4, dtype=np.intp)))[0]
        for t in np.linspace(-1, 1, 21):
            y = np.einsum("nmd,m->nd", a, t ** np.arange(6))
            speed = np.einsum("nmd,m->nd", a[:, 1:], np.arange(1, 6) * t ** np.arange(5)) * (2 / h)[:, None]
            off = np.linalg.norm(speed - flow(equations, y), axis=1)
            assert (off <= bound * (1 + 1e-9)).all()


def test_defects() -> None:
    for seed in range(8):
        check_defects(seed)


def check_symmetric(seed: int) -> None:
    """z^T B' z is nowhere less than the bound times |z|^2."""
    rng = np.random.default_rng(seed)
    d = int(rng.integers(1, 6))
    B = rng.normal(size=(20, d, d)) * 10.0 ** rng.uniform(-2, 3, (20, 1, d))
    R = np.abs(rng.normal(size=(20, d, d))) * 10.0 ** rng.uniform(-6, 0)
    bound = flow_ends.least_symmetric(B, R)
    for _ in range(30):
        A = B + R * rng.choice([-1.0, 1.0, 0.5], size=B.shape)
        w = np.linalg.eigvalsh((A + A.mT) / 2)[:, 0]
        assert (w >= bound - 1e-10 * np.abs(B).max(axis=(1, 2))).all()


def test_least_symmetric() -> None:
    for seed in range(20):
        check_symmetric(seed)
    # a soft direction that a stiff one is coupled to loses the square of that over the stiffness
    soft = flow_ends.least_symmetric(np.array([[[1.0, 30.0], [30.0, 1e4]]]), np.zeros((1, 2, 2)))
    assert soft[0] == pytest.approx(1 - 900 / 1e4, abs=1e-3)


def check_along(seed: int) -> None:
    """Taylor's formula with its remainder holds beside curves."""
    rng = np.random.default_rng(seed)
    for make in SYSTEMS.values():
        equations = make()
        d = equations.dim
        a = rng.normal(size=(6, 4, d)) * 0.4 ** np.arange(4)[:, None]
        r = np.abs(rng.normal(size=(6, d))) * 0.1
        values = flow_series.along(equations, a, 3, r, True)
        for t in (-1.0, -0.3, 0.0, 0.8, 1.0):
            y = np.einsum("nmd,m->nd", a, t ** np.arange(4)) + r * rng.uniform(-1, 1, (6, d))
            found = evaluate(equations.both, np.ascontiguousarray(y.T))
            powers = (t ** np.arange(4))[:, None, None]
            high = np.where(powers > 0, values[1], values[0]) * np.abs(powers)
            low = np.where(powers > 0, -values[0], -values[1]) * np.abs(powers)
            size = 1e-10 * (1 + np.abs(found))
            assert (found <= high.sum(axis=0) + size).all()
            assert (found >= low.sum(axis=0) - size).all()


def test_along() -> None:
    for seed in range(8):
        check_along(seed)


def test_halves_are_the_same_curve() -> None:
    rng = np.random.default_rng(3)
    pieces = flow_radii.Pieces(rng.normal(size=(3, 6, 2)), np.array([1.0, 2.0, 3.0]), np.array([0, 0, 1]))
    new, parent = flow_radii._halved(pieces, np.array([False, True, True]))
    assert parent.tolist() == [0, 1, 1, 2, 2]
    assert new.h.tolist() == [1.0, 1.0, 1.0, 1.5, 1.5]
    for old, halves in ((1, (1, 2)), (2, (3, 4))):
        for k, half in enumerate(halves):
            t = np.array([-1.0, -0.2, 1.0])
            np.testing.assert_allclose(
                flow_paths.values(new.a[[half]], t), flow_paths.values(pieces.a[[old]], (t - 1 + 2 * k) / 2), atol=1e-13
            )


def test_paths_of_stiff_valleys_take_few_steps() -> None:
    equations = energy("10000*(x2 - x1^2)^2 + (1 - x1)^2")
    near = lambda y: np.where(np.linalg.norm(y - 1, axis=1) < 1e-3, 7, -1)  # noqa: E731
    path = flow_paths.paths(equations, np.array([[-0.8, 0.6]]), near, 1e-5, 300)[0]
    assert path.end == 7
    assert 10 < len(path.h) < 200
    done = solve_ivp(
        lambda t, z: flow(equations, z[None])[0], (0, path.h.sum()), path.start, "Radau", rtol=1e-10, atol=1e-12
    )
    np.testing.assert_allclose(done.y[:, -1], path.a[-1].sum(axis=0), atol=1e-6)

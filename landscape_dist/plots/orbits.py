"""The orbits behind the arrows, for two variables: where the gradient flow really goes."""

from __future__ import annotations

from typing import Any

import numpy as np

from landscape_dist.plots.coordinates import Cell
from landscape_dist.problems.base import Problem
from landscape_dist.records import FloatArray

MOST_ORBITS = 80
_REACH = 1e-2  # of the picture's size: this close to the other end an orbit counts as arrived


def orbits(
    problem: Problem,
    x: FloatArray,
    index: Any,
    parent: Any,
    child: Any,
    counts: Any,
    size: float,
    cell: Cell | None = None,
) -> dict[int, list[FloatArray]]:
    """Orbits of dx/dt = -g that join the ends of arrows between neighbouring indices of a plane energy.

    Every such arrow has an index-1 saddle at one end: from there the flow is followed downhill along its unstable
    direction to a minimum, or uphill along its stable one to a maximum.  Evaluations do not count.

    Args:
        problem: of two variables, with an energy. x: (p, 2) points. index: (p,) Morse indices.
        parent, child: (c,) ids. counts: (c,) orbits behind each arrow. size: of the picture, in the unit of x.
        cell: says whether coordinates are periodic; None where they are not.

    Returns:
        arrow -> its orbits, each (m, 2) from parent to child, which of a torus may lead into another cell.  Arrows
        without are absent: those whose orbit was not found to end where the arrow ends, and all of them where there
        are too many.
    """
    if len(parent) > MOST_ORBITS:
        return {}
    cell = cell or Cell(np.full(2, np.inf), np.zeros(2))
    before = problem.counters.copy()
    found: dict[int, list[FloatArray]] = {}
    for saddle in np.flatnonzero(index == 1).tolist():
        H = np.asarray(problem.hessian(problem.xp.asarray(x[saddle][None])))[0]
        frame = np.linalg.eigh(H)[1]
        for column, here, there, down in ((0, parent, child, True), (1, child, parent, False)):
            for sign in (1.0, -1.0):
                arrows = np.flatnonzero(here == saddle)
                path, end = _follow(problem, x[saddle], sign * frame[:, column], x[there[arrows]], down, size, cell)
                if end is None:
                    continue
                arrow = int(arrows[end])
                if len(found.get(arrow, ())) < counts[arrow]:
                    found.setdefault(arrow, []).append(path if down else path[::-1])
    problem.counters = before
    return found


def _follow(
    problem: Problem, start: FloatArray, direction: FloatArray, ends: FloatArray, down: bool, size: float, cell: Cell
) -> tuple[FloatArray, int | None]:
    """The (m, 2) orbit from `start` along `direction`, and which of the ends (e, 2) it arrives at, None for none."""
    from scipy.integrate import solve_ivp

    if not len(ends):
        return np.empty((0, 2)), None
    sign = -1.0 if down else 1.0

    def flow(_: float, z: FloatArray) -> FloatArray:
        return sign * np.asarray(problem.gradient(problem.xp.asarray(z[None])), dtype=np.float64)[0]

    def jacobian(_: float, z: FloatArray) -> FloatArray:
        return sign * np.asarray(problem.hessian(problem.xp.asarray(z[None])), dtype=np.float64)[0]

    def near(_: float, z: FloatArray) -> float:
        return float(np.linalg.norm(cell.apart(ends - z), axis=1).min()) - _REACH * size

    def far(_: float, z: FloatArray) -> float:
        return 3.0 * size - float(np.linalg.norm(z - start))

    near.terminal = far.terminal = True  # type: ignore[attr-defined]
    first = start + 1e-3 * size * direction
    rate = max(float(np.linalg.norm(flow(0.0, first))) / (1e-3 * size), 1e-12)
    with np.errstate(all="ignore"):
        solved = solve_ivp(
            flow, (0.0, 2e3 / rate), first, method="BDF", jac=jacobian, events=(near, far), rtol=1e-5, atol=1e-5 * size
        )
    if not solved.success or not len(solved.t_events[0]):
        return np.empty((0, 2)), None
    last = solved.y[:, -1]
    end = int(np.linalg.norm(cell.apart(ends - last), axis=1).argmin())
    return np.concatenate((start[None], solved.y.T, cell.nearest(ends[end][None], last))), end

"""Typical lengths of a problem's coordinates, and searches in units of them."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from landscape_dist.hisd.evaluations import gradients, hessians
from landscape_dist.hisd.settings import SolverSettings
from landscape_dist.numerics.arrays import to_numpy
from landscape_dist.problems.base import Problem
from landscape_dist.problems.domain import Unbounded
from landscape_dist.problems.elsewhere import Elsewhere
from landscape_dist.problems.scaled import Scaled
from landscape_dist.records import FloatArray, ResultBatch, SearchBatch
from landscape_dist.spaces.flat import Euclidean

# A length is how far along a coordinate the Hessian changes by this part of itself.
CHANGE = 0.3
# Lengths up to so many times larger or smaller than 1, and than one another, need no units of their own.
ORDINARY = 32.0
# Each look at the lengths takes a Hessian a variable.
MOST_VARIABLES = 64
# Octaves within which lengths are looked for.
OCTAVES = 100.0
STEPS = 12
# Lengths below so many rounding errors of a coordinate are none.
RESOLVED = 1024.0
# Settings in the user's own units: where one is given, the user knows what is large and what is small.
ABSOLUTE = ("step_size", "perturbation_radius", "start_directions", "custom_step")


def with_lengths(problem: Problem, settings: SolverSettings, start: FloatArray) -> SolverSettings:
    """The settings with measured lengths, where searches need them: coordinates very unlike 1, or one another.

    Lengths come from where the curvature of the problem itself changes, so that the landscape of x and that of s x + c
    are the same.  They cost 2 d + 1 Hessians where all are ordinary.  They are not measured where Hessians are
    differences of gradients, in more than `MOST_VARIABLES` variables, in a domain (which says what is large) or on a
    torus.

    Args:
        start: (d,) the first point that searches start from.
    """
    if problem.mass is not None:  # the user knows the metric
        return settings
    if settings.lengths is not None or any(getattr(settings, name) is not None for name in ABSOLUTE):
        return settings
    if settings.gradient_atol or settings.nullity_atol:
        return settings
    if not problem.has_hessian or problem.dim > min(MOST_VARIABLES, settings.dense_limit):
        return settings
    if type(problem.space) is not Euclidean or not isinstance(problem.domain, Unbounded):
        return settings
    try:
        lengths = measured_lengths(problem, start)
    except Exception:  # an energy of the user's may do anything far away; then it says nothing of lengths
        return settings
    if lengths is None:
        return settings
    return replace(settings, lengths=tuple(lengths.tolist()), origin=tuple(start.tolist()))


def measured_lengths(problem: Problem, x: FloatArray) -> FloatArray | None:
    """(d,) powers of two: how far from x along each coordinate the Hessian changes; None where that is ordinary."""
    d = problem.dim
    H, g = hessians(problem, x[None])[0], gradients(problem, x[None])[0]
    if not np.isfinite(H).all() or not np.isfinite(g).all():
        return None
    size = np.sqrt(np.abs(np.diag(H)))

    def changed(octaves: FloatArray) -> NDArray[np.bool_]:
        """(d,) whether moving so far along each coordinate, one at a time, changes the Hessian."""
        with np.errstate(all="ignore"):
            moved = hessians(problem, x + np.diag(2.0**octaves))
            if not problem.symmetric:
                # Of a Jacobian the diagonal alone has a unit that no coordinate's unit changes.
                return _differ(np.diagonal(moved, axis1=1, axis2=2), np.diag(H), np.abs(g) / 2.0**octaves)
            scale = np.sqrt(np.maximum(np.abs(np.diagonal(moved, axis1=1, axis2=2)), size**2))
            scale = np.where(scale > 0, scale, 1.0)
            A, B = (M / scale[:, :, None] / scale[:, None, :] for M in (moved, np.broadcast_to(H, moved.shape)))
            felt = np.abs(g) / (2.0**octaves * np.diag(scale) ** 2)
            return _differ(A.reshape(d, -1), B.reshape(d, -1), felt)

    border = np.full(d, np.log2(ORDINARY))
    below, within = changed(-border), changed(border)
    if not below.any() and within.all():
        return None
    low, high = np.full(d, -OCTAVES), np.full(d, OCTAVES)
    for _ in range(STEPS):
        middle = 0.5 * (low + high)
        far = changed(middle)
        low, high = np.where(far, low, middle), np.where(far, middle, high)
    octaves = np.round(0.5 * (low + high))
    # Where a curvature vanishes at x any other is a change, down to what no step can resolve.
    finest = np.log2(np.maximum(RESOLVED * np.finfo(np.float64).eps * np.abs(x), 2.0**-OCTAVES))
    known = (np.abs(octaves) < OCTAVES - 2) & (octaves > finest)
    if not known.any():
        return None
    # Of a coordinate along which nothing changes, the others say what is long.
    octaves = np.where(known, octaves, np.round(octaves[known].mean()))
    ordinary = np.abs(octaves).max() <= border[0] and np.ptp(octaves) <= border[0]
    return None if ordinary else 2.0**octaves


def _differ(A: FloatArray, B: FloatArray, felt: FloatArray) -> NDArray[np.bool_]:
    """(d,) whether rows differ by more than `CHANGE` of the larger one; what is not finite differs.

    Args:
        felt: (d,) gradients over the way, in the unit of the rows: where a curvature happens to be small at one end, it
            need not be large beside it at the other, as long as the gradient hardly changes.
    """
    larger = np.maximum(np.linalg.norm(A, axis=-1), np.linalg.norm(B, axis=-1))
    larger = np.maximum(larger, np.where(np.isfinite(felt), felt, 0.0))
    part = np.linalg.norm(A - B, axis=-1) / np.maximum(larger, 1e-300)
    return np.asarray(np.where(np.isfinite(part), part, np.inf) > CHANGE)


# -- searches -----------------------------------------------------------------------------------------------------
def view(problem: Problem, settings: SolverSettings) -> tuple[Scaled, SolverSettings]:
    """The problem in the units of the settings, and the settings without them."""
    assert settings.lengths is not None
    origin = np.zeros(problem.dim) if settings.origin is None else np.array(settings.origin)
    return Scaled(problem, origin, np.array(settings.lengths)), replace(settings, lengths=None, origin=None)


def moved(batch: SearchBatch, scaled: Elsewhere) -> SearchBatch:
    """The batch with its points in other coordinates."""
    towards = None if batch.towards is None else scaled.from_original(batch.towards)
    return replace(batch, X=scaled.from_original(batch.X), towards=towards)


def in_original(problem: Elsewhere, Y: FloatArray) -> FloatArray:
    """(n, d) points y of such a problem -> x, NumPy, whatever namespace it computes in."""
    return np.asarray(to_numpy(problem.to_original(problem.xp.asarray(Y))))


def moved_back(result: ResultBatch, scaled: Scaled) -> ResultBatch:
    """The result with points, gradients and eigenvalues in the user's coordinates."""
    problem = scaled.original
    x = in_original(scaled, result.x)
    norms, eigenvalues = result.gradient_norm.copy(), result.eigenvalues.copy()
    finite = np.flatnonzero(np.isfinite(x).all(axis=1))
    if len(finite):
        g = to_numpy(problem.gradient(problem.xp.asarray(x[finite])))
        norms[finite] = np.linalg.norm(g, axis=1)
    found = np.flatnonzero(result.index >= 0)
    if len(found) and problem.has_energy:
        w = np.linalg.eigvalsh(hessians(problem, x[found]))
        eigenvalues[found] = w[:, : eigenvalues.shape[1]]
    paths = {slot: in_original(scaled, path) for slot, path in result.trajectories.items()}
    return replace(result, x=x, gradient_norm=norms, eigenvalues=eigenvalues, trajectories=paths)

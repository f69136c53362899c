"""From parents and recipes to starting points and directions."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

import numpy as np

from landscape_dist.hisd.curvatures import Curvatures
from landscape_dist.hisd.null_directions import moved_along
from landscape_dist.numerics.hessians import HessianStack
from landscape_dist.numerics.linalg import orthonormalize
from landscape_dist.records import FloatArray, IntArray, SearchBatch, SearchKind
from landscape_dist.spaces.space import Space

# Parents found by different searches differ in their last digits; their children start from the rounded point.
SIGNIFICANT_DIGITS = 11
# Eigenvalues that differ by less than this part have no directions of their own to leave along.
NEARLY_EQUAL = 0.15


@dataclass(slots=True)
class Starts:
    """n searches ready to run, all NumPy.

    Attributes:
        x: (n, d). V: (n, d, k). leave: (n, d), zero where a search leaves nothing. radius: (n,) distance from the
        parent, 0 where the search starts at it. H_parent: the parents' Hessians, where they were at hand, or None.
    """

    x: FloatArray
    V: FloatArray
    leave: FloatArray
    radius: FloatArray
    H_parent: HessianStack | None


def expand(curvatures: Curvatures, batch: SearchBatch, *, hessians: bool = False) -> Starts:
    """Starting points and directions of a batch: the parents' eigenvectors, perturbed and selected.

    A downward search starts at x ± r v_leave with the directions `keep` (section 2 of the NN-HiSD paper), an upward one
    climbs along v_leave, which is among its directions. Several v_leave are added up, each with its sign.

    Args:
        curvatures: of the problem, in whose coordinates the batch is.
        hessians: whether the parents' Hessians are wanted.
    """
    settings, space = curvatures.settings, curvatures.problem.space
    X = rounded(batch.X)
    columns = 1 + max(int(batch.keep.max(initial=-1)), int(batch.leave.max(initial=-1)))
    if batch.towards is not None:
        columns = batch.target_index + 1
    # What climbs follows the eigenvectors themselves; only where to leave to is a matter of the whole space.
    gap = NEARLY_EQUAL if batch.kind == SearchKind.DOWN else 0.0
    frames, H = curvatures.frames(X, columns, gap=gap, hessians=hessians)
    row, n = batch.row, len(batch)
    d = X.shape[1]
    radius = curvatures.radius(X)[row]
    if batch.towards is not None:
        m = batch.target_index + 1
        away, V = _aimed(frames[row, :, :m], space.towards(X[row], batch.towards))
        return _begun(space, X[row], V, away, radius, away, H, row)
    V = np.zeros((n, d, batch.keep.shape[1]))
    for j in range(batch.keep.shape[1]):
        V[:, :, j] = frames[row, :, batch.keep[:, j]]
    if settings.start_directions is not None and batch.kind == SearchKind.START:
        given = np.array(settings.start_directions)[:, : V.shape[2]]
        V[:, :, : given.shape[1]] = given
        V = orthonormalize(V) if given.shape[1] < V.shape[2] else V
    away = np.zeros((n, d))
    for j in range(batch.leave.shape[1] if columns else 0):
        away += batch.sign[:, j, None] * frames[row, :, np.maximum(batch.leave[:, j], 0)]
    offset = away / np.maximum(np.linalg.norm(away, axis=1, keepdims=True), 1e-300)
    # Only downward searches leave a mode behind; an upward one follows it.
    leave = offset if batch.kind == SearchKind.DOWN else np.zeros((n, d))
    null = _along_zero_modes(batch)
    if (batch.repeat > 0).any():
        offset = offset + _random_part(X, batch, settings.perturbation_method)
        offset /= np.maximum(np.linalg.norm(offset, axis=1, keepdims=True), 1e-300)
    offset = curvatures.offset(offset)
    radius = np.where(offset.any(axis=1), radius, 0.0)
    if not len(null):
        return _begun(space, X[row], V, leave, radius, offset, H, row)
    leave, radius = leave.copy(), radius.copy()
    leave[null], radius[null] = 0.0, 0.0
    starts = _begun(space, X[row], V, leave, radius, offset, H, row)
    if curvatures.has_hessians and curvatures.problem.symmetric and space.flat:
        starts.x[null], _ = moved_along(curvatures.problem, X[row[null]], offset[null])
        starts.radius[null] = np.linalg.norm(space.log(X[row[null]], starts.x[null]), axis=1)
    return starts


def _along_zero_modes(batch: SearchBatch) -> IntArray:
    """Which searches of a batch leave along zero modes of their parents."""
    if batch.nullities is None or batch.kind not in (SearchKind.DOWN, SearchKind.UP):
        return np.zeros(0, dtype=np.int64)
    first = batch.leave[:, 0]
    index = batch.indices[batch.row]
    return np.flatnonzero((first >= index) & (first < index + batch.nullities[batch.row]))


def _begun(
    space: Space,
    parents: FloatArray,
    V: FloatArray,
    leave: FloatArray,
    radius: FloatArray,
    offset: FloatArray,
    H: HessianStack | None,
    row: IntArray,
) -> Starts:
    """The starts at `radius` (n,) from their parents (n, d) along unit vectors `offset` (n, d)."""
    x = space.retract(parents, radius[:, None] * offset)
    if not space.flat:
        V, leave = space.transport(parents, x, V), space.transport(parents, x, leave)
        V = orthonormalize(V) if V.shape[-1] else V
        leave = leave / np.maximum(np.linalg.norm(leave, axis=1, keepdims=True), 1e-300)
    return Starts(x, V, leave, radius, None if H is None else H[row])


def _aimed(unstable: FloatArray, offset: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Leave along the part of `offset` in the unstable space, keep the rest of that space.

    Args:
        unstable: (n, d, m) orthonormal unstable directions of the parents.
        offset: (n, d) from the parents to what is aimed at.

    Returns:
        (n, d) unit vectors to leave along, and (n, d, m - 1) orthonormal directions.
    """
    c = (unstable.mT @ offset[:, :, None])[:, :, 0]
    size = np.linalg.norm(c, axis=1, keepdims=True)
    c = np.where(size > 0, c / np.where(size > 0, size, 1.0), np.eye(c.shape[1])[0])
    # A Householder reflection that takes the first axis to ±c; its other columns span what is orthogonal to c.
    w = c.copy()
    w[:, 0] += np.where(c[:, 0] < 0, -1.0, 1.0)
    reflection = np.eye(c.shape[1]) - 2 * w[:, :, None] * w[:, None, :] / np.sum(w * w, axis=1)[:, None, None]
    return (unstable @ c[:, :, None])[:, :, 0], unstable @ reflection[:, :, 1:]


def rounded(X: FloatArray) -> FloatArray:
    """Round to `SIGNIFICANT_DIGITS` relative to the largest coordinate."""
    size = np.maximum(np.abs(X).max(axis=1, keepdims=True), 1e-12)
    grid = 2.0 ** (np.ceil(np.log2(size)) - SIGNIFICANT_DIGITS * np.log2(10))
    return np.round(X / grid) * grid


def _random_part(X: FloatArray, batch: SearchBatch, method: str) -> FloatArray:
    """(n, d) random unit vectors for repeats, zero otherwise; the seed is the content of the search."""
    out = np.zeros((len(batch), X.shape[1]))
    for i in np.flatnonzero(batch.repeat > 0):
        recipe = np.array([batch.target_index, batch.repeat[i], *batch.leave[i], *batch.sign[i], *batch.keep[i]])
        point = np.round(batch.X[batch.row[i]], 6) + 0.0
        seed = hashlib.blake2b(point.tobytes() + recipe.astype(np.int64).tobytes(), digest_size=8).digest()
        rng = np.random.default_rng(int.from_bytes(seed, "little"))
        v = rng.standard_normal(X.shape[1]) if method == "gaussian" else rng.uniform(-1.0, 1.0, X.shape[1])
        out[i] = v / np.linalg.norm(v)
    return out

"""From d variables to the two of a page."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from landscape_dist.errors import SettingsError
from landscape_dist.plots.coordinates import numbered_name
from landscape_dist.records import FloatArray

MOST_COMPARED = 1000
MOST_FITTED = 20_000
"""Points that decide on the axes; of more, a sample does."""

SLANT = (0.38, 0.27)


@dataclass(frozen=True, slots=True)
class Projection:
    """A map (n, d) -> (n, 2) and the names of its two axes; the coordinates that they are, where they are some."""

    map: Callable[[FloatArray], FloatArray]
    names: tuple[str, str]
    is_identity: bool = False
    columns: tuple[int, int] | None = None

    def __call__(self, X: FloatArray) -> FloatArray:
        return self.map(X)


def make_projection(choice: Any, X: FloatArray, names: Sequence[str] | None = None) -> Projection:
    """The projection that the user chose.

    Args:
        choice: 'pca' (the plane in which the points spread most), 'oblique' (three variables as cubes are drawn, the
            third slanting; of more variables the three directions in which the points spread most), two variables as
            'x1,x3' or ('x1', 'x3'), a (d, 2) matrix, a function (n, d) -> (n, 2), or None: the variables themselves
            where there are two, else 'pca' or 'oblique', whichever keeps the points further apart.
        X: (p, d) the stationary points.
        names: (d,) of the variables, for the axes.

    Raises:
        SettingsError: something else, or a function that returns something else.
    """
    d = X.shape[1]
    names = names or [numbered_name(i + 1) for i in range(d)]
    if len(X) > MOST_FITTED:
        X = X[np.linspace(0, len(X) - 1, MOST_FITTED).astype(np.int64)]
    if choice is None and d > 2:
        return max((_pca(X), _oblique(X, names)), key=lambda projection: _clearance(projection(X)))
    if choice is None:
        choice = "x1,x2"
    if callable(choice):
        return Projection(lambda Z: _checked(choice, Z), ("first projected variable", "second projected variable"))
    if isinstance(choice, str) and choice.lower() == "pca":
        return _pca(X)
    if isinstance(choice, str) and choice.lower() == "oblique":
        return _oblique(X, names)
    if isinstance(choice, str):
        choice = [name.strip() for name in choice.split(",")]
    if isinstance(choice, list | tuple) and choice and all(isinstance(name, str) for name in choice):
        return _variables(list(choice), names)
    try:
        matrix = np.asarray(choice, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise SettingsError(_bad(choice, d)) from error
    if matrix.shape != (d, 2) or not np.isfinite(matrix).all():
        raise SettingsError(_bad(choice, d))
    return Projection(lambda Z: Z @ matrix, ("first projected variable", "second projected variable"))


def _variables(chosen: list[str], names: Sequence[str]) -> Projection:
    d = len(names)
    columns = [int(name[1:]) - 1 if name[:1] == "x" and name[1:].isdecimal() else -1 for name in chosen]
    if len(columns) != 2 or not all(0 <= c < d for c in columns):
        raise SettingsError(_bad(",".join(chosen), d))
    a, b = columns
    return Projection(lambda Z: Z[:, [a, b]], (names[a], names[b]), d == 2 and (a, b) == (0, 1), (a, b))


def _pca(X: FloatArray) -> Projection:
    """The two principal axes of the points; their signs make the largest part of each positive."""
    d = X.shape[1]
    centre = X.mean(axis=0)
    _, size, axes = np.linalg.svd(X - centre, full_matrices=False)
    share = size**2 / max(float((size**2).sum()), 1e-300)
    if len(axes) < 2 or d < 2:
        axes = np.eye(max(d, 2))[:2, :d] if len(axes) < 1 or d < 2 else np.concatenate((axes, _another(axes[0])[None]))
        share = np.append(share, [0.0, 0.0])
    axes = axes[:2] * np.where(axes[np.arange(2), np.abs(axes[:2]).argmax(axis=1)] < 0, -1.0, 1.0)[:, None]
    names = tuple(f"principal axis {i + 1} ({100 * share[i]:.0f} % of the spread)" for i in range(2))
    return Projection(lambda Z: (Z - centre) @ axes.T, (names[0], names[1]))


def _oblique(X: FloatArray, variables: Sequence[str]) -> Projection:
    """Three variables, or the first three principal axes of more, the third drawn up and to the right."""
    d = X.shape[1]
    centre = np.zeros(d) if d == 3 else X.mean(axis=0)
    axes = np.eye(3) if d == 3 else np.linalg.svd(X - centre, full_matrices=False)[2][:3]
    if len(axes) < 3:
        return _pca(X)
    axes = axes * np.where(axes[np.arange(3), np.abs(axes).argmax(axis=1)] < 0, -1.0, 1.0)[:, None]
    matrix = np.stack((axes[0] + SLANT[0] * axes[2], axes[1] + SLANT[1] * axes[2]), axis=1)
    names = tuple(variables) if d == 3 else ("principal axis 1", "principal axis 2", "axis 3")
    labels = f"{names[0]} + {SLANT[0]:g} {names[2]}", f"{names[1]} + {SLANT[1]:g} {names[2]}"
    return Projection(lambda Z: (Z - centre) @ matrix, labels)


def _clearance(Y: FloatArray) -> float:
    """How far the nearest two of some projected points are apart, as a part of their extent."""
    if len(Y) < 2:
        return 0.0
    Y = (Y[:MOST_COMPARED] - Y.min(axis=0)) / max(float(np.ptp(Y, axis=0).max()), 1e-300)
    squares = ((Y[:, None] - Y) ** 2).sum(axis=2)
    np.fill_diagonal(squares, np.inf)
    # Not the very nearest pair, which symmetry may put together in any projection.
    return float(np.sqrt(np.sort(squares.min(axis=1))[len(Y) // 10]))


def _another(v: FloatArray) -> FloatArray:
    """A unit vector orthogonal to the unit vector v."""
    e = np.zeros_like(v)
    e[np.abs(v).argmin()] = 1.0
    e -= (e @ v) * v
    return np.asarray(e / np.linalg.norm(e))


def _checked(function: Callable[[FloatArray], Any], X: FloatArray) -> FloatArray:
    Y = np.asarray(function(X.copy()), dtype=np.float64)
    if Y.shape != (len(X), 2):
        raise SettingsError(
            f"projection returned an array of shape {Y.shape} for points of shape {X.shape}; return ({len(X)}, 2)"
        )
    return Y


def _bad(choice: Any, d: int) -> str:
    return (
        f"projection is {choice!r}; give 'pca', 'oblique', two variables such as 'x1,x{min(d, 3)}', a ({d}, 2) matrix, "
        f"or a function (n, {d}) -> (n, 2)"
    )

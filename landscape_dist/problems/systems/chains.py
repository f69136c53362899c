"""Systems in any dimension whose variables couple to their neighbours only: cubic, lattice, Rosenbrock, cosines."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from landscape_dist.problems.domain import Box, Domain, Unbounded
from landscape_dist.problems.systems.named import (
    TridiagonalSystem,
    real_number,
    real_vector,
    register,
    whole_number,
)
from landscape_dist.records import FloatArray


class _QuarticChain(TridiagonalSystem):
    """E = sum_i a_i (x_i^2 - 1)^2 + c sum_i x_i x_(i+1)."""

    def __init__(self, name: str, parameters: dict[str, Any], a: FloatArray, c: float, domain: Domain | None) -> None:
        d = len(a)
        # |x_i|^2 <= 1 + |c| / (2 a_i) at every stationary point, from the largest coordinate's equation
        half_width = 2.0 * float(np.sqrt(1.0 + abs(c) / (2.0 * a.min())))
        super().__init__(
            name,
            d,
            parameters,
            domain=domain,
            default_domain=Box(-half_width, half_width),
            euler_characteristic=1,
            start=np.full(d, 0.1),
            max_index=d,
        )
        self._a = a
        self._a4 = 4.0 * a
        self._a12 = 12.0 * a
        self._c = c

    def formulas_of_equations(self) -> list[str]:
        wells = [f"{a}*(x{i + 1}^2 - 1)^2" for i, a in enumerate(self._a.tolist())]
        bonds = [f"({self._c})*x{i + 1}*x{i + 2}" for i in range(self.dim - 1) if self._c]
        return [" + ".join([*wells, *bonds])]

    def _energy(self, X: FloatArray) -> FloatArray:
        W = X * X
        W -= 1.0
        W *= W
        E = W @ self._a
        if self._c:
            E += self._c * np.einsum("ij,ij->i", X[:, :-1], X[:, 1:])
        return E

    def _first(self, X: FloatArray) -> tuple[FloatArray, FloatArray]:
        squares = X * X
        g = squares - 1.0
        g *= X
        g *= self._a4
        if self._c:
            neighbours = self._c * X
            g[:, :-1] += neighbours[:, 1:]
            g[:, 1:] += neighbours[:, :-1]
        return g, squares

    def _second(self, X: FloatArray, shared: FloatArray) -> tuple[FloatArray, float | None]:
        diagonal = shared * self._a12
        diagonal -= self._a4
        return diagonal, self._c or None


@register(
    formula="sum_i i (x_i^2 - 1)^2",
    source="SaddleScape-1.0 gallery, example 3",
    dim="any",
    known="exactly 3^d points {-1, 0, 1}^d, C(d,k) 2^(d-k) of index k, 2 d 3^(d-1) arrows; d = 3: 8/12/6/1, 54 arrows",
)
def weighted_cubic(dim: int = 3, *, domain: Domain | None = None) -> _QuarticChain:
    """Weighted cubic: independent double wells of different depth.

    E = sum_i i (x_i^2 - 1)^2, i from 1 (SaddleScape-1.0 gallery, example 3).  The 3^d stationary points are
    {-1, 0, 1}^d; the index is the number of zeros.

    Args:
        dim: number of variables d.
        domain: default box |x_i| <= 2.
    """
    d = whole_number("weighted_cubic", "dim", dim, 1)
    return _QuarticChain("weighted_cubic", {"dim": d}, np.arange(1, d + 1, dtype=np.float64), 0.0, domain)


@register(
    formula="sum_i a_i (x_i^2 - 1)^2 + c sum_i x_i x_(i+1), a_i = 1 + 0.3 (i - 1)",
    source="test system of this package",
    dim="any",
    known="for |c| <= 0.2 exactly 3^d points, C(d,k) 2^(d-k) of index k, 2 d 3^(d-1) arrows; d = 6: 729 and 2916",
)
def coupled_lattice(dim: int = 3, coupling: float = 0.2, *, domain: Domain | None = None) -> _QuarticChain:
    """Coupled lattice: double wells in a chain, not separable, with an exact count in any dimension.

    E = sum_i a_i (x_i^2 - 1)^2 + c sum_i x_i x_(i+1), a_i = 1 + 0.3 i with i from 0.  For small c it has one
    stationary point continued from each of {-1, 0, 1}^d (Bezout's bound: there are no others), of index number of
    zeros.

    Args:
        dim: number of variables d.
        coupling: c; the counts are checked up to 0.2.
        domain: default box |x_i| <= 2 sqrt(1 + |c| / 2), twice as wide as the points.
    """
    d = whole_number("coupled_lattice", "dim", dim, 1)
    c = real_number("coupled_lattice", "coupling", coupling)
    return _QuarticChain(
        "coupled_lattice", {"dim": d, "coupling": c}, 1.0 + 0.3 * np.arange(d, dtype=np.float64), c, domain
    )


def _n_negative(diagonal: FloatArray, band: FloatArray) -> int:
    """Number of negative eigenvalues of a tridiagonal matrix: negative pivots of L D L^T (Sylvester)."""
    count, pivot = 0, np.inf
    for a, b in zip(diagonal.tolist(), [0.0, *band.tolist()], strict=True):
        pivot = a - b * b / pivot
        if pivot == 0.0:
            pivot = np.finfo(float).tiny
        count += int(pivot < 0.0)
    return count


class _Rosenbrock(TridiagonalSystem):
    def __init__(self, parameters: dict[str, Any], dim: int, s: FloatArray | None, domain: Domain | None) -> None:
        self._s = s if s is not None and np.any(s) else None
        self.dim = dim
        index = _n_negative(*self._bands(np.ones(dim)))
        super().__init__(
            "rosenbrock",
            dim,
            parameters,
            domain=domain,
            default_domain=Box(-3.0, 3.0),
            # The sum over all of R^d is 1, but with s some points lie outside the box.
            euler_characteristic=1 if self._s is None or isinstance(domain, Unbounded) else None,
            start=np.full(dim, 0.9),
            max_index=max(index, 1),
        )

    def formulas_of_equations(self) -> list[str]:
        terms = [f"100*(x{i + 1} - x{i}^2)^2 + (1 - x{i})^2" for i in range(1, self.dim)]
        if self._s is not None:
            terms += [f"({s})*atan(x{i + 1} - 1)^2" for i, s in enumerate(self._s.tolist()) if s]
        return [" + ".join(terms)]

    def _energy(self, X: FloatArray) -> FloatArray:
        left = X[:, :-1]
        r = X[:, 1:] - left * left
        u = X - 1.0
        E = 100.0 * np.einsum("ij,ij->i", r, r) + np.einsum("ij,ij->i", u[:, :-1], u[:, :-1])
        if self._s is not None:
            A = np.arctan(u)
            A *= A
            E += A @ self._s
        return E

    def _first(self, X: FloatArray) -> tuple[FloatArray, Any]:
        left = X[:, :-1]
        r = X[:, 1:] - left * left
        u = X - 1.0
        g = np.empty_like(X)
        g[:, 1:] = r
        g[:, 1:] *= 200.0
        g[:, 0] = 0.0
        p = left * r
        p *= -400.0
        p += 2.0 * u[:, :-1]
        g[:, :-1] += p
        if self._s is None:
            return g, (None, None, None)
        A = np.arctan(u)
        w = u * u
        w += 1.0
        np.divide(2.0 * self._s, w, out=w)  # 2 s / (1 + u^2)
        g += A * w
        return g, (u, A, w)

    def _second(self, X: FloatArray, shared: Any) -> tuple[FloatArray, FloatArray]:
        u, A, w = shared
        left = X[:, :-1]
        diagonal = np.full_like(X, 200.0)
        diagonal[:, 0] = 0.0
        p = 3.0 * left * left
        p -= X[:, 1:]
        p *= 400.0
        p += 2.0
        diagonal[:, :-1] += p
        if self._s is not None:
            # d/dx of 2 s arctan(u) / (1 + u^2) = 2 s (1 - 2 u arctan u) / (1 + u^2)^2, and 2 s / (1 + u^2) = w
            q = u * A
            q *= -2.0
            q += 1.0
            q *= w
            q /= 1.0 + u * u
            diagonal += q
        return diagonal, -400.0 * left


@register(
    formula="sum_{i<d} [100 (x_(i+1) - x_i^2)^2 + (1 - x_i)^2] + sum_i s_i arctan(x_i - 1)^2",
    source="NN-HiSD, eq. 4.6 and 4.7",
    dim="any",
    known="d = 7: s = 0: 2/1; s = [-500]*5 + [1, 1]: 1/4/4/1 in [-3, 3]^7 (more lie outside), (1, ..., 1) has index 3",
)
def rosenbrock(
    dim: int = 7, s: Sequence[float] | FloatArray | float | None = None, *, domain: Domain | None = None
) -> _Rosenbrock:
    """Rosenbrock function, plain (s None) or modified so that (1, ..., 1) becomes a saddle.

    E = sum_{i<d} [100 (x_(i+1) - x_i^2)^2 + (1 - x_i)^2] + sum_i s_i arctan(x_i - 1)^2
    (NN-HiSD, eq. 4.6; with s eq. 4.7, x* = (1, ..., 1)).

    The paper prints s = (-50000, ..., -50000, 1, 1) and states that x* is an index-3 saddle.  With that s its
    index is 5; s = (-500, -500, -500, -500, -500, 1, 1) gives the index 3 of the text.

    Args:
        dim: number of variables d, 2 or more.
        s: (d,) strengths, or one number for all; None for the plain function.
        domain: default box [-3, 3]^d.
    """
    d = whole_number("rosenbrock", "dim", dim, 2)
    strengths = None if s is None else real_vector("rosenbrock", "s", s, d)
    parameters = {"dim": d, "s": None if strengths is None else strengths.tolist()}
    return _Rosenbrock(parameters, d, strengths, domain)


class _Cosine(TridiagonalSystem):
    def __init__(self, parameters: dict[str, Any], a: FloatArray, n: FloatArray, domain: Domain | None) -> None:
        d = len(a)
        super().__init__(
            "separable_cosine",
            d,
            parameters,
            domain=domain,
            default_domain=Unbounded(),
            euler_characteristic=0,
            start=np.full(d, 0.1),
            max_index=d,
        )
        self.periods = np.full(d, 2 * np.pi)
        self._a = a
        self._n = n

    def formulas_of_equations(self) -> list[str]:
        pairs = zip(self._a.tolist(), self._n.tolist(), strict=True)
        return [" + ".join(f"{a}*cos({n:.0f}*x{i + 1})" for i, (a, n) in enumerate(pairs))]

    def _energy(self, X: FloatArray) -> FloatArray:
        return np.cos(X * self._n) @ self._a

    def _first(self, X: FloatArray) -> tuple[FloatArray, FloatArray]:
        angle = X * self._n
        g = np.sin(angle)
        g *= -self._a * self._n
        return g, angle

    def _second(self, X: FloatArray, shared: FloatArray) -> tuple[FloatArray, None]:
        diagonal = np.cos(shared)
        diagonal *= -self._a * self._n**2
        return diagonal, None


@register(
    formula="sum_i a_i cos(n_i x_i), a_i = 1 + 0.3 (i - 1)",
    source="test system of this package",
    dim="any",
    known="on the torus (R / 2 pi)^d exactly prod 2 n_i points x_i = pi m_i / n_i, C(d,k) prod n_i of index k",
)
def separable_cosine(dim: int = 2, n: Sequence[int] | int = 1, *, domain: Domain | None = None) -> _Cosine:
    """Separable cosines: a torus with an exact count, Euler characteristic 0.

    E = sum_i a_i cos(n_i x_i), a_i = 1 + 0.3 i with i from 0; every x_i has period 2 pi.  The points are
    x_i = pi m_i / n_i; the index is the number of even m_i.

    Args:
        dim: number of variables d.
        n: (d,) wave numbers, or one for all.
        domain: default everywhere.
    """
    d = whole_number("separable_cosine", "dim", dim, 1)
    waves = real_vector("separable_cosine", "n", n, d)
    for value in waves.tolist():
        whole_number("separable_cosine", "n", int(value) if value == int(value) else value, 1)
    parameters = {"dim": d, "n": [int(value) for value in waves]}
    return _Cosine(parameters, 1.0 + 0.3 * np.arange(d, dtype=np.float64), waves, domain)

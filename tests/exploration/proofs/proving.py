"""Equations from text, proofs of them, and what is wrong with a proof where all zeros are known."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from typing import Any

import numpy as np

from landscape_dist.exploration.proofs.completeness import Proof, State, advance_here, concluded, proceed
from landscape_dist.problems import equations as equations_module
from landscape_dist.problems.equations import Equations
from landscape_dist.problems.expressions import Vocabulary, parse

Exact = tuple[Fraction, ...]


def energy(formula: str) -> Equations:
    """Of an energy, read by SymPy, wherever it has a value."""
    expression = parse(formula, Vocabulary(None, None))
    dim = max(int(str(symbol)[1:]) for symbol in expression.free_symbols)
    return equations_module._written(True, (expression,), dim)


def field(formulas: Sequence[str]) -> Equations:
    """g = 0 for text that `read_text` reads; g is minus the field, which has the same zeros."""
    return equations_module._written(False, tuple(f"-({formula})" for formula in formulas), len(formulas))


def orbits(formulas: Sequence[str]) -> Equations:
    """Of the vector field itself: g is minus it, and its orbits are those of x' = -g(x)."""
    return equations_module._written(False, tuple(formulas), len(formulas))


def prove(equations: Equations, box: Any, boxes: int = 100_000, periods: Any = None) -> Proof:
    """A whole proof; `box` is (lower, upper) of all variables or a pair for each."""
    ends = np.array(box, dtype=float)
    ends = np.tile(ends, (equations.dim, 1)) if ends.ndim == 1 else ends
    state = State.begin(ends[:, 0].copy(), ends[:, 1].copy())
    proceed(state, advance_here(equations), boxes)
    return concluded(state, equations, "test", None if periods is None else np.array(periods, dtype=float))


def counts(proof: Proof) -> list[int]:
    """Points by index, from 0, of a complete proof."""
    assert proof.complete, str(proof)
    by_index = proof.counts_by_index
    assert None not in by_index
    return [by_index.get(k, 0) for k in range(max(by_index, default=-1) + 1)]


def inside(z: Exact, box: Any) -> bool:
    """Whether an exact point is in a box (d, 2) of doubles."""
    return all(Fraction(float(low)) <= c <= Fraction(float(high)) for c, (low, high) in zip(z, box, strict=True))


def within(z: Exact, box: Any) -> bool:
    """Whether it is in an interval box (2, d)."""
    return inside(z, np.stack([-box[0], box[1]], axis=1))


def covered(z: Exact, boxes: Any) -> bool:
    """Whether it is in one of many (2, d, n)."""
    near = np.array([float(c) for c in z])[:, None]
    slack = 1e-9 * (1 + np.abs(near))
    candidates = np.flatnonzero(((-near <= boxes[0] + slack) & (near <= boxes[1] + slack)).all(axis=0))
    return any(within(z, boxes[:, :, k]) for k in candidates)


def lies(proof: Proof, zeros: Sequence[Exact]) -> list[str]:
    """What a proof says that is not so, for all the zeros that there are: each in the box must be in one of its points
    or in what is undecided, and each point must hold one."""
    found = []
    held = [0] * len(proof.points)
    for z in zeros:
        hits = [k for k, point in enumerate(proof.points) if inside(z, point.box)]
        for k in hits:
            held[k] += 1
        if len(hits) > 1:
            found.append(f"{list(map(float, z))} is proved {len(hits)} times")
        lost = inside(z, proof.box) and not hits
        if lost and not any(inside(z, box) for box in proof.undecided.boxes):
            found.append(f"{list(map(float, z))} is missing")
    found += [f"{proof.points[k].x} holds {n} zeros" for k, n in enumerate(held) if n != 1]
    return found


def rational(z: Fraction) -> str:
    """As text that is read exactly."""
    return f"({z.numerator}/{z.denominator})"


def lattice(rng: np.random.Generator, dim: int, most: int = 3) -> tuple[Equations, list[Exact]]:
    """g_i = prod_k (l_i(x) - a_ik), mixed, for independent integer linear forms l_i: equations and all their zeros."""
    while True:
        L = [[Fraction(int(v)) for v in row] for row in rng.integers(-3, 4, (dim, dim))]
        if abs(np.linalg.det(np.array(L, dtype=float))) > 0.5:
            break
    roots = [
        sorted(
            {
                Fraction(int(rng.integers(-30, 31)), int(rng.choice([3, 7, 8, 10])))
                for _ in range(rng.integers(1, most + 1))
            }
        )
        for _ in range(dim)
    ]
    products = []
    for row, values in zip(L, roots, strict=True):
        form = " + ".join(f"({c})*x{j + 1}" for j, c in enumerate(row))
        products.append("*".join(f"({form} - {rational(a)})" for a in values))
    # the first with the others added: each still 0 exactly where all are
    mixed = [products[0], *(f"({p})*(1 + x1^2) + {rng.integers(-2, 3)}*({products[0]})" for p in products[1:])]
    zeros: list[Exact] = []
    for k in np.ndindex(*(len(values) for values in roots)):
        zeros.append(solved(L, [roots[i][j] for i, j in enumerate(k)]))
    return field(mixed), zeros


def solved(A: list[list[Fraction]], b: list[Fraction]) -> Exact:
    """A^-1 b, exactly."""
    M = [[*row, value] for row, value in zip(A, b, strict=True)]
    n = len(M)
    for k in range(n):
        pivot = next(i for i in range(k, n) if M[i][k])
        M[k], M[pivot] = M[pivot], M[k]
        for i in range(n):
            if i != k and M[i][k]:
                ratio = M[i][k] / M[k][k]
                M[i] = [x - ratio * y for x, y in zip(M[i], M[k], strict=True)]
    return tuple(M[k][n] / M[k][k] for k in range(n))

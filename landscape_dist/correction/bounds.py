"""How far the theory lets a surrogate's stationary point be from the true one (NN-HiSD paper, Theorem 3.7)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from landscape_dist.correction.sampling import Frame
from landscape_dist.correction.truth import TrueEnergy
from landscape_dist.records import FloatArray
from landscape_dist.surrogates.problem import Surrogate

LEAST, MOST = 4e-3, 5e-2
"""Least and largest radius delta of the neighbourhood, as fractions of the smallest width."""
DISPLACEMENTS = 30.0
"""delta in displacements, if the above allows: the theorem wants 12 at least."""
UNITS = np.logspace(-4, 3, 1401)


@dataclass(frozen=True, slots=True)
class Bound:
    """The constants of Theorem 3.7 around one point x*, estimated from true gradients at x* ± delta v_i.

    E_NN = E + E_delta; eps bounds the gradient of E_delta, its Hessian and the Lipschitz constant of that, in
    U(x*, delta) (Assumption 3.3).  All are estimated from below: the gradient of E_delta by its largest value at
    2 d + 1 points, third derivatives by those along each v_i, the Hessian of E_delta by its size at x*.

    The theorem adds up what has different units; in another unit of length it says something else, and is as true.
    `best` is the smallest bound over all units of length in which its condition holds.

    Attributes:
        delta: radius of the neighbourhood, in the unit of x.
        mu: smallest size of an eigenvalue of the Hessian at x*, which is all that (3.4) needs.
        lipschitz: M, of the Hessian.
        gradient_error, hessian_error, third_error: largest sizes of the derivatives of E_delta.
        eps: the largest of those. bound: 4 eps / mu. condition: whether (3.3) holds, with the least eigenvalue that M
            allows in the neighbourhood.
        best: see above; None where the condition holds in no unit. unit: that unit of length, in the unit of x.
        within: whether the displacement is within `bound`. within_best: within `best`; None without.
    """

    delta: float
    mu: float
    lipschitz: float
    gradient_error: float
    hessian_error: float
    third_error: float
    eps: float
    bound: float
    condition: bool
    best: float | None
    unit: float | None
    within: bool
    within_best: bool | None


def estimate_bounds(
    truth: TrueEnergy, surrogate: Surrogate, x: FloatArray, hessian: FloatArray, displacement: FloatArray, frame: Frame
) -> list[Bound]:
    """Bounds of n stationary points of the true energy.

    Args:
        x: (n, d). hessian: (n, d, d) of the true energy there.
        displacement: (n,) of the surrogate's points, in the unit of x.
    """
    n, d = x.shape
    if not n:
        return []
    w, Q = np.linalg.eigh(hessian)
    mu = np.abs(w).min(axis=1)
    delta = _radii(surrogate, x, Q, mu, displacement, float(frame.width.min()))
    offsets = delta[:, None, None] * Q.mT  # (n, d, d): row i is delta v_i
    stencil = np.concatenate([x[:, None, :] + offsets, x[:, None, :] - offsets], axis=1)
    flat = stencil.reshape(-1, d)
    true = truth.gradient(flat).reshape(stencil.shape)
    error = np.asarray(surrogate.gradient(flat)).reshape(stencil.shape) - true
    at_x, H_x = surrogate.gradient_hessian(x)  # the true gradient is zero there
    size = np.linalg.norm
    gradient_error = np.maximum(size(at_x, axis=1), size(error, axis=2).max(axis=1))
    hessian_error = size(H_x - hessian, 2, axis=(1, 2))
    bend = true[:, :d] + true[:, d:]
    lipschitz = size(bend, axis=2).max(axis=1) / delta**2
    third_error = size(error[:, :d] + error[:, d:] - 2.0 * at_x[:, None, :], axis=2).max(axis=1) / delta**2
    numbers = zip(delta, mu, lipschitz, gradient_error, hessian_error, third_error, displacement, strict=True)
    return [_bound(*map(float, row)) for row in numbers]


def _radii(
    surrogate: Surrogate, x: FloatArray, Q: FloatArray, mu: FloatArray, displacement: FloatArray, width: float
) -> FloatArray:
    """(n,) delta: some displacements, but not so far that an eigenvalue would change its sign; told by the surrogate,
    which costs nothing."""
    short = LEAST * width
    ends = np.stack([surrogate.gradient(x + sign * short * Q[:, :, k])
                     for k in range(x.shape[1]) for sign in (1.0, -1.0)])  # fmt: skip
    bend = ends[0::2] + ends[1::2] - 2.0 * surrogate.gradient(x)
    lipschitz = np.linalg.norm(bend, axis=2).max(axis=0) / short**2
    most = np.minimum(MOST * width, mu / (4.0 * np.maximum(lipschitz, 1e-300)))
    return np.clip(DISPLACEMENTS * displacement, short, np.maximum(most, short))


def _bound(
    delta: float, mu: float, lipschitz: float, gradient: float, hessian: float, third: float, displacement: float
) -> Bound:
    eps = max(gradient, hessian, third)
    bound = 4.0 * eps / mu if mu > 0 else np.inf
    units = UNITS * delta
    # In the unit s, x is x / s: first derivatives are s times as large, second ones s^2 times, third ones s^3 times.
    eps_s = np.max([gradient * units, hessian * units**2, third * units**3], axis=0)
    holds = _condition(eps_s, mu * units**2, lipschitz * units**3, delta / units)
    bounds = np.where(holds, units * 4.0 * eps_s / np.maximum(mu * units**2, 1e-300), np.inf)
    best = int(bounds.argmin())
    found = bool(np.isfinite(bounds[best]))
    return Bound(
        delta, mu, lipschitz, gradient, hessian, third, eps, bound,
        bool(_condition(np.array(eps), np.array(mu), np.array(lipschitz), np.array(delta))),
        float(bounds[best]) if found else None, float(units[best]) if found else None,
        displacement <= bound, displacement <= float(bounds[best]) if found else None,
    )  # fmt: skip


def _condition(eps: FloatArray, mu: FloatArray, lipschitz: FloatArray, delta: FloatArray) -> FloatArray:
    """(3.3): eps <= min(mu / 2, mu^2 / 32 M, mu delta / 12, M), mu the least that eigenvalues in U can be in size."""
    mu = np.maximum(mu - lipschitz * delta, 0.0)
    least = np.minimum(mu / 2, mu * delta / 12)
    least = np.minimum(least, mu**2 / (32 * np.maximum(lipschitz, 1e-300)))
    return np.asarray((mu > 0) & (eps <= least) & (eps <= lipschitz))

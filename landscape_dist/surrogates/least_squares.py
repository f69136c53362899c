"""Levenberg–Marquardt on the weights of a perceptron: fitting data as the least-squares problem that it is.

A gradient does not know that the loss is a sum of squares; the matrix J^T J of the residuals' derivatives does, and is
nearly the Hessian once the residuals are small.  An iteration costs n p^2 operations for n energies and p weights, 25
times one of L-BFGS at p = 577 and 40 times at p = 1153; where the data are smooth and exact it is worth hundreds of
them.  Known gradients are d residuals more for each point.
"""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np

from landscape_dist.errors import SettingsError
from landscape_dist.records import FloatArray
from landscape_dist.surrogates.perceptron import Perceptron, layers_of, n_weights_of

MOST_WEIGHTS = 12_000
"""Beyond, the matrix and its damped copy take more than two gigabytes, and each thousand energies some seconds."""

_ROWS = 1000  # whose derivatives are in memory at a time
_FIRST_DAMPING = 1e-3  # relative to the largest element of the diagonal
_GROWTH = 2.0
_STUCK = 1e12  # damping relative to the same: steps have ended at rounding


def check_least_squares(n_features: int, hidden: tuple[int, ...]) -> None:
    """Raise where Levenberg–Marquardt cannot fit.

    Raises:
        SettingsError: too many weights.
    """
    n_weights = n_weights_of((n_features, *hidden, 1))
    if n_weights > MOST_WEIGHTS:
        raise SettingsError(
            f"training setting finish is 'levenberg_marquardt' and hidden {list(hidden)}, which has {n_weights} "
            f"weights; give a network of at most {MOST_WEIGHTS}, or finish = 'lbfgs'"
        )


class LevenbergMarquardt:
    """Minimises the loss of `Objective`, mean (E - y)^2 + lambda2 mean |dE/dx - g|^2 + weight_decay |theta|^2 / 2.

    The damping follows the ratio of the decrease to what the linearised residuals promise (Nielsen, IMM-REP-1999-05).

    Args:
        data: "A" (n, f) features and "y" (n,) standardised energies; where gradients are known, also the "slopes" (m,
            f) and "gradient" (m, d) of the first m rows, as for `Objective`.
        hidden: widths of the network.
        weight_decay: of all weights and biases.
        gradient_weight: lambda2.
        membership: (f, d) which feature depends on which variable.
        damping: what `kept` gave as such, to go on from there.
    """

    round: ClassVar[int] = 10

    def __init__(
        self, data: dict[str, Any], hidden: tuple[int, ...], weight_decay: float, damping: Any = None,
        *, gradient_weight: float = 1.0, membership: Any = None,
    ) -> None:  # fmt: skip
        self._A, self._y, self._weight_decay = data["A"], data["y"], weight_decay
        self._widths = (self._A.shape[1], *hidden, 1)
        self._blocks = _blocks(len(self._y))
        self._gradient = data.get("gradient")
        if self._gradient is not None:
            # of each variable, the direction in the features' space that a step along it is
            self._directions = [data["slopes"] * column for column in np.asarray(membership).T]
            self._gradient_share = gradient_weight / self._gradient.size
            self._gradient_blocks = _blocks(len(self._gradient))
        self._mu, self._growth = (0.0, _GROWTH) if damping is None else map(float, damping)

    def kept(self) -> dict[str, Any]:
        return {"damping": np.array([self._mu, self._growth])}

    def advance(self, theta: FloatArray, iterations: int) -> tuple[FloatArray, float, int]:
        from scipy.linalg import LinAlgError, cho_factor, cho_solve

        loss = self._loss(theta)
        matrix, derivative = self._normal_equations(theta)
        diagonal = np.diag_indices(len(theta))
        for taken in range(iterations):
            largest = float(matrix[diagonal].max())
            mu = self._mu or _FIRST_DAMPING * largest
            if not 0 < mu < _STUCK * largest:
                return theta, loss, taken
            damped = matrix.copy(order="F")
            damped[diagonal] += mu
            self._mu, self._growth = mu * self._growth, 2.0 * self._growth  # where the step is refused
            try:
                factor = cho_factor(damped, lower=True, overwrite_a=True, check_finite=False)
            except LinAlgError:  # indefinite by rounding
                continue
            step = -cho_solve(factor, derivative, check_finite=False)
            trial = self._loss(theta + step)
            if not trial < loss:
                continue
            promised = float(step @ (mu * step - derivative))  # which rounds to 0 where hardly a loss is left
            gain = min(1.0, (loss - trial) / promised) if promised > 0 else 0.0
            self._mu, self._growth = mu * max(1.0 / 3.0, 1.0 - (2.0 * gain - 1.0) ** 3), _GROWTH
            theta, loss = theta + step, trial
            if taken + 1 < iterations:
                matrix, derivative = self._normal_equations(theta)
        return theta, loss, iterations

    def _loss(self, theta: FloatArray) -> float:
        network = Perceptron(layers_of(theta, self._widths))
        residual = np.concatenate([network.value(self._A[rows]) for rows in self._blocks]) - self._y
        total = float(residual @ residual) / len(residual) + 0.5 * self._weight_decay * float(theta @ theta)
        if self._gradient is not None:
            by_feature = np.concatenate([network.gradient(self._A[rows]) for rows in self._gradient_blocks])
            for direction, known in zip(self._directions, self._gradient.T, strict=True):
                mismatch = (by_feature * direction).sum(axis=1) - known
                total += self._gradient_share * float(mismatch @ mismatch)
        return total

    def _normal_equations(self, theta: FloatArray) -> tuple[FloatArray, FloatArray]:
        """J^T J (its lower triangle) and J^T r, as means over the rows and with the decay's part."""
        from scipy.linalg.blas import dsyrk

        network, share = Perceptron(layers_of(theta, self._widths)), 1.0 / len(self._y)
        p = len(theta)
        matrix: Any = np.zeros((p, p), order="F")
        derivative = 0.5 * self._weight_decay * theta
        buffer = np.empty((min(_ROWS, len(self._y)), p))
        for rows in self._blocks:
            values, J = network.weight_derivatives(self._A[rows], out=buffer[: rows.stop - rows.start])
            matrix = dsyrk(share, J.T, beta=1.0, c=matrix, lower=1, overwrite_c=1)
            derivative = derivative + share * ((values - self._y[rows]) @ J)
        if self._gradient is not None:
            share = self._gradient_share
            for direction, known in zip(self._directions, self._gradient.T, strict=True):
                for rows in self._gradient_blocks:
                    part = buffer[: rows.stop - rows.start]
                    slopes, J = network.slope_weight_derivatives(self._A[rows], direction[rows], out=part)
                    matrix = dsyrk(share, J.T, beta=1.0, c=matrix, lower=1, overwrite_c=1)
                    derivative = derivative + share * ((slopes - known[rows]) @ J)
        matrix[np.diag_indices(p)] += 0.5 * self._weight_decay
        return matrix, derivative


def _blocks(n: int) -> list[slice]:
    return [slice(i, min(i + _ROWS, n)) for i in range(0, n, _ROWS)]

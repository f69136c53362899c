"""How a training ends: on all points at once, in float64."""

from __future__ import annotations

from typing import Any, ClassVar, Protocol

from landscape_dist.records import FloatArray
from landscape_dist.surrogates.objective import Objective

_MEMORY = 50  # pairs that L-BFGS keeps; a network's curvature is seen better with more than the usual ten


class Finish(Protocol):
    """A minimiser that goes on in rounds.

    Attributes:
        round: iterations between looks at the held-out points, and checkpoints.
    """

    round: ClassVar[int]

    def advance(self, theta: FloatArray, iterations: int) -> tuple[FloatArray, float, int]:
        """Weights after so many iterations from `theta`, their loss, and how many were taken; fewer at the end."""
        ...

    def kept(self) -> dict[str, Any]:
        """What the next round needs beside the weights, for the checkpoint."""
        ...


class Lbfgs:
    """L-BFGS, which starts afresh with each round.

    Args:
        objective, data: the loss and what it takes.
    """

    round: ClassVar[int] = 100

    def __init__(self, objective: Objective, data: dict[str, Any]) -> None:
        self._objective = objective
        self._data = [data[key] for key in ("A", "y", "slopes", "gradient") if key in data]

    def advance(self, theta: FloatArray, iterations: int) -> tuple[FloatArray, float, int]:
        from scipy.optimize import minimize

        options = {"maxiter": iterations, "maxcor": _MEMORY, "maxfun": 10**9, "ftol": 0.0, "gtol": 0.0}
        found = minimize(self._function, theta, jac=True, method="L-BFGS-B", options=options)
        return found.x, float(found.fun), int(found.nit)

    def _function(self, vector: FloatArray) -> tuple[float, FloatArray]:
        self._objective.theta[...] = vector
        loss = self._objective(*self._data)
        return loss, self._objective.grad.copy()

    def kept(self) -> dict[str, Any]:
        return {}

"""Problems made of a user's functions: what those who try one need to know about it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from landscape_dist.errors import ProblemError
from landscape_dist.problems.base import Problem
from landscape_dist.problems.noise import Noise


@dataclass(frozen=True)
class Labels:
    """What the parts are called in messages; a vector field's gradient is -F and its Hessian minus the Jacobian."""

    energy: str = "energy"
    gradient: str = "gradient"
    the_gradient: str = "the gradient"
    hessian: str = "hessian"
    hvp: str = "hvp"
    sign: float = 1.0
    symmetric: bool = True


class UserProblem(Problem):
    """A problem that calls functions of a user's.

    Attributes:
        labels: what its parts are called.
        noise: of its functions, as measured when it was built; None where they are exact, or were not tried.
    """

    labels = Labels()
    noise: Noise | None = None

    @property
    def derived(self) -> frozenset[str]:
        """Which of gradient, hessian and hvp are not given but made of others: nothing to compare with these."""
        return frozenset()

    @property
    def batched(self) -> bool:
        """Whether the functions take batches."""
        return True

    @property
    def eps(self) -> float:
        """Rounding unit of the computation: that of the least exact numbers that the functions return."""
        kinds = [dtype for dtype in self.answered().values() if dtype.kind == "f"]
        return max([float(np.finfo(np.float64).eps), *(float(np.finfo(dtype).eps) for dtype in kinds)])

    def gradient_noise(self, X: Any) -> Any:
        """As measured; None where gradients are exact."""
        if self.noise is None or self.noise.gradient is None:
            return None
        return _alike(X, self.noise.gradient.least)

    def hessian_noise(self, X: Any) -> Any:
        """As measured; None where gradients are exact."""
        if self.noise is None or self.noise.gradient is None:
            return None
        return _alike(X, self.noise.hessian)

    @property
    def position_noise(self) -> float:
        return 0.0 if self.noise is None else self.noise.position

    def answered(self) -> dict[str, np.dtype[Any]]:
        """What the functions returned last, by label, before it was made float64."""
        return {}

    def translate_error(self, error: Exception) -> ProblemError | None:
        """What an error says about the functions; None where it is their own."""
        return None


def _alike(X: Any, value: float) -> Any:
    """(n, d) array or tensor -> (n,) of the same kind."""
    return np.full(len(X), value) if isinstance(X, np.ndarray) else X.new_full((len(X),), value)

"""Adam on one flat vector of weights."""

from __future__ import annotations

import math
from typing import Any

from landscape_dist.records import Array


class Adam:
    """Adam (Kingma and Ba, 2014) with the decay rates 0.9 and 0.999, for NumPy arrays and torch tensors.

    Attributes:
        m, v: running means of the gradient and of its square. n_steps: steps taken.
    """

    def __init__(self, theta: Array, xp: Any, betas: tuple[float, float] = (0.9, 0.999), eps: float = 1e-8) -> None:
        self.m, self.v, self._work = theta * 0.0, theta * 0.0, theta * 0.0
        self.n_steps = 0
        self._xp, self._betas, self._eps = xp, betas, eps

    def step(self, theta: Array, grad: Array, rate: float) -> None:
        """One step, in place; `grad` is used up."""
        self.n_steps += 1
        xp, work, (b1, b2) = self._xp, self._work, self._betas
        xp.subtract(grad, self.m, out=work)
        work *= 1.0 - b1
        self.m += work
        grad *= grad
        grad -= self.v
        grad *= 1.0 - b2
        self.v += grad
        # m / (1 - b1^n) over sqrt(v / (1 - b2^n)) + eps, with the corrections drawn into two numbers
        correction = math.sqrt(1.0 - b2**self.n_steps)
        xp.sqrt(self.v, out=work)
        work += self._eps * correction
        xp.divide(self.m, work, out=work)
        work *= rate * correction / (1.0 - b1**self.n_steps)
        theta -= work

"""How the floor of a valley bends away from straight steps, told from one step to the next."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from landscape_dist.hisd.state import RuleState
from landscape_dist.numerics.linalg import row_dot, row_norm

# Cosine of the angle between two steps at least, for what was seen of one to tell something of the other.
ALIGNED = 0.9
# Steps bend by no more than this part of their lengths.
MOST = 0.5
TINY = 1e-300


@dataclass(slots=True)
class Bends(RuleState):
    """What is known of n searches.

    In a stiff valley the path has x'' across it, which no linear model of the gradient knows; but the gradient after a
    step says where the floor is (the defect of the model, divided by the curvature), and x'' changes slowly.  That is
    the geodesic acceleration of Transtrum and Sethna (2012, arXiv:1201.5885) taken from the step before, so that it
    costs no evaluation.

    Attributes:
        bend: (n, d) displacement to the side by a step of length 1; it grows with the square of the length.
        along: (n, d) unit vectors along the steps that it was seen over; zero where nothing is known.
        Both are None where nothing is known of any search.
    """

    bend: Any = None
    along: Any = None

    def expected(self, step: Any, xp: Any) -> Any:
        """(n, d) what to add to straight steps (n, d), zero where nothing is known of that direction; None for none."""
        if self.bend is None:
            return None
        size, along = row_norm(step, xp), row_dot(step, self.along, xp)
        aside = self.bend * (along * along)[:, None]
        fits = (xp.abs(along) > ALIGNED * size) & (row_norm(aside, xp) <= MOST * size)
        return xp.where(fits[:, None], aside, xp.zeros_like(aside))

    def note(self, steps: Any, rows: Any, aside: Any, xp: Any) -> None:
        """Learn that the searches `rows` (m,) should have gone (m, d) aside of their straight steps.

        Args:
            steps: (n, d) straight steps of all.
        """
        if self.bend is None:
            self.bend, self.along = xp.zeros_like(steps), xp.zeros_like(steps)
        step = steps[rows]
        length = xp.maximum(row_norm(step, xp), TINY)[:, None]
        along = step / length
        aside = aside - along * row_dot(aside, along, xp)[:, None]
        self.bend[rows], self.along[rows] = aside / length**2, along

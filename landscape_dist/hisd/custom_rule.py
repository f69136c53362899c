"""The step rule that asks a user's scheme."""

from __future__ import annotations

from typing import Any

import numpy as np

from landscape_dist.errors import SettingsError
from landscape_dist.hisd.custom import History
from landscape_dist.hisd.explicit import HUGE
from landscape_dist.hisd.polish import Polish
from landscape_dist.hisd.settings import SolverSettings
from landscape_dist.hisd.state import State


class CustomRule:
    """Moves x, and the directions if the scheme gives them, as `settings.custom_step` says.

    The past is kept beside the state, by row, because its length differs from scheme to scheme.
    """

    uses_hessian = False

    def __init__(self, settings: SolverSettings) -> None:
        assert settings.custom_step is not None
        assert settings.step_size is not None
        self.custom = settings.custom_step
        self.step_size = settings.step_size
        self.polish = Polish() if self.custom.polish else None
        self.past: list[tuple[np.ndarray, Any, Any, Any]] = []
        self.number = 0
        self.directions: Any = None

    def begin(self, state: State, xp: Any) -> None:
        """Nothing is past yet."""
        self.past, self.number = [], 0
        if self.polish is not None:
            self.polish.begin(state, xp)

    def propose(self, state: State, xp: Any) -> tuple[Any, Any]:
        """Displacements (n, d), and the pseudo-times (n,) that they stand for."""
        self.number += 1
        self.past.append((state.row.copy(), state.x, state.g, state.V))
        if self.custom.length is not None:
            self.past = self.past[-self.custom.length :]
        if len(self.past[0][0]) != len(state):
            # Searches that have ended leave the history, too; rows are ascending in all of it.
            self.past = [_among(entry, state.row, xp) for entry in self.past]
        rows, x, g, V = (list(part) for part in zip(*self.past, strict=True))
        history = History(x, g, V, self.step_size, self.number, rows[-1])
        answer = self.custom.function(history)
        following, self.directions = answer if isinstance(answer, tuple) else (answer, None)
        if tuple(following.shape) != tuple(state.x.shape):
            raise SettingsError(
                f"the custom step {self.custom.name!r} returned shape {tuple(following.shape)} for points of shape "
                f"{tuple(state.x.shape)}; return the next points"
            )
        time = self.step_size * xp.ones_like(state.norm)
        # Directions that the scheme moved itself stay as they are.
        return following - state.x, time if self.directions is None else xp.zeros_like(time)

    def judge(self, state: State, step: Any, gradient: Any, xp: Any) -> tuple[Any, Any]:
        """All are accepted whose gradient is finite; the others can go no further."""
        sane = xp.all(xp.abs(gradient) < HUGE, axis=-1)
        if self.directions is not None:
            state.V = xp.where(sane[:, None, None], self.directions, state.V)
        return sane, xp.where(sane, state.trust, xp.zeros_like(state.trust))

    @property
    def turned(self) -> bool:
        """Whether the scheme has moved the directions in the last step."""
        return self.directions is not None

    def finish(self, problem: Any, state: State, settings: SolverSettings) -> Any:
        """Polish the searches that are close; (n,) NumPy bool, which have been, or None."""
        return None if self.polish is None else self.polish.finish(problem, state, settings)


def _among(entry: tuple[np.ndarray, Any, Any, Any], rows: np.ndarray, xp: Any) -> tuple[np.ndarray, Any, Any, Any]:
    """The part of an entry of the history that belongs to these rows."""
    place = np.searchsorted(entry[0], rows)
    at = place if xp is np else xp.asarray(place)
    return (rows.copy(), *(array[at] for array in entry[1:]))

"""What was computed at a point a moment ago: searches of one parent, the polish and the verification of one end."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from weakref import WeakKeyDictionary

from landscape_dist.problems.base import Problem

REMEMBERED = 32


class Memory:
    """The last few results by the content of what they were computed from."""

    def __init__(self) -> None:
        self._known: dict[tuple[Any, ...], Any] = {}

    def get(self, key: tuple[Any, ...], compute: Callable[[], Any]) -> Any:
        """The result known under `key`, computed where there is none."""
        if key not in self._known:
            value = compute()
            while len(self._known) >= REMEMBERED:
                self._known.pop(next(iter(self._known)), None)
            self._known[key] = value
        return self._known[key]


_memories: WeakKeyDictionary[Problem, Memory] = WeakKeyDictionary()


def memory_of(problem: Problem) -> Memory:
    """What is remembered of a problem, as long as it lives."""
    return _memories.setdefault(problem, Memory())

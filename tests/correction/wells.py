"""A cheap energy with three points that writes down each time it is asked, and ends its process when told to."""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path

import numpy as np

import landscape_dist as ld
from landscape_dist.problems import from_callable
from landscape_dist.problems.domain import Box


class Wells:
    """(x^2 - 1)^2 + 2 (y - x / 2)^2 + x / 5: two minima and a saddle."""

    def __init__(self, diary: str | None = None, last: int | None = None) -> None:
        self.diary, self.last = diary, last

    def __call__(self, X: np.ndarray) -> np.ndarray:
        if self.diary is not None:
            with Path(self.diary).open("a") as file:
                file.writelines(f"{x!r} {y!r}\n" for x, y in X.tolist())
            if self.last is not None and len(Path(self.diary).read_text().splitlines()) > self.last:
                os.kill(os.getpid(), signal.SIGKILL)
        x, y = X.T
        return (x * x - 1) ** 2 + 2 * (y - x / 2) ** 2 + x / 5


def problem(diary: str | None = None, last: int | None = None):
    return from_callable(
        Wells(diary, last), dim=2, batched=True, name="wells", domain=Box((-1.7, -1.3), (1.6, 1.3)),
        fingerprint="wells", check=False,
    )  # fmt: skip


SETTINGS = {"n_initial": 24, "max_index": 1, "start": [0.1, 0.0], "seed": 3}

if __name__ == "__main__":
    ld.correct(problem(sys.argv[2], int(sys.argv[3])), folder=sys.argv[1], **SETTINGS)

"""How a training is going, in a line now and then."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from landscape_dist.surrogates.training import TrainingStatus


def print_progress(
    label: str = "", seconds: float = 20.0, write: Callable[[str], None] | None = None
) -> Callable[[TrainingStatus], None]:
    """What to give to `train` as `on_status`.

    Args:
        label: stands in front of each line.
        seconds: between two lines; the first comes after as many.
        write: takes the lines; default prints them to stderr.
    """
    shown = time.monotonic()

    def show(status: TrainingStatus) -> None:
        nonlocal shown
        if time.monotonic() - shown < seconds:
            return
        shown = time.monotonic()
        what = "epochs" if status.phase == "adam" else "iterations of the finish"
        held_out = "" if status.validation != status.validation else f", held out {status.validation:.3g}"
        line = f"{label}{': ' if label else ''}{status.done} of {status.total} {what}, loss {status.loss:.3g}{held_out}"
        if write is None:
            print(line, file=sys.stderr)
        else:
            write(line)

    return show

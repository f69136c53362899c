"""Loaded by Dask into the worker processes that this package starts on the local machine."""

from __future__ import annotations

import logging
import signal
from typing import Any


def dask_setup(worker: Any) -> None:
    """Leave Ctrl-C to the main process, and what there is to say about lost connections to the runner.

    A terminal sends Ctrl-C to the whole process group.  Dask's own silencing of a worker's log ends when the worker
    starts to close, which is when it complains most.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    logging.getLogger("distributed").setLevel(logging.CRITICAL)

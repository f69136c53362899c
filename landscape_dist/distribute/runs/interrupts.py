"""Ctrl-C at the right moment: while waiting or computing, never in the middle of a bookkeeping step."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType, TracebackType


class Interrupts:
    """Context in which the first Ctrl-C is held back until `allowed()` is entered, and the second raises at once.

    Only Python's own SIGINT handler is replaced, and only in the main thread: a program that has installed its own
    keeps it.
    """

    def __init__(self) -> None:
        self.requested = False
        self._open = False
        self._installed = False

    def __enter__(self) -> Interrupts:
        in_main_thread = threading.current_thread() is threading.main_thread()
        if in_main_thread and signal.getsignal(signal.SIGINT) is signal.default_int_handler:
            signal.signal(signal.SIGINT, self._handle)
            self._installed = True
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        if self._installed:
            signal.signal(signal.SIGINT, signal.default_int_handler)

    def _handle(self, number: int, frame: FrameType | None) -> None:
        again, self.requested = self.requested, True
        if self._open or again:
            raise KeyboardInterrupt

    @contextmanager
    def allowed(self) -> Iterator[None]:
        """Raise KeyboardInterrupt in this block if Ctrl-C comes now or came before."""
        self._open = True
        try:
            if self.requested:
                raise KeyboardInterrupt
            yield
        finally:
            self._open = False

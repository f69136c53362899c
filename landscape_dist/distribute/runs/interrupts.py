"""Ctrl-C, and the signals that end a process, at the right moment: while waiting or computing, never in the middle of a
bookkeeping step."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType, TracebackType

ENDING = tuple(getattr(signal, name) for name in ("SIGTERM", "SIGHUP") if hasattr(signal, name))
"""What batch systems (scancel, preemption, a time limit) and closed terminals send."""

EXIT_CODE = 128
"""A process that a signal has ended has this exit code plus the signal's number, for shells and batch systems."""


SOON = 0.1
"""When it is tried again, in seconds, where an exception is not wanted."""


def end_cleanly() -> None:
    """Let the signals that end a process do so by an exception, so that what was begun is put away.

    Of a program of ours: in others' the signals are treated so in `Interrupts` alone.
    """
    for number in ENDING:
        if signal.getsignal(number) is signal.SIG_DFL:
            signal.signal(number, _end)


def _end(number: int, frame: FrameType | None) -> None:
    if _importing(frame):  # where an exception may be lost
        again = threading.Timer(SOON, signal.raise_signal, (number,))
        again.daemon = True
        again.start()
        return
    for other in ENDING:  # what puts things away is not ended once more
        signal.signal(other, signal.SIG_IGN)
    raise SystemExit(EXIT_CODE + number)


def _importing(frame: FrameType | None) -> bool:
    while frame is not None:
        if frame.f_code.co_filename.startswith("<frozen importlib"):
            return True
        frame = frame.f_back
    return False


class Interrupts:
    """Context in which the first Ctrl-C is held back until `allowed()` is entered, and the second raises at once.

    SIGTERM and SIGHUP are taken for Ctrl-C, and noted in `ended_by`: who called is to end the process when everything
    is put away.  Only Python's own handlers are replaced, and only in the main thread: a program that has installed its
    own keeps it.

    Attributes:
        requested: whether any of them came. ended_by: number of the signal that is to end the process.
    """

    def __init__(self) -> None:
        self.requested = False
        self.ended_by: int | None = None
        self._open = False
        self._before: dict[int, object] = {}

    def __enter__(self) -> Interrupts:
        if threading.current_thread() is threading.main_thread():
            for number, usual in ((signal.SIGINT, (signal.default_int_handler,)), *((n, _USUAL) for n in ENDING)):
                if signal.getsignal(number) in usual:
                    self._before[number] = signal.signal(number, self._handle)
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        for number, handler in self._before.items():
            # once one of them has come the process is about to end
            signal.signal(number, signal.SIG_IGN if self.ended_by and number in ENDING else handler)  # type: ignore[arg-type]

    def _handle(self, number: int, frame: FrameType | None) -> None:
        again, self.requested = self.requested, True
        if number in ENDING:
            # sent once to each process of a group and once more to their leader, which is no second wish
            again = False
            self.ended_by = self.ended_by or number
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


_USUAL = (signal.SIG_DFL, _end)

"""Hangs in user code: a thread on each worker that ends the process when nothing comes back from the energy.

Dask has no time limit for a task, and nothing in Python ends a call that does not return, so the process has to go; the
nanny starts another.  The runner is told before, which piece it was and, where its searches ran one by one, which of
them.
"""

from __future__ import annotations

import faulthandler
import os
import socket
import sys
import threading
import time
import traceback
import uuid
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext, suppress
from dataclasses import dataclass
from types import FrameType
from typing import TYPE_CHECKING, Any

from distributed import Status, WorkerPlugin

from landscape_dist.distribute.worker.plugins import bring, withdraw

if TYPE_CHECKING:
    from distributed import Client

    from landscape_dist.problems.base import Problem

EXIT_CODE = 70
GRACE_SECONDS = 1.0
"""Between telling the runner and ending the process: the runner takes the task back, or it would hang elsewhere too."""


@dataclass(frozen=True, slots=True)
class Hang:
    """A task that hung.

    Attributes:
        key: of the task.
        slot: the search that hung; None where the searches of the task ran together.
        message: how long, and where in the code.
    """

    key: str
    slot: int | None
    message: str


class Watch:
    """One task under watch.

    Attributes:
        slot: the search that is running, where they run one by one.
    """

    def __init__(self, key: str, problem: Problem) -> None:
        self.key = key
        self.slot: int | None = None
        self.thread = threading.get_ident()
        self.still = 0.0  # seconds without progress
        self._counters = getattr(problem, "counters", None)
        self._seen: Any = None

    def moved(self) -> bool:
        """Whether an evaluation was begun, or a search, since the last call."""
        counters = self._counters
        now = (self.slot, None if counters is None else tuple(counters.as_dict().values()))
        moved, self._seen = now != self._seen, now
        return moved


class Watchdog(WorkerPlugin):
    """Watches the tasks of one run on a worker; not on one that lives in the process of the run itself, as those of a
    client with `processes=False` do: that process is not ours to end.

    Args:
        topic: of the events by which the runner is told.
        seconds: without progress for so long, a task hangs. Time in which the whole process stood still is not counted.
    """

    def __init__(self, topic: str, seconds: float) -> None:
        self.name = topic
        self.seconds = seconds
        self._home = (socket.gethostname(), os.getpid())
        self._watches: dict[int, Watch] = {}
        self._ended = threading.Event()

    def __getstate__(self) -> dict[str, Any]:
        return {"name": self.name, "seconds": self.seconds, "home": self._home}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__init__(state["name"], state["seconds"])  # type: ignore[misc]
        self._home = state["home"]

    def setup(self, worker: Any) -> None:
        self._ended.clear()
        if self._home == (socket.gethostname(), os.getpid()):
            return
        self._arm(2 * self.seconds)  # before the first task, which may not let the thread run at all
        threading.Thread(target=self._run, args=(worker,), name="landscape-watchdog", daemon=True).start()

    def teardown(self, worker: Any) -> None:
        self._ended.set()

    @contextmanager
    def watching(self, key: str, problem: Problem) -> Iterator[Watch]:
        """Watch what this thread does in this block."""
        watch = Watch(key, problem)
        self._watches[watch.thread] = watch
        try:
            yield watch
        finally:
            self._watches.pop(watch.thread, None)

    def _run(self, worker: Any) -> None:
        step = min(1.0, self.seconds / 8)
        last = armed = time.monotonic()
        while not self._ended.wait(step):
            now = time.monotonic()
            passed, last = min(now - last, 2 * step), now
            for watch in list(self._watches.values()):
                watch.still = 0.0 if watch.moved() else watch.still + passed
                if watch.still >= self.seconds:
                    self._end(worker, watch)
            if now - armed > self.seconds / 4:
                armed = now
                self._arm(2 * self.seconds)
        faulthandler.cancel_dump_traceback_later()

    def _arm(self, seconds: float) -> None:
        """Have the process ended also where this thread cannot run, because the hung call never lets Python go on."""
        if sys.__stderr__ is None:
            return
        with suppress(OSError, ValueError):  # closed, or no real file
            faulthandler.dump_traceback_later(seconds, exit=True, file=sys.__stderr__)

    def _end(self, worker: Any, watch: Watch) -> None:
        where = _place(sys._current_frames().get(watch.thread))
        message = f"no evaluation came back for {watch.still:.3g} s{where}"
        self._arm(60 + GRACE_SECONDS)

        def tell() -> None:
            worker.status = Status.closing_gracefully  # or the scheduler gives it another task, which would die with it
            worker.log_event(self.name, {"key": watch.key, "slot": watch.slot, "message": message})

        worker.loop.add_callback(tell)
        time.sleep(GRACE_SECONDS)
        os._exit(EXIT_CODE)


def watching(worker: Any, topic: str | None, problem: Problem) -> Any:
    """A context that yields the `Watch` of the task that runs in this thread; a plain one where nothing watches."""
    watchdog = None if topic is None else worker.plugins.get(topic)
    if not isinstance(watchdog, Watchdog):
        return nullcontext(Watch("", problem))
    return watchdog.watching(str(worker.get_current_task()), problem)


class HangWatch:
    """The runner's side: brings the watchdogs to the workers and hears what they say.

    Attributes:
        topic: what tasks are told, so that they find their watchdog; None where nothing is watched.
    """

    def __init__(self, client: Client, seconds: float | None) -> None:
        self.topic = None if seconds is None else f"landscape-watchdog-{uuid.uuid4().hex[:12]}"
        self._client = client
        self._watchdog = None if self.topic is None or seconds is None else Watchdog(self.topic, seconds)
        self._heard: deque[Hang] = deque()
        if self.topic is not None:
            client.subscribe_topic(self.topic, self._hear)

    def register(self) -> None:
        """Bring the watchdog to all workers, present and future."""
        if self._watchdog is not None:
            bring(self._client, self._watchdog, "the watchdog")

    def take(self) -> list[Hang]:
        """What was heard since the last call."""
        heard = []
        while self._heard:
            heard.append(self._heard.popleft())
        return heard

    def close(self) -> None:
        """Take the watchdogs off the workers; harmless where they are gone."""
        if self.topic is None or self._client.status != "running":
            return
        with suppress(OSError, ValueError):
            self._client.unsubscribe_topic(self.topic)
        withdraw(self._client, self.topic)

    def _hear(self, event: tuple[float, dict[str, Any]]) -> None:
        message = event[1]
        self._heard.append(Hang(message["key"], message["slot"], message["message"]))


def _place(frame: FrameType | None) -> str:
    """'; it was in FUNCTION (FILE, line N)', of the innermost frame that is a file's."""
    if frame is None:
        return ""
    last = traceback.extract_stack(frame)[-1]
    return f"; it was in {last.name} ({os.path.basename(last.filename)}, line {last.lineno})"

"""The problem on the workers: sent to each once, unpickled once a worker thread, checked by version.

Embedding the problem in every task costs tens of milliseconds each for a network of a million parameters, and data
scattered to the workers does not outlive them.  A worker plugin reaches present, future and restarted workers.
"""

from __future__ import annotations

import functools
import hashlib
import os
import pickle
import sys
import threading
from collections import Counter
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

import cloudpickle
from distributed import WorkerPlugin, get_worker

from landscape_dist.distribute.worker.isolation import Solved, solve_isolated, solve_one_by_one
from landscape_dist.distribute.worker.plugins import bring, withdraw
from landscape_dist.distribute.worker.watchdog import watching
from landscape_dist.errors import LandscapeError, ProblemError

if TYPE_CHECKING:
    from distributed import Client

    from landscape_dist.problems.base import Problem


class ProblemMissingError(LandscapeError):
    """A task came to a worker that has not (or no longer) the version of the problem that it needs."""


class ProblemNotLoadableError(LandscapeError):
    """A worker cannot unpickle what the tasks need."""


class ProblemPlugin(WorkerPlugin):
    """Holds one version of a problem on a worker, as bytes until the first task needs it.

    Every thread of a worker unpickles its own copy: evaluation counters, and much user code, are not made for threads.
    """

    def __init__(self, blob: bytes, version: str) -> None:
        self.blob = blob
        self.version = version
        self.name = plugin_name(version)
        self._local = threading.local()

    def __getstate__(self) -> dict[str, Any]:
        return {"blob": self.blob, "version": self.version, "name": self.name}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        self._local = threading.local()

    def teardown(self, worker: Any) -> None:
        self._local = threading.local()

    def problem(self) -> Any:
        """The problem, this thread's copy."""
        if not hasattr(self._local, "problem"):
            self._local.problem = _loads(self.blob, "the problem")
            if "torch" in sys.modules:
                # workers share a machine: one thread each unless the site says otherwise
                wanted = os.environ.get("OMP_NUM_THREADS", "")
                sys.modules["torch"].set_num_threads(int(wanted) if wanted.isdigit() and int(wanted) > 0 else 1)
        return self._local.problem


def plugin_name(version: str) -> str:
    return f"landscape-problem-{version}"


def _loads(blob: bytes, what: str) -> Any:
    try:
        return pickle.loads(blob)
    except Exception as error:
        raise ProblemNotLoadableError(f"{what}: {type(error).__name__}: {error}") from error


@functools.lru_cache(maxsize=8)
def _load_call(call: bytes) -> tuple[Any, Any]:
    solve, settings = _loads(call, "the solver or its settings")
    return solve, settings


def run_searches(
    version: str, call: bytes, payload: bytes, topic: str | None = None, one_by_one: bool = False
) -> Solved:
    """The task: solve a pickled SearchBatch with the problem of that version that the worker holds.

    Args:
        version: of the problem.
        call: pickled solver and settings.
        payload: pickled searches.
        topic: name of the watchdog to tell; None for none.
        one_by_one: solve each search by itself, so that the watchdog knows which one hangs.
    """
    worker = get_worker()
    plugin = worker.plugins.get(plugin_name(version))
    if not isinstance(plugin, ProblemPlugin) or plugin.version != version:
        raise ProblemMissingError(f"problem {version} is not on worker {worker.address}")
    problem = plugin.problem()
    solve, settings = _load_call(call)
    with watching(worker, topic, problem) as watch:
        batch = pickle.loads(payload)
        if not one_by_one:
            return solve_isolated(solve, problem, batch, settings)
        return solve_one_by_one(solve, problem, batch, settings, watch)


def dump(value: Any, what: str) -> bytes:
    """Pickle by value what lives in `__main__`; a ProblemError that says what to do where that cannot be."""
    try:
        return bytes(cloudpickle.dumps(value, protocol=5))
    except Exception as error:
        raise ProblemError(
            f"{what} cannot be sent to worker processes ({type(error).__name__}: {error}); keep open files, locks and "
            "handles out of it (open them on first use), or run with serial=True"
        ) from error


# Of each client: version -> runs that need it now. Where no run does, the workers keep it for the next one.
_held: WeakKeyDictionary[Client, Counter[str]] = WeakKeyDictionary()
# Runs of one client may be in several threads; held while a problem travels, so that none counts on what is on its way.
_holding = threading.RLock()


class Broadcast:
    """One problem on all workers of a client's cluster, sent to each of them once.

    It stays there when a run is over, so that the next run of the same problem sends nothing, until the client brings
    another problem or is closed by `clusters.connect`: a corrected surrogate takes the place of the one before.

    Attributes:
        version: hash of the problem's bytes; tasks name it.
    """

    def __init__(self, client: Client, problem: Problem) -> None:
        self._client = client
        blob = dump(problem, "the problem")
        self.version = hashlib.blake2b(blob, digest_size=12).hexdigest()
        self._plugin = ProblemPlugin(blob, self.version)
        self._needed = False

    def register(self) -> None:
        """Bring the problem to all workers, present and future; again after a worker reported it missing."""
        with _holding:
            held = _held.setdefault(self._client, Counter())
            there = self.version in held and not self._needed
            if not self._needed:
                withdraw_idle(self._client, but=self.version)
                held[self.version] += 1
                self._needed = True
            if there:
                return
            try:
                bring(self._client, self._plugin, "the problem")
            except BaseException:
                self.release()  # whoever asks for it does not come to use it
                raise

    def release(self) -> None:
        """This run needs it no more."""
        with _holding:
            if self._needed:
                _held[self._client][self.version] -= 1
                self._needed = False


def withdraw_idle(client: Client, but: str | None = None) -> None:
    """Free the memory of a client's workers from problems that no run needs; harmless where they are gone already.

    Args:
        but: a version that stays.
    """
    with _holding:
        held = _held.get(client, Counter())
        for version in [version for version, n in held.items() if n == 0 and version != but]:
            del held[version]
            withdraw(client, plugin_name(version))

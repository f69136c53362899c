"""Who may write to a database: one process at a time, also where machines share nothing but the store.

The holder's entry is the Zarr group `lease` inside the database: who, where, since when, and a heartbeat that the
holder counts up.  Nothing compares clocks of two machines: whoever wants to take over watches, by its own monotonic
clock, whether the heartbeat stands still for as long as the entry says.  File locks, which network file systems lack,
are not needed; `DirectoryLock` closes the last gap where there are some.

No plain store can hold back a write that is already under way.  A holder that is frozen in the middle of one for longer
than the lease and goes on after another took over can damage what both write; it notices before its next write.
"""

from __future__ import annotations

import errno
import json
import os
import socket
import threading
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from zarr.core.buffer import default_buffer_prototype
from zarr.core.sync import sync
from zarr.storage import StorePath

from landscape_dist.errors import StoreInUseError
from landscape_dist.store.schema import LEASE_SECONDS
from landscape_dist.store.settings import MOST_SECONDS, check_seconds

NAME = "lease"
"""Name of the group within the database."""

BEATS = 6
"""Heartbeats in the time after which a silent holder loses its lease."""

SETTLE_SECONDS = 1.0
"""After taking over what somebody else held: when to look whether another did the same in the same moment."""

MOST_UNSEEN = 10.0
"""For so many seconds, or half of the lease, a holder waits for an entry of its own that it does not see."""

ENTRY_BYTES = 8192
"""An entry of more than that is none."""

_HELD_HERE: set[str] = set()  # tokens of leases that this process holds


@dataclass(frozen=True, slots=True)
class Holder:
    """The entry of a process that writes.

    Attributes:
        host, pid, since: who, and since when (ISO 8601 in UTC, for people).
        machine: tells machines, boots and containers apart. process: tells processes of equal pid apart.
        token: of this lease alone.
        seconds: without a heartbeat for so long, it may be taken over.
        beat: the heartbeat.
    """

    host: str
    pid: int
    since: str
    machine: str
    process: str
    token: str
    seconds: float
    beat: int = 0

    @classmethod
    def here(cls, seconds: float) -> Holder:
        """An entry for this process."""
        pid = os.getpid()
        since = datetime.now(UTC).isoformat(timespec="seconds")
        return cls(socket.gethostname(), pid, since, _machine(), _process(pid) or "", uuid.uuid4().hex, seconds)

    def __str__(self) -> str:
        return f"process {self.pid} on {self.host} since {self.since}"

    def is_dead(self, locked: bool) -> bool:
        """Whether its process is known to have ended; False where that cannot be seen from here.

        Args:
            locked: this process holds the lock of the directory.
        """
        if self.token in _HELD_HERE:
            return False
        if self.machine != _machine():
            # the same host after a reboot: the lock would be taken if another machine of that name were still there
            return locked and self.host == socket.gethostname()
        process = _process(self.pid)
        return self.pid == os.getpid() or process is None or (process != self.process)


class Lease:
    """The right to write to one database, kept alive by a thread; made by `take`.

    Attributes:
        holder: the entry as this process wrote it last.
    """

    def __init__(self, path: StorePath, where: str, holder: Holder) -> None:
        self.holder = holder
        self._path = path
        self._where = where
        self._ended = threading.Event()
        self._entry_lock = threading.Lock()
        self._thread: threading.Thread | None = None
        _HELD_HERE.add(holder.token)

    @classmethod
    def take(
        cls, root: StorePath, where: str, *, steal: bool = False, seconds: float = LEASE_SECONDS, lock: DirectoryLock
    ) -> Lease:
        """Become the one that writes.

        An entry of a process of this machine that has ended is taken over at once, any other only with `steal` and
        when its heartbeat stood still.

        Args:
            root: of the database.
            where: what messages call it.
            steal: take over from a holder that gives no sign of life; waits for as long as its entry says.
            seconds: how long this process may be silent before others may do the same.
            lock: of the database's directory; tried already.

        Raises:
            SettingsError: `seconds` cannot work.
            StoreInUseError: somebody else holds it; says who.
            OSError: the store cannot be written.
        """
        check_seconds("lease_seconds", seconds)
        path = root / NAME / "zarr.json"
        mine = Holder.here(seconds)
        other = _read(path)
        if lock.busy and (other is None or not steal):
            raise StoreInUseError(_refusal(where, other))
        if other is None:
            _write_new(path, mine)
        else:
            dead = other.is_dead(lock.held)
            if not dead and not steal:
                raise StoreInUseError(_refusal(where, other))
            if not dead:
                _watch(path, where, other)
            _write(path, mine)
            if not (dead and lock.held):
                time.sleep(SETTLE_SECONDS)
        now = _read(path)
        if now is None or now.token != mine.token:
            raise StoreInUseError(_refusal(where, now))
        return cls(path, where, mine)

    def start(self) -> None:
        """Let the heart beat."""
        self._thread = threading.Thread(target=self._beat, name="landscape-lease", daemon=True)
        self._thread.start()

    def check(self) -> None:
        """To be called before anything is written.

        Raises:
            StoreInUseError: another process took over.
        """
        now = self._seen()
        if now is None or now.token != self.holder.token:
            by = "somebody removed its lease" if now is None else f"{now} took over"
            raise StoreInUseError(
                f"{self._where} is no longer this process's to write to: {by}, because no heartbeat of this one was "
                f"seen for {self.holder.seconds:g} s. Everything up to the last commit is safe, and the other goes on "
                "from there"
            )

    def _seen(self) -> Holder | None:
        """The entry; waits for one that cannot be seen, as where a network is away for a moment."""
        deadline = time.monotonic() + min(MOST_UNSEEN, self.holder.seconds / 2)
        while (now := _read(self._path)) is None and time.monotonic() < deadline:
            time.sleep(self.holder.seconds / (10 * BEATS))
        return now

    def stop(self) -> None:
        """Beat no more, and leave the entry: for a directory that is about to be replaced and removed."""
        with self._entry_lock:
            self._ended.set()
        _HELD_HERE.discard(self.holder.token)

    def release(self) -> None:
        """Let others write.  Harmless when repeated, and where the lease is lost."""
        if self._ended.is_set():
            return
        self._ended.set()
        with self._entry_lock:
            try:
                now = _read(self._path)
                if now is not None and now.token == self.holder.token:
                    sync(self._path.store.delete_dir(self._path.path.rpartition("/")[0]))
            except (OSError, NotImplementedError):
                # Cannot be deleted (disk gone, store without deletion): the process's end says the same.
                pass
        _HELD_HERE.discard(self.holder.token)

    def _beat(self) -> None:
        while not self._ended.wait(self.holder.seconds / BEATS):
            with self._entry_lock:
                if self._ended.is_set():
                    return
                try:
                    now = _read(self._path)
                    if now is None:
                        continue  # it may be seen again; `check` says before the next write whether it was
                    if now.token != self.holder.token:
                        return
                    self.holder = replace(self.holder, beat=self.holder.beat + 1)
                    _write(self._path, self.holder)
                except OSError:
                    # a full disk, a network that is away: the next beat may get through
                    continue


class DirectoryLock:
    """The kernel's lock on a database's directory, where the file system has locks.

    It ends with its process, however that ends, and with children forked from it without exec.  The directory itself
    is locked, so that no file appears which Zarr does not know.

    Attributes:
        held: this process has it. busy: another has it.
    """

    def __init__(self, directory: Path | None) -> None:
        self.busy = False
        self._descriptor: int | None = None
        try:
            import fcntl
        except ImportError:  # not a POSIX system
            return
        if directory is None:
            return
        descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            os.close(descriptor)
            self.busy = isinstance(error, BlockingIOError)
        else:
            self._descriptor = descriptor

    @property
    def held(self) -> bool:
        return self._descriptor is not None

    def release(self) -> None:
        """Harmless when repeated."""
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None


@contextmanager
def alone_in(folder: Path, doing: str) -> Iterator[None]:
    """Keep other processes out of a folder that is no database, where the file system has locks.

    Args:
        doing: what they would do there, for the message.

    Raises:
        StoreInUseError: another process does it.
    """
    lock = DirectoryLock(folder)
    try:
        if lock.busy:
            raise StoreInUseError(f"another process {doing} in {folder}; wait until it ends, or give another folder")
        yield
    finally:
        lock.release()


# -- entries --------------------------------------------------------------------------------------------------
def _read(path: StorePath) -> Holder | None:
    # Not by a range: some stores (Icechunk) fail where it ends behind the entry.
    buffer = sync(path.get(default_buffer_prototype()))
    if buffer is None:
        return None
    if len(buffer) > ENTRY_BYTES:
        return _UNREADABLE
    try:
        fields = json.loads(buffer.to_bytes())["attributes"]
        holder = Holder(**{name: kind(fields[name]) for name, kind in _TYPES.items()})
    except (ValueError, KeyError, TypeError, RecursionError, OverflowError):
        return _UNREADABLE
    sound = 0 < holder.seconds <= MOST_SECONDS and f"{holder}".isprintable()
    return holder if sound else _UNREADABLE


_TYPES: dict[str, Any] = dict.fromkeys(Holder.__slots__, str) | {"pid": int, "beat": int, "seconds": float}
_UNREADABLE = Holder("an unknown host", -1, "an unknown time", "", "", "", LEASE_SECONDS)


def _as_group(holder: Holder) -> Any:
    group = {"zarr_format": 3, "node_type": "group", "attributes": asdict(holder)}
    return default_buffer_prototype().buffer.from_bytes(json.dumps(group, indent=2).encode())


def _write(path: StorePath, holder: Holder) -> None:
    sync(path.set(_as_group(holder)))


def _write_new(path: StorePath, holder: Holder) -> None:
    """Write an entry where there is none; of two that do so at the same time the first wins."""
    try:
        sync(path.set_if_not_exists(_as_group(holder)))
    except OSError as error:
        if error.errno not in (errno.EPERM, errno.EOPNOTSUPP, errno.ENOSYS):
            raise
        # a file system without hard links, by which Zarr creates exclusively
        _write(path, holder)
        time.sleep(SETTLE_SECONDS)


def _watch(path: StorePath, where: str, holder: Holder) -> None:
    """Return when the holder's heartbeat stood still for as long as it said.

    Raises:
        StoreInUseError: it moved.
    """
    step = holder.seconds / (2 * BEATS)
    seen, last = 0.0, time.monotonic()
    while seen < holder.seconds:
        time.sleep(step)
        now = _read(path)
        if now is not None and (now.token, now.beat) != (holder.token, holder.beat):
            raise StoreInUseError(
                f"{where} cannot be taken over: {now} is alive (its heartbeat goes on); wait for it or end it"
            )
        # time in which this process did not run itself says nothing
        seen += min(time.monotonic() - last, 2 * step)
        last = time.monotonic()


def _refusal(where: str, other: Holder | None) -> str:
    if other is None:
        return f"{where} is being written by another process; wait for it, end it, or open with mode 'r'"
    return (
        f"{where} is being written by another process ({other}); wait for it, end it, or open with mode 'r'. If that "
        f"process is gone, take over with --steal (steal=True), which first waits {other.seconds:g} s for a sign of it"
    )


# -- machines and processes -----------------------------------------------------------------------------------
def _machine() -> str:
    """The same in two processes only if they see each other's process ids."""
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
        return f"{boot} {os.readlink('/proc/self/ns/pid')}"
    except OSError:
        return f"host {socket.gethostname()}"


def _process(pid: int) -> str | None:
    """None if there is no such process, else something that another process of this id would not have.

    Its start in ticks since boot, which no change of the clock touches.
    """
    try:
        text = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        if os.path.exists("/proc/self/stat"):
            return None
        return "running" if _exists(pid) else None
    state, *rest = text.rpartition(")")[2].split()  # the name before it may hold anything
    return None if state in "ZX" else rest[18]


def _exists(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except OSError:
        return True
    return True

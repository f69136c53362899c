"""The landscape database: one writer, whole commits, readers at any time."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from types import TracebackType
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import NDArray

from landscape_dist.errors import StoreError
from landscape_dist.numerics.plain_json import plain_json
from landscape_dist.records import FailureColumns, FloatArray, PointColumns, SearchColumns, TrajectoryColumns
from landscape_dist.store.columns import pack_failures, pack_points, pack_searches, pack_trajectories, unpack
from landscape_dist.store.schema import (
    BLOCKS,
    LEASE_SECONDS,
    LENGTHS,
    MAX_DIM,
    TRAJECTORY_BLOCKS,
    TRAJECTORY_LENGTHS,
    migrate,
    needs_migration,
)
from landscape_dist.store.sessions import begin_session, known_sessions, session_at
from landscape_dist.store.snapshot import Progress, Snapshot

if TYPE_CHECKING:
    from landscape_dist.store.zarr_backend import ZarrBackend
    from landscape_dist.store.zarr_reader import StoreLike

COMMIT_SECONDS = 1.0
"""Recommended time between commits: it bounds what kill -9 can lose; at 10 ms a commit it costs 1 %."""

COMMIT_ROWS = 50_000
"""Recommended limit of buffered rows, where searches are so fast that memory would fill before the time is up."""

CHUNKS_PER_FILE = 16
"""Chunks in a file of an array that has as many, in a copy; a later commit rewrites the last file, some 4 MB."""

ROWS_TOGETHER = 200_000
PATH_POINTS_TOGETHER = 1 << 20


class Database:
    """Points, searches and failures of one landscape in a Zarr v3 group.

    Made by `create` or `open`, not directly.  `append` buffers in memory; `commit` writes the buffer and then moves
    the commit pointer in one atomic step, so a reader, or whoever opens the database after a kill, sees a whole
    commit.  One process writes at a time (see `store.lease`).  Ids of points are row numbers.

    Attributes:
        header: what the database is of, as given to `create`.
        dim: number of variables. n_eigenvalues: eigenvalues kept of each point.
        sessions: who wrote to it, oldest first, see `store.sessions`; empty where an older version did.
    """

    header: dict[str, Any]
    dim: int
    n_eigenvalues: int

    def __init__(self, backend: ZarrBackend, mode: Literal["r", "a"], session: dict[str, Any] | None = None) -> None:
        attributes = backend.attributes()
        self.header = attributes["header"]
        self.dim = attributes["sizes"]["dim"]
        self.n_eigenvalues = attributes["sizes"]["n_eigenvalues"]
        self.mode = mode
        self._backend = backend
        self._pointer: dict[str, Any] = attributes["commit"]
        self._lengths = {name: int(self._pointer[name]) for name in LENGTHS}  # buffered rows included
        self._lengths |= {name: int(self._pointer.get(name, 0)) for name in TRAJECTORY_LENGTHS}
        self._buffer: dict[str, list[NDArray[Any]]] = {block.path: [] for block in (*BLOCKS, *TRAJECTORY_BLOCKS)}
        self.sessions = known_sessions(attributes)
        if mode == "a":
            self.sessions.append(begin_session(session))  # written with the first commit
        self._failed: str | None = None
        self._closed = False
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="landscape-commit") if mode == "a" else None

    @classmethod
    def create(
        cls,
        store: StoreLike,
        header: dict[str, Any],
        *,
        dim: int,
        n_eigenvalues: int,
        steal: bool = False,
        lease_seconds: float = LEASE_SECONDS,
        session: dict[str, Any] | None = None,
        earlier: Sequence[dict[str, Any]] = (),
        shards: Mapping[str, int] | None = None,
    ) -> Database:
        """Make a new database and open it for writing.

        Args:
            store: path, URL (passed to Zarr) or any Zarr store object.
            header: what the landscape is of (problem, settings, versions); anything JSON can hold.
            dim: number of variables d.
            n_eigenvalues: eigenvalues kept of each point.
            steal, lease_seconds, session: as for `open`.
            earlier: sessions before this one, in other databases that this one continues.
            shards: by path of an array, how many of its chunks share a file; for what changes no more.

        Raises:
            StoreError: something is at `store` already, or the header does not fit into JSON.
        """
        from landscape_dist.store.zarr_backend import ZarrBackend

        for name, value in (("dim", dim), ("n_eigenvalues", n_eigenvalues)):
            if not 1 <= value <= MAX_DIM:
                raise StoreError(f"{name} is {value}; give a whole number from 1 to {MAX_DIM}")
        sizes = {"dim": int(dim), "n_eigenvalues": int(n_eigenvalues)}
        backend = ZarrBackend.create(
            store,
            plain_json("header", header),
            sizes,
            steal=steal,
            lease_seconds=lease_seconds,
            sessions=list(earlier),
            shards=shards,
        )
        return cls(backend, "a", session)

    @classmethod
    def open(
        cls,
        store: StoreLike,
        mode: Literal["r", "a"] = "r",
        *,
        steal: bool = False,
        lease_seconds: float = LEASE_SECONDS,
        session: dict[str, Any] | None = None,
    ) -> Database:
        """Open a database for reading ('r') or for reading and appending ('a').

        Args:
            store: path, URL or Zarr store object.
            mode: 'r' or 'a'. With 'a', a database of an older version is brought to this one first, as a whole: it is
                made anew beside the old one and takes its place in one step.
            steal: with mode 'a', take over from a process that gives no sign of life; waits for as long as that
                process had said, usually a minute. One of this machine that has ended is taken over from at once.
            lease_seconds: how long this process may give no sign before others may take over, in seconds.
            session: what is to be known of this session beyond host, process, times and lengths (mode 'a').

        Raises:
            StoreNotFoundError: nothing is there.
            StoreFormatError: something is there that is no landscape database, or one of an unknown version.
            StoreInUseError: mode 'a', and another process writes to it.
            StoreError: mode 'a', and it cannot be written.
        """
        from landscape_dist.store.zarr_backend import ZarrBackend

        if mode not in ("r", "a"):
            raise StoreError(f"mode is {mode!r}; use 'r' to read or 'a' to read and append")
        if mode == "a" and needs_migration(ZarrBackend.open(store, "r").attributes()):
            from landscape_dist.store.replacing import replacing

            with replacing(store, steal=steal, lease_seconds=lease_seconds) as new, cls.open(store) as old:
                old.copy_to(new)
        return cls(ZarrBackend.open(store, mode, steal=steal, lease_seconds=lease_seconds), mode, session)

    # -- writing ----------------------------------------------------------------------------------------------
    @property
    def n_buffered(self) -> int:
        """Points, searches and failures appended since the last commit."""
        return sum(self._lengths[name] - self._pointer[name] for name in ("n_points", "n_searches", "n_failures"))

    @property
    def n_buffered_bytes(self) -> int:
        """Size of the points of paths appended since the last commit, which may be large."""
        n = self._lengths["n_trajectory_points"] - self._pointer.get("n_trajectory_points", 0)
        return int(8 * n * (self.dim + 1))

    def append(
        self,
        points: PointColumns | None = None,
        searches: SearchColumns | None = None,
        failures: FailureColumns | None = None,
        trajectories: TrajectoryColumns | None = None,
    ) -> None:
        """Buffer rows for the next commit.  Arrays are copied; nothing is written yet.

        Raises:
            StoreError: a column has the wrong shape (nothing is buffered then), or the database is not writable.
        """
        self._check_writable()
        new: dict[str, NDArray[Any]] = {}
        if points is not None and len(points):
            new |= pack_points(points, self.dim, self.n_eigenvalues)
        if searches is not None and len(searches):
            new |= pack_searches(searches)
        if failures is not None and len(failures):
            new |= pack_failures(failures, self.dim, self._lengths["n_message_bytes"])
        if trajectories is not None and len(trajectories):
            new |= pack_trajectories(trajectories, self.dim, self._lengths["n_trajectory_points"])
        for path, rows in new.items():
            self._buffer[path].append(rows)
        for path, name in (
            ("points/x", "n_points"),
            ("searches/integers", "n_searches"),
            ("failures/x", "n_failures"),
            ("failures/message", "n_message_bytes"),
            ("trajectories/integers", "n_trajectories"),
            ("trajectories/x", "n_trajectory_points"),
        ):
            if path in new:
                self._lengths[name] += len(new[path])

    def commit(self, counters: dict[str, Any], state: dict[str, Any] | None = None, final: bool = False) -> None:
        """Write what is buffered and make it count, together with the counters, in one atomic step.

        Ctrl-C is held back until the commit is whole.

        Args:
            counters: evaluations and the like; replaces those of the commit before.
            state: whatever a resumed run needs beyond the rows; None leaves it as it was.  Keep it below some
                10 kB: it is rewritten in every commit.
            final: whether the landscape is finished.

        Raises:
            StoreInUseError: another process took over.
            StoreError: the storage failed.  The database stays as the last commit left it, and this object
                refuses to go on, because parts of the failed write may still be under way: open it again.
        """
        self._check_writable()
        assert self._thread is not None
        pointer: dict[str, Any] = {name: n for name, n in self._lengths.items() if n or name in LENGTHS}
        pointer |= {
            "number": self._pointer["number"] + 1,
            "counters": plain_json("counters", counters),
            "state": self._pointer["state"] if state is None else plain_json("state", state),
            "final": bool(final),
        }
        sessions = [*self.sessions[:-1], session_at(self.sessions[-1], pointer)]
        rows = {path: np.concatenate(parts) for path, parts in self._buffer.items() if parts}
        self._failed = "interrupted"  # until it is known to be whole
        try:
            interrupt = _finish_despite_interrupts(self._thread.submit(self._backend.commit, rows, pointer, sessions))
        except StoreError as error:
            self._failed = str(error)
            raise
        except Exception as error:
            self._failed = f"{type(error).__name__}: {error}"
            raise StoreError(
                f"commit {pointer['number']} to {self._backend.where} failed ({self._failed}); everything up to commit "
                f"{self._pointer['number']} is safe. Free space or restore access, and open the database again"
            ) from error
        self._pointer = pointer
        self.sessions = sessions
        for parts in self._buffer.values():
            parts.clear()
        self._failed = None
        if interrupt is not None:
            raise interrupt

    @property
    def is_usable(self) -> bool:
        """Whether there can be another commit: open for writing, and none has failed."""
        return self.mode == "a" and not self._closed and self._failed is None

    def _check_writable(self) -> None:
        if self._closed:
            raise StoreError(f"{self._backend.where} is closed; open it again with mode 'a'")
        if self.mode != "a":
            raise StoreError(f"{self._backend.where} is open for reading only; open it with mode 'a' to append")
        if self._failed is not None:
            raise StoreError(
                f"a commit to {self._backend.where} failed before ({self._failed}); open the database again to go on "
                "from its last commit"
            )

    # -- reading ----------------------------------------------------------------------------------------------
    def progress(self) -> Progress:
        """The newest commit pointer, at the price of one small file."""
        return Progress.of(self._backend.attributes()["commit"])

    def read(self) -> Snapshot:
        """Everything of the newest commit; whole, whatever a writer does meanwhile.

        Raises:
            StoreFormatError: committed rows are missing.
        """
        contents = migrate(self._backend.read(), self._backend.where)
        points, searches, failures = unpack(contents.arrays)
        progress = Progress.of(contents.attributes["commit"])
        return Snapshot(
            contents.attributes["header"], points, searches, failures, progress.counters, progress.state, progress
        )

    def identity(self) -> str | None:
        """What tells the database that is at its place now from one that was, or will be; None of old ones."""
        found = self._backend.attributes().get("id")
        return found if isinstance(found, str) else None

    def read_trajectory_index(self) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """(t,) slots of the searches whose paths are in the newest commit, and (t,) where their paths end.

        Raises:
            StoreFormatError: committed rows are missing.
        """
        n = int(self._backend.attributes()["commit"].get("n_trajectories", 0))
        slot, end = self._backend.read_rows("trajectories/integers", 0, n).T if n else np.zeros((2, 0), dtype=np.int64)
        return np.ascontiguousarray(slot), np.ascontiguousarray(end)

    def read_trajectory_points(self, start: int, stop: int) -> tuple[FloatArray, FloatArray]:
        """(n, d) points of paths and (n,) pseudo-times there, from row `start` up to `stop`; see the index."""
        x = self._backend.read_rows("trajectories/x", start, stop)
        return x, self._backend.read_rows("trajectories/time", start, stop)

    def copy_to(self, out: StoreLike) -> Snapshot:
        """Write the newest commit, paths included, to a new database: in whole chunks, several to a file.

        Raises:
            StoreError: something is at `out` already.
        """
        snapshot, sizes = self.read(), {"dim": self.dim, "n_eigenvalues": self.n_eigenvalues}
        lengths = {name: int(getattr(snapshot.progress, name, 0)) for name in LENGTHS}
        shards = {
            block.path: CHUNKS_PER_FILE
            for block in BLOCKS
            if lengths[block.length] >= CHUNKS_PER_FILE * block.chunk_rows(sizes)
        }
        with Database.create(
            out,
            snapshot.header,
            dim=self.dim,
            n_eigenvalues=self.n_eigenvalues,
            session={"action": "compact"},
            earlier=self.sessions,
            shards=shards,
        ) as new:
            for name in ("points", "searches", "failures"):
                table = getattr(snapshot, name)
                for first in range(0, len(table), ROWS_TOGETHER):
                    new.append(**{name: _part(table, first, first + ROWS_TOGETHER)})
                    new.commit({})
            self._copy_paths(new)
            new.commit(snapshot.counters, snapshot.state, snapshot.progress.final)
        return snapshot

    def _copy_paths(self, new: Database) -> None:
        slot, end = self.read_trajectory_index()
        first = 0
        while first < len(slot):
            begin = int(end[first - 1]) if first else 0
            last = max(first + 1, int(np.searchsorted(end, begin + PATH_POINTS_TOGETHER, side="right")))
            x, time = self.read_trajectory_points(begin, int(end[last - 1]))
            new.append(trajectories=TrajectoryColumns(slot[first:last], end[first:last] - begin, x, time))
            new.commit({})
            first = last

    # -- leaving ----------------------------------------------------------------------------------------------
    def close(self) -> None:
        """Let go of the store.  Rows not committed are dropped.  Harmless when repeated."""
        self._closed = True
        if self._thread is not None:
            self._thread.shutdown()
        self._backend.close()

    def __enter__(self) -> Database:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        n_lost = 0 if self._closed or self._failed else self.n_buffered
        self.close()
        if kind is None and n_lost:
            raise StoreError(
                f"{n_lost} rows were appended to {self._backend.where} and not committed; call commit() before the end "
                "of the with block"
            )


def _part(table: Any, first: int, last: int) -> Any:
    return type(table)(*(getattr(table, name)[first:last] for name in table.__slots__))


def _finish_despite_interrupts(work: Future[None]) -> KeyboardInterrupt | None:
    """Wait for `work` to be done; return the last Ctrl-C that came meanwhile instead of raising it."""
    interrupt: KeyboardInterrupt | None = None
    while True:
        try:
            work.result()
        except KeyboardInterrupt as error:
            interrupt = error
        else:
            return interrupt

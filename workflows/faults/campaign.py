"""Random faults over lattice runs, until there were enough: python workflows/faults/campaign.py --faults 100 --seed 1.

Each case is a run of `disturbed.py` on a store of its own.  Faults of random kinds strike it at random moments; when
it has ended by one it is started again; and when it is finished its points, arrows and the statuses of its searches are
compared with those of a run that nothing disturbed.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]

KINDS = {
    "worker SIGKILL": "local",
    "worker SIGSTOP": "local",
    "memory kill": "local",
    "hang": "local",
    "segfault": "local",
    "exception": "serial",
    "coordinator SIGKILL": "local",
    "scheduler SIGKILL": "remote",
    "partial file": "serial",
    "full disk": "serial",
}
"""Kinds of faults, and where a run must be computed to have them."""

ORDERS = {"memory kill": "memory", "hang": "hang", "segfault": "segfault", "exception": "exception"}
SESSION_SECONDS = 240
DISK_MB = 24


@dataclass
class Case:
    """One store and what happened to it."""

    number: int
    faults: list[str] = field(default_factory=list)
    n_sessions: int = 0
    n_executed: int = 0
    n_searches: int = 0
    seconds: float = 0.0
    difference: str = ""


class Session:
    """One run of `disturbed.py`, with the processes that it needs."""

    def __init__(self, store: Path, where: str, orders: Path, dim: int, seconds: float) -> None:
        self.environment = os.environ | {
            "FAULTS": str(orders), "FAULTS_DIM": str(dim), "FAULTS_SECONDS": str(seconds), "OMP_NUM_THREADS": "1",
            "PYTHONPATH": os.pathsep.join([str(ROOT), str(HERE)]),
        }  # fmt: skip
        self.cluster: list[subprocess.Popen[Any]] = []
        if where == "remote":
            where = str(orders / "scheduler.json")
            Path(where).unlink(missing_ok=True)
            self._dask("scheduler", "--scheduler-file", where, "--host", "127.0.0.1", "--port", "0", "--no-dashboard")
            for _ in range(2):
                self._dask("worker", "--scheduler-file", where, "--nthreads", "1", "--no-dashboard", "--host",
                           "127.0.0.1", "--local-directory", str(orders), "--death-timeout", "20")  # fmt: skip
        self.process = subprocess.Popen(
            [sys.executable, str(HERE / "disturbed.py"), str(store), where],
            env=self.environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        )  # fmt: skip

    def _dask(self, *arguments: str) -> None:
        command = [sys.executable, "-m", "dask", *arguments]
        quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
        self.cluster.append(subprocess.Popen(command, env=self.environment, **quiet))

    def is_running(self) -> bool:
        return self.process.poll() is None

    def workers(self) -> list[psutil.Process]:
        """Worker processes of the local cluster that are up."""
        found = []
        for process in psutil.Process(self.process.pid).children(recursive=True):
            with suppress(psutil.Error):
                if "spawn_main" in " ".join(process.cmdline()) and process.memory_info().rss > 60e6:
                    found.append(process)
        return found

    def end(self, seconds: float = SESSION_SECONDS) -> tuple[int, str]:
        """Wait for the end of the run; its exit code and what it said last."""
        try:
            _, error = self.process.communicate(timeout=seconds)
        except subprocess.TimeoutExpired:
            self.kill()
            raise RuntimeError(f"a session did not end within {seconds:g} s") from None
        self.kill()
        return self.process.returncode, error.strip().splitlines()[-1] if error.strip() else ""

    def kill(self) -> None:
        """SIGKILL for all that is left of it."""
        family = [self.process.pid, *(p.pid for p in self.cluster)]
        for pid in list(family):
            with suppress(psutil.Error):
                family += [p.pid for p in psutil.Process(pid).children(recursive=True)]
        for pid in family:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        for process in (self.process, *self.cluster):
            process.wait()
        for stream in (self.process.stdout, self.process.stderr):
            if stream is not None:
                stream.close()


def n_committed(store: Path) -> int:
    """Searches in the last commit."""
    from landscape_dist.errors import StoreNotFoundError
    from landscape_dist.store.database import Database

    try:
        with Database.open(store) as database:
            return database.progress().n_searches
    except StoreNotFoundError:
        return 0


def wait_for(condition: Callable[[], Any], seconds: float = 60.0) -> bool:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if condition():
            return True
        time.sleep(0.05)
    return False


def wait_for_progress(session: Session, store: Path) -> None:
    """Until the run has committed something more, or is over."""
    before = n_committed(store)
    wait_for(lambda: n_committed(store) > before or not session.is_running())


def strike(kind: str, session: Session, store: Path, orders: Path, rng: random.Random) -> bool:
    """Let one fault happen; False where the run was over before."""
    if kind in ORDERS:
        order = orders / ORDERS[kind]
        order.touch()
        wait_for(lambda: not order.exists() or not session.is_running())
        taken = not order.exists()
        order.unlink(missing_ok=True)
        return taken
    if kind in ("worker SIGKILL", "worker SIGSTOP"):
        if not wait_for(lambda: not session.is_running() or session.workers()) or not session.is_running():
            return False
        with suppress(psutil.Error):
            rng.choice(session.workers()).send_signal(signal.SIGKILL if kind.endswith("KILL") else signal.SIGSTOP)
            return True
        return False
    if not session.is_running():
        return False
    if kind == "full disk":
        ballast = orders / "ballast"
        with suppress(OSError), open(ballast, "wb", buffering=0) as stream:
            for size in (1 << 20, 1 << 12, 1):
                with suppress(OSError):
                    while True:
                        stream.write(bytes(size))
        code, said = session.end()
        ballast.unlink(missing_ok=True)
        if code == 0:
            return False
        if code != 2 or "No space left" not in said:
            raise RuntimeError(f"on a full disk the run ended with {code}: {said}")
        return True
    if kind == "scheduler SIGKILL":
        session.cluster[0].kill()
        code, said = session.end()
        if code == 0:
            return False
        if code != 3 or "scheduler" not in said:
            raise RuntimeError(f"without its scheduler the run ended with {code}: {said}")
        return True
    session.process.send_signal(signal.SIGKILL)
    session.kill()
    if kind == "partial file":
        # as a writer leaves them that is killed between the two steps of a write, and rows that never counted
        for path in rng.sample(sorted(store.rglob("zarr.json")), 4):
            torn = path.with_name(f"zarr.{rng.randrange(16**8):08x}.partial")
            torn.write_bytes(path.read_bytes()[: rng.randrange(1, 60)])
        chunks = sorted((store / "searches" / "integers" / "c").rglob("0"))
        if chunks:
            beyond = chunks[-1].parent.parent / "99" / "0"
            beyond.parent.mkdir(exist_ok=True)
            beyond.write_bytes(chunks[-1].read_bytes()[:50])
    return True


ENDS_THE_RUN = {"coordinator SIGKILL", "scheduler SIGKILL", "partial file", "full disk"}


def run_case(case: Case, folder: Path, kinds: list[str], reference: Reference, rng: random.Random) -> None:
    """Faults of `kinds` from the front (those that struck are removed) until the run is finished."""
    started = time.monotonic()
    store, orders = folder / "store.zarr", folder / "orders"
    orders.mkdir()
    while True:
        where = KINDS[kinds[0]] if kinds else "serial"
        session = Session(store, where, orders, reference.dim, reference.seconds)
        case.n_sessions += 1
        try:
            wait_for_progress(session, store)
            while kinds and KINDS[kinds[0]] == where and session.is_running():
                time.sleep(rng.uniform(0.1, 1.5))
                if not strike(kinds[0], session, store, orders, rng):
                    break
                case.faults.append(kinds.pop(0))
                print(f"  case {case.number}: {case.faults[-1]} at {n_committed(store)} searches", flush=True)
                if case.faults[-1] in ENDS_THE_RUN:
                    break
            if kinds and KINDS[kinds[0]] != where and session.is_running():
                session.kill()  # the next fault needs another kind of run: one more coordinator killed
                case.faults.append("coordinator SIGKILL")
            elif session.is_running():
                code, said = session.end()
                if code != 0:
                    raise RuntimeError(f"case {case.number} ended with {code}: {said}")
        finally:
            session.kill()
        if reference.is_finished(store):
            break
    case.seconds = time.monotonic() - started
    executed = orders / "executed"
    case.n_executed = sum(int(line) for line in executed.read_text().split())
    case.n_searches, case.difference = reference.compare(store)


class Reference:
    """The lattice as a run that nothing disturbs finds it."""

    def __init__(self, dim: int, seconds: float) -> None:
        import landscape_dist as ld

        self.dim, self.seconds = dim, seconds
        self.landscape = ld.explore(ld.systems.coupled_lattice(dim=dim), max_index=dim)

    def is_finished(self, store: Path) -> bool:
        import landscape_dist as ld

        return store.exists() and n_committed(store) > 0 and bool(ld.open(store).finished)

    def compare(self, store: Path) -> tuple[int, str]:
        """Number of searches, and what differs: nothing, if all is well."""
        import landscape_dist as ld
        from landscape_dist.analysis.matching import compare

        found = ld.open(store)
        difference = compare(found.pathways, self.landscape.pathways)
        said = "" if difference.is_empty else str(difference)
        names = ("by_status", "n_searches")
        mine, theirs = ({k: v for k, v in x.counters.items() if k in names} for x in (found, self.landscape))
        if mine != theirs:
            said += f"; {mine}, undisturbed {theirs}"
        left = [*store.rglob("*.partial"), *store.glob("lease"), *store.parent.glob("orders/survived")]
        if left:
            said += f"; left behind: {left}"
        return len(found.searches), said


@contextmanager
def small_disk(folder: Path) -> Iterator[bool]:
    """A tmpfs on the folder, where this may be done; yields whether it is there."""
    done = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", f"size={DISK_MB}m", "landscape-faults", str(folder)], capture_output=True
    )
    try:
        yield done.returncode == 0
    finally:
        if done.returncode == 0:
            subprocess.run(["umount", "-l", str(folder)], check=True)


def table(cases: list[Case]) -> str:
    """Faults by kind, and the cases."""
    kinds = Counter(kind for case in cases for kind in case.faults)
    lines = ["| fault | times |", "|---|---:|"]
    lines += [f"| {kind} | {kinds[kind]} |" for kind in KINDS if kinds[kind]]
    lines += [f"| **all** | **{sum(kinds.values())}** |", ""]
    lines += ["| case | faults | resumes | searches | executed again | seconds | against the undisturbed run |"]
    lines += ["|---:|---:|---:|---:|---:|---:|---|"]
    for c in cases:
        again = c.n_executed - c.n_searches
        lines.append(
            f"| {c.number} | {len(c.faults)} | {c.n_sessions - 1} | {c.n_searches} | {again} | {c.seconds:.0f} | "
            f"{c.difference or 'equal'} |"
        )
    total = [sum(x) for x in zip(*((len(c.faults), c.n_sessions - 1, c.n_searches, c.n_executed - c.n_searches,
             c.seconds) for c in cases), strict=True)]  # fmt: skip
    n_equal = sum(not c.difference for c in cases)
    lines.append(f"| **all** | {total[0]} | {total[1]} | {total[2]} | {total[3]} | {total[4]:.0f} | {n_equal} equal |")
    return "\n".join(lines)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--faults", type=int, default=100, help="at least so many")
    parser.add_argument("--kinds", nargs="*", default=list(KINDS), choices=list(KINDS))
    parser.add_argument("--dim", type=int, default=6, help="of the lattice")
    parser.add_argument("--seconds", type=float, default=1e-3, help="an evaluation")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--out", type=Path, default=Path("faults"), help="folder for table.md and cases.json")
    options = parser.parse_args()
    rng = random.Random(options.seed)
    reference = Reference(options.dim, options.seconds)
    options.out.mkdir(parents=True, exist_ok=True)
    cases: list[Case] = []
    waiting: list[str] = []
    with tempfile.TemporaryDirectory(prefix="landscape-faults-") as scratch, small_disk(Path(scratch)) as is_small:
        kinds = [kind for kind in options.kinds if is_small or kind != "full disk"]
        if len(kinds) < len(options.kinds):
            print("no full disks: a tmpfs cannot be mounted here", flush=True)
        while sum(len(case.faults) for case in cases) < options.faults:
            # every kind in turn, in random order, so that each comes about equally often
            while len(waiting) < 2 * len(kinds):
                waiting += rng.sample(kinds, len(kinds))
            case = Case(len(cases) + 1)
            folder = Path(scratch) / str(case.number)
            folder.mkdir()
            n_left = options.faults - sum(len(case.faults) for case in cases)
            mine, waiting = waiting[: min(len(kinds), n_left)], waiting[min(len(kinds), n_left) :]
            run_case(case, folder, mine, reference, rng)
            waiting = mine + waiting  # what found no run to strike any more
            shutil.rmtree(folder, ignore_errors=True)
            cases.append(case)
            print(f"case {case.number}: {len(case.faults)} faults, {case.difference or 'equal'}", flush=True)
            (options.out / "table.md").write_text(table(cases) + "\n")
            (options.out / "cases.json").write_text(json.dumps([vars(case) for case in cases], indent=1) + "\n")
    print(table(cases))
    return 1 if any(case.difference for case in cases) else 0


if __name__ == "__main__":
    sys.path[:0] = [str(ROOT), str(HERE)]
    sys.exit(main())

"""A lattice that takes its time and, when it finds an order to do so, misbehaves once: python disturbed.py STORE WHERE.

WHERE is 'serial', 'local' (two worker processes of this machine) or the path of a scheduler file.  Orders are empty
files named after what to do, in the folder of the environment variable FAULTS; whoever manages to remove one obeys it.
"""

from __future__ import annotations

import ctypes
import os
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np

import landscape_dist as ld
from landscape_dist.distribute.clusters.connecting import connect
from landscape_dist.errors import ClusterError, StoreError
from landscape_dist.hisd import solver
from landscape_dist.hisd.solver import solve_batch
from landscape_dist.problems.base import Problem

DIM = int(os.environ.get("FAULTS_DIM", "6"))
SECONDS = float(os.environ.get("FAULTS_SECONDS", "1e-3"))  # an evaluation
HANG_SECONDS = 4.0
MEMORY_LIMIT = "600MB"
CONFIG = {"distributed.scheduler.worker-ttl": "6s"}


def folder() -> Path:
    return Path(os.environ["FAULTS"])


def ordered(what: str) -> bool:
    try:
        (folder() / what).unlink()
    except FileNotFoundError:
        return False
    return True


def obey() -> None:
    """Misbehave, if there is an order."""
    if ordered("hang"):
        time.sleep(1e6)
    if ordered("segfault"):
        ctypes.string_at(0)
    if ordered("exception"):
        raise OSError("the licence server is away")
    if ordered("memory"):
        hoard = []
        for _ in range(150):  # 3 GB, five times what a worker may have
            hoard.append(np.ones(20_000_000 // 8))
            time.sleep(0.03)
        (folder() / "survived").touch()  # nobody should


class Disturbed(Problem):
    """The coupled lattice, `SECONDS` an evaluation."""

    def __init__(self, dim: int) -> None:
        super().__init__()
        self.inner = ld.systems.coupled_lattice(dim=dim)
        for name in ("name", "dim", "domain", "euler_characteristic", "suggested_start", "definition"):
            setattr(self, name, getattr(self.inner, name))

    def _energy(self, X: Any) -> Any:
        return self.inner._energy(X)

    def _gradient(self, X: Any) -> Any:
        return self.inner._gradient(X)

    def _hessian(self, X: Any) -> Any:
        return self.inner._hessian(X)

    def _gradient_hessian(self, X: Any) -> Any:
        obey()
        time.sleep(SECONDS * len(X))
        return self.inner._gradient_hessian(X)

    @property
    def xp(self) -> Any:
        return self.inner.xp

    def fingerprint(self) -> str:
        return self.inner.fingerprint()


def counted_solve(problem: Any, batch: Any, settings: Any) -> Any:
    """The solver; notes how many searches it finished."""
    result = solve_batch(problem, batch, settings)
    with open(folder() / "executed", "ab", buffering=0) as stream:
        stream.write(f"{len(batch)}\n".encode())
    return result


def main(store: str, where: str) -> None:
    solver.solve_batch = counted_solve  # what runs take when they are told nothing else
    problem, common = Disturbed(DIM), {"store": store, "max_index": DIM, "hang_seconds": HANG_SECONDS}
    if where == "serial":
        landscape = ld.explore(problem, **common)
    elif where == "local":
        with connect(workers=2, memory_limit=MEMORY_LIMIT, config=CONFIG, dashboard=False) as client:
            landscape = ld.explore(problem, client=client, **common)
    else:
        landscape = ld.explore(problem, scheduler_file=where, **common)
    print("finished" if landscape.finished else "not finished", flush=True)


if __name__ == "__main__":
    # Workers find what is defined here by the module's name, not by that of the script.
    import disturbed

    try:
        disturbed.main(sys.argv[1], sys.argv[2])
    except ClusterError as error:
        print(f"cluster lost: {error}", file=sys.stderr)
        sys.exit(3)
    except StoreError as error:
        print(f"store: {error}", file=sys.stderr)
        sys.exit(2)

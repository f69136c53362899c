"""Power cuts of a real file system: an ext4 in a file, the file copied while a store is written to in it.

What the kernel has not written back is not in the copy, as after a cut.  Needs root and loop devices, on Linux.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.store.test_power_cuts import check

WRITER = """
import sys
from landscape_dist.store import zarr_backend
from landscape_dist.store.database import Database
from landscape_dist.testing.databases import example_points, example_searches

zarr_backend.ZarrBackend.__init__.__kwdefaults__["durable"] = sys.argv[2] == "durable"
with Database.create(sys.argv[1], {}, dim=3, n_eigenvalues=2) as database:
    print(0, flush=True)
    for k in range(1, 10_000):
        database.append(points=example_points(5), searches=example_searches(7))
        database.commit({}, {"k": k})
        print(k, flush=True)
"""


@contextmanager
def mounted(image: Path, at: Path) -> Iterator[Path]:
    at.mkdir(exist_ok=True)
    done = subprocess.run(["mount", "-o", "loop", str(image), str(at)], capture_output=True, text=True)
    if done.returncode:
        pytest.skip(f"no file can be mounted here: {done.stderr.strip()}")
    try:
        yield at
    finally:
        for _ in range(50):
            if subprocess.run(["umount", str(at)], capture_output=True).returncode == 0:
                break
            time.sleep(0.1)


def cuts(tmp_path: Path, how: str, n: int) -> list[bool]:
    """Whether what is left after each of n cuts has all that was promised before, and goes on."""
    if os.name != "posix" or os.geteuid() != 0 or not shutil.which("mkfs.ext4"):
        pytest.skip("needs root and mkfs.ext4, to have a file system of its own")
    image = tmp_path / "disk.img"
    image.write_bytes(b"")
    os.truncate(image, 48 << 20)
    subprocess.run(["mkfs.ext4", "-q", "-F", str(image)], check=True)
    results = []
    with mounted(image, tmp_path / "disk") as disk:
        store, said = disk / "s.zarr", tmp_path / "said"
        with said.open("w") as out:
            writer = subprocess.Popen([sys.executable, "-c", WRITER, str(store), how], stdout=out)
        try:
            while not said.read_text():
                time.sleep(0.05)
            for _ in range(n):
                time.sleep(0.25)
                writer.send_signal(signal.SIGSTOP)
                promised = int(said.read_text().split()[-1])
                shutil.copyfile(image, tmp_path / "cut.img")
                writer.send_signal(signal.SIGCONT)
                with mounted(tmp_path / "cut.img", tmp_path / "cut") as left:
                    # its holder goes on here, as it would not after a cut
                    shutil.rmtree(left / "s.zarr" / "lease", ignore_errors=True)
                    try:
                        results.append(check(left / "s.zarr", promised, rows=lambda k: 5))
                    except Exception as error:  # whatever it is, a cut must not lead to it
                        print(promised, type(error).__name__, str(error)[:300])
                        results.append(False)
        finally:
            writer.kill()
            writer.wait()
    return results


def test_ext4_loses_nothing(tmp_path: Path) -> None:
    assert cuts(tmp_path, "durable", 12) == [True] * 12


@pytest.mark.long
def test_ext4_loses_nothing_in_a_hundred_cuts(tmp_path: Path) -> None:
    assert cuts(tmp_path, "durable", 100) == [True] * 100


def test_without_syncs_it_would(tmp_path: Path) -> None:
    assert False in cuts(tmp_path, "plain", 8)

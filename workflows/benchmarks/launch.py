"""Running the drivers in `peers/`, each in a process and, where it is another program, by a Python of its own."""

from __future__ import annotations

import importlib.metadata
import json
import os
import platform
import subprocess
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
DRIVERS = Path(__file__).parent / "peers"
PACKAGES = ("landscape-dist", "numpy", "scipy", "torch")
ONE_THREAD = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")


class DriverFailed(Exception):
    """A driver ended with an error; the text is the end of what it printed."""


def run_driver(name: str, *, python: str = sys.executable, **arguments: Any) -> dict[str, Any]:
    """What `peers/run_<name>.py` measured.

    Args:
        python: interpreter that has the program.
        arguments: of the driver: dim, coupling, max_index, limit, seed, options, checkout.

    Raises:
        DriverFailed: the program is not installed there, or stopped with an error.
    """
    command = [python, str(DRIVERS / f"run_{name}.py")]
    for key, value in arguments.items():
        if value is not None:
            text = json.dumps(value) if isinstance(value, dict) else str(value)
            command += [f"--{key.replace('_', '-')}", text]
    environment = {**os.environ, **ONE_THREAD, "MPLBACKEND": "Agg"}
    environment["PYTHONPATH"] = os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH")]))
    try:
        done = subprocess.run(command, capture_output=True, text=True, env=environment, check=False)
    except OSError as error:
        raise DriverFailed(f"{python} cannot be run: {error}") from error
    if done.returncode:
        raise DriverFailed((done.stderr.strip().splitlines() or ["no message"])[-1])
    return dict(json.loads(done.stdout.strip().splitlines()[-1]))


def machine() -> dict[str, Any]:
    """Processor, system and versions, for the record."""
    return {
        "processor": _processor(),
        "cores": os.cpu_count(),
        "system": platform.system(),
        "python": platform.python_version(),
        "versions": {name: _version(name) for name in PACKAGES},
    }


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.machine()


def _version(name: str) -> str | None:
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return None

"""The solver on torch tensors: searches a second on the CPU and, where there is one, on a GPU, and NumPy beside it.

Run from the root of a checkout:

    python -m workflows.benchmarks.torch_device [--dim 8] [--energy lattice network] [--devices cpu cuda] [--json FILE]

Two energies of d variables: the coupled lattice, complete down from its maximum, where the energy costs nothing and a
step is small linear algebra; and a neural network of two hidden layers, where the energy costs most.  Wall time, after
one warm run; a GPU is waited for.  The points must be the same everywhere.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch

import landscape_dist as ld
from landscape_dist.analysis.matching import compare
from workflows.benchmarks.launch import machine

ENERGIES = ("lattice", "network")
CHECKED = 1e-6
"""Points closer than this, in the 2-norm, count as the same on both devices."""


def depths(dim: int, device: str) -> Any:
    """Depths of the double wells; all different, so that no eigenvalue is repeated."""
    return 1.0 + 0.3 * torch.arange(dim, dtype=torch.float64, device=device)


def lattice(dim: int, device: str) -> Any:
    a = depths(dim, device)

    def energy(X: Any) -> Any:
        return (a * (X * X - 1) ** 2).sum(-1) + 0.2 * (X[:, :-1] * X[:, 1:]).sum(-1)

    domain = ld.systems.coupled_lattice(dim=dim).domain
    return ld.problems.from_torch(energy, dim, batched=True, device=device, name="lattice", domain=domain)


def network(dim: int, device: str, width: int = 128) -> Any:
    """Double wells in each variable, coupled by a network with random weights that are the same on every device."""
    generator = torch.Generator(device="cpu").manual_seed(0)

    def random(*shape: int) -> Any:
        weights = torch.randn(shape, generator=generator, dtype=torch.float64, device="cpu") / shape[-1] ** 0.5
        return weights.to(device)

    a = depths(dim, device)
    A, B, c = random(width, dim), random(width, width), random(width)

    def energy(X: Any) -> Any:
        hidden = torch.tanh(torch.tanh(X @ A.T) @ B.T)
        return (a * (X * X - 1) ** 2).sum(-1) + 0.05 * hidden @ c

    return ld.problems.from_torch(
        energy, dim, batched=True, device=device, name="network", domain=ld.problems.Box(-3, 3)
    )


PROBLEMS: dict[str, Callable[[int, str], Any]] = {"lattice": lattice, "network": network}


def explored(problem: Any, dim: int) -> tuple[Any, float, float]:
    """Landscape, wall seconds and CPU seconds of searching down from the highest point near the origin."""
    wall, cpu = time.perf_counter(), time.process_time()
    landscape = ld.explore(problem, start=[0.05] * dim, max_index=dim, upward="none")
    if torch.cuda.is_available():
        torch.cuda.synchronize()
    return landscape, time.perf_counter() - wall, time.process_time() - cpu


def measure(name: str, device: str, dim: int, repeats: int) -> tuple[dict[str, Any], Any]:
    if device == "numpy":
        problem = ld.systems.coupled_lattice(dim=dim)
    else:
        problem = PROBLEMS[name](dim, device)
    explored(problem, dim)
    runs = [explored(problem, dim) for _ in range(repeats)]
    landscape = runs[-1][0]
    n = len(landscape.searches.slot)
    seconds = statistics.median(wall for _, wall, _ in runs)
    row = {
        "energy": name,
        "device": device,
        "name": torch.cuda.get_device_name() if device.startswith("cuda") else "CPU",
        "dim": dim,
        "points": len(landscape.points),
        "arrows": len(landscape.connections),
        "searches": n,
        "seconds": seconds,
        "cpu_seconds": statistics.median(cpu for _, _, cpu in runs),
        "searches_per_second": n / seconds,
        "memory_mb": torch.cuda.max_memory_allocated() / 1e6 if device.startswith("cuda") else None,
    }
    return row, landscape


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--dim", type=int, default=8)
    parser.add_argument("--energy", nargs="*", choices=ENERGIES, default=list(ENERGIES))
    default = ["cpu", "cuda"] if torch.cuda.is_available() else ["cpu"]
    parser.add_argument("--devices", nargs="*", default=default, help="torch devices; default all there are")
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    if "cuda" not in arguments.devices:
        print("no CUDA device in this run: CPU only\n")
    print("| energy | device | points | arrows | searches | seconds | CPU s | searches a second |")
    print("|---|---|---:|---:|---:|---:|---:|---:|")
    rows = []
    for name in arguments.energy:
        reference = None
        for device in [*(["numpy"] if name == "lattice" else []), *arguments.devices]:
            row, landscape = measure(name, device, arguments.dim, arguments.repeats)
            rows.append(row)
            print(
                f"| {name}, d = {row['dim']} | {device} | {row['points']} | {row['arrows']} | {row['searches']} | "
                f"{row['seconds']:.3g} | {row['cpu_seconds']:.3g} | {row['searches_per_second']:.0f} |",
                flush=True,
            )
            if reference is not None:
                difference = compare(reference.pathways, landscape.pathways, tolerance=CHECKED)
                if not difference.is_empty:
                    sys.exit(f"{device} differs from the device before it: {difference}")
            reference = landscape
    if arguments.json:
        record = {"machine": machine(), "torch": torch.__version__, "numpy": np.__version__, "rows": rows}
        arguments.json.write_text(json.dumps(record, indent=1) + "\n")


if __name__ == "__main__":
    main()

"""Samples x epochs per CPU second of the training here and of a plain PyTorch loop: python training_throughput.py.

The plain loop is what one writes first: a DataLoader over a TensorDataset, `torch.nn.Sequential`, `torch.optim.Adam`
with StepLR, and, where gradients are fitted, `torch.autograd.grad` with create_graph.  Both train the same network on
the same data in float32 with the same batches, in turns, on one thread.

NumPy's OpenBLAS obeys OPENBLAS_CORETYPE and torch's MKL does not: where a site pins the kernels to an older processor,
the comparison is held in a process without that variable, unless --pinned is given.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import time
from typing import Any

import numpy as np

import landscape_dist as ld
from landscape_dist.surrogates import TrainingData, sample, train


def plain_loop(data: TrainingData, hidden: tuple[int, ...], batch_size: int, epochs: int, gradients: bool) -> None:
    """Train as tutorials do."""
    import torch
    from torch.utils.data import DataLoader, TensorDataset

    torch.manual_seed(0)
    x = torch.tensor((data.x - data.x.mean(axis=0)) / data.x.std(axis=0), dtype=torch.float32)
    y = torch.tensor((data.energy - data.energy.mean()) / data.energy.std(), dtype=torch.float32)
    columns = [x, y]
    if gradients:
        assert data.gradient is not None
        columns.append(torch.tensor(data.gradient * data.x.std(axis=0) / data.energy.std(), dtype=torch.float32))
    loader = DataLoader(TensorDataset(*columns), batch_size=batch_size, shuffle=True)
    parts: list[Any] = []
    for before, after in zip((data.dim, *hidden[:-1]), hidden, strict=True):
        parts += [torch.nn.Linear(before, after), torch.nn.Tanh()]
    network = torch.nn.Sequential(*parts, torch.nn.Linear(hidden[-1], 1))
    optimizer = torch.optim.Adam(network.parameters(), lr=1e-3)
    scheduler = torch.optim.lr_scheduler.StepLR(optimizer, step_size=1000, gamma=0.5)
    for _ in range(epochs):
        for batch in loader:
            points, energies = batch[0].requires_grad_(gradients), batch[1]
            values = network(points)[:, 0]
            loss = torch.mean((values - energies) ** 2)
            if gradients:
                (slopes,) = torch.autograd.grad(values.sum(), points, create_graph=True)
                loss = loss + torch.mean((slopes - batch[2]) ** 2)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        scheduler.step()


def measure(epochs: int, repeats: int, hidden: tuple[int, ...], batch_size: int, gradients: bool) -> dict[str, float]:
    """Samples x epochs per CPU second of both, medians over alternating repeats, and the median of their ratios."""
    import torch

    torch.set_num_threads(1)
    problem = ld.systems.arctan_2d()
    data = sample(problem, 5000, lower=-1.0, upper=7.0, gradient_ratio=float(gradients))
    settings: dict[str, Any] = {"hidden": hidden, "batch_size": batch_size}
    plain_loop(data, hidden, batch_size, 1, gradients)
    train(data, epochs=1, **settings)
    rates: dict[str, list[float]] = {"plain": [], "here": []}
    for _ in range(repeats):
        began = time.process_time()
        plain_loop(data, hidden, batch_size, epochs, gradients)
        middle = time.process_time()
        train(data, epochs=epochs, **settings)
        rates["plain"].append(len(data) * epochs / (middle - began))
        rates["here"].append(len(data) * epochs / (time.process_time() - middle))
    ratios = np.array(rates["here"]) / np.array(rates["plain"])
    return {name: round(statistics.median(values)) for name, values in rates.items()} | {
        "ratio": round(float(np.median(ratios)), 2)
    }


def main() -> None:
    """Print a row for energies alone and one for energies with gradients."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--epochs", type=int, default=20)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--hidden", type=int, nargs="+", default=[128, 128, 128])
    parser.add_argument("--batch-size", type=int, default=500)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--pinned", action="store_true", help="keep OPENBLAS_CORETYPE as it is")
    options = parser.parse_args()
    if "OPENBLAS_CORETYPE" in os.environ and not options.pinned:
        free = {name: value for name, value in os.environ.items() if name != "OPENBLAS_CORETYPE"}
        raise SystemExit(subprocess.run([sys.executable, *sys.argv], env=free, check=False).returncode)
    results = {
        name: measure(options.epochs, options.repeats, tuple(options.hidden), options.batch_size, gradients)
        for name, gradients in (("energies", False), ("energies and gradients", True))
    }
    if options.json:
        print(json.dumps(results, indent=1))
        return
    print("| samples x epochs per CPU second | plain loop | here | ratio |")
    print("|---|---:|---:|---:|")
    for name, row in results.items():
        print(f"| {name} | {row['plain']} | {row['here']} | {row['ratio']} |")


if __name__ == "__main__":
    main()

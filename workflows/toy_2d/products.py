"""Fig. 3 of the NN-HiSD paper: Hessian-vector products by dimer, by automatic differentiation, and written out.

    python workflows/toy_2d/products.py FOLDER.surrogate [--picture products.png]

Convergence of eq. 2.2 and its accelerations with each, from the paper's start, and CPU time of a product.
"""

from __future__ import annotations

import argparse
import statistics
import time
from typing import Any

import numpy as np

import landscape_dist as ld
from landscape_dist.plots import convergence_figure
from landscape_dist.surrogates import Surrogate, load

PRODUCTS = ("dimer", "autodiff", "closed", "dense")
SCHEMES: dict[str, dict[str, Any]] = {
    "plain": {},
    "heavy ball": {"acceleration": "heavy_ball", "momentum": 0.8},
    "Nesterov": {"acceleration": "nesterov", "nesterov_restart": 20},
}
N = 200
"""Points of a batch."""


def distances(surrogate: Surrogate, options: dict[str, Any], steps: int) -> np.ndarray:
    """|x_n - x*| of an index-1 search from (0.7, 0.7) with step 0.05, x* the saddle of the surrogate."""
    exact = ld.explore(surrogate, start=[0.7, 0.7], max_index=1, min_index=1, upward="none").points[0].x
    run = ld.explore(
        surrogate, start=[0.7, 0.7], max_index=1, min_index=1, upward="none", step="explicit", step_size=0.05,
        eigensolver="lobpcg", dense_limit=1, keep_trajectories=True, trajectory_points=None, max_steps=steps, **options,
    )  # fmt: skip
    return run.trajectories[0].distances(exact)


def cost(surrogate: Surrogate, n: int, repeats: int = 7) -> float:
    """Median CPU time of the products of n points with one vector each, in microseconds a product."""
    rng = np.random.default_rng(0)
    X, V = rng.uniform(0.0, 6.0, (n, 2)), rng.standard_normal((n, 2, 1))
    surrogate.hvp(X, V)
    calls = max(1, 2000 // n)
    times = []
    for _ in range(repeats):
        began = time.process_time()
        for _ in range(calls):
            surrogate.hvp(X, V)
        times.append((time.process_time() - began) / calls / n)
    return 1e6 * statistics.median(times)


def main() -> None:
    """Print both tables; draw the curves."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("surrogate", help="folder of a trained surrogate")
    parser.add_argument("--picture", help="where to draw the convergence")
    parser.add_argument("--steps", type=int, default=2000)
    options = parser.parse_args()
    surrogate = load(options.surrogate)
    kinds = {name: surrogate.with_products(name) for name in PRODUCTS}
    print(f"| products | us each, one point at a time | in a batch of {N} |")
    print("|---|---:|---:|")
    for name, kind in kinds.items():
        print(f"| {name} | {cost(kind, 1):.0f} | {cost(kind, N):.1f} |")
    curves = {
        scheme: {name: distances(kinds[name], settings, options.steps) for name in ("dimer", "autodiff")}
        for scheme, settings in SCHEMES.items()
    }
    print("\n| scheme | steps to 1e-6, dimer | automatic differentiation | largest difference of the paths |")
    print("|---|---:|---:|---:|")
    for scheme, both in curves.items():
        n = min(map(len, both.values()))
        reached = [int(np.argmax(curve < 1e-6)) if (curve < 1e-6).any() else -1 for curve in both.values()]
        gap = np.abs(both["dimer"][:n] - both["autodiff"][:n]).max()
        print(f"| {scheme} | {reached[0]} | {reached[1]} | {gap:.1e} |")
    if options.picture:
        draw(curves, options.picture)


def draw(curves: dict[str, dict[str, np.ndarray]], path: str) -> None:
    """Two panels, as the paper's Fig. 3."""
    titles = {"dimer": "dimer", "autodiff": "automatic differentiation"}
    panels = {title: {scheme: both[name] for scheme, both in curves.items()} for name, title in titles.items()}
    convergence_figure(panels, file=path)


if __name__ == "__main__":
    main()

"""Fig. 2 and 3 of the NN-HiSD paper: searches on a surrogate.

    python workflows/toy_2d/searches.py FOLDER.surrogate [--paths paths.png] [--picture products.png]

Index-1 saddle dynamics from (0.7, 0.7) with step 0.05, plain and accelerated: on the true energy and on the surrogate,
then with Hessian-vector products by dimer and by automatic differentiation, and what a product costs each way.
"""

from __future__ import annotations

import argparse
import statistics
import time
from typing import Any

import numpy as np

import landscape_dist as ld
from landscape_dist.plots import convergence_figure, paths_figure
from landscape_dist.surrogates import Surrogate, load

PRODUCTS = ("dimer", "autodiff", "closed", "dense")
N = 200
"""Points of a batch."""
SCHEMES: dict[str, dict[str, Any]] = {
    "plain": {},
    "heavy ball": {"acceleration": "heavy_ball", "momentum": 0.8},
    "Nesterov": {"acceleration": "nesterov", "nesterov_restart": 20},
}
CLOSE = 1e-6


def searched(problem: Any, options: dict[str, Any], steps: int) -> ld.Landscape:
    """An index-1 search whose path is kept, every step of it."""
    return ld.explore(
        problem, start=[0.7, 0.7], max_index=1, min_index=1, upward="none", step="explicit", step_size=0.05,
        eigensolver="lobpcg", dense_limit=1, keep_trajectories=True, trajectory_points=None, max_steps=steps, **options,
    )  # fmt: skip


def saddle(problem: Any) -> np.ndarray:
    """The index-1 saddle that the searches come to, to rounding."""
    return ld.explore(problem, start=[0.7, 0.7], max_index=1, min_index=1, upward="none").points[0].x


def steps_to(distances: np.ndarray, close: float = CLOSE) -> int | None:
    """The first step within so much of the saddle; None where there is none."""
    near = np.flatnonzero(distances < close)
    return int(near[0]) if len(near) else None


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


def compare_paths(surrogate: Surrogate, steps: int, file: str | None) -> None:
    """Where the searches end on both energies, and how soon; their paths, as in Fig. 2."""
    problems = {"true energy": ld.systems.arctan_2d(), "surrogate": surrogate}
    saddles = {title: saddle(problem) for title, problem in problems.items()}
    panels: dict[str, tuple[Any, dict[str, Any]]] = {title: (problem, {}) for title, problem in problems.items()}
    print("| scheme | true energy, saddle | steps to 1e-6 | surrogate, saddle | steps to 1e-6 | apart |")
    print("|---|---|---:|---|---:|---:|")
    for scheme, settings in SCHEMES.items():
        cells = []
        for title, (problem, paths) in panels.items():
            path = searched(problem, settings, steps).trajectories[0]
            paths[scheme] = [path]
            cells += [_text(path.x[-1]), str(steps_to(path.distances(saddles[title])))]
        ends = [paths[scheme][0].x[-1] for _, paths in panels.values()]
        print(f"| {scheme} | {' | '.join(cells)} | {np.linalg.norm(ends[0] - ends[1]):.4f} |")
    if file:
        paths_figure(
            panels, [-1.0, -1.0], [7.0, 7.0], marked=[saddles["true energy"]], marked_as="true saddle", every=10,
            file=file,
        )  # fmt: skip


def _text(x: np.ndarray) -> str:
    return "(" + ", ".join(f"{v:.4f}" for v in x) + ")"


def main() -> None:
    """Print the tables; draw paths and curves."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("surrogate", help="folder of a trained surrogate")
    parser.add_argument("--paths", help="where to draw the paths on both energies")
    parser.add_argument("--picture", help="where to draw the convergence")
    parser.add_argument("--steps", type=int, default=2000)
    options = parser.parse_args()
    surrogate = load(options.surrogate)
    compare_paths(surrogate, options.steps, options.paths)
    kinds = {name: surrogate.with_products(name) for name in PRODUCTS}
    print(f"\n| products | us each, one point at a time | in a batch of {N} |")
    print("|---|---:|---:|")
    for name, kind in kinds.items():
        print(f"| {name} | {cost(kind, 1):.0f} | {cost(kind, N):.1f} |")
    exact = saddle(surrogate)
    curves = {
        scheme: {
            name: searched(kinds[name], settings, options.steps).trajectories[0].distances(exact)
            for name in ("dimer", "autodiff")
        }
        for scheme, settings in SCHEMES.items()
    }
    print("\n| scheme | steps to 1e-6, dimer | automatic differentiation | largest difference of the paths |")
    print("|---|---:|---:|---:|")
    for scheme, both in curves.items():
        n = min(map(len, both.values()))
        reached = [steps_to(curve) for curve in both.values()]
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

"""Table 2 of the NN-HiSD paper: one surrogate of a family of energies, searched at many alpha.

    python workflows/toy_3d/run.py [--quick] [--members 3]

Trains E_NN(x, alpha) on ten values of alpha, explores it at the paper's alpha and at others between, and compares
points and arrows with those of the exact energy.  With more members, an ensemble says which of them can be trusted.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
from pathlib import Path
from typing import Any

import numpy as np

import landscape_dist as ld
from landscape_dist.analysis.matching import Difference, compare
from landscape_dist.analysis.survival import survival
from landscape_dist.config import Config, load_config
from landscape_dist.problems import domain_from_dict
from landscape_dist.surrogates import Surrogate, print_progress, train_once

HERE = Path(__file__).parent


def configured(quick: bool) -> Config:
    """config.toml, and quick.toml over it."""
    return load_config(HERE / ("quick.toml" if quick else "config.toml"))


def explored(surrogate: Surrogate, config: Config, alpha: float, workers: int | None, store: str | None) -> Any:
    """The landscape at one alpha."""
    problem = surrogate.at(alpha=alpha)
    problem.domain = domain_from_dict(config.problem_section.domain)
    problem.name = "toy_3d"
    return ld.explore(problem, start=[0.7] * 3, max_index=3, workers=workers, store=store, **solver_of(config))


def solver_of(config: Config) -> dict[str, Any]:
    """What config.toml says of the solver; the exact energy is searched as the surrogate is."""
    return config.solver.model_dump(exclude_unset=True)


def table(true: ld.Landscape, found: ld.Landscape, difference: Difference, paper: dict[str, Any]) -> float:
    """Print a half of Table 2; the largest distance of a point to the true one."""
    of_true = dict(difference.pairs)
    largest = 0.0
    print("| | true | paper's surrogate | distance | this surrogate | distance |")
    print("|---|---|---|---:|---|---:|")
    for name, x in paper.items():
        i = int(np.linalg.norm(true.columns.x - x, axis=1).argmin())
        exact = true.columns.x[i]
        here = found.columns.x[of_true[i]] if i in of_true else np.full(3, np.nan)
        theirs, ours = np.linalg.norm(np.array(x) - exact), np.linalg.norm(here - exact)
        largest = max(largest, float(ours)) if ours == ours else np.inf
        print(f"| {name} | {_text(exact)} | {_text(x)} | {theirs:.4f} | {_text(here)} | {ours:.4f} |")
    return largest


def _text(x: Any) -> str:
    return "(" + ", ".join(f"{v:.4f}" if round(v, 2) != v else f"{v:.2f}" for v in x) + ")"


def main() -> None:
    """Train, search at every alpha, compare."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="less training")
    parser.add_argument("--folder", type=Path, default=Path("toy_3d"), help="where to keep what is trained and found")
    parser.add_argument("--members", type=int, default=1, help="surrogates to train; more say what can be trusted")
    parser.add_argument("--workers", type=int, help="worker processes for the searches; default this process")
    parser.add_argument("--picture", help="where to draw the surrogate's landscape at alpha = 6 (png, pdf, svg)")
    options = parser.parse_args()
    expected = json.loads((HERE / "expected.json").read_text())
    preset = "quick" if options.quick else "paper"
    folder = options.folder / preset
    config = configured(options.quick)
    data, settings = config.training_data(), config.training_settings()
    members = [
        train_once(
            folder / f"{i}.surrogate",
            data,
            dataclasses.replace(settings, seed=i),
            on_status=print_progress(f"member {i}"),
        )
        for i in range(options.members)
    ]
    failures = []
    alphas = [float(alpha) for alpha in expected["paper"]] + [float(alpha) for alpha in expected["others"]]
    lines = [
        "| alpha | points by index, true | surrogate | arrows | | largest distance |",
        "|---:|---|---|---|---|---:|",
    ]
    for alpha in alphas:
        true = ld.explore(ld.systems.arctan_3d(alpha=alpha), **solver_of(config))
        store = str(folder / f"alpha_{alpha:g}.zarr")
        found = explored(members[0], config, alpha, options.workers, store)
        difference = compare(true.pathways, found.pathways, tolerance=expected["same"])
        counts = ["/".join(map(str, landscape.counts_by_index.values())) for landscape in (true, found)]
        arrows = f"{len(true.connections)} | {len(found.connections)}"
        said = "same" if difference.is_empty else "differs"
        lines.append(
            f"| {alpha:g} | {counts[0]} | {counts[1]} | {arrows} | {said}, {difference.largest_distance:.4f} |"
        )
        paper = expected["paper"].get(f"{alpha:g}")
        if paper is not None:
            print(f"\nalpha = {alpha:g}: {difference}\n")
            largest = table(true, found, difference, paper)
            if not difference.is_empty or largest > expected["largest_error"][preset]:
                failures.append(f"alpha = {alpha:g}: {difference}")
        if len(members) > 1:
            landscapes = [explored(member, config, alpha, None, None).pathways for member in members]
            print(f"\nalpha = {alpha:g}, {survival(found.pathways, landscapes, expected['same'])}")
        if alpha == 6.0 and options.picture:
            found.plot(options.picture)
    print("\n" + "\n".join(lines))
    print(
        f"\nerrors of the energy: {members[0].provenance['errors']}, {members[0].provenance['cpu_seconds']:.0f} CPU s"
    )
    if failures:
        raise SystemExit("\n".join(failures))


if __name__ == "__main__":
    main()

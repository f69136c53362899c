"""Table 1 of the NN-HiSD paper, saddles of surrogates trained on noisy energies: python workflows/toy_2d/run.py."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

import numpy as np

import landscape_dist as ld
from landscape_dist.analysis.matching import compare
from landscape_dist.config import Config, make_config
from landscape_dist.surrogates import Surrogate, print_progress, train_once
from landscape_dist.toml_file import read_tables

HERE = Path(__file__).parent


def configured(quick: bool, noise_ratio: float) -> Config:
    """config.toml with this share of noisy energies, and quick.toml over it."""
    tables = read_tables(HERE / ("quick.toml" if quick else "config.toml"))
    tables["data"]["noise_ratio"] = noise_ratio
    return make_config(tables, "workflows/toy_2d", HERE)


def errors(landscape: ld.Landscape, saddles: np.ndarray) -> list[float]:
    """Distance of each true saddle to the nearest one found."""
    found = np.array([point.x for point in landscape.points.of_index(1)]).reshape(-1, 2)
    return [float(np.linalg.norm(found - x, axis=1).min(initial=np.inf)) for x in saddles]


def main() -> None:
    """Train for each noise ratio, search, compare with the true energy and with the paper."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="a smaller network and less training")
    parser.add_argument("--folder", type=Path, default=Path("toy_2d"), help="where to keep what is trained and found")
    parser.add_argument("--ratios", type=float, nargs="+", help="noise ratios, default those of the paper")
    parser.add_argument("--workers", type=int, help="worker processes for the search; default this process")
    parser.add_argument("--picture", help="where to draw the surrogate's landscape (png, pdf, svg)")
    options = parser.parse_args()
    expected = json.loads((HERE / "expected.json").read_text())
    ratios = options.ratios or [float(ratio) for ratio in expected["paper"]]
    true = ld.explore(ld.systems.arctan_2d())
    saddles = np.array([true.pathways.points.x[i] for i in _nearest(true, np.array(expected["saddles"]))])
    folder = options.folder / ("quick" if options.quick else "paper")
    measured: dict[str, Any] = {}
    print("| noise ratio | paper, saddle 1 | here | paper, saddle 2 | here | landscape | CPU s |")
    print("|---:|---:|---:|---:|---:|---|---:|")
    for ratio in ratios:
        label = f"{ratio:g}"
        config = configured(options.quick, ratio)
        surrogate = train_once(
            folder / f"noise_{label}.surrogate", config.training_data(), config.training_settings(),
            on_status=print_progress(label),
        )  # fmt: skip
        surrogate.name = f"toy_2d, noise ratio {label}"
        store = str(folder / f"noise_{label}.zarr")
        landscape = ld.explore(surrogate, start=[0.7, 0.7], max_index=2, workers=options.workers, store=store)
        difference = compare(true.pathways, landscape.pathways, tolerance=expected["same"])
        found = errors(landscape, saddles)
        cpu = surrogate.provenance["cpu_seconds"]
        measured[label] = {"errors": found, "same": difference.is_empty, "cpu_seconds": cpu}
        paper = expected["paper"].get(label, [float("nan")] * 2)
        said = "as the true one" if difference.is_empty else str(difference)
        print(
            f"| {ratio:.0%} | {paper[0]:.4f} | {found[0]:.4f} | {paper[1]:.4f} | {found[1]:.4f} | {said} | {cpu:.0f} |",
            flush=True,
        )
        if label == "0" and options.picture:
            draw(surrogate, landscape, options.picture)
        largest = expected["largest_error"]["quick" if options.quick else "paper"].get(label)
        if largest is not None and (not difference.is_empty or max(found) > largest):
            raise SystemExit(f"noise ratio {label}: {difference}, errors {found}")
    (folder / "measured.json").write_text(json.dumps(measured, indent=1) + "\n")


def draw(surrogate: Surrogate, landscape: ld.Landscape, path: str) -> None:
    """The surrogate's energy, its points and arrows."""
    landscape.problem = surrogate
    landscape.plot(path)


def _nearest(landscape: ld.Landscape, points: np.ndarray) -> list[int]:
    """Ids of the index-1 points nearest to these."""
    rows = np.flatnonzero(landscape.columns.index == 1)
    return [int(rows[np.linalg.norm(landscape.columns.x[rows] - x, axis=1).argmin()]) for x in points]


if __name__ == "__main__":
    main()

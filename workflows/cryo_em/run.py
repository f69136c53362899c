"""Pseudo-energy landscape of the density maps of a cryo-EM data set, and how far it can be trusted.

    python -m workflows.cryo_em.run --data tsne_1000_maps.npy particles_per_map.txt --quick [--members 20]

Section 4.5 of the NN-HiSD paper: AlphaCryo4D's t-SNE coordinates and particles per map become pseudo-energies
-kT ln(n / n_max), a regularised network is fitted to them and explored.  More members, trained on maps drawn with
replacement, say which points hang on single maps; --scan does the same with other regularisations.
"""

from __future__ import annotations

import argparse
import dataclasses
from pathlib import Path
from typing import Any

import numpy as np

import landscape_dist as ld
from landscape_dist.analysis.survival import DOUBTFUL, Survival, survival
from landscape_dist.config import Config, make_config
from landscape_dist.errors import LandscapeError
from landscape_dist.records import FloatArray, IntArray
from landscape_dist.surrogates import (
    Surrogate,
    TrainingData,
    TrainingSettings,
    fit_gaussian_process,
    print_progress,
    train_once,
)
from landscape_dist.toml_file import read_tables
from workflows.cryo_em.maps import Support, folds, neighbours_scatter, resampled, spread_out
from workflows.cryo_em.pictures import Marked, draw

HERE = Path(__file__).parent
N_FOLDS = 5
N_STARTS = 24
Job = tuple[Path, TrainingData, TrainingSettings]


def configured(
    quick: bool, data: list[Path] | None = None, regularisation: float | None = None, **changes: Any
) -> Config:
    """config.toml with other files, regularisation and, for the unit, kt and energy_unit; quick.toml over it."""
    tables = read_tables(HERE / ("quick.toml" if quick else "config.toml"))
    if data is not None:
        tables["data"] |= {"path": str(data[0].resolve()), "particles": str(data[1].resolve())}
    tables["data"] |= {key: value for key, value in changes.items() if value is not None}
    if regularisation is not None:
        tables["training"]["weight_decay"] = regularisation
    return make_config(tables, "workflows/cryo_em", HERE)


def trained(jobs: list[Job], workers: int | None) -> list[Surrogate]:
    """The surrogates in the jobs' folders; those that are not there yet are trained, on so many worker processes."""
    if not workers:
        return [
            train_once(folder, data, settings, on_status=print_progress(f"{folder.parent.name}/{folder.stem}"))
            for folder, data, settings in jobs
        ]
    from landscape_dist.distribute.clusters.local import local_client

    with local_client(workers, timeout=60.0) as client:
        futures = [client.submit(train_once, *job, pure=False) for job in jobs]
        return list(client.gather(futures))


def explored(surrogate: Surrogate, data: TrainingData, store: Path, starts: FloatArray) -> ld.Landscape:
    """The landscape over the box of all maps, whatever the surrogate was trained on."""
    surrogate.domain = data.domain(margin=0.05)
    return ld.explore(surrogate, start=starts, max_index=2, store=str(store))


def marked(landscape: ld.Landscape, said: Survival | None, support: Support) -> list[Marked]:
    """The points, named by index and energy (Z1 the lowest minimum), each with what speaks against it."""
    points = landscape.columns
    rows = np.lexsort((points.energy, points.index))
    found: list[Marked] = []
    for i in rows.tolist():
        index = int(points.index[i])
        number = 1 + sum(other.index == index for other in found)
        seen = None if said is None else said.points[i]
        found.append(
            Marked(
                i, f"{'ZSM'[index]}{number}", index, points.x[i], float(points.energy[i]),
                None if seen is None else seen.rate, None if seen is None else seen.spread,
                None if seen is None else seen.energy_spread, support.where(points.x[i]),
            )
        )  # fmt: skip
    return found


def print_points(points: list[Marked], unit: str) -> None:
    """A table of the points."""
    print(f"| | t-SNE 1, 2 | pseudo-energy, {unit} | members | scatter of x | scatter of energy | where | |")
    print("|---|---|---:|---:|---:|---:|---|---|")
    for p in points:
        members = " | | " if p.rate is None else f"{p.rate:.0%} | {p.spread:.0f} | {p.energy_spread:.2f}"
        verdict = "doubtful" if p.doubtful else ""
        print(f"| {p.name} | ({p.x[0]:.0f}, {p.x[1]:.0f}) | {p.energy:.2f} | {members} | {p.where} | {verdict} |")


def print_barriers(landscape: ld.Landscape, points: list[Marked], unit: str) -> None:
    """Which minima each transition state joins, and how high it lies above them."""
    of = {p.id: p for p in points}
    print(f"\n| transition state | joins | above them, {unit} | |")
    print("|---|---|---:|---|")
    for state in sorted(landscape.pathways.transition_states(), key=lambda state: state.energy):
        minima = [of[i] for i in state.minima]
        ends = [p.name for p in minima] + ["what lies beyond the maps"] * (2 - len(minima))
        above = ", ".join(f"{state.energy - p.energy:.2f}" for p in minima)
        verdict = "doubtful" if any(p.doubtful for p in (of[state.id], *minima)) else ""
        print(f"| {of[state.id].name} | {' and '.join(ends)} | {above} | {verdict} |")


def print_members(said: Survival) -> None:
    """What the members share, and what only they have."""
    points, arrows = said.doubtful()
    often = [other for other in said.others if other.rate >= 0.5]
    print(
        f"\n{len(said.points) - len(points)} of {len(said.points)} points and {len(said.arrows) - len(arrows)} of "
        f"{len(said.arrows)} arrows are in at least {DOUBTFUL:.0%} of {said.n_members} members. "
        f"{len(said.others)} other points are in some of them, {len(often)} in at least half."
    )
    for other in often:
        print(f"- index {other.index} at ({other.x[0]:.0f}, {other.x[1]:.0f}), in {other.rate:.0%}")


def rest(data: TrainingData, rows: IntArray) -> TrainingData:
    """All but these rows."""
    return data.rows(np.setdiff1d(np.arange(len(data)), rows))


def by_index(landscape: ld.Landscape) -> str:
    """Numbers of minima, transition states and maxima."""
    return "/".join(str(landscape.counts_by_index.get(k, 0)) for k in range(3))


def print_scan(
    of: dict[float, tuple[ld.Landscape, Surrogate, list[Surrogate]]], data: TrainingData, parts: list[IntArray],
    found: ld.Landscape, points: list[Marked], same: float, starts: FloatArray, folder: Path,
) -> None:  # fmt: skip
    """A table of regularisations, and a Gaussian process at its end."""
    sure = [p.id for p in points if not p.doubtful]
    print(
        f"\n| regularisation | error at maps left out | residual | points by index | arrows | of the {len(sure)} that "
        "are not doubtful |"
    )
    print("|---|---:|---:|---|---:|---:|")

    def row(name: str, landscape: ld.Landscape, whole: Surrogate, models: list[Surrogate]) -> None:
        error = np.concatenate([m.energy(data.x[k]) - data.energy[k] for m, k in zip(models, parts, strict=True)])
        seen = survival(found.pathways, [landscape.pathways], same).points
        has = sum(seen[i].rate > 0 for i in sure)
        print(
            f"| {name} | {np.sqrt(np.mean(error**2)):.3f} | {whole.provenance['errors']['fitted_rms']:.3f} | "
            f"{by_index(landscape)} | {len(landscape.connections)} | {has} |"
        )

    for c in sorted(of):
        row(f"{c:g}", *of[c])
    process = fit_gaussian_process(data, restarts=0)
    without = [fit_gaussian_process(rest(data, rows), restarts=0, like=process) for rows in parts]
    row("Gaussian process", explored(process, data, folder / "gaussian_process.zarr", starts), process, without)


def main() -> None:
    """Train, search, say what can be trusted."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, nargs=2, metavar=("COORDINATES.npy", "PARTICLES.txt"),
                        help="coordinates of AlphaCryo4D's maps, particles of each; not shipped")  # fmt: skip
    parser.add_argument("--quick", action="store_true", help="larger batches and fewer epochs")
    parser.add_argument("--regularisation", type=float, help="coefficient; default the paper's, 4e-3")
    parser.add_argument(
        "--members", type=int, default=0, help="further surrogates, each of maps drawn with replacement"
    )
    parser.add_argument("--scan", type=float, nargs="*", default=[], metavar="COEFFICIENT",
                        help="other regularisations to compare with, such as 0 4e-4 4e-2")  # fmt: skip
    parser.add_argument("--same", type=float, default=15.0, help="distance within which members' points are the same")
    parser.add_argument("--kt", type=float, help="k_B T in another unit, such as 0.593 for kcal/mol at 298 K")
    parser.add_argument("--energy-unit", help="its name")
    parser.add_argument("--folder", type=Path, default=Path("cryo_em"), help="where to keep what is trained and found")
    parser.add_argument("--workers", type=int, help="worker processes for the trainings; default this process")
    parser.add_argument("--picture", help="where to draw the landscape (png, pdf, svg)")
    parser.add_argument("--scan-picture", help="where to draw those of the other regularisations")
    options = parser.parse_args()
    if (options.kt is None) != (options.energy_unit is None):
        parser.error("--kt and --energy-unit go together: a number, and the unit that it is in")
    if options.data is not None and options.data[1].suffix == ".npy":
        parser.error(
            f"--data names {options.data[1].name} second; give the coordinates (.npy) first, then the particles"
        )
    if options.members < 0 or options.same <= 0:
        parser.error("--members is at least 0, --same positive")
    missing = ["the maps"] if options.data is None else [str(path) for path in options.data if not path.exists()]
    if missing:
        raise SystemExit(
            f"{' and '.join(missing)}: not there, and not shipped; give --data COORDINATES.npy PARTICLES.txt, which "
            "AlphaCryo4D calls output.npy and num.txt"
        )
    try:
        work(options)
    except LandscapeError as error:
        raise SystemExit(str(error)) from error


def work(options: argparse.Namespace) -> None:
    """What the options ask for."""
    config = configured(
        options.quick, options.data, options.regularisation, kt=options.kt, energy_unit=options.energy_unit
    )
    data, settings = config.training_data(), config.training_settings()
    if data.x.shape[1] != 2 or np.linalg.matrix_rank(data.x - data.x.mean(axis=0)) < 2 or len(data) < N_FOLDS:
        raise SystemExit(
            f"{options.data[0]} has {len(data)} maps with {data.x.shape[1]} coordinates; give at least {N_FOLDS} "
            "that spread over a plane, two coordinates each"
        )
    for path in filter(None, (options.picture, options.scan_picture)):
        Path(path).parent.mkdir(parents=True, exist_ok=True)
    unit, folder = str(data.energy_unit), options.folder / ("quick" if options.quick else "paper")
    support, parts, starts = Support(data.x), folds(len(data), N_FOLDS), spread_out(data.x, N_STARTS)
    counts = np.loadtxt(options.data[1])
    print(
        f"{len(data)} maps of {counts.sum():.0f} particles. Counting noise of a pseudo-energy, kT / sqrt(n): "
        f"{config.data['kt'] / np.sqrt(np.median(counts)):.3f} {unit} at the median, "
        f"{config.data['kt'] / np.sqrt(counts[counts > 0].min()):.3f} at most; neighbouring maps scatter by "
        f"{neighbours_scatter(data):.2f} {unit}. All maps together scatter by {data.energy.std():.2f}."
    )
    coefficients = [settings.weight_decay, *(c for c in options.scan if c != settings.weight_decay)]
    jobs: dict[tuple[float, str], Job] = {}
    for c in coefficients:
        of = dataclasses.replace(settings, weight_decay=c)
        jobs[c, "all"] = (folder / f"{c:g}" / "all.surrogate", data, of)
        if options.scan:
            for k, rows in enumerate(parts):
                jobs[c, f"without {k}"] = (folder / f"{c:g}" / f"without_{k}.surrogate", rest(data, rows), of)
    for i in range(1, options.members + 1):
        of = dataclasses.replace(settings, seed=i)
        path = folder / f"{settings.weight_decay:g}" / f"member_{i}.surrogate"
        jobs[settings.weight_decay, f"member {i}"] = (path, resampled(data, i), of)
    models = dict(zip(jobs, trained(list(jobs.values()), options.workers), strict=True))

    def landscape(key: tuple[float, str]) -> ld.Landscape:
        return explored(models[key], data, jobs[key][0].with_suffix(".zarr"), starts)

    first = (settings.weight_decay, "all")
    found = landscape(first)
    members = [landscape(key) for key in jobs if key[1].startswith("member")]
    said = survival(found.pathways, [member.pathways for member in members], options.same) if members else None
    points = marked(found, said, support)
    print(
        f"\nRegularisation {settings.weight_decay:g}: points by index {by_index(found)}, {len(found.connections)} "
        f"arrows; root mean square residual {models[first].provenance['errors']['fitted_rms']:.2f} {unit}\n"
    )
    print_points(points, unit)
    print_barriers(found, points, unit)
    if said is not None:
        print_members(said)
    if options.scan:
        print_scan(
            {c: (landscape((c, "all")), models[c, "all"], [models[c, f"without {k}"] for k in range(N_FOLDS)])
             for c in coefficients}, data, parts, found, points, options.same, starts, folder,
        )  # fmt: skip
    print(f"\ntraining took {sum(m.provenance['cpu_seconds'] for m in models.values()):.0f} CPU s")
    if options.picture:
        draw({"": (models[first], points)}, data, counts[counts > 0], support, options.picture)
    if options.scan_picture:
        surfaces = {}
        for c in sorted(coefficients):
            key = (c, "all")
            own = points if key == first else marked(landscape(key), None, support)
            surfaces[f"regularisation {c:g}"] = (models[key], own)
        draw(surfaces, data, counts[counts > 0], support, options.scan_picture)


if __name__ == "__main__":
    main()

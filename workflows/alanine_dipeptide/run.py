"""Table 4 of the NN-HiSD paper: a surrogate of the free energy of alanine dipeptide over its two dihedral angles.

    python workflows/alanine_dipeptide/run.py --data alanine_fes.npz --quick [--members 5]

Takes the table through a low-pass, trains a network on values and slopes, explores it on the torus, and compares its
points with the paper's and with those of the low-pass itself; with more members it says what they disagree about.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import math
from pathlib import Path
from typing import Any

import numpy as np

import landscape_dist as ld
from landscape_dist.analysis.survival import survival
from landscape_dist.config import Config, make_config
from landscape_dist.errors import LandscapeError
from landscape_dist.records import FloatArray
from landscape_dist.surrogates import Surrogate, TrainingData, print_progress, train_once
from landscape_dist.toml_file import read_tables

HERE = Path(__file__).parent


def configured(quick: bool, data: Path | None = None) -> Config:
    """config.toml with another table, and quick.toml over it."""
    tables = read_tables(HERE / ("quick.toml" if quick else "config.toml"))
    if data is not None:
        tables["data"]["path"] = str(data.resolve())
    return make_config(tables, "workflows/alanine_dipeptide", HERE)


class Cells:
    """The grid that a table's values lie on, and which of its cells have one.

    Args:
        data: values at cells of a grid that is evenly spaced over one turn of both angles, in degrees.

    Attributes:
        origin, spacing: (2,) angles of the first cell and between two.
        values: (n, m) [phi, psi], 0 where there is none. known: (n, m) where there is one.
    """

    def __init__(self, data: TrainingData) -> None:
        axes = [np.unique(data.x[:, i]) for i in (0, 1)]
        counts = []
        for name, axis in zip(("phi", "psi"), axes, strict=True):
            if np.ptp(axis) < 7.0:
                raise SystemExit(f"{name} goes from {axis[0]:g} to {axis[-1]:g}; give one turn in degrees, not radians")
            counts.append(max(1, round(360.0 / np.diff(axis).min())))
            places = (axis - axis[0]) * counts[-1] / 360.0
            if np.abs(places - np.rint(places)).max() > 0.01:
                raise SystemExit(f"{name} is not evenly spaced over one turn; give a table that is")
        self.origin, self.spacing = np.array([axis[0] for axis in axes]), 360.0 / np.array(counts)
        self.values, self.known = np.zeros(counts), np.zeros(counts, dtype=bool)
        rows = tuple(self._cell(data.x).T)
        self.values[rows], self.known[rows] = data.energy, True

    @property
    def complete(self) -> bool:
        return bool(self.known.all())

    def have(self, X: FloatArray) -> FloatArray:
        """(n, 2) -> (n,) whether the cell that a point lies in has a value."""
        return np.asarray(self.known[tuple(self._cell(X).T)])

    def _cell(self, X: FloatArray) -> Any:
        return np.rint((X - self.origin) / self.spacing).astype(int) % self.values.shape


class LowPass:
    """Fourier series of a periodic table in two angles, each wave multiplied by exp(-(k sigma)^2 / 2).

    This is the table convolved with a Gaussian of width sigma.

    Where cells have no value, the weighted mean of those that have (normalised convolution): the table with zeros there
    and the pattern of its cells are both convolved, and divided.  It is meant for places with values; at the rim of a
    gap it leans towards them, inside of one it means nothing.

    Args:
        data: see `Cells`.
        width: sigma, in degrees.
    """

    def __init__(self, data: TrainingData, width: float) -> None:
        cells = Cells(data)
        shape = cells.values.shape
        n = min(math.ceil(6.0 / math.radians(width)), (min(shape) - 1) // 2)  # beyond, factors below 2e-8
        self.waves, self.origin = np.arange(-n, n + 1), cells.origin
        factor = np.exp(-0.5 * (math.radians(width) * self.waves) ** 2)

        def series(table: FloatArray) -> Any:
            coefficients = np.fft.fft2(table)[np.ix_(self.waves, self.waves)] / table.size
            return coefficients * factor[:, None] * factor

        self.coefficients = series(cells.values)
        self.pattern = None if cells.complete else series(cells.known.astype(float))

    def derivatives(self, X: FloatArray, coefficients: Any, order: int) -> list[FloatArray]:
        """(n, 2) in degrees -> (n,) sums of a series, (n, 2) slopes and (n, 2, 2) second derivatives up to an order."""
        turns = 1j * math.tau / 360.0 * self.waves
        waves = [np.exp((X[:, i : i + 1] - self.origin[i]) * turns) for i in (0, 1)]

        def of(phi: int, psi: int) -> FloatArray:
            left, right = (wave * turns**k for wave, k in zip(waves, (phi, psi), strict=True))
            return np.asarray(np.einsum("nk,nk->n", left @ coefficients, right).real)

        result = [of(0, 0)]
        if order > 0:
            result.append(np.stack([of(1, 0), of(0, 1)], axis=1))
        if order > 1:
            mixed = of(1, 1)
            result.append(np.moveaxis(np.array([[of(2, 0), mixed], [mixed, of(0, 2)]]), -1, 0))
        return result

    def _ratio(self, X: FloatArray, order: int) -> list[FloatArray]:
        """As `derivatives`, of the low-pass."""
        total = self.derivatives(X, self.coefficients, order)
        if self.pattern is None:
            return total
        share = self.derivatives(X, self.pattern, order)
        result = [total[0] / share[0]]
        if order > 0:
            result.append((total[1] - result[0][:, None] * share[1]) / share[0][:, None])
        if order > 1:
            cross = result[1][:, :, None] * share[1][:, None, :]
            rest = total[2] - result[0][:, None, None] * share[2] - cross - np.swapaxes(cross, 1, 2)
            result.append(rest / share[0][:, None, None])
        return result

    def energy(self, X: FloatArray) -> FloatArray:
        return self._ratio(X, 0)[0]

    def gradient(self, X: FloatArray) -> FloatArray:
        return self._ratio(X, 1)[1]

    def hessian(self, X: FloatArray) -> FloatArray:
        return self._ratio(X, 2)[2]

    def problem(self) -> Any:
        """The low-pass as an energy to explore; only of a table without gaps."""
        if self.pattern is not None:
            raise SystemExit(
                "the table has cells without a value, where a low-pass means nothing: leave out --widths, so that a "
                "network is trained on the cells that have one"
            )
        problem = ld.problems.from_callable(
            self.energy, gradient=self.gradient, hessian=self.hessian, dim=2, batched=True,
            euler_characteristic=0, name="low-pass",
        )  # fmt: skip
        problem.periods = [360.0, 360.0]
        return problem


def explored(problem: Any, config: Config, workers: int | None = None, store: str | None = None) -> ld.Landscape:
    """The landscape on the torus."""
    return ld.explore(problem, **(config.explore_arguments() | {"workers": workers, "store": store}))


def thinned(data: TrainingData, every: int) -> TrainingData:
    """Every so many values of each angle."""
    kept = [np.unique(data.x[:, i])[::every] for i in (0, 1)]
    return data.rows(np.flatnonzero(np.isin(data.x[:, 0], kept[0]) & np.isin(data.x[:, 1], kept[1])))


def apart(x: Any, y: Any) -> Any:
    """Distance on the torus, in degrees."""
    return np.linalg.norm((np.asarray(x) - y + 180.0) % 360.0 - 180.0, axis=-1)


def nearest(landscape: ld.Landscape, index: int, x: Any) -> int | None:
    """Id of the point of this index that is nearest."""
    rows = np.flatnonzero(landscape.columns.index == index)
    return int(rows[apart(landscape.columns.x[rows], x).argmin()]) if len(rows) else None


def table(found: ld.Landscape, others: list[ld.Landscape], expected: dict[str, Any]) -> dict[str, float]:
    """Print Table 4 side by side; the distance of each point from the reference."""
    same = ld.PeriodicCoordinates(360.0, expected["same"])
    spreads = survival(found.pathways, [other.pathways for other in others], same).points if others else None
    distances: dict[str, float] = {}
    print("| | paper | reference | here | to reference | to paper | F | reference | members | walkers |")
    print("|---|---|---|---|---:|---:|---:|---:|---:|---:|")
    for name, known in expected["points"].items():
        i = nearest(found, known["index"], known["reference"])
        if i is None:
            distances[name] = np.inf
            continue
        x = (found.columns.x[i] + 180.0) % 360.0 - 180.0
        distances[name] = float(apart(x, known["reference"]))
        spread = "" if spreads is None else f"{spreads[i].spread:.1f}"
        print(
            f"| {name} | {_text(known['paper'])} | {_text(known['reference'])} | {_text(x)} | {distances[name]:.1f} | "
            f"{apart(x, known['paper']):.1f} | {found.columns.energy[i]:.2f} | {known['energy']:.2f} | {spread} | "
            f"{known['walkers']} |"
        )
    return distances


def print_widths(data: TrainingData, widths: list[float], config: Config, points: dict[str, Any]) -> None:
    """Points of the table's Fourier series after low-passes of several widths, without a network."""
    print("| width of the low-pass, degrees | points by index | largest distance from the reference |")
    print("|---:|---|---:|")
    for width in widths:
        found = explored(LowPass(data, width).problem(), config)
        near = {name: nearest(found, known["index"], known["reference"]) for name, known in points.items()}
        away = max(
            np.inf if i is None else float(apart(found.columns.x[i], points[name]["reference"]))
            for name, i in near.items()
        )
        print(f"| {width:g} | {'/'.join(map(str, found.counts_by_index.values()))} | {away:.1f} |")


def _text(x: Any) -> str:
    return "(" + ", ".join(f"{v:.1f}" for v in x) + ")"


def draw(found: ld.Landscape, surrogate: Surrogate, points: dict[str, Any], path: str) -> None:
    """The surrogate's energy over one turn of both angles and its points; the paper's as crosses."""
    from matplotlib.figure import Figure

    angles = np.arange(-180.0, 181.0, 3.0)
    grid = np.stack(np.meshgrid(angles, angles, indexing="ij"), axis=-1).reshape(-1, 2)
    axes = (figure := Figure(figsize=(7.0, 5.8), layout="constrained")).add_subplot()
    energy = surrogate.energy(grid).reshape(len(angles), -1).T
    filled = axes.contourf(angles, angles, energy, levels=np.arange(23.0), cmap="Blues_r", extend="min")
    axes.contour(angles, angles, energy, levels=np.arange(23.0), colors="0.4", linewidths=0.3)
    figure.colorbar(filled, label="free energy in kcal/mol", ticks=range(0, 23, 2))
    for name, known in points.items():
        axes.plot(*known["paper"], "x", color="black", markersize=7, zorder=3)
        i = nearest(found, known["index"], known["reference"])
        if i is not None:
            x = (found.columns.x[i] + 180.0) % 360.0 - 180.0
            axes.plot(*x, "osD"[(0, 2, 1).index(known["index"])], color=["C0", "C1", "C2"][known["index"]],
                      markeredgecolor="white", markersize=9)  # fmt: skip
            axes.annotate(name, x, (6, -15 if x[1] > 150.0 else 6), textcoords="offset points", weight="bold")
    axes.set(
        xlabel="phi in degrees", ylabel="psi in degrees", title="Alanine dipeptide: crosses are the paper's Table 4"
    )
    axes.set(xticks=range(-180, 181, 60), yticks=range(-180, 181, 60), aspect="equal")
    figure.savefig(path, dpi=80)


def main() -> None:
    """Train, search, compare."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=HERE / "alanine_fes.npz", help="the free energy: .npz with phi, "
                        "psi (degrees) and F[phi, psi] (kcal/mol); it is not shipped")  # fmt: skip
    parser.add_argument("--quick", action="store_true", help="a smaller network and less training")
    parser.add_argument("--folder", type=Path, default=Path("alanine_dipeptide"), help="where to keep what is found")
    parser.add_argument("--low-pass", type=float, default=5.0, help="width in degrees; 0 takes the values as they are")
    parser.add_argument("--every", type=int, default=6, help="take every so many values of each angle")
    parser.add_argument("--members", type=int, default=1, help="surrogates to train; more say what can be trusted")
    parser.add_argument("--widths", type=float, nargs="+", help="only explore low-passes of these widths, untrained")
    parser.add_argument("--workers", type=int, help="worker processes for the searches; default this process")
    parser.add_argument("--picture", help="where to draw the surrogate's landscape (png, pdf, svg)")
    options = parser.parse_args()
    if min(options.members, options.every) < 1 or options.low_pass < 0 or min(options.widths or [1.0]) <= 0:
        parser.error("--members and --every are at least 1, --low-pass at least 0, --widths positive")
    try:
        work(options)
    except LandscapeError as error:
        raise SystemExit(str(error)) from error


def work(options: argparse.Namespace) -> None:
    """What the options ask for."""
    if not options.data.exists():
        raise SystemExit(
            f"{options.data} is not there: the free energy is not shipped; give --data FILE, an .npz file with arrays "
            "phi and psi (degrees, evenly spaced over one turn) and F[phi, psi] (kcal/mol)"
        )
    expected = json.loads((HERE / "expected.json").read_text())
    config = configured(options.quick, options.data)
    everything, settings = config.training_data(), config.training_settings()
    if options.widths:
        print_widths(everything, options.widths, config, expected["points"])
        return
    cells, data, exact = Cells(everything), thinned(everything, options.every), None
    if options.low_pass:
        low_pass = LowPass(everything, options.low_pass)
        data = dataclasses.replace(data, energy=low_pass.energy(data.x), gradient=low_pass.gradient(data.x))
        exact = explored(low_pass.problem(), config) if cells.complete else None
    if options.picture:
        Path(options.picture).parent.mkdir(parents=True, exist_ok=True)
    folder = options.folder / f"{'quick' if options.quick else 'paper'}_{options.low_pass:g}_{options.every}"
    landscapes: list[ld.Landscape] = []
    surrogates: list[Surrogate] = []
    for i in range(options.members):
        surrogate = train_once(
            folder / f"{i}.surrogate",
            data,
            dataclasses.replace(settings, seed=i),
            on_status=print_progress(f"member {i}"),
        )  # fmt: skip
        surrogate.name = f"alanine dipeptide, member {i}"
        surrogates.append(surrogate)
        store = str(folder / f"{i}.zarr")
        landscapes.append(explored(surrogate, config, options.workers, store))
        counts = landscapes[i].counts_by_index
        print(
            f"member {i}: points by index {'/'.join(map(str, counts.values()))}, Euler characteristic "
            f"{sum((-1) ** k * n for k, n in counts.items())}, {len(landscapes[i].connections)} arrows; errors "
            + ", ".join(f"{key} {value:.2g}" for key, value in surrogate.provenance["errors"].items())
        )
    found = landscapes[0]
    if not cells.complete:
        where = found.columns.index[cells.have(found.columns.x)]
        print(
            f"{cells.known.mean():.0%} of the table's cells have a value; points in such cells, by index: "
            f"{'/'.join(str(np.count_nonzero(where == k)) for k in range(3))}. All others are extrapolation."
        )
    is_known = everything.digest() == expected["table"]
    if not is_known:
        print("Reference and walkers are of another table, see README.md; for this one they are no check.")
    distances = table(found, landscapes[1:], expected)
    same = ld.PeriodicCoordinates(360.0, expected["same"])
    pathways = [landscape.pathways for landscape in landscapes]
    if exact is not None:
        print(
            f"\nthe low-pass itself, of {len(exact.connections)} arrows, in {survival(exact.pathways, pathways, same)}"
        )
    if len(landscapes) > 1:
        print(f"\nthe first in {survival(found.pathways, pathways, same)}")
    print(f"\ntraining took {sum(s.provenance['cpu_seconds'] for s in surrogates):.0f} CPU s")
    if options.picture:
        draw(found, surrogates[0], expected["points"], options.picture)
    allowed = expected["largest_distance"]
    far = {k: round(v, 2) for k, v in distances.items() if not v <= allowed.get(k, allowed["others"])}
    different = {str(k): n for k, n in found.counts_by_index.items()} != expected["counts"]
    if is_known and options.low_pass == expected["low_pass"] and (different or far):
        raise SystemExit(f"not as expected.json has it: points by index {found.counts_by_index}, too far away: {far}")


if __name__ == "__main__":
    main()

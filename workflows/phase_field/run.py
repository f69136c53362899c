"""The Allen–Cahn phase field of SaddleScape's example 4, modulo translation: python workflows/phase_field/run.py."""

from __future__ import annotations

import argparse
import json
import time
from pathlib import Path

import landscape_dist as ld
from landscape_dist.plots.fields import field_figure

HERE = Path(__file__).parent
# Grid points along each axis of expected.json; on finer grids energies differ by the error of its stencil.
N, STENCIL_ATOL = 64, 1e-3


def main() -> None:
    """Explore for each kappa of expected.json, compare, and draw the fields."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kappa", type=float, help="only this one")
    parser.add_argument("--points", type=int, default=N, help=f"grid points along each axis, default {N}")
    parser.add_argument("--store", help="folder for the stores; default none")
    parser.add_argument("--picture", help="where to draw the fields (png, pdf, svg); default nowhere")
    parser.add_argument("--workers", type=int, help="worker processes; default this process")
    options = parser.parse_args()
    expected = json.loads((HERE / "expected.json").read_text())
    shape = (options.points, options.points)
    atol = expected["energy_atol"] if options.points == N else STENCIL_ATOL
    for wanted in expected["landscapes"]:
        kappa = wanted["kappa"]
        if options.kappa not in (None, kappa):
            continue
        begun = time.process_time()
        landscape = ld.explore(
            ld.systems.allen_cahn(shape, kappa=kappa),
            same=ld.Translations(shape),
            upward="none",
            workers=options.workers,
            store=options.store and str(Path(options.store) / f"phase_field_{kappa}.zarr"),
        )
        seconds = time.process_time() - begun
        found = sorted((p.index, p.nullity, p.energy / len(p.x)) for p in landscape.points)
        known = sorted((p["index"], p["nullity"], p["energy"]) for p in wanted["points"])
        if len(found) != len(known) or any(
            f[:2] != k[:2] or abs(f[2] - k[2]) > atol for f, k in zip(found, known, strict=True)
        ):
            raise SystemExit(f"kappa = {kappa}: found (index, nullity, energy) {found}, not {known}")
        counters = landscape.counters
        print(
            f"kappa = {kappa}: {len(found)} stationary points as expected, {len(landscape.connections)} connections, "
            f"{counters['n_searches']} searches, {counters['n_gradients']} gradients, {counters['n_hvps']} Hessian "
            f"products, {seconds:.1f} CPU seconds"
        )
        if options.picture:
            path = Path(options.picture)
            field_figure(
                landscape,
                title=f"Allen–Cahn, {shape[0]} x {shape[1]}, kappa = {kappa}",
                file=path.with_stem(f"{path.stem}_{kappa}") if options.kappa is None else path,
            )


if __name__ == "__main__":
    main()

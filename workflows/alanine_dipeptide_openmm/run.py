"""The free energy of alanine dipeptide over phi and psi, computed with OpenMM (pip install openmm).

    python -m workflows.alanine_dipeptide_openmm.run [--steps 4000000] [--workers 2]

Independent walkers of well-tempered metadynamics in vacuum at 300 K, CHARMM36 without CMAP.  Writes the .npz file that
workflows/alanine_dipeptide/run.py takes as --data, and says how far the walkers agree.
"""

from __future__ import annotations

import argparse
import multiprocessing
import os
import sys
import threading
import time
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import numpy as np

from landscape_dist.errors import LandscapeError
from landscape_dist.records import FloatArray
from landscape_dist.store.lease import alone_in
from workflows.alanine_dipeptide_openmm.metadynamics import (
    Settings,
    Walker,
    differences,
    free_energy,
    together,
)

STARTS = ((-80.0, 75.0), (70.0, -70.0))
"""C7eq and C7ax, for walkers in turn: what they agree about does not come from where they started."""
LEVELS = (5.0, 15.0, np.inf)
AXIS = np.arange(-180.0, 180.0)


def settings_of(walker: int, seed: int, steps_per_hill: int) -> Settings:
    """Walkers differ in start and noise."""
    return Settings(start=STARTS[walker % len(STARTS)], seed=1000 * seed + walker, steps_per_hill=steps_per_hill)


def walk(folder: Path, walker: int, settings: Settings, n_steps: int) -> tuple[FloatArray, float, int]:
    """Hills of one walker, and CPU seconds and steps of this call."""
    began, shown = time.process_time(), time.monotonic()
    one = Walker(folder / f"walker_{walker}.npz", settings)
    before = one.n_steps

    def show(done: int) -> None:
        nonlocal shown
        if time.monotonic() - shown > 20.0:
            shown = time.monotonic()
            print(f"walker {walker}: {done} of {n_steps} steps", file=sys.stderr, flush=True)

    hills = one.run(n_steps, show)
    return hills, time.process_time() - began, one.n_steps - before


def end_with_parent() -> None:
    """In a worker process: end when run.py does, even if killed, so that no walker goes on beside its successor."""
    parent = multiprocessing.parent_process()
    if parent is None:
        return

    def wait() -> None:
        parent.join()
        os._exit(1)

    threading.Thread(target=wait, daemon=True).start()


def draw(F: FloatArray, path: str) -> None:
    """The free energy; white where no walker has been."""
    from matplotlib.figure import Figure

    axes = (figure := Figure(figsize=(6.4, 5.2), layout="constrained")).add_subplot()
    filled = axes.contourf(AXIS, AXIS, F.T, levels=np.arange(23.0), cmap="Blues_r", extend="max")
    axes.contour(AXIS, AXIS, F.T, levels=np.arange(23.0), colors="0.4", linewidths=0.3)
    figure.colorbar(filled, label="free energy in kcal/mol", ticks=range(0, 23, 2))
    axes.set(xlabel="phi in degrees", ylabel="psi in degrees", xlim=(-180, 180), ylim=(-180, 180), aspect="equal")
    axes.set(xticks=range(-180, 181, 60), yticks=range(-180, 181, 60))
    figure.savefig(path, dpi=80)


def main() -> None:
    """Walk, add up, compare."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "--steps", type=int, default=4_000_000, help="of 0.5 fs, for each walker, earlier ones included"
    )
    parser.add_argument("--walkers", type=int, default=2, help="independent of one another; default 2")
    parser.add_argument("--steps-per-hill", type=int, default=500, help="fewer fill faster and more roughly")
    parser.add_argument("--seed", type=int, default=0, help="of the noise")
    parser.add_argument(
        "--folder", type=Path, default=Path("alanine_dipeptide_openmm"), help="where to keep the walkers"
    )
    parser.add_argument("--out", type=Path, help="the free energy; default FOLDER/alanine_fes.npz")
    parser.add_argument("--workers", type=int, default=1, help="processes, at most one a walker; default 1")
    parser.add_argument("--picture", help="where to draw the free energy (png, pdf, svg)")
    options = parser.parse_args()
    if min(options.walkers, options.workers, options.steps_per_hill) < 1 or options.seed < 0:
        parser.error("--walkers, --workers and --steps-per-hill are at least 1, --seed at least 0")
    if options.steps < options.steps_per_hill:
        parser.error(f"--steps is {options.steps}; give at least {options.steps_per_hill}, the steps to the first hill")
    try:
        import openmm
    except ImportError as error:
        raise SystemExit('this workflow needs OpenMM; install it with pip install "landscape-dist[openmm]"') from error
    try:
        work(options, openmm.__version__)
    except LandscapeError as error:
        raise SystemExit(str(error)) from error


def work(options: argparse.Namespace, version: str) -> None:
    """What the options ask for, with this version of OpenMM."""
    out = options.out or options.folder / "alanine_fes.npz"
    if out.suffix != ".npz":
        out = out.with_name(out.name + ".npz")  # as NumPy does
    for path in (options.folder / "walker_0.npz", out, Path(options.picture or "")):
        path.parent.mkdir(parents=True, exist_ok=True)
    settings = [settings_of(i, options.seed, options.steps_per_hill) for i in range(options.walkers)]
    parts = [(options.folder, i, of, options.steps) for i, of in enumerate(settings)]
    with alone_in(options.folder, "walks"):
        if options.workers > 1:
            with ProcessPoolExecutor(options.workers, multiprocessing.get_context("spawn"), end_with_parent) as pool:
                done = list(pool.map(walk, *zip(*parts, strict=True)))
        else:
            done = [walk(*part) for part in parts]
    of = settings[0]
    tables = [free_energy(hills, AXIS, of.width, of.bias_factor) for hills, _, _ in done]
    F = together(tables)
    np.savez_compressed(
        out,
        phi=AXIS.astype(int),
        psi=AXIS.astype(int),
        F=F.astype(np.float32),
        walkers=np.array(tables, dtype=np.float32),
    )
    print(f"OpenMM {version}, {options.walkers} walkers of {options.steps * of.step * 1e-6:.3g} ns each")
    for i, ((hills, cpu, steps), table) in enumerate(zip(done, tables, strict=True)):
        speed = f", {steps} steps in {cpu:.0f} CPU s" if steps else ""
        print(
            f"walker {i}: {len(hills)} hills, the last ten of {hills[-10:, 2].mean():.2g} kcal/mol, "
            f"{np.isfinite(table).mean():.1%} of the cells{speed}"
        )
    print(f"{out}: {np.isfinite(F).mean():.1%} of the cells have a value, the highest {np.nanmax(F):.1f} kcal/mol")
    if len(tables) > 1:
        for level, rms in differences(tables, F, LEVELS).items():
            where = f"where F < {level:g}" if np.isfinite(level) else "wherever both have been"
            print(f"root mean square difference of the first two walkers {where}: {rms:.2f} kcal/mol")
    if options.picture:
        draw(F, options.picture)


if __name__ == "__main__":
    main()

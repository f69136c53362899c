"""`landscape-dist train`: from data to a surrogate."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from landscape_dist.cli.guard import INTERRUPTED, Debug, complain, guarded, note
from landscape_dist.cli.run import configured
from landscape_dist.errors import StoreError

LINE_SECONDS = 5.0


@guarded
def train(
    target: Annotated[
        str,
        typer.Argument(metavar="CONFIG.toml", help="A file with tables [data] and [training].", show_default=False),
    ],
    out: Annotated[
        Path | None,
        typer.Option(help="Folder to write. Default: the surrogate of [problem].", show_default=False),
    ] = None,
    settings: Annotated[
        list[str] | None,
        typer.Option(
            "--set",
            metavar="TABLE.NAME=VALUE",
            help="A value of the configuration, such as training.epochs=300.",
            show_default=False,
        ),
    ] = None,
    device: Annotated[
        str | None,
        typer.Option(
            help='Torch device to train on, such as "cuda". Default: the CPU, with NumPy.', show_default=False
        ),
    ] = None,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace a surrogate that is there.")] = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Print errors only.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print the provenance as JSON.")] = False,
    debug: Debug = False,
) -> None:
    """Fit a network to data and write it to a folder, for `run` to search; run again to go on where it stopped."""
    from landscape_dist import surrogates

    config = configured(target, {}, {}, settings or [], [], {}, [])
    folder = config.surrogate_folder() if out is None else out
    if folder.exists() and not overwrite:
        raise StoreError(f"{folder} is there already; give --overwrite, or another folder with --out")
    checkpoint = folder.with_name(folder.name + ".checkpoint.npz")
    data, training = config.training_data(), config.training_settings()
    talk = not quiet and not as_json
    if talk:
        going_on = "going on from its checkpoint" if checkpoint.exists() else f"{training.epochs} epochs"
        note(f"{data.source}: {len(data)} points of {data.dim} variables; {going_on}")
    show = surrogates.print_progress(seconds=LINE_SECONDS, write=note) if talk else None
    try:
        surrogate = surrogates.train(
            data, training, name=folder.stem, checkpoint=checkpoint, device=device, on_status=show
        )
    except KeyboardInterrupt as error:
        complain(f"run the same command again to go on from {checkpoint}", "interrupted: ", "bold yellow")
        raise typer.Exit(INTERRUPTED) from error
    surrogates.save(surrogate, folder, overwrite=overwrite)
    checkpoint.unlink(missing_ok=True)
    if as_json:
        from landscape_dist.cli.tables import print_json

        print_json(surrogate.provenance | {"surrogate": str(folder)})
    elif talk:
        typer.echo(_report(surrogate.provenance, data.energy_unit))
        typer.echo(f"surrogate: {folder}; search it: landscape-dist run {target}")


def _report(provenance: dict[str, Any], unit: str | None) -> str:
    """Errors of the energies by the part of the data that they are of."""
    errors = provenance["errors"]
    parts = []
    for name, label in (("fitted", "fitted points"), ("held_out", "held-out points")):
        if f"{name}_rms" in errors:
            rms, largest = errors[f"{name}_rms"], errors[f"{name}_max"]
            parts.append(f"{label}: rms {rms:.3g}, largest {largest:.3g}{f' {unit}' if unit else ''}")
    return f"error of the energy, {'; '.join(parts)} ({provenance['cpu_seconds']:.1f} CPU seconds)"

"""Proofs, wired: problem, box, place and a file to go on from."""

from __future__ import annotations

import os
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from landscape_dist.distribute.clusters.shorthands import place_and_lease
from landscape_dist.errors import SettingsError, StoreError
from landscape_dist.exploration.identification import Identification
from landscape_dist.exploration.proofs.completeness import Proof, State, advance_here, box_of, concluded, proceed
from landscape_dist.exploration.proofs.krawczyk import Zeros
from landscape_dist.exploration.proofs.region import region_of
from landscape_dist.problems.domain import domain_from_dict
from landscape_dist.problems.equations import equations_of, exact_formulas
from landscape_dist.problems.fingerprint import digest
from landscape_dist.spaces.kinds import judgement_of

if TYPE_CHECKING:
    from landscape_dist.distribute.clusters.place import On
    from landscape_dist.problems.base import Problem
    from landscape_dist.records import PointColumns

BOXES = 1_000_000


def prove(
    problem: Problem,
    box: Any = None,
    *,
    boxes: int = BOXES,
    cpu_seconds: float | None = None,
    on: On = None,
    checkpoint: str | os.PathLike[str] | None = None,
    on_progress: Callable[[State], None] | None = None,
    **place: Any,
) -> Proof:
    """Prove which stationary points there are in a box, by interval arithmetic.

    Branch and prune: boxes in which the gradient cannot vanish are dropped, those that hold exactly one zero
    (Krawczyk's test) are kept with its Morse index and energy, the rest is narrowed by interval Newton steps and cut.
    What is proved holds for the formula as it was read, in real numbers, where it has a value.

    Args:
        problem: given by a formula (`symbolic`, `vector_field` of formulas), or a named system.
        box: (lower, upper) of all coordinates, or d such pairs; default the problem's domain, one period of periodic
            coordinates, or a cube outside of which the gradient is shown not to vanish, where there is such.
        boxes: how many may be looked at. What is left is `undecided`, and the proof not `complete`.
        cpu_seconds: how long that may take, of all processes together; None as long as it takes.
        on: where boxes are looked at, as for `explore`; the proof is the same everywhere.
        checkpoint: file to keep what is known in, and to go on from where it is there already.
        on_progress: called with the `State` after each generation of boxes.
        place: shorthands for `on`, as in `workers=2`.

    Raises:
        ProblemError: there is no formula, or something in it has no known enclosure.
        SettingsError: no box holds all points for sure, or the one given is none; a checkpoint of another proof.

    Example:
        >>> from landscape_dist import problems, prove
        >>> proof = prove(problems.symbolic("(x1^2 + x2 - 11)^2 + (x1 + x2^2 - 7)^2"))
        >>> proof.complete, proof.counts_by_index
        (True, {0: 4, 1: 4, 2: 1})
    """
    if isinstance(boxes, bool) or not isinstance(boxes, int) or boxes < 1:
        raise SettingsError(f"boxes is {boxes!r}; give a whole number of at least 1")
    if cpu_seconds is not None and not cpu_seconds > 0:
        raise SettingsError(f"cpu_seconds is {cpu_seconds!r}; give a positive number, or None")
    equations = equations_of(problem)
    region = region_of(problem, equations) if box is None else box_of(box, problem.dim)
    if region is None:
        raise SettingsError(
            f"no box is known that holds all points of {problem.name}; give one, as in box=(-5, 5), or a domain"
        )
    lower, upper = region
    if not (upper - lower > 1e-9 * np.maximum(np.abs(lower), np.abs(upper))).all():
        raise SettingsError(f"box is {box!r}, next to nothing beside its distance from 0; give a wider one")
    if checkpoint is not None and not Path(checkpoint).absolute().parent.is_dir():
        raise SettingsError(f"checkpoint is {os.fspath(checkpoint)!r}, in a folder that is not there; make it first")
    about = digest("proof 1", equations.symmetric, list(exact_formulas(equations)), lower, upper)
    file = None if checkpoint is None else _Checkpoint(Path(checkpoint), about)
    state = State.begin(lower, upper) if file is None else file.read(lower, upper)

    def progress(now: State) -> None:
        if file is not None:
            file.write(now)
        if on_progress is not None:
            on_progress(now)

    with place_and_lease(on, **place)[0].connect() as client:
        if client is None:
            packs = advance_here(equations)
        else:
            from landscape_dist.distribute.runs.proof_packs import packs_on

            packs = packs_on(client, equations)
        limit = np.inf if cpu_seconds is None else state.cpu_seconds + cpu_seconds
        proceed(state, packs, boxes, limit, progress)
    periods = None if problem.periods is None else np.asarray(problem.periods, dtype=np.float64)
    return concluded(state, equations, problem.name, periods)


def missing_points(proof: Proof, points: PointColumns, header: dict[str, Any]) -> list[int]:
    """Which points of a proof, of the indices that were searched for, are not among those of a landscape."""
    asked = header["explore"]
    span = range(asked["min_index"], asked["max_index"] + 1)
    X = np.array([p.x for p in proof.points]).reshape(-1, points.x.shape[1])
    inside = domain_from_dict(header["problem"]["domain"]).contains(X)
    known = Identification.of(judgement_of(header), points)
    missing = []
    for k, point in enumerate(proof.points):
        indices = np.array(span if point.index is None else [point.index] * (point.index in span), dtype=np.int32)
        if not inside[k] or not len(indices):
            continue
        here = np.broadcast_to(X[k], (len(indices), X.shape[1]))
        energy = np.full(len(indices), np.nan if point.energy is None else sum(point.energy) / 2)
        if (known.find(here, energy, indices) < 0).all():
            missing.append(k)
    return missing


class _Checkpoint:
    """A file with the state of a proof, replaced as a whole."""

    def __init__(self, path: Path, about: str) -> None:
        self._path = path
        self._about = about

    def read(self, lower: Any, upper: Any) -> State:
        """The state in it, or the beginning."""
        if not self._path.exists():
            return State.begin(lower, upper)
        try:
            with self._path.open("rb") as file, np.load(file, allow_pickle=False) as kept:
                about = str(kept["about"])
                zeros = Zeros(kept["x"], kept["radius"], kept["around"])
                counts = kept["counts"]
                state = State(lower, upper, kept["boxes"], kept["small"], zeros, int(counts[0]), float(counts[1]), None)
        except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile) as error:
            raise StoreError(
                f"{self._path} cannot be read as a checkpoint of a proof ({error}); name another file, or remove it"
            ) from error
        if about != self._about:
            raise SettingsError(f"{self._path} is the checkpoint of another problem or box; name another file")
        return state

    def write(self, state: State) -> None:
        """Keep the state."""
        part = self._path.with_name(self._path.name + ".part")
        with part.open("wb") as out:
            np.savez(
                out,
                about=np.array(self._about),
                boxes=state.boxes,
                small=state.small,
                x=state.zeros.x,
                radius=state.zeros.radius,
                around=state.zeros.around,
                counts=np.array([state.n_looks, state.cpu_seconds]),
            )
            out.flush()
            os.fsync(out.fileno())
        part.replace(self._path)

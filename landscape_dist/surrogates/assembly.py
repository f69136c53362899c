"""What all kinds of fitted models have in common: rows held out, the surrogate put together, its errors."""

from __future__ import annotations

import numpy as np

from landscape_dist.records import FloatArray, IntArray
from landscape_dist.surrogates.data import TrainingData
from landscape_dist.surrogates.features import Features
from landscape_dist.surrogates.model import Model
from landscape_dist.surrogates.problem import Surrogate


def assembled(model: Model, features: Features, shift: float, scale: float, data: TrainingData, name: str) -> Surrogate:
    """The surrogate of a model fitted to data: domain, start, names and periods from there.

    The domain is the box of the data and a twentieth more on every side: random points do not reach its corners.  Where
    all coordinates are periodic there is no outside, and searches may go round.
    """
    middle = 0.5 * (data.x.min(axis=0) + data.x.max(axis=0))
    means = {} if data.parameters is None else dict(
        zip(data.parameter_names, data.parameters.mean(axis=0).tolist(), strict=True)
    )  # fmt: skip
    periodic = np.isfinite(data.input_periods[: data.dim])
    return Surrogate(
        model,
        features,
        shift,
        scale,
        parameters=means,
        coordinates=data.coordinates,
        name=name,
        domain=None if periodic.all() else data.domain(margin=0.05),
        euler_characteristic=0 if periodic.all() else None,
        suggested_start=middle,
        suggested_max_index=min(data.dim, 6),
    )


def held_out_rows(n: int, fraction: float, seed: int) -> tuple[IntArray, IntArray]:
    """Rows to fit and rows to hold out, both ascending."""
    order = np.random.default_rng([seed, 0x0E1D]).permutation(n)
    n_held = min(round(fraction * n), n - 1)
    return np.sort(order[n_held:]), np.sort(order[:n_held])


def errors(surrogate: Surrogate, data: TrainingData, fitted: IntArray, held_out: IntArray) -> dict[str, float]:
    """Root mean square and largest error of the energy, in its unit, and of the gradient where it is known."""
    result: dict[str, float] = {}
    for label, rows in (("fitted", fitted), ("held_out", held_out)):
        if not len(rows):
            continue
        part = data.rows(rows)
        residual = family_values(surrogate, part, "energy") - part.energy
        result[f"{label}_rms"] = float(np.sqrt(np.mean(residual**2)))
        result[f"{label}_max"] = float(np.abs(residual).max())
        if part.gradient is not None:
            known = np.isfinite(part.gradient[:, 0])
            slope = (family_values(surrogate, part, "gradient") - part.gradient)[known]
            if len(slope):
                result[f"{label}_gradient_rms"] = float(np.sqrt(np.mean(slope**2)))
    return result


def family_values(surrogate: Surrogate, data: TrainingData, what: str) -> FloatArray:
    """Energies or gradients at the data's points, each with its own values of the parameters."""
    shape = (len(data),) if what == "energy" else data.x.shape
    result = np.empty(shape)
    if data.parameters is None:
        result[...] = getattr(surrogate, f"_{what}")(data.x)
        return result
    values, which = np.unique(data.parameters, axis=0, return_inverse=True)
    for k, row in enumerate(values):
        rows = np.flatnonzero(which.ravel() == k)
        member = surrogate.at(**dict(zip(data.parameter_names, row.tolist(), strict=True)))
        result[rows] = getattr(member, f"_{what}")(data.x[rows])
    return result

"""When points are the same unless the user says otherwise, and the space in which a store tells them apart."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from landscape_dist.errors import SettingsError
from landscape_dist.records import FloatArray
from landscape_dist.spaces.flat import Euclidean, Torus
from landscape_dist.spaces.judgement import PerCoordinate, SameJudgement, SameOrbit, make_judgement
from landscape_dist.spaces.kinds import judgement_of, space_of
from landscape_dist.spaces.space import Space
from landscape_dist.spaces.symmetry import PeriodicCoordinates

SAME_ATOL = 1e-4
# With noise: how many times farther than the noise puts them points may be apart.
SAME_NOISE = 20.0
# but no farther than this part of the largest coordinate.
SAME_AT_MOST = 1e-2
SAME_LENGTHS = 1e-3  # of the length over which the curvature changes, some tenth of what points are apart


def judgement_by(same: Any, space: Space) -> SameJudgement:
    """As `make_judgement`; a number is a distance in the space."""
    if isinstance(space, Euclidean) or np.ndim(same) or not isinstance(same, int | float | np.number | np.ndarray):
        return make_judgement(same, space.n_variables)
    return PeriodicCoordinates(space.periods, float(same)) if isinstance(space, Torus) else SameOrbit(same, space)


def default_atol(starts: FloatArray, space: Space, position_noise: float = 0.0) -> float:
    """The distance up to which points are the same where the user gives none; starts are (s, d).

    Args:
        position_noise: by how much noise of the energy or gradient moves points, in the unit of x.
    """
    size = max(1.0, float(space.lengths(starts).max()))
    if not position_noise:
        return SAME_ATOL * size
    # A power of two: what is measured again to go on with a store may differ in its last digits.
    noise = 2.0 ** np.ceil(np.log2(SAME_NOISE * position_noise))
    return max(SAME_ATOL * size, min(float(noise), SAME_AT_MOST * size))


def chosen_judgement(
    same: Any,
    same_atol: float | None,
    space: Space,
    starts: FloatArray,
    kept: Any,
    lengths: Sequence[float] | None = None,
    position_noise: float = 0.0,
) -> SameJudgement:
    """When two points of an exploration are the same.

    Args:
        same, same_atol: what the user says. space: of the problem. starts: (s, d).
        lengths: of the coordinates, where they are not ordinary.
        position_noise: as in `default_atol`.
        kept: the plain form of the judgement of the store that is gone on with; None where there is none.
    """
    wanted = same_atol if same is None else same
    if wanted is None and lengths is not None:
        return PerCoordinate(SAME_LENGTHS * np.asarray(lengths))
    if wanted is None and kept is not None and kept == judgement_by(default_atol(starts, space), space).as_dict():
        position_noise = 0.0  # a store of a version that measured no noise
    judgement = judgement_by(default_atol(starts, space, position_noise) if wanted is None else wanted, space)
    if judgement is wanted or not isinstance(judgement, PeriodicCoordinates):
        return judgement
    # Versions to which problems did not say their periods told points apart in the plane: their stores go on so.
    plane = Euclidean(space.n_variables)
    plain = judgement_by(default_atol(starts, plane) if wanted is None else wanted, plane)
    return plain if kept == plain.as_dict() else judgement


def space_of_points(space: Space, judgement: SameJudgement) -> Space:
    """Where points live as they are told apart: whole periods are what the judgement says they are.

    Args:
        space: of the problem, as it says itself.
    """
    told = judgement.space(space.n_variables)
    return told if space.flat and told is not None and told.flat else space


def space_of_store(header: dict[str, Any], space: Space | None = None) -> Space:
    """Where the points of a store live, as they are told apart.

    Args:
        space: of the problem, where that is at hand.

    Raises:
        SettingsError: the space is of a kind that is not known here.
    """
    space = space_of(header) if space is None else space
    try:
        return space_of_points(space, judgement_of(header))
    except SettingsError:  # told apart by a function of Python
        return space


def images_in_store(header: dict[str, Any], X: FloatArray) -> NDArray[Any] | None:
    """(n, d) -> (n,) how many points of the space each point of a store stands for; None where that cannot be told."""
    try:
        return judgement_of(header).orbit_size(X)
    except SettingsError:  # told apart by a function of Python
        return None

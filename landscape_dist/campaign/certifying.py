"""Certificates of the points of a landscape, wired: problem, points, arrows."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from landscape_dist.errors import SettingsError
from landscape_dist.exploration.proofs.certificates import Certificates, certify_points
from landscape_dist.exploration.proofs.flow_tubes import branches, compared
from landscape_dist.problems.definition import check_same_problem
from landscape_dist.problems.domain import Ball, Box, Unbounded
from landscape_dist.problems.equations import equations_of

if TYPE_CHECKING:
    from landscape_dist.campaign.landscape import Landscape
    from landscape_dist.problems.base import Problem


def certify(landscape: Landscape, problem: Problem | None = None, *, arrows: bool = False) -> Certificates:
    """Prove of each point of a landscape that it is there: a box of about rounding's width with exactly one stationary
    point of the formula, its Morse index, and its energy.

    Krawczyk's test for the zero, Gershgorin's discs of T^T H T for the index (of T^-1 H T for vector fields).

    Args:
        landscape: of a formula or a named system. problem: where a store does not say it.
        arrows: whether to prove, too, where both branches of each point of index 1 lead: by a cone there, a tube along
            the gradient flow, or the vector field's, and an ellipsoid around the minimum or sink, an image of it where
            there are periods. That takes some hundredths of a second a branch, more in stiff valleys; those that are
            10,000 times stiffer than soft, and curved, may stay open, and so do branches that come to no point. Arrows
            from points of a higher index are those of saddle dynamics, no such flow, and are not certified.

    Raises:
        ProblemError: there is no formula. StoreMismatchError: `problem` is another one.
        SettingsError: a store does not hold the problem, or its arrows cannot be certified.

    Example:
        >>> import landscape_dist as ld
        >>> print(ld.certify(ld.explore(ld.systems.butterfly())))
        butterfly: 9 of 9 points certified
    """
    if problem is not None:
        check_same_problem(landscape.header, problem)
    of = landscape.known_problem() if problem is None else problem
    columns = landscape.columns
    index, nullity = columns.index.astype(np.int64), columns.nullity.astype(np.int64)
    equations = equations_of(of)
    certificates = certify_points(equations, columns.x, index, nullity, landscape.name)
    if not arrows:
        return certificates
    periods = None if of.periods is None else np.broadcast_to(np.asarray(of.periods, dtype=np.float64), of.dim)
    if not isinstance(of.domain, Box | Ball | Unbounded) or (periods is not None and isinstance(of.domain, Ball)):
        raise SettingsError(
            f"arrows of {of.name} cannot be certified: that is done in R^d, in boxes, in balls and with periods, and "
            "not with periods in a ball"
        )
    found = branches(equations, certificates, of.domain, periods)
    pairs = np.array([(arrow.parent_id, arrow.child_id) for arrow in landscape.connections], dtype=np.int64)
    parent, child = pairs.reshape(-1, 2).T
    wrong = compared(found, parent, child) if landscape.finished else []  # else some are still to come
    return replace(certificates, branches=found, wrong_arrows=tuple(wrong))

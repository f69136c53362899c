"""A cube outside of which a gradient or a vector field has no zero, proved from how it grows."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from landscape_dist.exploration.proofs.contraction import in_two
from landscape_dist.numerics import intervals
from landscape_dist.problems.equations import Equations, expressions_of
from landscape_dist.problems.programs import program_of
from landscape_dist.problems.programs.growth import Growth, growth_of
from landscape_dist.problems.programs.on_intervals import enclose
from landscape_dist.records import FloatArray

# Boxes on the surface of the cube that are looked at, and further variables than these are not tried.
MOST_BOXES, MOST_VARIABLES = 4_000, 16
# Larger cubes than this are no help.
LARGEST = 1e9
# Boxes are cut until the radius has come so near to what it would be with the leading parts in their middles.
GOOD_ENOUGH = 4.0
# Bounds are enlarged by this for their own rounding.
SLACK = 1 + 1e-9


def outer_radius(equations: Equations) -> float | None:
    """R such that no x with a coordinate beyond R in size is a zero of the equations; None where none is shown.

    Each component is a form of its highest degree D_i plus parts that are bounded by C_k |x|^k with k < D_i.  On the
    cube's surface |u| = 1, cut into boxes, one of the forms is at least mu > 0 in size; then
    |g_i(t u)| >= mu t^D_i - sum_k C_k t^k, which is positive from some t on.

    Example:
        >>> from landscape_dist import problems
        >>> from landscape_dist.problems.equations import equations_of
        >>> outer_radius(equations_of(problems.symbolic("x1^4 + x2^4 - 3*x1*x2 + sin(x1)"))) < 3
        True
    """
    d = equations.dim
    if d > MOST_VARIABLES:
        return None
    algebra, g = expressions_of(equations)
    growths = [growth_of(algebra, expression) for expression in g]
    leading = [
        (form, growth) for growth in growths if growth is not None and (form := growth.leading(algebra, d)) is not None
    ]
    if not leading:
        return None
    program = program_of(algebra, [form for form, _ in leading], d)
    largest = 0.0
    boxes = _faces(d)
    n = 0
    while boxes.shape[2]:
        n += boxes.shape[2]
        if n > MOST_BOXES:
            return None
        sizes = _sizes(enclose(program, boxes).values)
        middle = intervals.midpoint(boxes)
        at_middle = _sizes(enclose(program, np.stack([-middle, middle])).values)
        T, hoped = _from_where(sizes, leading), _from_where(at_middle, leading)
        done = np.maximum(GOOD_ENOUGH * hoped, largest) >= T
        largest = max(largest, T[done].max(initial=0.0))
        boxes = boxes[:, :, ~done]
        boxes = np.concatenate(in_two(boxes, np.argmax(boxes[0] + boxes[1], axis=0), 0.5), axis=2)
    return float(largest * SLACK) if largest < LARGEST else None


def _faces(d: int) -> FloatArray:
    """(2, d, d) the faces of the cube on one side of each axis: forms are as large on the other."""
    faces = np.ones((2, d, d))
    at = np.arange(d)
    faces[0, at, at] = -1.0
    return faces


def _sizes(values: FloatArray) -> FloatArray:
    """Lower bounds of |v| for intervals (2, k, n)."""
    return np.maximum(np.maximum(-values[0], -values[1]), 0.0)


def _from_where(sizes: FloatArray, leading: Sequence[tuple[int, Growth]]) -> FloatArray:
    """From which t on one of the components is not 0, for lower bounds (k, n) of their forms."""
    return np.min([growth.dominates_from(mu) for mu, (_, growth) in zip(sizes, leading, strict=True)], axis=0)

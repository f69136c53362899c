"""Programs on intervals: what an expression can be where each variable is anywhere between two numbers."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from landscape_dist.numerics import interval_functions, intervals
from landscape_dist.problems.programs.instructions import Program, Step
from landscape_dist.records import BoolArray, FloatArray

# Bytes that the slots of a batch may take: more than fits a cache is slower, less is more calls.
BATCH_BYTES = 2**21
FEWEST = 32


@dataclass(frozen=True)
class Enclosure:
    """What a program can be on n boxes.

    Attributes:
        values: (2, k, n) minus lower ends and upper ends. partly: (n,) where some part has no value somewhere in the
            box, so that the enclosure is of the rest. nowhere: (n,) where some part has no value all over the box.
    """

    values: FloatArray
    partly: BoolArray
    nowhere: BoolArray


def enclose(program: Program, X: FloatArray) -> Enclosure:
    """Enclosures of the expressions of a program on n boxes.

    Args:
        X: (2, d, n) minus lower and upper ends of the variables.
    """
    n = X.shape[2]
    size = max(FEWEST, BATCH_BYTES // (16 * program.n_slots))
    values = np.empty((2, len(program.outputs), n))
    partly, nowhere = np.zeros(n, dtype=bool), np.zeros(n, dtype=bool)
    W = np.empty((2, program.n_slots, min(size, n)))
    d = program.dim
    with np.errstate(all="ignore"):
        for start in range(0, n, size):
            here = slice(start, start + size)
            box = X[:, :, here]
            w = W[:, :, : box.shape[2]]
            w[:, :d] = box
            w[:, d : d + program.constants.shape[1]] = program.constants[:, :, None]
            for step in program.steps:
                w[:, step.results[0] : step.results[1]] = operate(step, w, partly[here], nowhere[here])
            values[:, :, here] = w[:, program.outputs]
    # nothing is known of what is not a number
    values[np.isnan(values)] = np.inf
    return Enclosure(values, partly, nowhere)


def has_edges(program: Program) -> bool:
    """Whether a program holds functions that have a value in a part of the line only."""
    return any(step.operation in interval_functions.DOMAINS for step in program.steps)


def operate(step: Step, w: FloatArray, partly: BoolArray, nowhere: BoolArray) -> FloatArray:
    """What a step makes of the slots (2, n_slots, n); where it has no value is added to `partly` and `nowhere` (n,)."""
    name = step.operation
    if name == "pi":
        return PI[:, None, None]
    operands = [w[:, slots] for slots in step.arguments]
    if name in RESTRICTED:
        some, all_of_it = interval_functions.undefined(name, operands[-1])
        partly |= some.any(axis=0)
        nowhere |= all_of_it.any(axis=0)
    if name == "atan2":  # jumps on its cut, y = 0 and x <= 0, as it is crossed from below
        y, x = operands
        partly |= ~((y[0] <= 0.0) | (y[1] < 0.0) | (x[0] < 0.0)).all(axis=0)
    if name == "scale":
        assert step.constants is not None
        return intervals.scale(operands[0], step.constants[:, :, None])
    if name == "power":
        return interval_functions.power(operands[0], step.exponent)
    if name == "real_power":
        low, high, _ = step.exponent
        return interval_functions.real_power(operands[0], (-low, high))
    if name == "jump":  # the derivative of a sign: 0, and nothing is known of it where the sign changes
        changes = ~(operands[0] < 0.0).any(axis=0)  # also where an end is not known
        partly |= changes.any(axis=0)
        return np.where(changes, np.inf, np.zeros_like(operands[0]))
    return FUNCTIONS[name](*operands)


PI = np.array([-math.pi, interval_functions.PI_UP])
RESTRICTED = {*interval_functions.DOMAINS, "div", "tan"}
ARITHMETIC = ("add", "sub", "mul", "mul_nonnegative", "div", "sqrt", "absolute", "sign")
ELEMENTARY = (
    *("exp", "log", "sin", "cos", "tan", "asin", "acos", "atan", "atan2"),
    *("sinh", "cosh", "tanh", "asinh", "acosh", "atanh", "erf"),
)
FUNCTIONS: dict[str, Callable[..., FloatArray]] = {
    "square": intervals.sqr,
    **{name: getattr(intervals, name) for name in ARITHMETIC},
    **{name: getattr(interval_functions, name) for name in ELEMENTARY},
}

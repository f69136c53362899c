"""Programs on doubles."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from landscape_dist.problems.programs.instructions import Program, Step
from landscape_dist.records import FloatArray


def evaluate(program: Program, X: FloatArray) -> FloatArray:
    """The expressions of a program at n points.

    Args:
        X: (d, n), variables first.

    Returns:
        (k, n); nan or infinite where an expression has no value, without warnings.
    """
    n = X.shape[1]
    W = np.empty((program.n_slots, n))
    d = program.dim
    W[:d] = X
    W[d : d + len(program.values)] = program.values[:, None]
    with np.errstate(all="ignore"):
        for step in program.steps:
            W[step.results[0] : step.results[1]] = _result(step, W)
    return W[program.outputs]


def _result(step: Step, W: FloatArray) -> Any:
    operands = [W[slots] for slots in step.arguments]
    if step.operation == "scale":
        assert step.values is not None
        return operands[0] * step.values[:, None]
    if step.operation == "power":
        return operands[0] ** step.exponent
    if step.operation == "real_power":
        return operands[0] ** step.exponent[1]
    return FUNCTIONS[step.operation](*operands)


def _erf(x: FloatArray) -> FloatArray:
    import scipy.special

    return np.asarray(scipy.special.erf(x))


FUNCTIONS: dict[str, Callable[..., Any]] = {
    "pi": lambda: np.pi,
    "add": np.add,
    "sub": np.subtract,
    "mul": np.multiply,
    "mul_nonnegative": np.multiply,
    "div": np.divide,
    "square": np.square,
    "sqrt": np.sqrt,
    "exp": np.exp,
    "log": np.log,
    "sin": np.sin,
    "cos": np.cos,
    "tan": np.tan,
    "asin": np.arcsin,
    "acos": np.arccos,
    "atan": np.arctan,
    "atan2": np.arctan2,
    "sinh": np.sinh,
    "cosh": np.cosh,
    "tanh": np.tanh,
    "asinh": np.arcsinh,
    "acosh": np.arccosh,
    "atanh": np.arctanh,
    "absolute": np.abs,
    "sign": np.sign,
    "jump": np.zeros_like,
    "erf": _erf,
}

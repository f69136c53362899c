"""Programs on doubles: of few points many operations at once, of many points one after another, to the same bits."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any
from weakref import WeakKeyDictionary

import numpy as np

from landscape_dist.problems.programs.instructions import Program, Step
from landscape_dist.records import FloatArray

# Of more points than these a call of NumPy takes longer for its numbers than for itself; and gathering what is done at
# once takes as long as so many calls.
FEW, CALLS = 128, 6
# To compile more operations takes seconds.
LONGEST = 20_000
# So many at a time: what is computed in between stays in the cache.
BLOCK = 2048


def evaluate(program: Program, X: FloatArray) -> FloatArray:
    """The expressions of a program at n points.

    Args:
        X: (d, n), variables first.

    Returns:
        (k, n); nan or infinite where an expression has no value, without warnings.

    Example:
        >>> from landscape_dist.problems.programs import Algebra, program_of, read_text
        >>> a = Algebra()
        >>> evaluate(program_of(a, [read_text("x1^2 + x2", a)], 2), np.array([[2.0, 3.0], [1.0, 0.0]])).tolist()
        [[5.0, 9.0]]
    """
    n = X.shape[1]
    if not at_once(program, n):
        values = np.empty((len(program.outputs), n))
        evaluate_into(program, X, list(values))
        return values
    with np.errstate(all="ignore"):
        if n <= FEW:
            return _by_kind(program, X)
        return np.concatenate([_by_kind(program, X[:, k : k + FEW]) for k in range(0, n, FEW)], axis=1)


def at_once(program: Program, n: int) -> bool:
    """Whether at n points all operations of a kind are done at once; the results are the same."""
    if program.n_operations > LONGEST:
        return True
    return n <= FEW and program.n_operations > CALLS * len(program.steps)


def evaluate_into(program: Program, X: FloatArray, places: Sequence[FloatArray]) -> None:
    """The same, one operation after another, each expression into an array (n,), as columns of others are."""
    run = _straight(program)
    with np.errstate(all="ignore"):
        if X.shape[1] <= BLOCK:
            run(np.ascontiguousarray(X), list(places))
            return
        for start in range(0, X.shape[1], BLOCK):
            here = slice(start, start + BLOCK)
            run(np.ascontiguousarray(X[:, here]), [place[here] for place in places])


def _by_kind(program: Program, X: FloatArray) -> FloatArray:
    """All operations of a step at once."""
    W = np.empty((program.n_slots, X.shape[1]))
    d = program.dim
    W[:d] = X
    W[d : d + len(program.values)] = program.values[:, None]
    for step in program.steps:
        W[step.results[0] : step.results[1]] = _result(step, W)
    return W[program.outputs]


def _result(step: Step, W: FloatArray) -> Any:
    operands = [W[slots] for slots in step.arguments]
    if step.operation == "scale":
        assert step.values is not None
        return operands[0] * step.values[:, None]
    if step.exponent is not None:
        return FUNCTIONS[step.operation](operands[0], step.exponent)
    return FUNCTIONS[step.operation](*operands)


# -- one operation after another ------------------------------------------------------------------------------
_COMPILED: WeakKeyDictionary[Program, Callable[[FloatArray, list[FloatArray]], None]] = WeakKeyDictionary()


def _straight(program: Program) -> Callable[[FloatArray, list[FloatArray]], None]:
    """A function of X (d, n) that fills k arrays (n,)."""
    if program not in _COMPILED:
        namespace: dict[str, Any] = dict(FUNCTIONS)
        exec(compile(_text(program), "<a program of landscape_dist>", "exec"), namespace)
        _COMPILED[program] = namespace["evaluate"]
    return _COMPILED[program]


def _text(program: Program) -> str:
    """A line of Python for each operation, as late as can be, and what it gave forgotten as soon: few arrays."""
    d = program.dim
    names = [f"x[{i}]" for i in range(d)] + [_number(value) for value in program.values.tolist()]
    known = len(names)
    names += [f"t{slot}" for slot in range(known, program.n_slots)]
    operations: dict[int, tuple[str, list[int], list[str]]] = {}
    for step in program.steps:
        for k, slot in enumerate(range(*step.results)):
            more = [] if step.values is None else [_number(float(step.values[k]))]
            more += [] if step.exponent is None else [repr(step.exponent)]
            operations[slot] = (step.operation, [int(slots[k]) for slots in step.arguments], more)
    lines: list[tuple[str, list[int]]] = []
    done = set(range(known))
    for place, output in enumerate(program.outputs.tolist()):
        waiting = [output]
        while waiting:
            slot = waiting[-1]
            if slot in done:
                waiting.pop()
                continue
            operation, operands, more = operations[slot]
            missing = [k for k in operands if k not in done]
            if missing:
                waiting += missing
                continue
            lines.append((f"{names[slot]} = {_called(operation, [*(names[k] for k in operands), *more])}", operands))
            done.add(slot)
        lines.append((f"values[{place}][...] = {names[output]}", [output]))
    text: list[str] = []
    needed: set[int] = set()
    for line, operands in reversed(lines):
        last = sorted({k for k in operands if k >= known and k not in needed})
        text += [f"del {', '.join(names[k] for k in last)}"] if last else []
        text.append(line)
        needed.update(operands)
    return "def evaluate(x, values):\n    " + "\n    ".join(text[::-1] or ["pass"]) + "\n"


def _number(value: float) -> str:
    return repr(value) if np.isfinite(value) else f"float('{value!r}')"


def _called(operation: str, operands: list[str]) -> str:
    if operation in SIGNS:
        return f" {SIGNS[operation]} ".join(operands)
    return f"{operation}({', '.join(operands)})"


SIGNS = {"add": "+", "sub": "-", "mul": "*", "mul_nonnegative": "*", "div": "/", "scale": "*"}


def _power(x: Any, n: int) -> Any:
    """x^n for whole n >= 1, by products: in less than a tenth of the time of the library's function."""
    power = None
    while True:
        if n & 1:
            power = x if power is None else power * x
        n >>= 1
        if not n:
            return power
        x = x * x


def _real_power(x: Any, exponent: tuple[float, float, float]) -> Any:
    """Of an exponent that is no whole number, given as minus lower end, upper end, nearest double."""
    p = exponent[2]
    if 2 * p != round(2 * p) or abs(p) > MOST_ROOTS:
        return x**p
    power = _power(np.sqrt(x), round(abs(2 * p)))
    return power if p > 0 else 1.0 / power


# Powers of half a whole number up to this one are those of a root.
MOST_ROOTS = 16


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
    "power": _power,
    "real_power": _real_power,
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

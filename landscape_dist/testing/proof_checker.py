"""A small checker of stored proofs, which shares nothing with what made them: ball arithmetic by Arb (python-flint).

It reads the formulas, points and boxes of `Proof.as_dict()` and shows again that

* each small box holds a zero, and that a larger one around it holds no other (Krawczyk's test, on balls);
* each point has the Morse index and the energy that are claimed;
* the rest of the box, where the proof claims to be complete, holds no zeros: cut into parts, each is inside of one of
  the larger boxes or has a component of the gradient that is not 0 in it.

Example:
    landscape-dist prove muller_brown.zarr --json > proof.json
    python -m landscape_dist.testing.proof_checker proof.json
"""

from __future__ import annotations

import ast
import importlib.util
import json
import sys
from collections.abc import Callable, Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

BITS = 128
# Parts of the boxes around points, the largest first, that are tried.
PARTS_OF_AROUND = (1.0, 0.7, 0.5, 0.3, 0.1, 0.01)
# Parts that are looked at before it gives up.
MOST_PARTS = 400_000


class Refused(Exception):
    """What is claimed and cannot be shown."""


class Jet:
    """A value with its first and second derivatives by d variables, all of them balls."""

    __slots__ = ("H", "g", "v")

    def __init__(self, v: Any, g: list[Any], H: list[list[Any]]) -> None:
        self.v, self.g, self.H = v, g, H

    def chain(self, f: Any, f1: Any, f2: Any) -> Jet:
        """f of it, with the first and second derivative of f there."""
        d = range(len(self.g))
        g = [f1 * a for a in self.g]
        H = [[f1 * self.H[i][j] + f2 * self.g[i] * self.g[j] for j in d] for i in d]
        return Jet(f, g, H)

    def __add__(self, o: Jet) -> Jet:
        d = range(len(self.g))
        return Jet(
            self.v + o.v,
            [a + b for a, b in zip(self.g, o.g, strict=True)],
            [[self.H[i][j] + o.H[i][j] for j in d] for i in d],
        )

    def __mul__(self, o: Jet) -> Jet:
        d = range(len(self.g))
        return Jet(
            self.v * o.v,
            [self.v * b + a * o.v for a, b in zip(self.g, o.g, strict=True)],
            [[self.v * o.H[i][j] + self.g[i] * o.g[j] + self.g[j] * o.g[i] + self.H[i][j] * o.v for j in d] for i in d],
        )


class Formula:
    """A formula in x1..xd that is evaluated on balls, by reading its syntax tree each time."""

    def __init__(self, text: str, dim: int) -> None:
        import flint

        self._arb = flint.arb
        self._dim = dim
        self._tree = ast.parse(text.replace("^", "**"), mode="eval").body

    def jet(self, x: Sequence[Any]) -> Jet:
        """Value, gradient and Hessian on a box of balls."""
        return self._of(self._tree, x)

    def _number(self, value: Any) -> Jet:
        zero, d = self._arb(0), range(self._dim)
        return Jet(value, [zero for _ in d], [[zero for _ in d] for _ in d])

    def _of(self, node: ast.expr, x: Sequence[Any]) -> Jet:
        arb = self._arb
        constant = _constant(node)
        if constant is not None:
            return self._number(arb(constant.numerator) / arb(constant.denominator))
        if isinstance(node, ast.Name):
            if node.id == "pi":
                return self._number(arb.pi())
            jet = self._number(x[int(node.id[1:]) - 1])
            jet.g[int(node.id[1:]) - 1] = arb(1)
            return jet
        if isinstance(node, ast.BinOp):
            return self._operation(node, x)
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
            if node.func.id not in _FUNCTIONS:
                raise Refused(f"the function {node.func.id} is not known here")
            u = self._of(node.args[0], x)
            return u.chain(*_FUNCTIONS[node.func.id](u.v))
        raise Refused(f"{ast.unparse(node)} is not read")

    def _operation(self, node: ast.BinOp, x: Sequence[Any]) -> Jet:
        arb = self._arb
        left = self._of(node.left, x)
        if isinstance(node.op, ast.Add):
            return left + self._of(node.right, x)
        if isinstance(node.op, ast.Mult):
            return left * self._of(node.right, x)
        if not isinstance(node.op, ast.Pow):
            raise Refused(f"{ast.unparse(node)} is not read")
        p = _constant(node.right)
        if p is None:
            raise Refused(f"{ast.unparse(node)}: an exponent must be a number")
        v = left.v
        if p.denominator == 1:
            n = int(p)
            power = [_whole_power(v, n - k) if n - k != 0 else arb(1) for k in range(3)]
            return left.chain(power[0], n * power[1], n * (n - 1) * power[2] if n != 1 else arb(0))
        if not v > 0:
            return left.chain(*[arb("nan")] * 3)
        q = arb(p.numerator) / arb(p.denominator)
        return left.chain(v**q, q * v ** (q - 1), q * (q - 1) * v ** (q - 2))


def _whole_power(v: Any, n: int) -> Any:
    """v^n by its ends: products of balls know nothing of squares, and python-flint's powers nothing of balls at 0."""
    if n < 0:
        return 1 / _whole_power(v, -n)
    low, high = (v.abs_lower(), v.abs_upper()) if n % 2 == 0 else (v.lower(), v.upper())
    ends = []
    for end in (low, high):
        power = end
        for _ in range(n - 1):
            power = power * end
        ends.append(power)
    return ends[0].union(ends[1])


def _square(v: Any) -> Any:
    return _whole_power(v, 2)


def _constant(node: ast.expr) -> Fraction | None:
    if isinstance(node, ast.Constant) and isinstance(node.value, int):
        return Fraction(node.value)
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub):
        inner = _constant(node.operand)
        return None if inner is None else -inner
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Div):
        above, below = _constant(node.left), _constant(node.right)
        return None if above is None or not below else above / below
    return None


_FUNCTIONS: dict[str, Callable[[Any], tuple[Any, Any, Any]]] = {
    "exp": lambda u: (u.exp(), u.exp(), u.exp()),
    "log": lambda u: (u.log(), 1 / u, -1 / _square(u)),
    "sin": lambda u: (u.sin(), u.cos(), -u.sin()),
    "cos": lambda u: (u.cos(), -u.sin(), -u.cos()),
    "tan": lambda u: (u.tan(), 1 + _square(u.tan()), 2 * u.tan() * (1 + _square(u.tan()))),
    "sinh": lambda u: (u.sinh(), u.cosh(), u.sinh()),
    "cosh": lambda u: (u.cosh(), u.sinh(), u.cosh()),
    "tanh": lambda u: (u.tanh(), 1 - _square(u.tanh()), -2 * u.tanh() * (1 - _square(u.tanh()))),
    "asin": lambda u: (u.asin(), 1 / (1 - _square(u)).sqrt(), u / _whole_power((1 - _square(u)).sqrt(), 3)),
    "acos": lambda u: (u.acos(), -1 / (1 - _square(u)).sqrt(), -u / _whole_power((1 - _square(u)).sqrt(), 3)),
    "atan": lambda u: (u.atan(), 1 / (1 + _square(u)), -2 * u / _square(1 + _square(u))),
    "asinh": lambda u: (u.asinh(), 1 / (1 + _square(u)).sqrt(), -u / _whole_power((1 + _square(u)).sqrt(), 3)),
    "acosh": lambda u: (u.acosh(), 1 / (_square(u) - 1).sqrt(), -u / _whole_power((_square(u) - 1).sqrt(), 3)),
    "atanh": lambda u: (u.atanh(), 1 / (1 - _square(u)), 2 * u / _square(1 - _square(u))),
    "sqrt": lambda u: (u.sqrt(), 1 / (2 * u.sqrt()), -1 / (4 * _whole_power(u.sqrt(), 3))),
    "erf": lambda u: (u.erf(), _bell(u), -2 * u * _bell(u)),
}


def _bell(u: Any) -> Any:
    import flint

    return 2 * (-_square(u)).exp() / flint.arb.pi().sqrt()


class Checker:
    """Checks one proof; `check` raises `Refused` at the first claim that it cannot show.

    Args:
        proof: as `Proof.as_dict` has it.
    """

    def __init__(self, proof: dict[str, Any]) -> None:
        import flint

        self._flint = flint
        self._proof = proof
        self._dim = len(proof["box"])
        self._formulas = [Formula(text, self._dim) for text in proof["formulas"]]
        self._energy = proof["kind"] == "energy"

    def check(self) -> int:
        """Show all that is claimed again.

        Returns:
            How many parts the rest of the box was cut into.
        """
        self._flint.ctx.prec = BITS
        points = self._proof["points"]
        around = [self._point(k, point) for k, point in enumerate(points)]
        for k, point in enumerate(points):
            for other in points[:k]:
                if all(a[0] <= b[1] and b[0] <= a[1] for a, b in zip(point["box"], other["box"], strict=True)):
                    raise Refused(f"point {k} may be the same as another")
        if not self._proof["complete"]:
            return 0
        return self._rest(around)

    def _ball(self, lower: float, upper: float) -> Any:
        arb = self._flint.arb
        return arb(lower).union(arb(upper))

    def _system(self, x: Sequence[Any]) -> tuple[list[Any], list[list[Any]]]:
        """The equations and their derivative on balls."""
        if self._energy:
            jet = self._formulas[0].jet(x)
            return jet.g, jet.H
        jets = [formula.jet(x) for formula in self._formulas]
        return [-jet.v for jet in jets], [[-a for a in jet.g] for jet in jets]

    # -- points -------------------------------------------------------------------------------------------------
    def _point(self, k: int, point: dict[str, Any]) -> list[list[float]]:
        """Show what is claimed of a point.

        Returns:
            The largest box around it, as far as balls show that, with no other zero.
        """
        flint, arb = self._flint, self._flint.arb
        box, around = point["box"], point["around"]
        if len(box) != self._dim or not all(
            b[0] <= x <= b[1] and a[0] <= b[0] and b[1] <= a[1] for x, b, a in zip(point["x"], box, around, strict=True)
        ):
            raise Refused(f"point {k} is not inside of its boxes")
        shown = None
        for part in PARTS_OF_AROUND:
            one = [[x + part * (a - x), x + part * (b - x)] for x, (a, b) in zip(point["x"], around, strict=True)]
            inner, _ = self._krawczyk(k, point["x"], one)
            if all(arb(a) < y and y < arb(b) for y, (a, b) in zip(inner, one, strict=True)):
                shown = one
                break
        if shown is None or not all(a <= b[0] and b[1] <= c for b, (a, c) in zip(box, shown, strict=True)):
            raise Refused(f"point {k}: no box around it is shown to hold exactly one zero")
        # the zero of the larger box is in the image of the smaller one, if that is in the smaller one
        small, J = self._krawczyk(k, point["x"], box)
        if not all(arb(b[0]) <= y and y <= arb(b[1]) for y, b in zip(small, box, strict=True)):
            raise Refused(f"point {k}: its box is not shown to hold the zero")
        if point["index"] is not None and self._index(J) != point["index"]:
            raise Refused(f"point {k}: its index is not shown to be {point['index']}")
        if point["energy"] is not None:
            # where the zero is, once more
            here = self._krawczyk_on(k, [flint.arb(y.mid()) for y in small], small)[0]
            energy = self._formulas[0].jet(here).v
            low, high = point["energy"]
            if energy < arb(low) or energy > arb(high) or not energy.rad() < 1e-20 * (1 + abs(energy)):
                raise Refused(f"point {k}: its energy is {energy}")
        return shown

    def _krawczyk(self, k: int, x: list[float], box: list[list[float]]) -> tuple[list[Any], Any]:
        """K = x - Y g(x) + (1 - Y J(box)) (box - x)."""
        return self._krawczyk_on(k, [self._flint.arb(v) for v in x], [self._ball(*b) for b in box])

    def _krawczyk_on(self, k: int, point: list[Any], balls: list[Any]) -> tuple[list[Any], Any]:
        flint, d = self._flint, range(self._dim)
        g, _ = self._system(point)
        _, H = self._system(balls)
        J = flint.arb_mat(H)
        try:
            Y = flint.arb_mat([[flint.arb(a.mid()) for a in row] for row in H]).inv()
        except ZeroDivisionError:
            raise Refused(f"point {k}: the derivative is singular") from None
        Y = flint.arb_mat([[flint.arb(Y[i, j].mid()) for j in d] for i in d])
        residual = Y * flint.arb_mat([[a] for a in g])
        away = flint.arb_mat([[flint.arb(int(i == j)) for j in d] for i in d]) - Y * J
        reach = away * flint.arb_mat([[balls[i] - point[i]] for i in d])
        return [point[i] - residual[i, 0] + reach[i, 0] for i in d], J

    def _index(self, J: Any) -> int | None:
        """Number of eigenvalues with a negative real part, by Arb's own enclosures of them; None where unclear."""
        flint, d = self._flint, range(self._dim)
        try:
            values = flint.acb_mat([[flint.acb(J[i, j]) for j in d] for i in d]).eig(multiple=True)
        except ValueError:
            return None
        negative = sum(bool(v.real < 0) for v in values)
        return negative if negative + sum(bool(v.real > 0) for v in values) == self._dim else None

    # -- the rest -----------------------------------------------------------------------------------------------
    def _rest(self, around: list[list[list[float]]]) -> int:
        parts = [[(float(a), float(b)) for a, b in self._proof["box"]]]
        n = 0
        while parts:
            part = parts.pop()
            n += 1
            if n > MOST_PARTS:
                raise Refused(f"the box is not shown to hold no other points with {MOST_PARTS} parts")
            if any(
                all(b[0] <= a[0] and a[1] <= b[1] for a, b in zip(part, one, strict=True)) for one in around
            ) or self._empty(part):
                continue
            parts += self._halves(part)
        return n

    def _empty(self, part: list[tuple[float, float]]) -> bool:
        """Whether a component is not 0 there, by itself or from the middle and the derivative."""
        balls = [self._ball(*a) for a in part]
        g, H = self._system(balls)
        if any(a > 0 or a < 0 for a in g):
            return True
        middle = [self._flint.arb(0.5 * (a + b)) for a, b in part]
        at, _ = self._system(middle)
        for i, a in enumerate(at):
            value = a
            for h, ball, m in zip(H[i], balls, middle, strict=True):
                value = value + h * (ball - m)
            if value > 0 or value < 0:
                return True
        return False

    def _halves(self, part: list[tuple[float, float]]) -> list[list[tuple[float, float]]]:
        whole = self._proof["box"]
        widths = [(b - a) / (w[1] - w[0]) for (a, b), w in zip(part, whole, strict=True)]
        i = widths.index(max(widths))
        a, b = part[i]
        middle = a + 0.47 * (b - a)
        if not a < middle < b or widths[i] < 1e-12:
            raise Refused("the box is not shown to hold no other points: a part cannot be cut any more")
        return [[*part[:i], end, *part[i + 1 :]] for end in ((a, middle), (middle, b))]


def check(proof: dict[str, Any]) -> int:
    """Show again what a proof claims.

    Args:
        proof: as `Proof.as_dict` has it.

    Raises:
        Refused: a claim that cannot be shown.
        ImportError: python-flint is not installed.
    """
    try:
        return Checker(proof).check()
    except (KeyError, TypeError, ValueError, IndexError, SyntaxError) as error:
        raise Refused(f"this is no proof: {type(error).__name__}: {error}") from error


def main(arguments: Sequence[str]) -> int:
    """Check the files of these names."""
    if importlib.util.find_spec("flint") is None:
        print("python-flint is not installed; pip install 'landscape-dist[check]'")
        return 2
    for name in arguments:
        try:
            n = check(json.loads(Path(name).read_text()))
        except Refused as why:
            print(f"{name}: refused: {why}")
            return 1
        print(f"{name}: accepted, {n} parts")
    return 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))

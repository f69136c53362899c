"""What is tried when a problem is built: shapes, finiteness, agreement of the derivatives.

A handful of evaluations at fixed points inside the domain; they do not count in `counters`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from landscape_dist.errors import ProblemError
from landscape_dist.problems.base import Problem
from landscape_dist.problems.measuring import measure_energy, measure_gradient
from landscape_dist.problems.noise import PartNoise, best_length
from landscape_dist.problems.starts import sample_points
from landscape_dist.problems.user_problem import Labels, UserProblem
from landscape_dist.records import Counters, FloatArray

ALL_PARTS = ("energy", "gradient", "hessian", "hvp")
_ALL_COORDINATES_UP_TO = 12
_RELATIVE = 1e-5
_ERROR_FACTOR = 20.0
# A gradient from differences whose rounding errors are more than this part of it finds no points.
_TOO_NOISY, _MUCH_TOO_NOISY = 1e-3, 0.1


def check_problem_once(problem: Problem, parts: Sequence[str] = ALL_PARTS) -> None:
    """Try a problem at a few points.

    Exceptions of the user's functions propagate, with a note saying where they were called.

    Args:
        problem: any problem.
        parts: which of energy, gradient, hessian, hvp to try.

    Raises:
        ProblemError: what was wrong, the numbers seen, and the cure.
    """
    try:
        _Check(problem).run([part for part in parts if part != "energy" or problem.has_energy])
    finally:
        problem.counters = Counters()


class _Check:
    def __init__(self, problem: Problem) -> None:
        self.problem = problem
        self.user = problem if isinstance(problem, UserProblem) else None
        self.labels = Labels() if self.user is None else self.user.labels
        self.eps = float(np.finfo(np.float64).eps) if self.user is None else self.user.eps
        self.X = sample_points(problem.dim, problem.domain, problem.suggested_start)

    def run(self, parts: Sequence[str]) -> None:
        if "energy" in parts:
            self._energy()
        if "gradient" in parts:
            self._gradient("energy" in parts)
        if "hessian" in parts and self.problem.has_hessian:
            self._hessian()
        if "hvp" in parts and "gradient" in parts:
            self._hvp()
        if "hessian" in parts and "gradient" in parts and self.problem.has_sparse_hessian:
            self._sparse_hessian()

    # -- calling ----------------------------------------------------------------------------------------------
    def _call(self, label: str, function: Callable[..., Any], X: FloatArray, *others: FloatArray) -> FloatArray:
        before = X.copy()
        try:
            result = np.asarray(function(X, *others))
        except ProblemError:
            raise
        except Exception as error:
            text = str(error)
            if isinstance(error, ValueError) and ("read-only" in text or "not writeable" in text):
                raise ProblemError(
                    f"{label} changes its argument in place ({text}); work on a copy (x.copy(), torch: x.clone())"
                ) from error
            translated = None if self.user is None else self.user.translate_error(error)
            if translated is not None:
                raise translated from error
            error.add_note(f"raised by {label}, tried at x = {_text(X[0])} when the problem was built")
            raise
        if not np.array_equal(X, before):
            raise ProblemError(f"{label} changes its argument in place; work on a copy (x.copy(), torch: x.clone())")
        return result

    def _shape(self, label: str, result: FloatArray, wanted: tuple[int, ...]) -> None:
        one_by_one = self.user is not None and not self.user.batched
        if result.shape != wanted and one_by_one and result.shape[:1] == wanted[:1]:
            cure = f"an array of shape {wanted[1:]}" if wanted[1:] else "a single number (shape ())"
            raise ProblemError(
                f"{label} returned shape {result.shape[1:]} for a point of dimension {self.problem.dim}; return {cure}"
            )
        if result.shape != wanted:
            raise ProblemError(
                f"{label} returned shape {result.shape} for a batch of {wanted[0]} points of dimension "
                f"{self.problem.dim}; return an array of shape {wanted}"
            )

    def _alone(
        self, label: str, function: Callable[..., Any], values: FloatArray, noise: PartNoise | None = None
    ) -> None:
        """The first point again, as a batch of one."""
        alone = self._call(label, function, self.X[:1])[0]
        scale = np.abs(values[0]).max(initial=0.0)
        difference = np.abs(alone - values[0]).max(initial=0.0)
        allowed = 1e4 * self.eps * max(scale, 1e-300) + 1e2 * self.eps
        if noise is not None:
            allowed = max(allowed, _ERROR_FACTOR * float(noise.at(scale)))
        if difference > allowed:
            raise ProblemError(
                f"{label} at x = {_text(self.X[0])} is {_text(values[0])} in a batch of {len(self.X)} points and "
                f"{_text(alone)} alone; rows must not depend on one another (look at axis= of sums), and the same "
                "point must always give the same value"
            )

    def _repeats(self, label: str, function: Callable[..., Any]) -> None:
        """The first point twice, in calls that are alike: what differs is random."""
        once, again = (self._call(label, function, self.X[:1])[0] for _ in range(2))
        scale, difference = np.abs(once).max(initial=0.0), np.abs(again - once).max(initial=0.0)
        if difference > 1e4 * self.eps * max(scale, 1e-300) + 1e2 * self.eps:
            raise ProblemError(
                f"{label} is random: called twice at x = {_text(self.X[0])} it differs by "
                f"{difference:.1g}; the same point must always give the same value, so make the "
                "generator anew with a fixed seed in each call, average samples that are drawn once, or switch on "
                "deterministic algorithms"
            )

    # -- parts --------------------------------------------------------------------------------------------------
    def _energy(self) -> None:
        label = self.labels.energy
        E = self._call(label, self.problem.energy, self.X)
        self._shape(label, E, (len(self.X),))
        finite = np.isfinite(E)
        if not finite.any():
            raise ProblemError(
                f"{label} is {_text(E[0])} at x = {_text(self.X[0])}, and not finite at any of {len(self.X)} points "
                "tried; give suggested_start= where it is defined, or domain= (a Box or Ball inside which it is)"
            )
        self.X = self.X[finite]
        self._repeats(label, self.problem.energy)
        if self.user is not None:
            measure_energy(self.user, self.X)
        self._alone(label, self.problem.energy, E[finite], self._noise_of("energy"))

    def _noise_of(self, part: str) -> PartNoise | None:
        noise = None if self.user is None else self.user.noise
        return None if noise is None else getattr(noise, part)

    def _noise(self, g: FloatArray) -> None:
        """Differences of large energies are no gradients."""
        noise = self.problem.gradient_noise(self.X)
        size = float(np.linalg.norm(g, axis=1).max(initial=0.0))
        part = self._noise_of("gradient")
        if part is not None:
            if size > 0 and part.least > _MUCH_TOO_NOISY * size:
                what = self.labels.gradient if self._given("gradient") else self.labels.energy
                single = " (it computes in single precision)" if part.single else ""
                cure = "" if self._given("gradient") else ", or give gradient="
                raise ProblemError(
                    f"{what} is noisy{single}, so that gradients of size {size:.3g} are wrong by {part.least:.1g}; "
                    f"compute {what} more exactly (in float64){cure}"
                )
            return
        if noise is not None and size > 0 and float(np.max(noise)) > _TOO_NOISY * size:
            E = float(np.abs(self.problem.energy(self.X)).max())
            raise ProblemError(
                f"energies are as large as {E:.3g} where the gradient is {size:.3g}, so that differences are wrong "
                f"by {float(np.max(noise)):.1g}; give gradient=, or subtract a constant from the energy"
            )

    def _gradient(self, compare: bool) -> None:
        label = self.labels.gradient
        g = self._call(label, self.problem.gradient, self.X)
        self._shape(label, g, self.X.shape)
        finite = np.isfinite(g).all(axis=1)
        if compare and not finite.all():
            x = self.X[~finite][0]
            raise ProblemError(
                f"{label} is {_text(g[~finite][0])} at x = {_text(x)}, where the {self.labels.energy} is finite; "
                "correct it there, or keep such points out with domain="
            )
        if not finite.any():
            raise ProblemError(
                f"{label} is {_text(self.labels.sign * g[0])} at x = {_text(self.X[0])}, and not finite at any of "
                f"{len(self.X)} points tried; give suggested_start= where it is defined, or domain="
            )
        self.X = self.X[finite]
        self._repeats(label, self.problem.gradient)
        if self.user is not None:
            measure_gradient(self.user, self.X)
        g = np.asarray(self.problem.gradient(self.X))  # the lengths of differences may have changed
        self._noise(g)
        self._alone(label, self.problem.gradient, g, self._noise_of("gradient"))
        if compare and self._given("gradient"):
            self._compare_gradient(self.X[0], g[0])

    def _given(self, part: str) -> bool:
        """Whether a function was given (a difference formula needs no comparison with itself)."""
        return self.user is None or part not in self.user.derived

    def _differences(self, part: str, x: FloatArray, U: FloatArray) -> tuple[FloatArray, FloatArray]:
        """`differences` of the energy or the gradient, of lengths that suit its noise."""
        function, noise = getattr(self.problem, part), self._noise_of(part)
        if noise is None:
            return differences(function, x, U, self.eps)
        size = float(np.linalg.norm(np.asarray(function(x[None]))[0]))
        length = best_length(function, x[None], self.problem.domain, noise)
        return differences(function, x, U, self.eps, length, float(noise.at(size)))

    def _compare_gradient(self, x: FloatArray, g: FloatArray) -> None:
        U = _directions(len(x))
        wanted, error = self._differences("energy", x, U)
        seen = U @ g
        noise = self._noise_of("gradient")
        error = error + (0.0 if noise is None else float(noise.least))
        allowed = _ERROR_FACTOR * error + _RELATIVE * (np.maximum(np.abs(seen), np.abs(wanted)) + 0.1 * np.abs(g).max())
        wrong = np.abs(seen - wanted) - allowed
        wrong[~np.isfinite(wrong)] = -np.inf
        single = np.count_nonzero(U, axis=1) == 1  # a single component says more
        worst = int(np.argmax(np.where(single, wrong, -np.inf) if np.any(wrong[single] > 0.0) else wrong))
        if wrong[worst] > 0.0:
            raise ProblemError(
                f"gradient disagrees with the energy at x = {_text(x)}: {_component(U[worst], 'gradient')} is "
                f"{seen[worst]:.9g}, differences of the energy give {wanted[worst]:.9g}; correct the gradient (sign, "
                "factor, forgotten term), or leave it out"
            )

    def _hessian_noise(self) -> float:
        noise = None if self.user is None else self.user.noise
        return 0.0 if noise is None else _ERROR_FACTOR * noise.hessian

    def _hessian(self) -> None:
        label = self.labels.hessian
        H = self._call(label, self.problem.hessian, self.X)
        self._shape(label, H, (*self.X.shape, self.problem.dim))
        finite = np.isfinite(H).all(axis=(1, 2))
        if not finite.all():
            x = self.X[~finite][0]
            raise ProblemError(
                f"{label} is not finite at x = {_text(x)}, where {self.labels.the_gradient} is; correct it there, or "
                "keep such points out with domain="
            )
        self._alone(label, self.problem.hessian, H)
        scale = np.abs(H).max()
        if self.labels.symmetric:
            skew = np.abs(H - H.transpose(0, 2, 1))
            n, i, j = np.unravel_index(int(np.argmax(skew)), skew.shape)
            if skew[n, i, j] > max(1e-8, 1e3 * self.eps) * scale + self._hessian_noise():
                raise ProblemError(
                    f"hessian is not symmetric at x = {_text(self.X[n])}: entry [{i}, {j}] is {H[n, i, j]:.9g}, "
                    f"[{j}, {i}] is {H[n, j, i]:.9g}; return the matrix of second derivatives of the energy"
                )
        if not self._given("hessian"):
            return
        x = self.X[0]
        U = _directions(len(x))
        wanted, error = self._differences("gradient", x, U)
        self._compare_products(label, x, U, (H[0] @ U.T).T, wanted, error, scale)

    def _hvp(self) -> None:
        if not self._given("hvp"):
            return  # made of the Hessian or of gradients
        x = self.X[0]
        U = _directions(len(x))[-3:]
        Y = self._call(self.labels.hvp, self.problem.hvp, x[None], U.T[None].copy())
        self._shape(self.labels.hvp, Y, (1, self.problem.dim, len(U)))
        if not self._given("gradient"):
            return  # both are differences of the energy
        wanted, error = self._differences("gradient", x, U)
        self._compare_products(self.labels.hvp, x, U, Y[0].T, wanted, error, np.abs(wanted).max())

    def _sparse_hessian(self) -> None:
        x = self.X[0]
        H = self.problem.sparse_hessian(x)
        U = _directions(len(x))
        wanted, error = self._differences("gradient", x, U)
        self._compare_products("sparse_hessian", x, U, (H @ U.T).T, wanted, error, np.abs(wanted).max())
        skew = abs(H - H.T)
        if skew.nnz and skew.max() > max(1e-8, 1e3 * self.eps) * abs(H).max():
            raise ProblemError(
                f"sparse_hessian is not symmetric at x = {_text(x)}: it and its transpose differ by {skew.max():.3g}; "
                "return both triangles of the matrix of second derivatives"
            )

    def _compare_products(
        self,
        label: str,
        x: FloatArray,
        U: FloatArray,
        seen: FloatArray,
        wanted: FloatArray,
        error: FloatArray,
        scale: float,
    ) -> None:
        # products may themselves be differences (dimer), hence ten times the gradient's allowance
        allowed = _ERROR_FACTOR * error + 10.0 * _RELATIVE * (np.maximum(np.abs(seen), np.abs(wanted)) + 0.1 * scale)
        allowed = allowed + self._hessian_noise()
        wrong = np.abs(seen - wanted) - allowed
        wrong[~np.isfinite(wanted) | ~np.isfinite(error)] = -np.inf
        wrong[~np.isfinite(seen)] = np.inf
        k, i = np.unravel_index(int(np.argmax(wrong)), wrong.shape)
        if wrong[k, i] > 0.0:
            sign = self.labels.sign
            where = np.flatnonzero(U[k])
            entry = f"entry [{i}, {where[0]}]"
            if len(where) > 1:
                entry = f"component {i} of its product with {_text(U[k])}"
            raise ProblemError(
                f"{label} disagrees with {self.labels.the_gradient} at x = {_text(x)}: {entry} is "
                f"{sign * seen[k, i]:.9g}, differences of {self.labels.the_gradient} give "
                f"{sign * wanted[k, i]:.9g}; correct it, or leave it out"
            )


def differences(
    function: Callable[[FloatArray], Any],
    x: FloatArray,
    U: FloatArray,
    eps: float,
    length: float | None = None,
    noise: float = 0.0,
) -> tuple[FloatArray, FloatArray]:
    """Directional derivatives at x (d,) along the rows of U (k, d), and estimates of their errors.

    Central differences with two steps, extrapolated (Richardson); the error is what the extrapolation moved, and
    the rounding of the values or their `noise`.  Shapes (k, ...) for a function (n, d) -> (n, ...).
    """
    h = 4.0 * eps ** (1.0 / 3.0) * max(1.0, float(np.abs(x).max())) if length is None else length
    steps = np.array([h, -h, 2.0 * h, -2.0 * h])
    points = x + steps[:, None, None] * U
    values = np.asarray(function(points.reshape(-1, len(x))), dtype=np.float64)
    values = values.reshape(4, len(U), *values.shape[1:])
    with np.errstate(invalid="ignore", over="ignore"):
        near = (values[0] - values[1]) / (2.0 * h)
        far = (values[2] - values[3]) / (4.0 * h)
        best = near + (near - far) / 3.0
        rounding = 4.0 * eps * np.abs(values).max(axis=0) / h if length is None else noise / h
        return best, np.abs(near - far) / 3.0 + rounding


def _directions(dim: int) -> FloatArray:
    """Coordinate directions (all, or a few spread ones) and three oblique ones; rows of unit length."""
    if dim <= _ALL_COORDINATES_UP_TO:
        chosen = np.arange(dim)
    else:
        chosen = np.unique(np.linspace(0, dim - 1, 6).astype(int))
    oblique = np.cos(np.outer(np.arange(1.0, 4.0), np.arange(1.0, dim + 1.0) * 1.7))
    oblique /= np.linalg.norm(oblique, axis=1, keepdims=True)
    return np.concatenate((np.eye(dim)[chosen], oblique)) if dim <= 4096 else oblique


def _component(u: FloatArray, name: str) -> str:
    where = np.flatnonzero(u)
    return f"{name}[{where[0]}]" if len(where) == 1 else f"the {name} along {_text(u)}"


def _text(values: Any) -> str:
    array = np.asarray(values)
    if array.ndim == 0:
        return f"{float(array):.6g}"
    flat = array.ravel()
    shown = ", ".join(f"{float(v):.6g}" for v in flat[:6])
    return f"[{shown}{', ...' if len(flat) > 6 else ''}]"

"""Settings of the solver: everything that decides how one search moves and when it ends."""

from __future__ import annotations

from collections.abc import Collection, Hashable
from dataclasses import dataclass, fields
from typing import Any

import numpy as np

from landscape_dist.eigensolvers import EIGENSOLVERS, Eigensolver
from landscape_dist.errors import SettingsError
from landscape_dist.hisd.custom import CustomStep
from landscape_dist.hisd.step_rule import STEP_RULES, StepRule

ACCELERATIONS = ("none", "heavy_ball", "nesterov")
PERTURBATIONS = ("gaussian", "uniform")
# An eigenvalue counts as zero below this part of the largest, by default, and where Hessians are given.
NULLITY_RTOL, EXACT_NULLITY_RTOL = 1e-6, 1e-10


@dataclass(frozen=True, slots=True)
class SolverSettings:
    """How a search moves and when it ends.  The defaults need no tuning on any of the named systems.

    Attributes:
        step: 'implicit' (linearly implicit step, needs a Hessian), 'explicit' (eq. 2.2 and its accelerations),
            'barzilai_borwein' (eq. 2.2 with the Barzilai–Borwein step length), 'custom' (a scheme of your own, see
            `custom_step`), or 'auto': implicit up to `dense_limit` variables, explicit beyond. Or a `StepRule`, which
            is copied for each batch of searches.
        custom_step: a `CustomStep`, which says where x goes next; needs step='custom' and a step_size.
        eigensolver: how the directions follow along: 'flow', 'lobpcg', 'sirqit', 'dense', 'euler' or 'power'; for
            vector fields that are no gradients 'flow', 'dense', 'euler' or 'power'. Or an `Eigensolver`, which is
            copied for each batch of searches and has a flow rate of its own.
        acceleration: 'none', 'heavy_ball' (eq. 2.4) or 'nesterov' (eq. 2.5); explicit steps only.
        momentum: gamma of heavy ball, in [0, 1).
        nesterov_choice: 1 for gamma_n = n / (n + 3), 2 for the theta recursion.
        nesterov_restart: momentum starts anew every so many steps; None never.
        step_size: fixed step of the explicit schemes (beta of eq. 2.2): exactly the papers' schemes, no step is taken
            back and nothing is polished; None adapts it and polishes.
        step_tolerance: accepted nonlinearity of the gradient along one step of a downward search, relative to the
            gradient. Smaller follows the dynamics more closely and costs more evaluations.
        upward_step_tolerance: the same for upward searches and those from the user's start, which look for points
            and not for arrows.
        flow_rate: gamma of eq. 2.1b relative to beta in downward searches: how fast directions relax, against how
            fast x moves.
        upward_flow_rate: the same for upward searches and those from the user's start; slower, so that climbing along
            a stiff mode does not turn at once into climbing along the softest.
        eigensolver_iterations: inner iterations of the matrix-free eigensolvers at every step.
        eigensolver_step_size: length of the inner steps of 'euler' and 'power'; None adapts it.
        symmetric_part: for vector fields, follow directions of the symmetric part of the Jacobian instead of its
            invariant subspaces; the index is that of the Jacobian all the same.
        gradient_rtol: converged when |g| <= gradient_rtol * |H| * (1 + |x|), norms of 2 and Frobenius kind.
        gradient_atol: converged, too, when |g| <= gradient_atol, in the problem's unit.
        nullity_rtol: an eigenvalue counts as zero below this fraction of the largest. The default, 1e-6, stands for
            1e-10 where dense Hessians are given and a step of Newton's method agrees with the eigenvalue.
        nullity_atol: and below this, in the unit of the Hessian.
        perturbation_method: how the random part of repeated searches (`n_random`) is drawn before it is normalised:
            'gaussian' (all directions alike) or 'uniform' (each coordinate in [-1, 1]).
        start_directions: directions of the searches from the user's start, (d, k) with orthonormal columns, in place of
            the lowest eigenvectors there; a search for index j takes the first j.
        perturbation_radius: how far from its parent a search starts; None is 1e-3 times max(1, largest coordinate).
        max_steps: steps of the dynamics before the search is given up.
        deadline: seconds of wall time of one batch of searches before those unfinished are given up; None never.
        excursion: how far a path may stray outside of a box or ball and come back, as a multiple of its width.
            Stationary points outside do not count.
        escape_radius: in an unbounded domain, a search this many times max(1, |x_0|) away from its start has left.
        dense_limit: largest dimension at which dense Hessians are formed.
        sparse_hessians: whether sparse Hessians are used beyond, where the problem offers them; else products alone.
        n_eigenvalues: how many of the lowest eigenvalues are kept for each point.
        keep_trajectories: whether the paths of the searches are kept, in the store where there is one.
        lengths: typical lengths of the coordinates, d numbers: the solver works in x / lengths, so that tolerances and
            radii mean the same in every unit; None measures them where an exploration starts, from how far along each
            coordinate the Hessian changes, and takes them where some are far from 1 or from one another.
        origin: what coordinates are counted from where there are lengths; None is 0.
        trajectory_points: how many points of each path are kept, its ends always among them; None for all.
    """

    step: str | StepRule[Any] = "auto"
    eigensolver: str | Eigensolver = "flow"
    acceleration: str = "none"
    momentum: float = 0.8
    nesterov_choice: int = 1
    nesterov_restart: int | None = 40
    step_size: float | None = None
    step_tolerance: float = 0.1
    upward_step_tolerance: float = 0.2
    flow_rate: float = 10.0
    upward_flow_rate: float = 1.0
    eigensolver_iterations: int = 2
    eigensolver_step_size: float | None = None
    symmetric_part: bool = False
    gradient_rtol: float = 1e-10
    gradient_atol: float = 0.0
    nullity_rtol: float = NULLITY_RTOL
    nullity_atol: float = 0.0
    perturbation_method: str = "gaussian"
    start_directions: tuple[tuple[float, ...], ...] | None = None
    custom_step: CustomStep | None = None
    perturbation_radius: float | None = None
    max_steps: int | None = None
    deadline: float | None = None
    excursion: float = 0.5
    escape_radius: float = 1e3
    dense_limit: int = 300
    sparse_hessians: bool = True
    n_eigenvalues: int = 64
    keep_trajectories: bool = False
    trajectory_points: int | None = 100
    lengths: tuple[float, ...] | None = None
    origin: tuple[float, ...] | None = None

    def __post_init__(self) -> None:
        self._one_of("step", STEP_RULES, StepRule)
        self._one_of("eigensolver", EIGENSOLVERS, Eigensolver)
        self._one_of("acceleration", ACCELERATIONS)
        self._one_of("perturbation_method", PERTURBATIONS)
        self._check_units()
        if self.start_directions is not None:
            object.__setattr__(self, "start_directions", checked_directions(self.start_directions))
        if (self.custom_step is not None) != (self.step == "custom"):
            raise SettingsError(
                f"solver setting step is {self.step!r} and custom_step is {self.custom_step!r}; give step='custom' "
                "with a CustomStep, or neither"
            )
        if self.step == "custom" and (self.step_size is None or self.acceleration != "none"):
            raise SettingsError(
                f"solver setting step is 'custom' with step_size {self.step_size!r} and acceleration "
                f"{self.acceleration!r}; give a step_size, and acceleration='none'"
            )
        self._one_of("nesterov_choice", (1, 2))
        for name in (
            "step_tolerance",
            "upward_step_tolerance",
            "flow_rate",
            "upward_flow_rate",
            "gradient_rtol",
            "escape_radius",
        ):
            self._positive(name)
        for name in ("step_size", "eigensolver_step_size", "perturbation_radius", "deadline"):
            if getattr(self, name) is not None:
                self._positive(name)
        for name in ("eigensolver_iterations", "dense_limit", "n_eigenvalues"):
            self._count(name)
        for name in ("max_steps", "nesterov_restart"):
            if getattr(self, name) is not None:
                self._count(name)
        if self.trajectory_points is not None:
            self._count("trajectory_points")
        if not 0 <= self.momentum < 1:
            raise SettingsError(f"solver setting momentum is {self.momentum!r}; give a number in [0, 1)")
        if not self.excursion >= 0:
            raise SettingsError(f"solver setting excursion is {self.excursion!r}; give 0 or a positive number")
        if not self.gradient_atol >= 0:
            raise SettingsError(f"solver setting gradient_atol is {self.gradient_atol!r}; give 0 or a positive number")
        if not self.nullity_atol >= 0:
            raise SettingsError(f"solver setting nullity_atol is {self.nullity_atol!r}; give 0 or a positive number")
        if not 0 <= self.nullity_rtol < 1:
            raise SettingsError(f"solver setting nullity_rtol is {self.nullity_rtol!r}; give a number in [0, 1)")
        if self.acceleration != "none" and (self.step == "implicit" or isinstance(self.step, StepRule)):
            step = self.step if isinstance(self.step, str) else self.step.name
            raise SettingsError(
                f"solver setting acceleration is {self.acceleration!r} but step is {step!r}, which takes no "
                "acceleration; choose step='explicit' or acceleration='none'"
            )

    def _check_units(self) -> None:
        for name in ("lengths", "origin"):
            value = getattr(self, name)
            if value is None:
                continue
            numbers = np.asarray(value, dtype=np.float64)
            right = numbers.ndim == 1 and np.isfinite(numbers).all() and (name == "origin" or (numbers > 0).all())
            if not right:
                raise SettingsError(
                    f"solver setting {name} is {value!r}; give one {'positive ' * (name == 'lengths')}number a variable"
                )
            object.__setattr__(self, name, tuple(numbers.tolist()))

    def _one_of(self, name: str, allowed: Collection[Any], kind: type | None = None) -> None:
        """Raise unless the setting is one of the allowed values, or an instance of `kind`."""
        value = getattr(self, name)
        if kind is not None and isinstance(value, kind):
            return
        if not isinstance(value, Hashable) or value not in allowed:
            instance = "" if kind is None else f", or an instance of {kind.__name__}"
            raise SettingsError(
                f"solver setting {name} is {value!r}; use one of {', '.join(map(repr, allowed))}{instance}"
            )

    def _positive(self, name: str) -> None:
        value = getattr(self, name)
        if isinstance(value, bool) or not isinstance(value, int | float) or not value > 0:
            raise SettingsError(f"solver setting {name} is {value!r}; give a positive number")

    def _count(self, name: str) -> None:
        value = getattr(self, name)
        if isinstance(value, bool) or not isinstance(value, int) or value < 1:
            raise SettingsError(f"solver setting {name} is {value!r}; give a whole number of at least 1")

    def as_dict(self) -> dict[str, Any]:
        """Plain JSON form, all settings; of instances their names and parameters."""
        plain = {f.name: getattr(self, f.name) for f in fields(self)}
        parts = ("step", "eigensolver", "custom_step")
        return plain | {n: plain[n].as_dict() for n in parts if plain[n] is not None and not isinstance(plain[n], str)}


def nullity_rtol_of(settings: SolverSettings, given: bool) -> float:
    """The part of the largest eigenvalue up to which others count as zero, of dense Hessians.

    Args:
        given: whether Hessians are given, and no differences of gradients.
    """
    if given and settings.nullity_rtol == NULLITY_RTOL:
        return EXACT_NULLITY_RTOL
    return settings.nullity_rtol


def checked_directions(directions: Any) -> tuple[tuple[float, ...], ...]:
    """d rows of k numbers, from anything like a (d, k) array.

    Raises:
        SettingsError: they are not numbers, or the columns not orthonormal.
    """
    try:
        V = np.asarray(directions, dtype=np.float64)
    except (TypeError, ValueError):
        V = np.zeros(0)
    if V.ndim != 2 or not V.shape[0] >= V.shape[1] >= 1:
        raise SettingsError(f"start_directions has shape {V.shape}; give a (d, k) array, a direction a column")
    if not np.abs(V.T @ V - np.eye(V.shape[1])).max() <= 1e-6:
        raise SettingsError("the columns of start_directions are not orthonormal; give numpy.linalg.qr(V)[0]")
    return tuple(tuple(row) for row in V.tolist())

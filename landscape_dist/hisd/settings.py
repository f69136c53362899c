"""Settings of the solver: everything that decides how one search moves and when it ends."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from landscape_dist.errors import SettingsError

STEP_RULES = ("auto", "implicit", "explicit", "barzilai_borwein")
EIGENSOLVERS = ("flow", "lobpcg", "sirqit", "dense")
ACCELERATIONS = ("none", "heavy_ball", "nesterov")


@dataclass(frozen=True, slots=True)
class SolverSettings:
    """How a search moves and when it ends.  The defaults need no tuning on any of the named systems.

    Attributes:
        step: 'implicit' (linearly implicit step, needs a Hessian), 'explicit' (eq. 2.2 and its accelerations),
            'barzilai_borwein' (eq. 2.2 with the Barzilai–Borwein step length), or 'auto': implicit up to
            `dense_limit` variables, explicit beyond.
        eigensolver: how the directions follow along: 'flow', 'lobpcg', 'sirqit' or 'dense'.
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
        gradient_rtol: converged when |g| <= gradient_rtol * |H| * (1 + |x|), norms of 2 and Frobenius kind.
        gradient_atol: converged, too, when |g| <= gradient_atol, in the problem's unit.
        nullity_rtol: an eigenvalue counts as zero below this fraction of the largest.
        perturbation_radius: how far from its parent a search starts; None is 1e-3 times max(1, largest coordinate).
        max_steps: steps of the dynamics before the search is given up.
        deadline: seconds of wall time of one batch of searches before those unfinished are given up; None never.
        excursion: how far a path may stray outside of a box or ball and come back, as a multiple of its width.
            Stationary points outside do not count.
        escape_radius: in an unbounded domain, a search this many times max(1, |x_0|) away from its start has left.
        dense_limit: largest dimension at which dense Hessians are formed.
        n_eigenvalues: how many of the lowest eigenvalues are kept for each point.
        keep_trajectories: whether the paths come back with the results.
    """

    step: str = "auto"
    eigensolver: str = "flow"
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
    gradient_rtol: float = 1e-10
    gradient_atol: float = 0.0
    nullity_rtol: float = 1e-6
    perturbation_radius: float | None = None
    max_steps: int | None = None
    deadline: float | None = None
    excursion: float = 0.5
    escape_radius: float = 1e3
    dense_limit: int = 300
    n_eigenvalues: int = 64
    keep_trajectories: bool = False

    def __post_init__(self) -> None:
        self._one_of("step", STEP_RULES)
        self._one_of("eigensolver", EIGENSOLVERS)
        self._one_of("acceleration", ACCELERATIONS)
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
        for name in ("step_size", "perturbation_radius", "deadline"):
            if getattr(self, name) is not None:
                self._positive(name)
        for name in ("eigensolver_iterations", "dense_limit", "n_eigenvalues"):
            self._count(name)
        for name in ("max_steps", "nesterov_restart"):
            if getattr(self, name) is not None:
                self._count(name)
        if not 0 <= self.momentum < 1:
            raise SettingsError(f"solver setting momentum is {self.momentum!r}; give a number in [0, 1)")
        if not self.excursion >= 0:
            raise SettingsError(f"solver setting excursion is {self.excursion!r}; give 0 or a positive number")
        if not self.gradient_atol >= 0:
            raise SettingsError(f"solver setting gradient_atol is {self.gradient_atol!r}; give 0 or a positive number")
        if not 0 <= self.nullity_rtol < 1:
            raise SettingsError(f"solver setting nullity_rtol is {self.nullity_rtol!r}; give a number in [0, 1)")
        if self.acceleration != "none" and self.step == "implicit":
            raise SettingsError(
                f"solver setting acceleration is {self.acceleration!r} but step is 'implicit', which takes no "
                "acceleration; choose step='explicit' or acceleration='none'"
            )

    def _one_of(self, name: str, allowed: tuple[Any, ...]) -> None:
        if getattr(self, name) not in allowed:
            raise SettingsError(
                f"solver setting {name} is {getattr(self, name)!r}; use one of {', '.join(map(repr, allowed))}"
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
        """Plain JSON form, all settings."""
        return asdict(self)

"""An eigensolver, a step rule and a strategy for curvature of one's own: instances, or one entry in a list."""

from __future__ import annotations

import pickle
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest

import landscape_dist as ld
from landscape_dist.eigensolvers import EIGENSOLVERS, Curvature, Eigensolver
from landscape_dist.eigensolvers.base import project_out
from landscape_dist.errors import SettingsError, StoreMismatchError
from landscape_dist.hisd.curvatures import CURVATURES, Curvatures, DenseCurvatures, curvatures_for
from landscape_dist.hisd.dynamics import reflect
from landscape_dist.hisd.settings import SolverSettings
from landscape_dist.hisd.spectra import LowestSpectrum, counted
from landscape_dist.hisd.state import RuleState, State
from landscape_dist.hisd.step_rule import STEP_RULES, StepRule
from landscape_dist.numerics.hessians import HessianStack
from landscape_dist.numerics.linalg import canonical_signs, orthonormalize
from landscape_dist.problems.base import Problem
from landscape_dist.testing.eigensolvers import check_eigensolver


def lattice(dim: int = 2, coupling: float = 0.2) -> Problem:
    return ld.systems.coupled_lattice(dim=dim, coupling=coupling)


def assert_complete(landscape: ld.Landscape, dim: int = 2) -> None:
    assert len(landscape.points) == 3**dim
    assert len(landscape.connections) == 2 * dim * 3 ** (dim - 1)


# -- an eigensolver -------------------------------------------------------------------------------------------------
class Shifted(Eigensolver):
    """One power iteration of (1 + slack) |H| I - H a step."""

    name = "shifted"

    def __init__(self, slack: float = 0.1) -> None:
        self.slack = slack
        self._calls = 0

    def follow(self, curvature: Curvature, V: Any, leave: Any, time: Any) -> Any:
        self._calls += 1
        size = (1 + self.slack) * curvature.norm[:, None, None]
        return orthonormalize(project_out(size * V - curvature.product(V), leave), curvature.xp)


@pytest.mark.parametrize("step", ["implicit", "explicit"])
def test_an_eigensolver_as_an_instance(step: str) -> None:
    mine = Shifted()
    assert_complete(ld.explore(lattice(), eigensolver=mine, step=step))
    assert mine._calls == 0, "each batch has a copy of its own"


def test_an_eigensolver_by_name(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(
        SettingsError, match=r"eigensolver is 'shifted'; use one of 'flow'.* or an instance of Eigensolver"
    ):
        SolverSettings(eigensolver="shifted")
    monkeypatch.setitem(EIGENSOLVERS, "shifted", lambda options, rate: Shifted())
    check_eigensolver(Shifted)
    landscape = ld.explore(lattice(), eigensolver="shifted")
    assert_complete(landscape)
    assert landscape.header["solver"]["eigensolver"] == "shifted"


def test_vector_fields_want_eigensolvers_that_can_do_them() -> None:
    field = ld.problems.vector_field(["x1 - x1**3 + x2", "-x1 - x2"], dim=2)
    with pytest.raises(SettingsError, match="'shifted', which needs a symmetric Jacobian"):
        ld.explore(field, [0.1, 0.1], 1, eigensolver=Shifted())


# -- a step rule ----------------------------------------------------------------------------------------------------
@dataclass(slots=True)
class Lengths(RuleState):
    """beta: (n,) lengths of the next steps."""

    beta: Any


class Doubling(StepRule[Lengths]):
    """x + beta R f, with beta doubled after each step over which the gradient has changed little, and halved else."""

    name = "doubling"

    def __init__(self, change: float = 0.3) -> None:
        self.change = change

    def begin(self, state: State[Any], xp: Any) -> Lengths:
        return Lengths(0.1 * self.change / state.norm)

    def propose(self, state: State[Lengths], xp: Any) -> tuple[Any, Any]:
        beta = state.memory.beta
        return beta[:, None] * reflect(state.V, -state.g), beta

    def judge(self, state: State[Lengths], step: Any, gradient: Any, xp: Any) -> tuple[Any, Any]:
        seen = xp.linalg.vector_norm(gradient - state.g, axis=-1)
        accepted = seen <= self.change * xp.linalg.vector_norm(state.g, axis=-1)
        beta = state.memory.beta * xp.where(accepted, 2.0, 0.5)
        state.memory.beta = xp.minimum(beta, 0.5 / state.norm)
        return accepted, state.trust


# It takes first-order steps to the very end.
PLAIN: dict[str, Any] = {"upward": "none", "gradient_rtol": 1e-6}


def test_a_step_rule_as_an_instance() -> None:
    assert_complete(ld.explore(lattice(), step=Doubling(), **PLAIN))
    assert_complete(ld.explore(lattice(3), step=Doubling(), eigensolver=Shifted(), **PLAIN), 3)


@pytest.mark.parametrize("maker", [lambda curvatures, tolerance: Doubling(), f"{__name__}:doubling_rule"])
def test_a_step_rule_by_name(maker: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(STEP_RULES, "doubling", maker)
    assert_complete(ld.explore(lattice(), step="doubling", **PLAIN))


def doubling_rule(curvatures: Curvatures, tolerance: float) -> Doubling:
    return Doubling(2 * tolerance)


def test_accelerations_are_for_the_rules_that_take_them() -> None:
    with pytest.raises(SettingsError, match="step is 'doubling', which takes no acceleration"):
        SolverSettings(step=Doubling(), acceleration="nesterov")


# -- what is said of instances --------------------------------------------------------------------------------------
def test_instances_travel_and_are_written_as_names_and_parameters() -> None:
    settings = SolverSettings(step=Doubling(0.2), eigensolver=Shifted(0.5))
    plain = {"step": {"name": "doubling", "change": 0.2}, "eigensolver": {"name": "shifted", "slack": 0.5}}
    for one in (settings, pickle.loads(pickle.dumps(settings))):
        assert one.as_dict() | plain == one.as_dict()


def test_a_store_goes_on_with_the_same_instance_alone(tmp_path: Any) -> None:
    store = str(tmp_path / "lattice.zarr")
    assert not ld.explore(lattice(), eigensolver=Shifted(), store=store, max_searches=3).finished
    with pytest.raises(StoreMismatchError, match=r"eigensolver\.slack: 0\.1, now 0\.2"):
        ld.explore(lattice(), eigensolver=Shifted(0.2), store=store)
    assert_complete(ld.explore(lattice(), eigensolver=Shifted(), store=store))


@pytest.mark.parametrize("wrong", [{"step": Shifted()}, {"eigensolver": Doubling()}, {"eigensolver": {"name": "x"}}])
def test_other_things_are_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(SettingsError, match="use one of"):
        SolverSettings(**wrong)


# -- a strategy for curvature ---------------------------------------------------------------------------------------
class Diagonals(HessianStack):
    """Diagonal Hessians (n, d), less a correction of low rank: left right^T, (n, d, m)."""

    def __init__(self, diagonal: np.ndarray, left: Any = None, right: Any = None) -> None:
        empty = np.zeros((*diagonal.shape, 0))
        self.diagonal = diagonal
        self.left, self.right = (empty if part is None else part for part in (left, right))

    def __len__(self) -> int:
        return len(self.diagonal)

    def __getitem__(self, rows: Any) -> Diagonals:
        return Diagonals(self.diagonal[rows], self.left[rows], self.right[rows])

    def __matmul__(self, V: Any) -> Any:
        return self.diagonal[:, :, None] * V - self.left @ (self.right.mT @ V)

    def __sub__(self, other: Diagonals) -> Diagonals:
        return Diagonals(self.diagonal - other.diagonal)

    @property
    def mT(self) -> Diagonals:
        return Diagonals(self.diagonal, self.right, self.left)

    def less(self, left: Any, right: Any) -> Diagonals:
        left, right = np.concatenate([self.left, left], axis=2), np.concatenate([self.right, right], axis=2)
        return Diagonals(self.diagonal, left, right)

    def sizes(self) -> Any:
        return np.linalg.norm(self.diagonal, axis=1)

    def where(self, mask: Any, other: Diagonals) -> Diagonals:
        return Diagonals(np.where(mask[:, None], self.diagonal, other.diagonal))

    def solve(self, shift: Any, B: Any, size: Any = None) -> Any:
        eye = np.eye(self.diagonal.shape[1])
        return np.linalg.solve((self.diagonal + shift[:, None])[:, :, None] * eye - self.left @ self.right.mT, B)


class DiagonalCurvatures(Curvatures):
    """Of a sum of functions of one variable each."""

    has_hessians = True

    @classmethod
    def serves(cls, problem: Problem, settings: SolverSettings) -> bool:
        return problem.name == "separable"

    def diagonals(self, X: np.ndarray) -> np.ndarray:
        return self.problem.hvp(X, np.ones((*X.shape, 1)))[:, :, 0]

    def frames(
        self, X: np.ndarray, columns: int, *, gap: float = 0.0, hessians: bool = False
    ) -> tuple[np.ndarray, HessianStack | None]:
        diagonal = self.diagonals(X)
        order = np.argsort(diagonal, axis=1)[:, :columns]
        return canonical_signs(np.eye(X.shape[1])[order].mT), Diagonals(diagonal)

    def evaluate(self, x: Any) -> tuple[Any, HessianStack, Any]:
        H = Diagonals(self.diagonals(x))
        return self.problem.gradient(x), H, H.sizes()

    def spectrum(self, x: np.ndarray, target_index: int) -> LowestSpectrum:
        return counted(np.sort(self.diagonals(x[None])[0]), self.settings.nullity_atol)


ROOM = "landscape_dist.hisd.curvatures"


def separable(dim: int) -> Problem:
    problem = lattice(dim, coupling=0.0)
    problem.name = "separable"
    return problem


@pytest.mark.parametrize("step", ["auto", "explicit"])
def test_a_strategy_by_one_entry(step: str, monkeypatch: pytest.MonkeyPatch) -> None:
    settings = {"step": step, "upward": "none"}
    plain = ld.explore(separable(3), **settings)
    assert_complete(plain, 3)
    assert plain.counters["n_hessians"] > 0
    monkeypatch.setattr(f"{ROOM}.CURVATURES", [DiagonalCurvatures, *CURVATURES])
    landscape = ld.explore(separable(3), **settings)
    assert_complete(landscape, 3)
    assert landscape.counters["n_hessians"] == 0
    assert landscape.counts_by_index == plain.counts_by_index


def test_a_strategy_may_add_to_another(monkeypatch: pytest.MonkeyPatch) -> None:
    verdicts = []

    class Watching(DenseCurvatures):
        def verdicts(self, outcome: Any, found: Any, target_index: int) -> Any:
            verdicts.append(len(found))
            return super().verdicts(outcome, found, target_index)

    monkeypatch.setattr(f"{ROOM}.CURVATURES", [Watching, *CURVATURES])
    landscape = ld.explore(lattice())
    assert_complete(landscape)
    assert sum(verdicts) >= len(landscape.points)


def test_the_spectrum_of_each_strategy_is_the_same() -> None:
    problem = ld.systems.allen_cahn((18, 18), kappa=0.02)
    x = 0.4 * np.random.default_rng(1).standard_normal(problem.dim)
    w = np.linalg.eigvalsh(problem.hessian(x[None])[0])
    for kind in CURVATURES:
        strategy = kind(problem, SolverSettings())
        at = x if strategy.problem is problem else strategy.problem.from_original(x[None])[0]
        found = strategy.spectrum(at, 2)
        assert (found.index, found.nullity, found.doubt) == (int((w < 0).sum()), 0, "")
    names = [kind.__name__ for kind in CURVATURES]
    chosen = [SolverSettings(dense_limit=1000), SolverSettings(), SolverSettings(step="implicit")]
    chosen.append(SolverSettings(step="implicit", sparse_hessians=False))
    assert [type(curvatures_for(problem, settings)).__name__ for settings in chosen] == names

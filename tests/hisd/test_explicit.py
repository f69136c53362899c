"""Explicit steps: the papers' schemes by hand, their order, and complete landscapes with every combination."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from scipy.integrate import solve_ivp

import landscape_dist as ld
from landscape_dist.eigensolvers import Flow
from landscape_dist.errors import SettingsError
from landscape_dist.hisd.curvatures import curvatures_for
from landscape_dist.hisd.curvatures.operators import power_norm
from landscape_dist.hisd.explicit import explicit_rule
from landscape_dist.hisd.implicit import ImplicitStep
from landscape_dist.hisd.loop import run
from landscape_dist.hisd.momenta import HeavyBall, Nesterov
from landscape_dist.hisd.settings import EIGENSOLVERS, SolverSettings
from landscape_dist.hisd.solver import solve_batch
from landscape_dist.hisd.state import State
from landscape_dist.hisd.step_lengths import AdaptiveLength, BarzilaiBorwein
from landscape_dist.numerics.hessians import DenseHessians
from landscape_dist.records import ResultBatch, SearchBatch, SearchKind, SearchStatus

START = np.array([-0.75, 0.5])
BETA = 2e-4

STEPS: dict[str, dict[str, Any]] = {
    "implicit": {"step": "implicit"},
    "explicit": {"step": "explicit"},
    "barzilai_borwein": {"step": "barzilai_borwein"},
    "heavy_ball": {"step": "explicit", "acceleration": "heavy_ball"},
    "nesterov": {"step": "explicit", "acceleration": "nesterov"},
    "nesterov, choice 2": {"step": "explicit", "acceleration": "nesterov", "nesterov_choice": 2},
    "barzilai_borwein and heavy_ball": {"step": "barzilai_borwein", "acceleration": "heavy_ball"},
}


def from_start(problem: Any, x: np.ndarray, target: int, **settings: Any) -> ResultBatch:
    one = np.array([0])
    batch = SearchBatch(
        target, SearchKind.START, np.array([-1]), x[None], np.array([-1]), one, one, np.array([[-1]]),
        np.array([[0]]), np.arange(target)[None], one,
    )  # fmt: skip
    return solve_batch(problem, batch, SolverSettings(**settings))


def reflected_force(problem: Any, x: np.ndarray, eigenvectors_at: np.ndarray, k: int) -> np.ndarray:
    """(I - 2 V V^T) F(x) with exact eigenvectors."""
    V = np.linalg.eigh(problem.hessian(eigenvectors_at[None])[0])[1][:, :k]
    f = -problem.gradient(x[None])[0]
    return f - 2 * V @ (V.T @ f)


# -- the papers' schemes ------------------------------------------------------------------------------------------
def plain_by_hand(problem: Any, n: int) -> list[np.ndarray]:
    xs = [START]
    for _ in range(n):
        xs.append(xs[-1] + BETA * reflected_force(problem, xs[-1], xs[-1], 1))
    return xs


def heavy_ball_by_hand(problem: Any, n: int, gamma: float) -> list[np.ndarray]:
    xs = [START, START]
    for _ in range(n):
        xs.append(xs[-1] + BETA * reflected_force(problem, xs[-1], xs[-1], 1) + gamma * (xs[-1] - xs[-2]))
    return xs[1:]


def nesterov_by_hand(problem: Any, n: int, choice: int, restart: int | None) -> list[np.ndarray]:
    """The points w_n where the gradient is evaluated; the eigenvectors are those at x_n."""
    before, x, count, theta = START, START, 0, 1.0
    ws = []
    for _ in range(n + 1):
        following = (1 + np.sqrt(1 + 4 * theta**2)) / 2
        gamma = count / (count + 3) if choice == 1 else (theta - 1) / following
        w = x + gamma * (x - before)
        ws.append(w)
        before, x = x, w + BETA * reflected_force(problem, w, x, 1)
        count, theta = count + 1, following
        if count == restart:
            before, count, theta = x, 0, 1.0
    return ws


def path(problem: Any, n: int, **settings: Any) -> np.ndarray:
    result = from_start(
        problem, START, 1, eigensolver="dense", step_size=BETA, max_steps=n, keep_trajectories=True, **settings
    )
    assert result.status[0] == SearchStatus.MAX_STEPS
    assert result.n_steps[0] == n
    return result.trajectories[0]


def test_equation_2_2() -> None:
    problem = ld.systems.muller_brown()
    np.testing.assert_allclose(path(problem, 12, step="explicit"), plain_by_hand(problem, 12), atol=1e-9)


@pytest.mark.parametrize("gamma", [0.0, 0.3, 0.8])
def test_equation_2_4(gamma: float) -> None:
    problem = ld.systems.muller_brown()
    made = path(problem, 12, step="explicit", acceleration="heavy_ball", momentum=gamma)
    np.testing.assert_allclose(made, heavy_ball_by_hand(problem, 12, gamma), atol=1e-9)


@pytest.mark.parametrize("choice", [1, 2])
@pytest.mark.parametrize("restart", [None, 1, 5])
def test_equation_2_5(choice: int, restart: int | None) -> None:
    problem = ld.systems.muller_brown()
    made = path(problem, 12, step="explicit", acceleration="nesterov", nesterov_choice=choice, nesterov_restart=restart)
    np.testing.assert_allclose(made, nesterov_by_hand(problem, 12, choice, restart), atol=1e-9)
    if restart == 1:
        np.testing.assert_allclose(made, plain_by_hand(problem, 12), atol=1e-9)


def test_barzilai_borwein_by_hand() -> None:
    problem = ld.systems.muller_brown()
    xs, beta = [START], BETA
    for _ in range(8):
        x = xs[-1]
        force = reflected_force(problem, x, x, 1)
        xs.append(x + beta * force)
        # Both forces with the reflection at x.
        s, y = xs[-1] - x, reflected_force(problem, xs[-1], x, 1) - force
        beta = abs(s @ y) / (y @ y)
    np.testing.assert_allclose(path(problem, 8, step="barzilai_borwein"), xs, atol=1e-8)


def test_a_fixed_step_that_is_too_long_is_not_mended() -> None:
    problem = ld.systems.coupled_lattice(dim=2)
    result = from_start(problem, np.array([1.2, 1.1]), 0, step="explicit", step_size=10.0)
    assert result.status[0] in (SearchStatus.LEFT_DOMAIN, SearchStatus.STALLED)


def test_a_fixed_step_converges_as_the_theory_says() -> None:
    """On a quadratic: error times max |1 - beta lambda| a step."""
    problem = ld.problems.symbolic("x1**2/2 - 2*x2**2")
    result = from_start(problem, np.array([0.3, 0.2]), 1, step="explicit", step_size=0.1, keep_trajectories=True)
    assert (result.status[0], result.index[0]) == (SearchStatus.CONVERGED, 1)
    error = np.linalg.norm(result.trajectories[0], axis=1)
    np.testing.assert_allclose(error[-1] / error[-2], 0.9, rtol=1e-6)


# -- order --------------------------------------------------------------------------------------------------------
class FixedImplicit(ImplicitStep):
    """The linearly implicit step with a fixed pseudo-time."""

    def __init__(self, size: float) -> None:
        super().__init__(1.0)
        self.size = size

    def propose(self, state: State, xp: Any) -> tuple[Any, Any]:
        state.trust = self.size * np.linalg.norm(state.g, axis=-1)
        return super().propose(state, xp)

    def judge(self, state: State, step: Any, gradient: Any, xp: Any) -> tuple[Any, Any]:
        return np.ones(len(state), dtype=bool), state.trust


def reference_trajectory(problem: Any, x: np.ndarray, v: np.ndarray, rate: float, T: float) -> np.ndarray:
    """x(T) of eq. 2.1 for k = 1, beta = 1, gamma = rate."""
    d = len(x)

    def right_hand_side(t: float, y: np.ndarray) -> np.ndarray:
        at, u = y[:d], y[d:]
        g, H = (part[0] for part in problem.gradient_hessian(at[None]))
        Hu = H @ u
        return np.concatenate([-g + 2 * u * (u @ g) / (u @ u), -rate * (Hu - u * (u @ Hu) / (u @ u))])

    return solve_ivp(right_hand_side, (0, T), np.concatenate([x, v]), rtol=1e-10, atol=1e-12).y[:d, -1]


@pytest.mark.parametrize("implicit", [False, True])
def test_the_schemes_are_of_first_order(implicit: bool) -> None:
    problem = ld.systems.coupled_lattice(dim=3, coupling=0.2)
    x, T, rate = np.array([0.3, 0.8, -0.7]), 0.2, 2.0
    v = np.array([0.9, 0.3, 0.1])
    v = v / np.linalg.norm(v)
    exact = reference_trajectory(problem, x, v, rate, T)
    settings = SolverSettings(gradient_rtol=1e-15, step_size=1.0)
    errors = []
    for n in (100, 200, 400):
        g, H = problem.gradient_hessian(x[None])
        norm = np.linalg.norm(H, axis=(1, 2))
        state = State(
            np.array([0]), x[None], g, DenseHessians(H) if implicit else None, v[None, :, None], np.zeros((1, 3)),
            np.ones(1), norm, 1e-3 * norm, np.zeros(1, dtype=np.int64),
        )  # fmt: skip
        fixed = SolverSettings(step="explicit", step_size=T / n)
        rule = FixedImplicit(T / n) if implicit else explicit_rule(curvatures_for(problem, fixed), 0.1)
        out = run(curvatures_for(problem, settings), state, rule, Flow(rate, 2), max_steps=n)
        errors.append(np.linalg.norm(out.x[0] - exact))
    np.testing.assert_allclose(np.log2(np.array(errors[:-1]) / errors[1:]), 1.0, atol=0.1)


# -- parts --------------------------------------------------------------------------------------------------------
def one_state(x: np.ndarray, g: np.ndarray) -> State:
    n, d = x.shape
    return State(
        np.arange(n), x, g, None, np.zeros((n, d, 0)), np.zeros((n, d)), np.ones(n), np.ones(n), np.ones(n),
        np.zeros(n, dtype=np.int64),
    )  # fmt: skip


def test_heavy_balls_come_to_rest_where_they_should() -> None:
    state = one_state(np.zeros((2, 1)), np.ones((2, 1)))
    ball = HeavyBall(0.5)
    memory = ball.begin(state, np)
    step = ball.displace(memory, state, np.ones((2, 1)), np)
    ball.commit(memory, state, step, np.array([True, True]), np.array([True, False]), np)
    np.testing.assert_allclose(ball.displace(memory, state, np.ones((2, 1)), np), [[1.5], [1.0]])


def test_nesterovs_momentum_begins_anew_at_the_evaluated_point() -> None:
    state = one_state(np.zeros((2, 1)), np.ones((2, 1)))
    scheme = Nesterov(1, None)
    memory = scheme.begin(state, np)
    for _ in range(3):
        step = scheme.displace(memory, state, np.ones((2, 1)), np)
        scheme.commit(memory, state, step, np.array([True, False]), np.array([True, False]), np)
        state.x = state.x + step * np.array([[1.0], [0.0]])
    assert memory.n.tolist() == [3, -1]
    assert memory.anchor[1] == state.x[1] == 0
    np.testing.assert_allclose(scheme.displace(memory, state, np.ones((2, 1)), np)[1], 1.0)


def test_adaptive_lengths_shrink_grow_and_reject() -> None:
    state = one_state(np.zeros((4, 1)), np.ones((4, 1)))
    length = AdaptiveLength(0.3)
    memory = length.begin(state, np)
    first = length.length(memory, state, np).copy()
    np.testing.assert_allclose(first, 0.3)
    gradient = np.array([[1.0], [0.6], [-0.5], [1.0]])
    accepted = length.judge(memory, state, first[:, None], gradient, np.array([True, True, True, False]), np)
    assert accepted.tolist() == [True, True, False, False]
    ratio = length.length(memory, state, np) / first
    np.testing.assert_allclose(ratio, [1.5, 0.75, 0.3, 0.3])


def test_barzilai_borwein_finds_the_curvature_where_it_is_negative_too() -> None:
    state = one_state(np.zeros((2, 1)), np.array([[1.0], [-1.0]]))
    rule = BarzilaiBorwein(None, 0.1)
    memory = rule.begin(state, np)
    rule.judge(memory, state, np.array([[-0.1], [0.1]]), np.array([[0.8], [-1.2]]), np.array([True, True]), np)
    np.testing.assert_allclose(rule.length(memory, state, np), 0.5)


def test_the_hessians_size_from_products() -> None:
    problem = ld.systems.coupled_lattice(dim=20, coupling=0.2)
    X = np.random.default_rng(0).uniform(-1, 1, (5, 20))
    exact = np.abs(np.linalg.eigvalsh(problem.hessian(X))).max(axis=1)
    estimate = power_norm(problem, X, problem.gradient(X))
    assert (estimate <= exact * (1 + 1e-12)).all()
    assert (estimate >= 0.7 * exact).all()


# -- every combination, complete ------------------------------------------------------------------------------------
def assert_counts(landscape: ld.Landscape, counts: tuple[int, ...], arrows: int) -> None:
    found = np.bincount(landscape.columns.index, minlength=len(counts))
    assert tuple(found.tolist()) == counts
    assert len(landscape.connections) == arrows


@pytest.mark.parametrize("eigensolver", EIGENSOLVERS)
@pytest.mark.parametrize("step", STEPS.values(), ids=STEPS.keys())
def test_landscapes_are_complete(step: dict[str, Any], eigensolver: str) -> None:
    settings = {**step, "eigensolver": eigensolver, "upward": "none"}
    assert_counts(ld.explore(ld.systems.coupled_lattice(dim=3, coupling=0.2), **settings), (8, 12, 6, 1), 54)
    assert_counts(ld.explore(ld.systems.butterfly(), **settings), (4, 4, 1), 12)


SIX = (64, 192, 240, 160, 60, 12, 1)


@pytest.mark.parametrize("eigensolver", EIGENSOLVERS)
def test_dimension_six_with_the_default_step(eigensolver: str) -> None:
    problem = ld.systems.coupled_lattice(dim=6, coupling=0.2)
    assert_counts(ld.explore(problem, eigensolver=eigensolver, upward="none"), SIX, 2916)


@pytest.mark.parametrize("step", ["explicit", "barzilai_borwein"])
def test_dimension_six_with_explicit_steps(step: str) -> None:
    landscape = ld.explore(ld.systems.coupled_lattice(dim=6, coupling=0.2), step=step, upward="none")
    assert_counts(landscape, SIX, 2916)
    assert landscape.counters["n_gradients"] < 50 * landscape.counters["n_searches"]
    assert landscape.counters["n_hessians"] < 3 * landscape.counters["n_searches"]


@pytest.mark.long
@pytest.mark.parametrize("eigensolver", EIGENSOLVERS)
@pytest.mark.parametrize("step", [s for s in STEPS if s != "implicit"])
def test_dimension_six_with_everything(step: str, eigensolver: str) -> None:
    problem = ld.systems.coupled_lattice(dim=6, coupling=0.2)
    assert_counts(ld.explore(problem, **STEPS[step], eigensolver=eigensolver, upward="none"), SIX, 2916)


NAMED = {
    "muller_brown": (ld.systems.muller_brown, 2, (3, 2)),
    "modified_muller_brown": (ld.systems.modified_muller_brown, None, (3, 2)),
    "arctan_2d": (ld.systems.arctan_2d, None, (3, 2)),
    "arctan_3d": (lambda: ld.systems.arctan_3d(alpha=6.0), None, (3, 3, 1)),
    "arctan_3d_3": (lambda: ld.systems.arctan_3d(alpha=3.0), None, (6, 7, 2)),
    "weighted_cubic": (lambda: ld.systems.weighted_cubic(dim=3), None, (8, 12, 6, 1)),
    "rosenbrock": (lambda: ld.systems.rosenbrock(dim=7, s=[-500] * 5 + [1, 1]), None, (1, 4, 4, 1)),
}


# Seven variables take seconds each; combinations of what is tried alone are for the long run.
COMBINED = ("nesterov, choice 2", "barzilai_borwein and heavy_ball")


@pytest.mark.parametrize(
    ("name", "step"),
    [
        pytest.param(name, step, marks=[pytest.mark.long] if name == "rosenbrock" and step in COMBINED else [])
        for name in NAMED
        for step in STEPS
        if step != "implicit"
    ],
)
def test_named_systems_without_tuning(name: str, step: str) -> None:
    make, max_index, counts = NAMED[name]
    landscape = ld.explore(make(), max_index=max_index, **STEPS[step])
    found = np.bincount(landscape.columns.index, minlength=len(counts))
    assert tuple(found.tolist()) == counts


# -- without Hessians -----------------------------------------------------------------------------------------------
def lattice_energy(x: np.ndarray) -> np.ndarray:
    a = 1 + 0.3 * np.arange(x.shape[-1])
    return np.sum(a * (x**2 - 1) ** 2, axis=-1) + 0.2 * np.sum(x[..., :-1] * x[..., 1:], axis=-1)


def lattice_gradient(x: np.ndarray) -> np.ndarray:
    a = 1 + 0.3 * np.arange(x.shape[-1])
    g = 4 * a * x * (x**2 - 1)
    g[..., :-1] += 0.2 * x[..., 1:]
    g[..., 1:] += 0.2 * x[..., :-1]
    return g


@pytest.mark.parametrize("eigensolver", EIGENSOLVERS)
def test_gradients_alone(eigensolver: str) -> None:
    problem = ld.problems.from_callable(lattice_energy, lattice_gradient, dim=3, batched=True)
    landscape = ld.explore(
        problem, start=[0.1] * 3, max_index=3, step="explicit", eigensolver=eigensolver, upward="none"
    )
    assert_counts(landscape, (8, 12, 6, 1), 54)
    assert landscape.counters["n_hessians"] == 0


@pytest.mark.parametrize("eigensolver", EIGENSOLVERS)
def test_torch_problems(eigensolver: str) -> None:
    torch = pytest.importorskip("torch")

    def energy(x: Any) -> Any:
        a = 1 + 0.3 * torch.arange(3, dtype=x.dtype)
        return (a * (x**2 - 1) ** 2).sum() + 0.2 * (x[:-1] * x[1:]).sum()

    problem = ld.problems.from_torch(energy, dim=3)
    for step in ("implicit", "explicit"):
        landscape = ld.explore(problem, start=[0.1] * 3, max_index=3, step=step, eigensolver=eigensolver, upward="none")
        assert_counts(landscape, (8, 12, 6, 1), 54)


@pytest.mark.parametrize("eigensolver", [e for e in EIGENSOLVERS if e != "dense"])
@pytest.mark.parametrize("step", ["explicit", "barzilai_borwein"])
def test_beyond_the_dense_limit(step: str, eigensolver: str) -> None:
    """A face of the lattice: all that lies below one saddle of index 3, from products alone."""
    problem = ld.systems.coupled_lattice(dim=30, coupling=0.2)
    start = np.ones(30)
    start[:3] = [0.02, -0.01, 0.02]
    settings = {"step": step, "eigensolver": eigensolver, "dense_limit": 10, "sparse_hessians": False}
    landscape = ld.explore(problem, start=start, max_index=3, upward="none", **settings)
    assert_counts(landscape, (8, 12, 6, 1), 54)
    assert landscape.counters["n_hessians"] == 0


def test_the_dense_eigensolver_refuses_what_is_too_large() -> None:
    problem = ld.systems.coupled_lattice(dim=6)
    with pytest.raises(SettingsError, match=r"'dense' needs Hessians.*6 variables.*dense_limit is 4"):
        from_start(problem, np.full(6, 0.1), 2, step="explicit", eigensolver="dense", dense_limit=4)


def test_where_the_energy_overflows_searches_end_with_a_status() -> None:
    problem = ld.problems.from_callable(
        lambda x: np.sinh(np.minimum(x[:, 0], 800.0) ** 3) + x[:, 1] ** 2,
        lambda x: np.stack([3 * x[:, 0] ** 2 * np.cosh(np.minimum(x[:, 0], 800.0) ** 3), 2 * x[:, 1]], axis=1),
        dim=2,
        batched=True,
        check=False,
    )
    for settings in ({}, {"step_size": 0.5}, {"acceleration": "nesterov"}):
        result = from_start(problem, np.array([-2.0, 0.3]), 0, step="explicit", max_steps=400, **settings)
        assert result.status[0] != SearchStatus.CONVERGED

"""Each value of each enumerated setting changes what it should and nothing else."""

import dataclasses

import numpy as np
import pytest

import landscape_dist as ld
from landscape_dist.errors import SettingsError
from landscape_dist.exploration.coordinator import Coordinator
from landscape_dist.exploration.settings import COMBINATIONS, UPWARD, ExploreSettings
from landscape_dist.hisd.curvatures import curvatures_for
from landscape_dist.hisd.custom import CustomStep
from landscape_dist.hisd.settings import ACCELERATIONS, EIGENSOLVERS, PERTURBATIONS, STEP_RULES, SolverSettings
from landscape_dist.hisd.solver import solve_batch
from landscape_dist.hisd.start import expand
from landscape_dist.records import SearchKind
from landscape_dist.spaces.judgement import Distance

WELL = "(x1**2-1)**2 + 2*(x2**2-1)**2 + 0.1*x1*x2"
# What a setting may change: the way (paths and their cost), the start (where searches begin), the search (which are
# made).
EXPLICIT = {"step": "explicit", "step_size": 1e-2, "max_steps": 20_000}


def euler(history):
    """The explicit Euler scheme as a scheme of a user's own."""
    V, g = history.V[-1], history.g[-1]
    return history.x[-1] + history.step_size * (2 * (V @ (V.mT @ g[..., None]))[..., 0] - g)


CUSTOM = {"step": "custom", "custom_step": CustomStep(euler), "step_size": 1e-2}
# (setting, value, the settings that it is compared in, what it changes)
TABLE = [
    *[("step", v, {} if v != "custom" else CUSTOM, "way") for v in STEP_RULES],
    *[("eigensolver", v, {}, "way") for v in EIGENSOLVERS],
    *[("eigensolver", v, {"step": "explicit"}, "way") for v in EIGENSOLVERS],
    *[("acceleration", v, {"step": "explicit"}, "way") for v in ACCELERATIONS],
    *[("nesterov_choice", v, {"step": "explicit", "acceleration": "nesterov"}, "way") for v in (1, 2)],
    *[("perturbation_method", v, {"n_random": 1}, "start") for v in PERTURBATIONS],
    *[("combinations", v, {}, "search") for v in COMBINATIONS],
    *[("upward", v, {}, "search") for v in UPWARD],
]
REFERENCE = {
    "step": "explicit", "eigensolver": "dense", "acceleration": "none", "nesterov_choice": 1,
    "perturbation_method": "gaussian", "combinations": "all", "upward": "none",
}  # fmt: skip


def explore(**settings):
    base = {"upward": "none", "keep_trajectories": True, "trajectory_points": None}
    return ld.explore(ld.problems.symbolic(WELL), [0.1, 0.1], 2, **(base | settings))


def ways(landscape):
    return {slot: path.x.tolist() for slot, path in landscape.trajectories.items()}


def starts(landscape):
    return {slot: path.x[0].tolist() for slot, path in landscape.trajectories.items()}


def searches(landscape):
    s = landscape.searches
    return set(zip(s.parent.tolist(), s.kind.tolist(), s.ordinal.tolist(), strict=True))


@pytest.mark.parametrize(("name", "value", "among", "changes"), TABLE)
def test_a_value_changes_what_it_should_and_nothing_else(name, value, among, changes):
    other = {**among, name: REFERENCE[name]}
    if name == "step" and value == "custom":
        other = {"step": "explicit", "step_size": 1e-2}
    new, old = explore(**{**among, name: value}), explore(**other)
    # Whatever the setting, the same points; only fewer searches may find fewer of them.
    assert old.counts_by_index == {2: 1, 1: 4, 0: 4}
    assert (new.counts_by_index == old.counts_by_index) is (value != "min")
    assert new.header["problem"] == old.header["problem"]
    same = value == REFERENCE[name]
    if changes == "search":
        assert (searches(new) == searches(old)) is same
        return
    assert searches(new) == searches(old)
    close = {slot: np.allclose(x, starts(old)[slot], atol=1e-6) for slot, x in starts(new).items()}
    assert all(close.values()) is (same or changes != "start")
    assert (ways(new) == ways(old)) is same


class TestOneByOne:
    def test_nullity_atol(self):
        problem = ld.problems.symbolic("(x1**2-1)**2 + 1e-3*x2**2")
        for atol, nullity in ((0.0, 0), (1e-2, 1)):
            found = ld.explore(problem, [0.1, 0.2], 1, nullity_atol=atol, upward="none")
            assert set(found.columns.nullity.tolist()) == {nullity}

    def test_perturbation_method_draws_from_its_distribution(self):
        problem = ld.problems.symbolic(" + ".join(f"x{i + 1}**2" for i in range(50)))
        largest = {}
        for method in PERTURBATIONS:
            settings = SolverSettings(perturbation_method=method)
            batch = _start_batch(problem, 1)
            batch = dataclasses.replace(batch, repeat=np.ones(1, dtype=np.int64))
            offset = expand(curvatures_for(problem, settings), batch).x[0] - batch.X[0]
            largest[method] = np.abs(offset).max() / np.sqrt(np.mean(offset**2))
        # Uniform coordinates stay below sqrt(3) times their root mean square.
        assert largest["uniform"] < 1.8 < largest["gaussian"]

    def test_start_directions(self):
        problem = ld.problems.symbolic(WELL)
        given = np.array([[0.6], [0.8]])
        batch = _start_batch(problem, 1)
        V = expand(curvatures_for(problem, SolverSettings(start_directions=given)), batch).V
        np.testing.assert_allclose(V[0], given)
        batch = _start_batch(problem, 2)
        V = expand(curvatures_for(problem, SolverSettings(start_directions=given)), batch).V
        np.testing.assert_allclose(V[0, :, :1], given)
        np.testing.assert_allclose(V[0].T @ V[0], np.eye(2), atol=1e-12)
        with pytest.raises(SettingsError, match="orthonormal"):
            SolverSettings(start_directions=[[1.0], [1.0]])
        with pytest.raises(SettingsError, match="rows"):
            ld.explore(problem, [0.1, 0.1], start_directions=np.eye(3))

    def test_start_directions_decide_where_a_climb_ends(self):
        ends = []
        for given in ([[1.0], [0.0]], [[0.0], [1.0]]):
            found = ld.explore(
                ld.problems.symbolic("(x1**2-1)**2 + (x2**2-1)**2"), [-0.8, 0.9], 1, min_index=1,
                start_directions=given, upward="none",
            )  # fmt: skip
            ends.append(np.round(found.points[0].x, 6).tolist())
        assert ends == [[0.0, 1.0], [-1.0, 0.0]]

    def test_a_custom_euler_is_the_explicit_scheme(self):
        custom = explore(**CUSTOM | {"custom_step": CustomStep(euler, polish=False)}, gradient_atol=1e-6)
        explicit = explore(**EXPLICIT, gradient_atol=1e-6)
        assert searches(custom) == searches(explicit)
        for slot, path in custom.trajectories.items():
            np.testing.assert_allclose(path.x[-1], explicit.trajectories[slot].x[-1], atol=1e-5)
            assert len(path) == len(explicit.trajectories[slot])

    def test_the_history_has_its_length_and_one_row_a_search(self):
        seen = []

        def scheme(history):
            seen.append((len(history.x), history.step))
            for x, g, V in zip(history.x, history.g, history.V, strict=True):
                assert len(x) == len(g) == len(V) == len(history.rows)
            return euler(history)

        ld.explore(
            ld.problems.symbolic(WELL), [0.1, 0.1], 2, step="custom", step_size=1e-2,
            custom_step=CustomStep(scheme, length=3), upward="none",
        )  # fmt: skip
        assert {n for n, _ in seen} == {1, 2, 3}
        assert all(n == min(step, 3) for n, step in seen)

    @pytest.mark.parametrize(
        "wrong",
        [
            {"step": "custom"},
            {"custom_step": CustomStep(euler)},
            {"step": "custom", "custom_step": CustomStep(euler)},
            {"step": "custom", "custom_step": CustomStep(euler), "step_size": 1.0, "acceleration": "nesterov"},
            {"nullity_atol": -1.0},
            {"perturbation_method": "cauchy"},
        ],
    )
    def test_what_cannot_work_is_refused(self, wrong):
        with pytest.raises(SettingsError):
            SolverSettings(**wrong)

    def test_a_scheme_of_the_wrong_shape_is_named(self):
        found = explore(**CUSTOM | {"custom_step": CustomStep(lambda history: history.x[-1][:, :1])})
        assert set(found.counters["by_status"]) == {"raised"}
        assert all("custom step" in message for message in found.failures.message)


def _start_batch(problem, target):
    coordinator = Coordinator(
        np.full((1, problem.dim), 0.1), ExploreSettings(max_index=target), Distance(1e-3, problem.dim), problem.dim
    )
    batch = coordinator.ask(1)
    assert batch.kind == SearchKind.START
    assert solve_batch(problem, batch, SolverSettings()) is not None
    return batch

"""Branches of saddles that are proved: where they lead, where they leave, and that wrong arrows are noticed."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import landscape_dist as ld
from landscape_dist.exploration.proofs import flow_tubes
from landscape_dist.exploration.proofs.certificates import Branch, Certificates, certify_points
from landscape_dist.exploration.proofs.flow_tubes import Level, compared
from tests.exploration.proofs.proving import energy

SYSTEMS: dict[str, Callable[[], Any]] = {
    "butterfly": ld.systems.butterfly,
    "Müller-Brown": ld.systems.muller_brown,
    "modified Müller-Brown": ld.systems.modified_muller_brown,
    "arctan": ld.systems.arctan_2d,
    "arctan, 3": ld.systems.arctan_3d,
    "cubic": ld.systems.weighted_cubic,
    "lattice": lambda: ld.systems.coupled_lattice(3),
    "Rosenbrock": lambda: ld.systems.rosenbrock(7),
    "modified Rosenbrock": lambda: ld.systems.rosenbrock(7, [-500] * 5 + [1, 1]),
}


def certified(problem: Any, start: Any = None, **options: Any) -> Certificates:
    """Of all branches, and no arrow is wrong."""
    landscape = ld.explore(problem, start, prove="none", **options)
    certificates = ld.certify(landscape, arrows=True)
    assert len(certificates.branches) == 2 * landscape.counts_by_index.get(1, 0) > 0
    assert certificates.wrong_arrows == ()
    return certificates


def periodic(problem: Any, *periods: float) -> Any:
    problem.periods = np.array(periods)
    return problem


@pytest.mark.parametrize("name", SYSTEMS)
def test_systems(name: str) -> None:
    certificates = certified(SYSTEMS[name]())
    assert all(branch.proved for branch in certificates.branches)
    text = str(certificates)
    assert f"{len(certificates.branches)} of {len(certificates.branches)} branches of index-1 points certified" in text


def test_one_variable() -> None:
    certificates = certified(ld.problems.symbolic("(x1**2 - 1)**2 + x1/5"), [0.1], max_index=1)
    ends = {branch.child for branch in certificates.branches}
    assert len(certificates.branches) == 2
    assert ends == {k for k, p in enumerate(certificates.points) if p is not None and p.index == 0}


@pytest.mark.parametrize("stiffness", [10.0, 300.0, 1e4])
def test_stiff_valleys(stiffness: float) -> None:
    """A double well along a random curve: the branches lead to its two ends, left and right."""
    rng = np.random.default_rng(int(stiffness))
    a, b, c = rng.uniform(-1, 1, 3)
    valley = f"({a}*sin({rng.uniform(1, 2.5)}*x1) + {b}*x1^2 + {c}*x1)"
    problem = ld.problems.symbolic(f"{stiffness}*(x2 - {valley})^2 + (x1^2 - 1)^2 + {rng.uniform(-0.3, 0.3)}*x1")
    certificates = certified(problem, [0.1, 0.1], max_index=2)
    ends = [certificates.points[branch.child].x[0] for branch in certificates.branches]  # type: ignore
    assert sorted(np.sign(ends)) == [-1.0, 1.0]


def test_a_stiff_valley_among_soft_directions() -> None:
    problem = ld.problems.symbolic("1000*(x2 - sin(2*x1) - x3^2/3)^2 + (x1^2 - 1)^2 + x1/5 + (x3^2 - 1)^2 + x1*x3/5")
    certificates = certified(problem, [0.1, 0.1, 0.1], max_index=2)
    assert len(certificates.branches) == 8
    assert all(branch.child is not None for branch in certificates.branches)


def test_a_valley_around_a_circle() -> None:
    certificates = certified(ld.problems.symbolic("1000*(x1^2 + x2^2 - 1)^2 + x1*x2 + x1/5"), [0.9, 0.1], max_index=2)
    assert all(branch.child is not None for branch in certificates.branches)


LEAVING = [
    ("x1**3/3 - x1 + x2**2", ld.problems.Box((-2.0, -1.0), (2.0, 1.0)), [-0.8, 0.1]),
    ("x1**3/3 - x1 + x2**2", ld.problems.Ball(2.0, (0.5, 0.0)), [-0.8, 0.1]),
    ("x1**3/3 - x1 + x2**2 + 3*x3**2 + x1*x2/3", ld.problems.Ball(3.0), [-0.8, 0.1, 0.1]),
]


@pytest.mark.parametrize(("formula", "domain", "start"), LEAVING)
def test_branches_that_leave_the_domain(formula: str, domain: Any, start: list[float]) -> None:
    certificates = certified(ld.problems.symbolic(formula, domain=domain), start, max_index=1)
    found = sorted((branch.left, branch.child is not None) for branch in certificates.branches)
    assert found == [(False, True), (True, False)]


@pytest.mark.parametrize(
    "problem",
    [
        ld.systems.separable_cosine(1),
        ld.systems.separable_cosine(2, 2),
        ld.systems.separable_cosine(3),
        periodic(ld.problems.symbolic("sin(x1) + sin(x2) + sin(x1 + x2)/2 + sin(2*x1 - x2)/3"), *[2 * np.pi] * 2),
        periodic(ld.problems.symbolic("cos(x1) + 40*(x2 - sin(x1))^2"), 2 * np.pi, np.inf),
        periodic(ld.problems.symbolic("cos(3*x1) + cos(x1)/4 + sin(2*x2)"), 2 * np.pi, np.pi),
    ],
    ids=["circle", "torus", "three angles", "sines", "cylinder", "two periods"],
)
def test_periods(problem: Any) -> None:
    """A branch may end at a minimum's image: the one minimum of a pendulum is at both ends of its saddle."""
    start = None if problem.name == "separable_cosine" else np.full(problem.dim, 0.3)
    certificates = certified(problem, start, max_index=problem.dim)
    assert all(branch.child is not None for branch in certificates.branches)


@pytest.mark.parametrize(("period", "known"), [(2 * np.pi, 2), (2 * np.pi + 1e-3, 1)])
def test_an_image_that_is_none_is_not_believed(period: float, known: int) -> None:
    """With a period that the formula has not, the other minimum is no image of the first."""
    equations = energy("cos(x1)")
    points = certify_points(equations, np.array([[0.0], [np.pi]]), np.array([1, 0]), np.array([0, 0]))
    found = flow_tubes.branches(equations, points, None, np.array([period]))
    assert sum(branch.child == 1 for branch in found) == known


FIELDS = [
    (["x1*(1 - x1 - 1.5*x2)", "x2*(1 - x2 - 1.3*x1)"], [0.4, 0.4], 2),
    (["x1*(1 - x1 - 1.5*x2 - x3/2)", "x2*(1 - x2 - 1.3*x1 - x3/2)", "x3*(1 - x3 - x1/3 - x2/3)"], [0.4, 0.3, 0.5], 3),
    (["x2", "x1 - x1**3 - x2"], [0.4, 0.4], 2),
    (["x1 - x1**3 + x2", "-2*x2"], [0.4, 0.4], 2),
    (["x1 - x1**3 + x2/2", "-x2 + 8*x3", "-8*x2 - x3 + x1"], [0.4, 0.4, 0.1], 2),
]


@pytest.mark.parametrize(
    ("formulas", "start", "most"), FIELDS, ids=["competition", "three", "Duffing", "shear", "turns"]
)
def test_fields(formulas: list[str], start: list[float], most: int) -> None:
    """Lotka and Volterra's competitors, of which one remains; spirals; eigenvectors that are far from orthogonal."""
    landscape = ld.explore(ld.problems.vector_field(formulas), start, max_index=most, prove="none")
    certificates = ld.certify(landscape, arrows=True)
    assert certificates.wrong_arrows == ()
    inside = [k for k, p in enumerate(certificates.points) if p is not None and p.index == 1 and (p.x > -1e-9).all()]
    assert inside
    for k in inside:
        ends = [branch.child for branch in certificates.branches if branch.parent == k]
        known = [end for end in ends if end is not None]
        assert set(known) == {arrow.child_id for arrow in landscape.connections if arrow.parent_id == k}
        # where a coordinate is 0 one side goes to negative numbers
        assert len(known) == 2 or (landscape.points[k].x < 1e-9).any()


def test_a_pendulum_with_friction_swings_over() -> None:
    problem = periodic(ld.problems.vector_field(["x2", "-sin(x1) - 0.4*x2"]), 2 * np.pi, np.inf)
    branches = ld.certify(ld.explore(problem, [0.4, 0.4], max_index=2), arrows=True).branches
    assert len(branches) == 2
    assert len({branch.child for branch in branches}) == 1
    assert all(branch.child is not None for branch in branches)


def test_what_goes_to_infinity_is_said() -> None:
    branches = certified(ld.problems.symbolic("x1**3/3 - x1 + x2**2"), [-0.8, 0.1], max_index=1).branches
    assert {branch.reason for branch in branches} == {"", "its path goes far away from all points"}


def test_wrong_arrows_are_noticed() -> None:
    both = [Branch(5, 1, 2, False, ""), Branch(5, -1, 3, False, "")]
    assert compared(both, np.array([5, 5]), np.array([2, 3])) == []
    said = compared(both, np.array([5, 5]), np.array([2, 4]))
    assert said == [
        "a branch of point 5 leads to 3, which no arrow says",
        "no branch of point 5 leads to 4, where an arrow ends",
    ]
    open_ = [both[0], Branch(5, -1, None, False, "no tube")]
    assert compared(open_, np.array([5, 5]), np.array([2, 4])) == []
    assert len(compared(open_, np.array([5]), np.array([4]))) == 1


def ends_of(name: str, tolerance: float) -> tuple[int, list[Branch]]:
    """How many branches there are, and those that paths of this tolerance prove."""
    found = certified(SYSTEMS[name]()).branches
    return len(found), [branch for branch in found if branch.proved]


def test_paths_that_are_too_coarse_prove_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(flow_tubes, "LEVELS", (Level((1e-4,), 0.9, 500),))
    n, proved = ends_of("Müller-Brown", 0.9)
    assert len(proved) < n


def test_a_ridge_is_left_open() -> None:
    """On the diagonal of a symmetric energy one branch comes to a saddle: to no minimum."""
    problem = ld.problems.symbolic("(x1**2 - 1)**2 + (x2**2 - 1)**2 + 3*x1**2*x2**2 - x1/3 - x2/3")
    landscape = ld.explore(problem, [0.3, 0.2], max_index=2, prove="none")
    certificates = ld.certify(landscape, arrows=True)
    assert certificates.wrong_arrows == ()
    for branch in certificates.branches:
        if branch.child is not None:
            assert landscape.points[branch.child].index == 0

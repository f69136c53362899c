import itertools
import json
import pickle
from pathlib import Path

import numpy as np
import pytest

from landscape_dist.errors import ProblemError
from landscape_dist.problems import Ball, Box, Unbounded, systems
from landscape_dist.testing import check_problem
from tests.helpers import PROBLEMS, reference_entries, reference_points

SHARED = Path(__file__).resolve().parents[2] / ".." / "shared" / "reference" / "points"
VARIANTS = [(name, {}) for name in systems.names()] + [
    ("coupled_lattice", {"dim": 1}),
    ("coupled_lattice", {"dim": 6, "coupling": -0.1}),
    ("weighted_cubic", {"dim": 40}),
    ("rosenbrock", {"dim": 2}),
    ("rosenbrock", {"dim": 5, "s": -500.0}),
    ("separable_cosine", {"dim": 3, "n": [1, 2, 3]}),
    ("arctan_3d", {"alpha": 3.0}),
]


@pytest.mark.parametrize(("name", "parameters"), VARIANTS, ids=lambda v: v if isinstance(v, str) else str(v))
def test_systems_keep_the_contract(name, parameters):
    check_problem(systems.get(name, **parameters))


@pytest.mark.parametrize("key", sorted(reference_entries()))
def test_reference_points_are_stationary(key):
    problem, X, energies, indices = reference_points(key)
    g, H = problem.gradient_hessian(X)
    steps = np.linalg.solve(H, g[..., None])[..., 0]
    assert np.abs(steps).max() < 1e-7  # distance to the exact point; the numbers have ten digits
    np.testing.assert_allclose(problem.energy(X), energies, rtol=1e-7, atol=1e-7)
    np.testing.assert_array_equal((np.linalg.eigvalsh(H) < 0).sum(axis=1), indices)
    assert problem.domain.contains(X).all()
    if problem.euler_characteristic is not None:
        assert np.sum((-1) ** indices) == problem.euler_characteristic


@pytest.mark.parametrize("case", PROBLEMS, ids=lambda case: case.name)
def test_helpers_agree_with_the_systems(case):
    problem = case.factory()
    assert len(case.start) == problem.dim
    assert problem.domain.contains(np.array([case.start])).all()
    assert len(case.counts) <= case.max_index + 1 <= problem.dim + 1


@pytest.mark.skipif(not SHARED.is_dir(), reason="the full reference data are not next to this checkout")
@pytest.mark.parametrize("file", ["cubic_d4", "rosenbrock7_paper_s-50000"])
def test_full_reference_data(file):
    system = {
        "cubic_d4": lambda: systems.weighted_cubic(dim=4),
        "rosenbrock7_paper_s-50000": lambda: systems.rosenbrock(dim=7, s=[-50000] * 5 + [1, 1]),
    }[file]()
    points = json.loads((SHARED / f"{file}.json").read_text())["points"]
    X = np.array([point["x"] for point in points])
    g, H = system.gradient_hessian(X)
    assert np.abs(np.linalg.solve(H, g[..., None])).max() < 1e-8


def test_paper_energies_of_muller_brown():
    _, X, _, _ = reference_points("muller_brown")
    np.testing.assert_allclose(
        np.sort(systems.muller_brown().energy(X)),
        [-146.699517, -108.166724, -80.767818, -72.248940, -40.664844],
        atol=1e-6,
    )


def test_index_of_ones_depends_on_s():
    def index(s):
        H = systems.rosenbrock(dim=7, s=[s] * 5 + [1, 1]).hessian(np.ones((1, 7)))
        return int((np.linalg.eigvalsh(H[0]) < 0).sum())

    assert index(-500) == 3
    assert index(-50000) == 5  # as printed in eq. 4.7, against the text's 3


def test_lattice_has_a_point_near_each_of_the_cube():
    problem = systems.coupled_lattice(dim=4, coupling=0.2)
    X = np.array(list(itertools.product((-1.0, 0.0, 1.0), repeat=4)))
    zeros = (X == 0).sum(axis=1)
    for _ in range(20):
        g, H = problem.gradient_hessian(X)
        X = X - np.linalg.solve(H, g[..., None])[..., 0]
    assert np.abs(problem.gradient(X)).max() < 1e-13
    np.testing.assert_array_equal((np.linalg.eigvalsh(problem.hessian(X)) < 0).sum(axis=1), zeros)
    assert len(np.unique(X.round(6), axis=0)) == 81


def test_cosine_points():
    problem = systems.separable_cosine(dim=2, n=[1, 2])
    X = np.array([(np.pi * i, np.pi * j / 2) for i in range(2) for j in range(4)])
    assert np.abs(problem.gradient(X)).max() < 1e-14
    index = (np.linalg.eigvalsh(problem.hessian(X)) < 0).sum(axis=1)
    assert np.bincount(index).tolist() == [2, 4, 2]
    assert problem.euler_characteristic == 0


@pytest.mark.parametrize("name", ["muller_brown", "modified_muller_brown"])
def test_overflow_shows_as_values_not_warnings(name):
    problem = systems.get(name)
    X = np.array([[100.0, 100.0], [-0.5, 1.4]])
    g, H = problem.gradient_hessian(X)
    assert not np.isfinite(problem.energy(X)[0])
    assert not np.isfinite(g[0]).all()
    assert np.isfinite(g[1]).all()
    assert np.isfinite(H[1]).all()


def test_euler_characteristic_follows_the_domain():
    assert systems.butterfly().euler_characteristic == 1
    assert systems.butterfly(domain=Unbounded()).euler_characteristic == 1
    assert systems.butterfly(domain=Box(-6, 6)).euler_characteristic == 1
    assert systems.butterfly(domain=Ball(20.0)).euler_characteristic == 1
    assert systems.butterfly(domain=Box(-1, 1)).euler_characteristic is None
    assert systems.rosenbrock(7).euler_characteristic == 1
    assert systems.rosenbrock(7, s=-500.0).euler_characteristic is None  # points lie outside the box
    assert systems.rosenbrock(7, s=-500.0, domain=Unbounded()).euler_characteristic == 1


def test_registry():
    assert systems.names() == sorted(systems.names())
    for info in systems.describe():
        assert info.formula
        assert info.known
        assert info.source
        assert info.summary.endswith(".") or ":" in info.summary
    assert systems.describe("rosenbrock")[0].parameters == {"dim": 7, "s": None}
    problem = systems.get("rosenbrock", dim=3, s=np.array([1, 2, 3]))
    assert problem.definition["parameters"] == {"dim": 3, "s": [1.0, 2.0, 3.0]}
    json.dumps(problem.definition)


def test_fingerprints_tell_systems_apart():
    problems = [
        systems.get(name, **parameters) for name, parameters in VARIANTS if (name, parameters) != ("arctan_3d", {})
    ]
    problems += [systems.butterfly(domain=Box(-5, 5)), systems.coupled_lattice(dim=3, coupling=0.1)]
    assert len({problem.fingerprint() for problem in problems}) == len(problems)
    assert systems.coupled_lattice(3, 0.2).fingerprint() == systems.get("coupled_lattice").fingerprint()
    assert pickle.loads(pickle.dumps(problems[0])).fingerprint() == problems[0].fingerprint()


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: systems.get("muler_brown"), "did you mean 'muller_brown'"),
        (lambda: systems.get("nothing like it"), "known: allen_cahn, arctan_2d"),
        (lambda: systems.describe("buterfly"), "did you mean 'butterfly'"),
        (lambda: systems.get("coupled_lattice", coupling_=1), "did you mean 'coupling'"),
        (lambda: systems.coupled_lattice(dim=0), "dim is 0; give a whole number, 1 or more"),
        (lambda: systems.coupled_lattice(dim=2.5), "dim is 2.5"),
        (lambda: systems.coupled_lattice(coupling=float("nan")), "coupling is nan; give a finite number"),
        (lambda: systems.rosenbrock(dim=1), "2 or more"),
        (lambda: systems.rosenbrock(dim=7, s=[1, 2]), r"give one finite number or a list of 7 \(dim = 7\)"),
        (lambda: systems.rosenbrock(dim=7, s="much"), "s is 'much'"),
        (lambda: systems.separable_cosine(2, n=[1, 0]), "n is 0"),
        (lambda: systems.separable_cosine(2, n=[1, 1.5]), "n is 1.5"),
        (lambda: systems.arctan_2d(alpha="x"), "alpha is 'x'"),
        (lambda: systems.butterfly(domain=Box((0, 0, 0), 1)), "lower has 3 entries for 2 variables"),
    ],
)
def test_bad_input(call, message):
    with pytest.raises(ProblemError, match=message):
        call()

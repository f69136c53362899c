"""The landscape of an energy is the same in every unit of its coordinates."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import landscape_dist as ld
from landscape_dist.hisd.settings import SolverSettings
from landscape_dist.hisd.units import measured_lengths, with_lengths
from landscape_dist.numerics.equilibration import equilibrating
from landscape_dist.problems.scaled import Scaled
from landscape_dist.testing import check_problem

LATTICE = "(({0})**2-1)**2 + 1.3*(({1})**2-1)**2 + 0.2*({0})*({1})"


def lattice(lengths: Any, origin: Any = (0.0, 0.0)) -> ld.problems.Problem:
    y = [f"(x{i + 1}-({o!r}))/{s!r}" for i, (s, o) in enumerate(zip(lengths, origin, strict=True))]
    return ld.problems.symbolic(LATTICE.format(*y), 2, euler_characteristic=1)


REFERENCE = ld.explore(lattice((1.0, 1.0)), [0.1, 0.2])


@pytest.mark.parametrize(
    ("lengths", "origin"),
    [
        ((1e-10, 1e-10), (0.0, 0.0)),
        ((1e6, 1e6), (0.0, 0.0)),
        ((1e-3, 1e3), (0.0, 0.0)),
        ((1e-4, 1e-4), (3.0, -7.0)),
        ((50.0, 2.0), (1e4, 0.0)),
    ],
)
def test_same_landscape_in_other_units(lengths: tuple[float, float], origin: tuple[float, float]) -> None:
    start = np.array(origin) + np.array(lengths) * [0.1, 0.2]
    found = ld.explore(lattice(lengths, origin), start)
    assert found.counts_by_index == REFERENCE.counts_by_index == {0: 4, 1: 4, 2: 1}
    assert len(found.connections) == len(REFERENCE.connections) == 12
    assert not found.columns.nullity.any()
    y = (found.columns.x - origin) / lengths
    accuracy = 1e-6 + 1e-13 * np.max(np.abs(origin) / np.array(lengths))
    for x, index, energy in zip(REFERENCE.columns.x, REFERENCE.columns.index, REFERENCE.columns.energy, strict=True):
        away = np.abs(y - x).max(axis=1)
        assert away.min() < accuracy
        assert found.columns.index[away.argmin()] == index
        assert found.columns.energy[away.argmin()] == pytest.approx(energy, abs=1e-6)
    # What is stored is in the user's units.
    H = lattice(lengths, origin).hessian(found.columns.x)
    assert found.columns.eigenvalues == pytest.approx(np.linalg.eigvalsh(H), rel=1e-3)


@settings(max_examples=10, deadline=None)
@given(st.lists(st.integers(-12, 12), min_size=2, max_size=2))
def test_any_power_of_ten(powers: list[int]) -> None:
    lengths = (10.0 ** powers[0], 10.0 ** powers[1])
    found = ld.explore(lattice(lengths), np.array(lengths) * [0.1, 0.2])
    assert found.counts_by_index == {0: 4, 1: 4, 2: 1}
    assert len(found.connections) == 12


def test_vector_fields_in_other_units() -> None:
    def field(s: float, t: float) -> ld.problems.Problem:
        a, b = f"(x1/{s!r})", f"(x2/{t!r})"
        return ld.problems.vector_field([f"{s!r}*{a}*(1-{a}-0.3*{b})", f"{t!r}*{b}*(0.9-0.4*{a}-{b})"], 2)

    ordinary = ld.explore(field(1.0, 1.0), [0.3, 0.4])
    found = ld.explore(field(1e-5, 1e4), [0.3e-5, 0.4e4])
    assert found.counts_by_index == ordinary.counts_by_index == {0: 1, 1: 2, 2: 1}
    assert np.sort(found.columns.eigenvalues, axis=None) == pytest.approx(
        np.sort(ordinary.columns.eigenvalues, axis=None), abs=1e-6
    )


def test_ordinary_lengths_change_nothing() -> None:
    for name in ("muller_brown", "butterfly", "coupled_lattice", "arctan_3d"):
        problem = ld.systems.get(name)
        assert with_lengths(problem, SolverSettings(), problem.suggested_start).lengths is None


def test_lengths_are_where_the_curvature_changes() -> None:
    lengths = measured_lengths(lattice((1e-6, 1e3)), np.array([0.1e-6, 0.2e3]))
    assert lengths is not None
    assert np.all(np.abs(np.log10(lengths / [1e-6, 1e3])) < 1.0)
    assert measured_lengths(ld.problems.symbolic("x1**2 + 3*x2**2", 2), np.array([0.3, 0.4])) is None


@pytest.mark.parametrize("given", [{"perturbation_radius": 1e-9}, {"gradient_atol": 1e-9}, {"lengths": (2.0, 3.0)}])
def test_a_user_who_says_what_is_large_is_believed(given: dict[str, Any]) -> None:
    solver = SolverSettings(**given)
    assert with_lengths(lattice((1e-6, 1e-6)), solver, np.zeros(2)).lengths == given.get("lengths")


def test_a_store_goes_on_with_its_lengths(tmp_path: Any) -> None:
    problem, start = lattice((1e-6, 1e3)), [0.1e-6, 0.2e3]
    part = ld.explore(problem, start, store=tmp_path / "s.zarr", max_searches=10)
    assert not part.finished
    assert part.header["solver"]["lengths"] is not None
    assert ld.explore(problem, start, store=tmp_path / "s.zarr").counts_by_index == {0: 4, 1: 4, 2: 1}
    assert ld.open(tmp_path / "s.zarr").header["solver"]["lengths"] == list(part.header["solver"]["lengths"])


@pytest.mark.parametrize(
    ("name", "value"), [("lengths", (1.0, -1.0)), ("lengths", (1.0, np.inf)), ("origin", ((0.0,),))]
)
def test_lengths_that_are_none(name: str, value: Any) -> None:
    with pytest.raises(ld.errors.SettingsError, match=f"solver setting {name} is"):
        SolverSettings(**{name: value})
    with pytest.raises(ld.errors.SettingsError, match="lengths has 3 numbers, but the problem has 2 variables"):
        ld.explore(lattice((1.0, 1.0)), [0.1, 0.2], lengths=(1.0, 1.0, 1.0))


def test_the_view_in_units_is_a_problem() -> None:
    check_problem(Scaled(ld.systems.get("muller_brown"), np.array([0.3, 0.2]), np.array([0.5, 2.0])), pickled=False)


@settings(max_examples=50, deadline=None)
@given(st.integers(1, 6), st.integers(0, 10**6))
def test_inertia_does_not_depend_on_units(d: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    Q = np.linalg.qr(rng.standard_normal((d, d)))[0]
    w = rng.uniform(0.5, 2.0, d) * rng.choice([-1.0, 1.0], d)
    H = (Q * w) @ Q.T
    units = 10.0 ** rng.uniform(-5, 5, d)
    scaled = units[:, None] * H * units
    scale = equilibrating(scaled[None])[0]
    own = np.linalg.eigvalsh(scale[:, None] * scaled * scale)
    assert (own < 0).sum() == (w < 0).sum()
    assert np.abs(own).min() > 1e-4

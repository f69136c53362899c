"""Problems with periodic coordinates: points that whole periods part are the same unless the user says otherwise."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import landscape_dist as ld
from landscape_dist.analysis.matching import compare
from landscape_dist.config import make_config
from landscape_dist.errors import SettingsError, StoreMismatchError
from landscape_dist.problems.domain import Box
from landscape_dist.surrogates import Surrogate, load, save
from landscape_dist.surrogates.features import Features
from landscape_dist.surrogates.perceptron import Perceptron
from landscape_dist.upkeep.revision import extend


def angles() -> Surrogate:
    """A network close to 100 tanh(cos(phi) / 100) + 130 tanh(cos(2 psi) / 100), in degrees: 2, 4 and 2 points."""
    first = np.zeros((2, 8))  # cos phi, cos 2 phi, cos psi, cos 2 psi, and the sines
    first[0, 0] = first[1, 3] = 0.01
    model = Perceptron([(first, np.zeros(2)), (np.array([[100.0, 130.0]]), np.zeros(1))])
    features = Features((0.0, 0.0), (57.0, 57.0), (360.0, 360.0), 2)
    return Surrogate(
        model, features, 0.0, 1.0, coordinates=("phi", "psi"), euler_characteristic=0, suggested_start=[10.0, 20.0]
    )


def test_a_surrogate_with_periods_is_explored_on_the_torus(tmp_path: Path) -> None:
    surrogate = angles()
    landscape = ld.explore(surrogate, max_index=2, store=tmp_path / "a.zarr")
    assert landscape.counts_by_index == {0: 2, 1: 4, 2: 2}
    assert landscape.finished
    assert len(landscape.connections) == 12
    same = {"kind": "periodic_coordinates", "period": [360.0, 360.0], "atol": pytest.approx(0.018)}
    assert landscape.header["same"] == same
    expected = {(180.0, 90.0), (180.0, 270.0)}
    minima = {tuple(np.round(p.x % 360.0, 3).tolist()) for p in landscape.points.of_index(0)}
    assert minima == expected
    opened = ld.open(tmp_path / "a.zarr")
    assert compare(opened.pathways, landscape.pathways).is_empty
    save(surrogate, tmp_path / "a.surrogate")
    again = ld.explore(load(tmp_path / "a.surrogate"), max_index=2, store=tmp_path / "a.zarr")  # resumes
    assert again.counters["n_searches"] == landscape.counters["n_searches"]


def test_a_start_in_another_copy_of_the_cell_gives_the_same_landscape() -> None:
    one = ld.explore(angles(), max_index=2)
    other = ld.explore(angles(), start=[10.0 - 720.0, 20.0 + 360.0], max_index=2)
    assert one.header["same"] == other.header["same"]
    difference = compare(one.pathways, other.pathways, judgement=ld.PeriodicCoordinates(360.0, 0.01))
    assert difference.is_empty
    assert len(difference.pairs) == 8


def test_what_the_user_says_counts(tmp_path: Path) -> None:
    def same(**options: Any) -> Any:
        return ld.explore(angles(), max_index=2, max_searches=3, **options).header["same"]

    assert same(same=0.5) == {"kind": "periodic_coordinates", "period": [360.0, 360.0], "atol": 0.5}
    assert same(same_atol=0.2)["atol"] == 0.2
    assert same(same=np.array(0.5))["kind"] == "periodic_coordinates"
    assert same(same=[0.1, 0.1]) == {"kind": "per_coordinate", "atol": [0.1, 0.1]}
    assert same(same=ld.PeriodicCoordinates(720.0, 0.1))["period"] == [720.0]
    store = tmp_path / "a.zarr"
    ld.explore(angles(), max_index=2, max_searches=3, store=store, same=[0.1, 0.1])
    with pytest.raises(StoreMismatchError, match=r"same\.kind: per_coordinate, now periodic_coordinates"):
        ld.explore(angles(), max_index=2, max_searches=3, store=store)
    assert len(ld.open(store).points) >= 1


def test_named_systems_and_callables_say_their_periods() -> None:
    landscape = ld.explore(ld.systems.separable_cosine(dim=3, n=[1, 2, 1]), max_index=3)
    assert landscape.counts_by_index == {0: 2, 1: 6, 2: 6, 3: 2}
    tube = ld.problems.from_callable(lambda x: np.cos(x[0]) + x[1] ** 2, dim=2, check=False)
    tube.periods = [2 * np.pi, np.inf]
    landscape = ld.explore(tube, start=[0.1, 0.3], max_index=1)
    assert landscape.counts_by_index == {0: 1, 1: 1}
    assert landscape.header["same"]["period"] == [2 * np.pi, None]


def test_without_periods_nothing_changes() -> None:
    assert ld.systems.muller_brown().periods is None
    assert ld.explore(ld.systems.butterfly(), max_searches=1).header["same"]["kind"] == "distance"
    plain = angles()
    plain.features = Features((0.0, 0.0), (57.0, 57.0), (np.inf, np.inf))
    assert plain.periods is None


def test_periods_that_cannot_be() -> None:
    problem = ld.systems.butterfly()
    problem.periods = [1.0, 2.0, 3.0]
    with pytest.raises(SettingsError, match="period has 3 entries for 2 variables"):
        ld.explore(problem)
    problem.periods = [0.0, 1.0]
    with pytest.raises(SettingsError, match=r"period is .* give a positive number"):
        ld.explore(problem)


def test_a_configuration_needs_no_table_for_it() -> None:
    config = make_config({"problem": {"system": "separable_cosine", "parameters": {"dim": 2}}}, "a test")
    landscape = ld.explore(config.problem(), **config.explore_arguments())
    assert landscape.counts_by_index == {0: 1, 1: 2, 2: 1}


# -- stores -------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("options", [{}, {"same": 0.01}, {"same_atol": 0.01}])
def test_a_store_from_before_problems_had_periods_goes_on(tmp_path: Path, options: dict[str, Any]) -> None:
    """It tells points apart in the plane, and the same call continues it so."""

    class Plain(Surrogate):
        periods = None

    plain, box = angles(), Box(-200.0, 200.0)
    plain.domain = box
    plain.__class__ = Plain
    whole = ld.explore(plain, max_index=2, **options)
    assert whole.header["same"]["kind"] == "distance"
    ld.explore(plain, max_index=2, max_searches=4, store=tmp_path / "a.zarr", **options)
    surrogate = angles()
    surrogate.domain = box
    landscape = ld.explore(surrogate, max_index=2, store=tmp_path / "a.zarr", **options)
    assert landscape.finished
    assert landscape.header["same"] == whole.header["same"]
    assert compare(landscape.pathways, whole.pathways).is_empty
    with pytest.raises(StoreMismatchError, match=r"same\.atol"):
        ld.explore(surrogate, max_index=2, store=tmp_path / "a.zarr", same=0.02)
    assert ld.explore(surrogate, max_index=2, **options).header["same"]["kind"] == "periodic_coordinates"


def test_a_store_on_the_torus_is_extended(tmp_path: Path) -> None:
    def tube() -> Any:
        energy = ld.problems.symbolic("cos(x1) + (x2 - 30)**2", 2, check=False)
        energy.periods = [2 * np.pi, np.inf]
        return energy

    near, far = [0.1, 29.0], [0.4, 60.0]
    ld.explore(tube(), near, 1, store=tmp_path / "a.zarr")
    extend(tmp_path / "a.zarr", starts=far)
    opened = ld.open(tmp_path / "a.zarr")
    assert opened.header["same"]["atol"] == pytest.approx(60e-4)
    landscape = ld.explore(tube(), [near, far], 1, store=tmp_path / "a.zarr")  # what explore takes by default
    assert landscape.finished
    assert landscape.counts_by_index == {0: 1, 1: 1}
    ld.explore(tube(), near, 1, store=tmp_path / "b.zarr", same=0.5)
    assert extend(tmp_path / "b.zarr", starts=far, same=0.5).n_points == 2

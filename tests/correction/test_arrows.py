from __future__ import annotations

import copy

import numpy as np
import pytest

import landscape_dist as ld
from landscape_dist.correction.arrows import carried_over, leading_down, searched_again
from landscape_dist.correction.correct import _shares
from landscape_dist.correction.loop import Comparison, Found, Loop
from landscape_dist.correction.models import NETWORK, Fitter
from landscape_dist.correction.sampling import Frame, frame_of
from landscape_dist.correction.truth import TrueEnergy
from landscape_dist.exploration.settings import ExploreSettings
from landscape_dist.hisd.settings import SolverSettings
from landscape_dist.pathways.pathway_map import PathwayMap
from landscape_dist.problems.domain import Box
from landscape_dist.records import PointColumns
from landscape_dist.spaces.judgement import make_judgement
from landscape_dist.surrogates.correction import CorrectionSettings

FRAME = frame_of(ld.systems.muller_brown(), None)


@pytest.fixture(scope="module")
def landscape() -> ld.Landscape:
    return ld.explore(ld.systems.muller_brown())


def some(points: PointColumns, rows: list[int]) -> PointColumns:
    return PointColumns(**{name: getattr(points, name)[rows] for name in PointColumns.__slots__})


def test_searched_again_finds_the_arrows_and_what_is_missing(landscape: ld.Landscape) -> None:
    points = landscape.pathways.points
    truth = TrueEnergy(ld.systems.muller_brown())
    again = (make_judgement(1e-4, 2), SolverSettings(), ExploreSettings(max_index=2))
    same, searches = searched_again(truth, points, *again)
    assert len(same) == len(points)
    found, known = PathwayMap(same, searches).connections, landscape.connections
    assert found.parent.tolist() == known.parent.tolist()
    assert found.child.tolist() == known.child.tolist()
    assert truth.n_evaluations > 0
    rows = np.argsort(points.index, kind="stable")[1:].tolist()  # without one of the minima
    more, searches = searched_again(TrueEnergy(ld.systems.muller_brown()), some(points, rows), *again)
    assert len(more) == len(points)
    assert more.index[-1] == 0
    assert len(PathwayMap(more, searches).connections) == len(known)


def test_searches_by_differences_count_energies(landscape: ld.Landscape) -> None:
    true = ld.systems.muller_brown()
    values = ld.problems.from_callable(lambda X: true._energy(X), dim=2, batched=True, domain=true.domain, check=False)
    truth = TrueEnergy(values)
    settings = (make_judgement(1e-4, 2), SolverSettings(), ExploreSettings(max_index=2))
    same, searches = searched_again(truth, landscape.pathways.points, *settings)
    assert len(PathwayMap(same, searches).connections) == 4
    assert truth.n_evaluations == truth.counters.n_energies


def test_nothing_to_search() -> None:
    none = some(ld.explore(ld.systems.muller_brown()).pathways.points, [])
    settings = (make_judgement(1e-4, 2), SolverSettings(), ExploreSettings(max_index=2))
    points, searches = searched_again(TrueEnergy(ld.systems.muller_brown()), none, *settings)
    assert len(points) == len(searches) == 0


def test_carried_over_arrows_are_connections(landscape: ld.Landscape) -> None:
    known = landscape.connections
    points = landscape.pathways.points
    found = PathwayMap(points, carried_over(known.parent, known.child, points.index)).connections
    assert [(a.parent_id, a.child_id) for a in found] == [(a.parent_id, a.child_id) for a in known]


def test_rounds_are_compared_by_place(landscape: ld.Landscape) -> None:
    found = Found.of(landscape, FRAME)
    assert found.index.tolist() == sorted(landscape.columns.index)
    first = Comparison.of(found, None, FRAME, 0.1)
    assert not first.stays(1.0)
    same = Comparison.of(found, found, FRAME, 0.1)
    assert same.stays(1e-12)
    moved = Found(found.landscape, found.order, found.x + np.array([0.027, 0.0]), found.index, found.arrows)
    compared = Comparison.of(moved, found, FRAME, 0.1)
    np.testing.assert_allclose(compared.moves, 0.01)
    assert compared.arrows_stay
    assert not compared.stays(0.009)
    fewer = Found(found.landscape, found.order, found.x, found.index, frozenset(list(found.arrows)[1:]))
    assert not Comparison.of(fewer, found, FRAME, 0.1).stays(1.0)
    assert Comparison.of(Found.none(landscape, 2), found, FRAME, 0.1).n_lost == 5


def test_a_surrogate_with_points_everywhere_is_not_believed(landscape: ld.Landscape) -> None:
    problem = ld.systems.muller_brown()
    fitter = Fitter(CorrectionSettings(), NETWORK, problem, problem.domain, None)
    options = {"max_points": 3}
    loop = Loop(TrueEnergy(problem), CorrectionSettings(), FRAME, fitter, np.array([[0.15, 0.25]]), 2, options, None)
    assert len(loop.search(problem, None)) == 0
    loop.options = {}
    assert len(loop.search(problem, None)) == 5


def test_arrows_that_lead_down_no_more_are_left_out() -> None:
    arrows, id_of = {(3, 0), (3, 1), (2, 1), (4, 0), (4, 3)}, np.array([0, 1, 2, 3, -1])
    assert leading_down(arrows, id_of, [0, 0, 1, 1]).tolist() == [[2, 1], [3, 0], [3, 1]]
    assert leading_down(arrows, id_of, [0, 1, 1, 2]).tolist() == [[3, 0], [3, 1]]
    assert leading_down(arrows, np.array([0, 0, 1, 1, 1]), [0, 1]).tolist() == [[1, 0]]


def test_points_a_period_apart_are_one_for_the_rounds(landscape: ld.Landscape) -> None:
    frame = Frame(Box((-2.0, -1.0), (2.0, 3.0)), 2, (4.0, np.inf))
    found = Found.of(landscape, frame)
    turned = Found(found.landscape, found.order, found.x + np.array([4.0, 0.0]), found.index, found.arrows)
    compared = Comparison.of(turned, found, frame, 0.1)
    assert compared.stays(1e-9)
    shares = _shares(found.landscape.pathways, [PathwayMap(shifted(landscape, 4.0), landscape.searches)], frame, 0.05)
    assert [point.rate for point in shares.points] == [1.0] * 5
    assert [arrow.rate for arrow in shares.arrows] == [1.0] * 4


def shifted(landscape: ld.Landscape, by: float) -> PointColumns:
    points = some(landscape.pathways.points, list(range(5)))
    points.x = points.x + np.array([by, 0.0])
    return points


def test_an_interrupted_search_is_no_landscape(landscape: ld.Landscape, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(*arguments: object, **options: object) -> ld.Landscape:
        half = copy.copy(landscape)
        half.finished = False
        return half

    monkeypatch.setattr("landscape_dist.correction.loop.explore", interrupted)
    problem = ld.systems.muller_brown()
    fitter = Fitter(CorrectionSettings(), NETWORK, problem, problem.domain, None)
    loop = Loop(TrueEnergy(problem), CorrectionSettings(), FRAME, fitter, np.array([[0.15, 0.25]]), 2, {}, None)
    with pytest.raises(KeyboardInterrupt):
        loop.search(problem, None)
    loop.options = {"max_searches": 1}
    assert len(loop.search(problem, None)) == 5

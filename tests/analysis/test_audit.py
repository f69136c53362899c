"""The audit on landscapes of known completeness, whole and with pieces taken out."""

from __future__ import annotations

import json
from math import comb

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import landscape_dist as ld
from landscape_dist.analysis.audit import audit
from landscape_dist.analysis.morse import MorseEvidence, topology
from landscape_dist.analysis.morse import morse_evidence as evidence_for
from landscape_dist.records import SearchKind, SearchStatus
from landscape_dist.spaces.flat import Euclidean, Torus
from tests.pathways.lattice import lattice, point_columns, search_columns


def only(columns, keep):
    return type(columns)(**{name: getattr(columns, name)[keep] for name in columns.__slots__})


def without_point(points, searches, gone):
    """The landscape as if that point had never been found: later ids move down, searches that ended there fail."""
    keep = np.arange(len(points)) != gone
    searches = only(searches, searches.parent != gone)
    lost = searches.child == gone
    searches.status[lost] = SearchStatus.MAX_STEPS
    for ids in (searches.parent, searches.child):
        ids[ids > gone] -= 1
    searches.child[lost] = -1
    return only(points, keep), searches


def morse_evidence(points, euler, min_index, max_index) -> MorseEvidence:
    return evidence_for(points, topology(Euclidean(points.x.shape[1]), euler), min_index, max_index)


def whole(points, searches, **changes):
    dim = points.x.shape[1]
    return audit(points, searches, **{"euler_characteristic": 1, "min_index": 0, "max_index": dim} | changes)


# -- Morse theory --------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("dim", [1, 2, 3, 5])
def test_complete_lattice_contradicts_nothing(dim):
    result = whole(*lattice(dim))
    assert result.contradictions == ()
    assert result.morse.sum_verdict == "consistent"
    assert result.morse.counts == tuple(comb(dim, k) * 2 ** (dim - k) for k in range(dim + 1))
    assert len(result.morse.slack) == dim
    assert min(result.morse.slack) >= 0
    assert result.arrows.without_arrows == ()
    assert result.arrows.branches_missing == {}
    assert result.arrows.n_index_one == dim * 2 ** (dim - 1)


@pytest.mark.parametrize("gone", range(27))
def test_any_missing_point_is_noticed(gone):
    points, searches = lattice(3)
    result = whole(*without_point(points, searches, gone))
    assert result.morse.sum_verdict == "violated"
    assert "Morse sum" in result.contradictions[0]
    assert "Something is missing" in str(result)


def test_torus_has_binomial_betti_numbers():
    """cos x1 + ... + cos xd on the torus: C(d, k) points of index k, the least there can be."""
    for dim in (1, 2, 4):
        index = np.repeat(np.arange(dim + 1), [comb(dim, k) for k in range(dim + 1)])
        evidence = morse_evidence(point_columns(np.zeros((2**dim, dim)), index), 0, 0, dim)
        assert evidence.sum_verdict == "consistent"
        assert evidence.slack == (0,) * dim
        # Without one saddle of index 1 the odd inequalities fail, and so does the sum.
        fewer = morse_evidence(point_columns(np.zeros((2**dim - 1, dim)), np.delete(index, 1)), 0, 0, dim)
        assert fewer.sum_verdict == "violated"
        assert fewer.violated == tuple(range(1, dim, 2))


def test_inequalities_need_no_top_index():
    """Two minima and no saddle: index 1 is short of one, whatever lies above."""
    evidence = morse_evidence(point_columns(np.zeros((2, 4)), [0, 0]), 1, 0, 2)
    assert evidence.slack == (1, -1, 1)
    assert evidence.violated == (1,)
    assert evidence.sum_verdict == "not applicable"
    assert "indices above 2 were not searched for" in evidence.notes[0]


def test_where_morse_theory_says_nothing():
    points, _ = lattice(2)
    unknown = morse_evidence(points, None, 0, 2)
    assert (unknown.sum_verdict, unknown.slack) == ("not applicable", ())
    assert "declares no Euler characteristic" in unknown.notes[0]
    points.nullity[4] = 1
    degenerate = morse_evidence(points, 1, 0, 2)
    assert (degenerate.sum_verdict, degenerate.slack, degenerate.n_degenerate) == ("not applicable", (), 1)
    assert degenerate.counts == (4, 4, 0)
    points.nullity[4] = 0
    assert morse_evidence(points, 1, 1, 2).sum_verdict == "not applicable"
    other = morse_evidence(points, 2, 0, 2)
    assert (other.sum_verdict, other.slack) == ("violated", ())
    assert "no Betti numbers" in other.notes[0]


@settings(deadline=None)
@given(st.integers(1, 6).flatmap(lambda d: st.tuples(st.just(d), st.lists(st.integers(0, 9), min_size=d, max_size=d))))
def test_inequalities_hold_where_they_must(drawn):
    """Any M(t) = P(t) + (1 + t) Q(t) with Q >= 0 passes with slack Q; the torus and the ball alike."""
    dim, q = drawn
    for euler in (0, 1):
        betti = topology(Euclidean(dim), euler).betti
        counts = [betti[k] + (q[k] if k < dim else 0) + (q[k - 1] if k else 0) for k in range(dim + 1)]
        index = np.repeat(np.arange(dim + 1), counts)
        evidence = morse_evidence(point_columns(np.zeros((len(index), dim)), index), euler, 0, dim)
        assert evidence.sum_verdict == "consistent"
        assert evidence.slack == tuple(q)
        assert evidence.violated == ()


# -- arrows --------------------------------------------------------------------------------------------------------
def test_saddles_without_arrows():
    points, searches = lattice(2)
    of_top = searches.parent == 4
    searches.status[of_top] = SearchStatus.MAX_STEPS
    searches.child[of_top] = -1
    result = whole(points, searches)
    assert result.arrows.without_arrows == (4,)
    assert result.arrows.out_of_domain == ()
    assert result.contradictions == ()
    assert "1 saddles have no arrow down although no search from them left the domain" in result.weaknesses
    searches.status[of_top] = SearchStatus.LEFT_DOMAIN
    result = whole(points, searches)
    assert result.arrows.out_of_domain == (4,)
    assert result.contradictions == ()
    assert whole(points, searches, min_index=2).arrows.n_saddles == 0


def test_branches_of_index_one_points():
    points = point_columns(np.zeros((4, 2)), [0, 0, 1, 1])
    both_to_one = search_columns([(2, 0, 0), (2, 0, 1), (3, 0, 1)])
    assert whole(points, both_to_one).arrows.branches_missing == {3: 1}
    assert whole(points, both_to_one, min_index=1, max_index=2).arrows.branches_missing == {}
    # Two random repeats a sign: ordinals 0 to 2 are one branch.
    repeats = search_columns([(2, 0, 0), (2, 0, 1), (2, 0, 2), (3, 0, 2), (3, 1, 5)])
    assert whole(points, repeats).arrows.branches_missing == {2: 1}


def test_branches_follow_the_recipes():
    from landscape_dist.exploration.recipes import downward
    from landscape_dist.exploration.settings import ExploreSettings
    from landscape_dist.pathways.connections import searches_per_branch

    for n_random in (0, 1, 3):
        recipes = downward(1, ExploreSettings(n_random=n_random, max_index=1))
        searches = search_columns([(1, 0, ordinal) for ordinal in range(len(recipes))])
        half = searches_per_branch(point_columns(np.zeros((2, 1)), [0, 1]), searches)
        assert half == n_random + 1
        for sign in (1, -1):
            ordinals = [i for i, signs in enumerate(recipes.sign) if signs == (sign,)]
            assert len({ordinal // half for ordinal in ordinals}) == 1


# -- hits, upward searches, statuses -------------------------------------------------------------------------------
def test_hits():
    points = point_columns(np.zeros((4, 1)), [0, 0, 0, 1])
    rows = [(3, 0, k) for k in range(5)] + [(3, 1, 5), (3, 2, 6), (3, 2, 7)]
    rows.append((3, 3, 8, SearchKind.DOWN, SearchStatus.SAME_AS_PARENT, 0, 0))
    rows.append((-1, 3, 0, SearchKind.START, SearchStatus.OTHER_INDEX, 0, 0))
    hits = whole(points, search_columns(rows)).hits
    assert (hits.n_hits, hits.n_hit, hits.singletons, hits.doubletons) == (9, 4, 2, 1)
    assert hits.chao1 == 4 + 2 * 1 / (2 * 2)
    assert hits.coverage == pytest.approx(1 - 2 / 9)
    assert hits.by_index == {0: (3, 1, 2.0), 1: (1, 1, 1.0)}
    assert "no random sample" in hits.caveat


def test_upward_evidence():
    points = point_columns(np.zeros((2, 1)), [0, 1], found_by=[-1, 0])
    up = (SearchKind.UP, SearchStatus.LEFT_DOMAIN)
    rows = [(0, 1, 0, SearchKind.UP, SearchStatus.CONVERGED, 1, 1)] + [(0, -1, k, *up, 1, 1) for k in range(4)]
    first = whole(points, search_columns(rows)).upward
    assert (first.round, first.n_searches, first.n_new, first.bound) == (1, 5, 1, None)
    rows += [(1, -1, k, *up, 2, 2) for k in range(60)]
    second = whole(points, search_columns(rows)).upward
    assert (second.round, second.n_searches, second.n_new, second.bound) == (2, 60, 0, 0.05)
    assert whole(*lattice(2)).upward.round is None


def test_statuses_carry_advice():
    points = point_columns(np.zeros((1, 1)), [0])
    rows = [(0, -1, k, SearchKind.UP, status, 1, 1) for k, status in enumerate([SearchStatus.STALLED] * 3)]
    (status,) = whole(points, search_columns(rows)).statuses
    assert (status.status, status.count) == ("stalled", 3)
    assert status.advice == SearchStatus.STALLED.advice


# -- forms ---------------------------------------------------------------------------------------------------------
def test_text_and_json():
    result = whole(*lattice(3))
    text = str(result)
    for part in ("27 points", "Nothing contradicts completeness", "Morse sum 1", "Chao1", "Good-Turing", "converged"):
        assert part in text
    assert max(map(len, text.splitlines())) <= 100
    data = json.loads(json.dumps(result.as_dict(), allow_nan=False))
    assert data["morse"]["counts"] == [8, 12, 6, 1]
    assert data["contradictions"] == []


def test_empty_landscape():
    points, searches = lattice(2)
    result = whole(only(points, slice(0, 0)), only(searches, slice(0, 0)))
    assert result.hits.coverage is None
    assert result.morse.violated == (0,)
    str(result)
    json.dumps(result.as_dict(), allow_nan=False)


@settings(deadline=None)
@given(st.data())
def test_invariants_of_any_landscape(data):
    n = data.draw(st.integers(1, 6))
    index = data.draw(st.lists(st.integers(0, 3), min_size=n, max_size=n))
    row = st.tuples(
        st.integers(-1, n - 1), st.integers(-1, n - 1), st.integers(0, 5), st.sampled_from(SearchKind),
        st.sampled_from(SearchStatus), st.integers(0, 3), st.integers(0, 3),
    )  # fmt: skip
    searches = search_columns(data.draw(st.lists(row, max_size=30)))
    euler = data.draw(st.sampled_from([None, 0, 1, 5]))
    low = data.draw(st.integers(0, 3))
    points = point_columns(
        np.zeros((n, 3)), index, nullity=data.draw(st.lists(st.integers(0, 1), min_size=n, max_size=n))
    )
    result = audit(points, searches, euler, low, 3)
    assert sum(result.morse.counts) + result.morse.n_degenerate == n
    assert sum(status.count for status in result.statuses) == len(searches)
    assert result.hits.chao1 >= result.hits.n_hit
    assert result.hits.coverage is None or 0 <= result.hits.coverage <= 1
    assert set(result.arrows.out_of_domain) <= set(result.arrows.without_arrows)
    assert result.arrows.n_saddles == sum(i > low for i in index)
    assert set(result.arrows.branches_missing.values()) <= {0, 1}
    if result.morse.sum_verdict == "consistent":
        assert result.morse.morse_sum == euler
    str(result)
    json.dumps(result.as_dict(), allow_nan=False)


# -- spaces and groups ---------------------------------------------------------------------------------------------
def tube(**options):
    problem = ld.problems.symbolic("cos(x1) + 0.3*sin(2*x1 + x2) + x2**2", 2, check=False, euler_characteristic=0)
    problem.periods = [2 * np.pi, np.inf]
    return ld.explore(problem, [0.1, 0.3], 2, **options)


def test_an_energy_with_one_period_of_two_coordinates(tmp_path):
    landscape = tube(store=tmp_path / "a.zarr")
    for audit_of_it in (landscape.audit(), ld.open(tmp_path / "a.zarr").audit()):
        assert audit_of_it.contradictions == ()
        assert audit_of_it.morse.sum_verdict == "consistent"
        assert len(audit_of_it.morse.slack) == 2
    # A torus of two periods would have to have a maximum.
    assert landscape.audit().morse.counts[2] == 0
    # A store of version 0.1 names the period in its judgement alone.
    del landscape.header["problem"]["space"]
    assert landscape.audit().morse.sum_verdict == "consistent"
    assert landscape.audit().contradictions == ()


@pytest.mark.parametrize("same", ["signs", "orders"])
def test_a_lattice_modulo_a_group(same, tmp_path):
    energy = "(x1**2-1)**2 + (x2**2-1)**2 + (x3**2-1)**2 + 0.1*(x1*x2 + x2*x3 + x1*x3)"
    problem = ld.problems.symbolic(energy, 3, check=False, euler_characteristic=1)
    judgement = ld.SignFlips(1e-4) if same == "signs" else ld.Permutations([[0, 1, 2]], 1e-4)
    landscape = ld.explore(problem, [0.1, 0.2, 0.3], 3, same=judgement, store=tmp_path / "a.zarr")
    assert sum(landscape.counts_by_index.values()) == {"signs": 14, "orders": 10}[same]
    for audit_of_it in (landscape.audit(), ld.open(tmp_path / "a.zarr").audit()):
        assert audit_of_it.morse.counts == (8, 12, 6, 1)
        assert audit_of_it.morse.sum_verdict == "consistent"
        assert audit_of_it.contradictions == ()
        assert "counted with their images, 27 in all" in str(audit_of_it)
    # The point that the group leaves where it is counts once; without another one the sum is wrong.
    points, searches = without_point(landscape.columns, landscape.searches, int(np.argmin(landscape.columns.index)))
    images = judgement.orbit_size(points.x)
    assert audit(points, searches, 1, 0, 3, images=images).morse.sum_verdict == "violated"


def test_points_told_apart_by_a_function_prove_nothing():
    landscape = ld.explore(ld.systems.butterfly(), same=lambda a, b: bool(np.abs(np.abs(a) - np.abs(b)).max() < 1e-4))
    evidence = landscape.audit().morse
    assert (evidence.sum_verdict, evidence.slack) == ("not applicable", ())
    assert "does not tell how many points" in evidence.notes[0]


def test_what_a_space_and_a_declaration_demand():
    plane, cylinder, torus = Euclidean(2), Torus([1.0, np.inf]), Torus([1.0, 2.0])
    assert topology(plane, 1).betti == (1, 0, 0)
    assert topology(plane, 0).betti == (1, 2, 1)  # as in version 0.1
    assert topology(cylinder, 0).betti == (1, 1, 0)
    assert topology(cylinder, None).betti is None
    assert topology(torus, 0).betti == topology(torus, None).betti == (1, 2, 1)
    assert topology(torus, None, everywhere=False).betti is None
    wrong = topology(cylinder, 1)
    assert (wrong.euler_characteristic, wrong.betti) == (None, None)
    assert "declares Euler characteristic 1, and its space (torus) has 0" in wrong.note


def test_curvatures_near_zero_are_named() -> None:
    clear = ld.explore(ld.problems.symbolic("(x1**2 - 1)**2 + x2**2"), (0.2, 0.1), max_index=2)
    assert clear.audit().near_zero == ()
    zero = ld.explore(ld.problems.symbolic("(x1**2 - 1)**2 + x2**4"), (0.2, 0.1), max_index=1)
    assert zero.audit().near_zero == ()  # zero to rounding
    soft = ld.explore(ld.problems.symbolic("(x1**2 - 1)**2 + 1e-8*x2**2"), (0.2, 0.1), max_index=2)
    named = soft.audit().near_zero
    assert sorted(p.id for p in named) == [0, 1, 2]
    assert all(abs(p.eigenvalue - 2e-8) < 1e-9 for p in named)
    assert "Curvatures near zero" in str(soft.audit())
    assert soft.audit().as_dict()["near_zero"][0]["largest"] > 3

"""Branches of saddles that are proved: where they lead, where they leave, and that wrong arrows are noticed."""

import numpy as np
import pytest

import landscape_dist as ld
from landscape_dist.exploration.proofs.certificates import Branch
from landscape_dist.exploration.proofs.flow_tubes import compared


@pytest.mark.parametrize("make", [ld.systems.butterfly, ld.systems.arctan_2d, lambda: ld.systems.coupled_lattice(3)])
def test_systems(make) -> None:  # type: ignore[no-untyped-def]
    landscape = ld.explore(make(), prove="none")
    certificates = ld.certify(landscape, arrows=True)
    assert len(certificates.branches) == 2 * landscape.counts_by_index[1]
    assert all(branch.proved for branch in certificates.branches)
    assert certificates.wrong_arrows == ()
    text = str(certificates)
    assert f"{len(certificates.branches)} of {len(certificates.branches)} branches of index-1 points certified" in text


def test_one_variable() -> None:
    landscape = ld.explore(ld.problems.symbolic("(x1**2 - 1)**2 + x1/5"), [0.1], max_index=1)
    certificates = ld.certify(landscape, arrows=True)
    ends = {branch.child for branch in certificates.branches}
    assert len(certificates.branches) == 2
    assert ends == {p.id for p in landscape.points if p.index == 0}


def test_branches_that_leave_the_domain() -> None:
    problem = ld.problems.symbolic("x1**3/3 - x1 + x2**2", domain=ld.problems.Box((-2.0, -1.0), (2.0, 1.0)))
    certificates = ld.certify(ld.explore(problem, [-0.8, 0.1], max_index=1), arrows=True)
    assert sorted((branch.left, branch.child is not None) for branch in certificates.branches) == [
        (False, True),
        (True, False),
    ]


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


def test_a_tube_that_is_too_narrow_is_not_believed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without the defect of the curve a coarse path would be proved to be exact."""
    from landscape_dist.exploration.proofs import flow_tubes

    problem = ld.systems.muller_brown()
    landscape = ld.explore(problem, prove="none")
    monkeypatch.setattr(flow_tubes, "FINENESS", ((2.0, 0.5, 500),))
    assert not any(branch.proved for branch in ld.certify(landscape, arrows=True).branches)


def test_fields_have_none() -> None:
    field = ld.problems.vector_field(["x1*(1 - x1 - x2/2)", "x2*(1 - x2 - x1/3)"])
    assert ld.certify(ld.explore(field, [0.5, 0.4], max_index=2), arrows=True).branches == ()

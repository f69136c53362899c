"""`prove` as users call it: boxes, budgets, workers, checkpoints, and what cannot be proved."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import landscape_dist as ld
from landscape_dist.errors import ProblemError, SettingsError, StoreError
from landscape_dist.exploration.proofs.completeness import Proof, State

RINGS = "(x1^2 + x2^2 - 1)^2"
HIMMELBLAU = "(x1^2 + x2 - 11)^2 + (x1 + x2^2 - 7)^2"


def same(a: Proof, b: Proof) -> bool:
    """Whether two proofs say the same, but for what they cost."""
    return (a.complete, a.boxes, len(a.points)) == (b.complete, b.boxes, len(b.points)) and all(
        np.array_equal(p.x, q.x) and np.array_equal(p.box, q.box) and (p.index, p.energy) == (q.index, q.energy)
        for p, q in zip(a.points, b.points, strict=True)
    )


@pytest.fixture(scope="module")
def rosenbrock() -> ld.problems.Problem:
    return ld.systems.rosenbrock(4, [-500, -500, -500, 1])


@pytest.fixture(scope="module")
def proof(rosenbrock: ld.problems.Problem) -> Proof:
    return ld.prove(rosenbrock)


def test_what_it_says(proof: Proof) -> None:
    assert proof.complete
    assert len(proof.points) == sum(proof.counts_by_index.values()) > 1
    assert len(proof.undecided) == 0
    assert proof.undecided.volume == 0.0
    for point in proof.points:
        assert (point.box[:, 0] <= point.x).all()
        assert (point.x <= point.box[:, 1]).all()
        assert (point.around[:, 0] <= point.box[:, 0]).all()
        assert np.ptp(point.box, axis=1).max() < 1e-10
        assert point.energy is not None
        assert point.energy[0] <= point.energy[1] <= point.energy[0] + 1e-8
    assert "There are no others in the box" in str(proof)
    said = proof.as_dict()
    assert said["kind"] == "energy"
    assert len(said["points"]) == len(proof.points)


def test_the_box_that_nothing_is_outside_of() -> None:
    proof = ld.prove(ld.problems.symbolic(HIMMELBLAU))
    assert proof.complete
    assert proof.counts_by_index == {0: 4, 1: 4, 2: 1}
    assert max(abs(x) for point in proof.points for x in point.x) < proof.box[0, 1] < 10


@pytest.mark.parametrize("box", [(-1, 1), [[-1, 1], [-1, 1]], np.array([[-1.0, 1.0], [-1.0, 1.0]])])
def test_a_box(box: Any) -> None:
    assert len(ld.prove(ld.systems.butterfly(), box).points) == 5


@pytest.mark.parametrize(
    ("box", "what"),
    [((1, -1), "below the upper"), ((0, np.inf), "finite"), ([(0, 1)] * 3, "2 variables"), ("all", "give")],
)
def test_no_box(box: Any, what: str) -> None:
    with pytest.raises(SettingsError, match=what):
        ld.prove(ld.systems.butterfly(), box)


@pytest.mark.parametrize(
    ("options", "what"),
    [({"boxes": 0}, "boxes is 0"), ({"boxes": True}, "boxes is True"), ({"cpu_seconds": -1}, "cpu_seconds is -1")],
)
def test_bad_options(options: dict[str, Any], what: str) -> None:
    with pytest.raises(SettingsError, match=what):
        ld.prove(ld.systems.butterfly(), **options)


@pytest.mark.parametrize(
    ("make", "error", "what"),
    [
        (lambda: ld.problems.from_callable(lambda x: float(x @ x), dim=2), ProblemError, "not given by a formula"),
        (lambda: ld.problems.symbolic("exp(x1) + x2**2"), SettingsError, "give one, as in box="),
        (lambda: ld.problems.symbolic("x1**2 + 2*x2**2", mass=[1.0, 2.0]), ProblemError, "mass"),
    ],
)
def test_what_cannot_be_proved(make: Callable[[], ld.problems.Problem], error: type[Exception], what: str) -> None:
    with pytest.raises(error, match=what):
        ld.prove(make())


def test_a_budget_of_boxes(rosenbrock: ld.problems.Problem) -> None:
    proof = ld.prove(rosenbrock, boxes=100)
    assert proof.boxes == 100
    assert not proof.complete
    assert len(proof.undecided) > 0
    assert 0 < proof.undecided.volume <= 1
    assert "Not complete" in str(proof)


def test_a_budget_of_time(rosenbrock: ld.problems.Problem) -> None:
    assert not ld.prove(rosenbrock, (-50, 50), cpu_seconds=0.01).complete


def test_a_continuum_is_named() -> None:
    proof = ld.prove(ld.problems.symbolic(RINGS), (-2, 2))
    assert not proof.complete
    assert "not isolated" in str(proof)
    assert [p.index for p in proof.points] == [2]


@pytest.mark.parametrize("steps", [(37, 150), (64,), (1, 2, 3)])
def test_gone_on_with(rosenbrock: ld.problems.Problem, proof: Proof, tmp_path: Path, steps: tuple[int, ...]) -> None:
    for boxes in steps:
        assert not ld.prove(rosenbrock, boxes=boxes, checkpoint=tmp_path / "proof.npz").complete
    assert same(ld.prove(rosenbrock, checkpoint=tmp_path / "proof.npz"), proof)
    assert same(ld.prove(rosenbrock, checkpoint=tmp_path / "proof.npz"), proof)  # nothing is left to do


def test_stopped_in_the_middle(rosenbrock: ld.problems.Problem, proof: Proof, tmp_path: Path) -> None:
    seen = []

    def stop(state: State) -> None:
        seen.append(state.volume_left)
        if len(seen) % 3 == 0:
            raise KeyboardInterrupt

    for _ in range(40):
        try:
            found = ld.prove(rosenbrock, checkpoint=tmp_path / "proof.npz", on_progress=stop)
            break
        except KeyboardInterrupt:
            pass
    assert same(found, proof)
    assert seen == sorted(seen, reverse=True)


def test_a_checkpoint_of_something_else(rosenbrock: ld.problems.Problem, tmp_path: Path) -> None:
    file = tmp_path / "proof.npz"
    ld.prove(rosenbrock, boxes=10, checkpoint=file)
    for other, box in ((rosenbrock, (-1, 1)), (ld.systems.rosenbrock(4), None)):
        with pytest.raises(SettingsError, match="another problem or box"):
            ld.prove(other, box, checkpoint=file)
    file.write_bytes(file.read_bytes()[:200])
    with pytest.raises(StoreError, match="cannot be read as a checkpoint"):
        ld.prove(rosenbrock, checkpoint=file)


def test_on_workers(rosenbrock: ld.problems.Problem, proof: Proof) -> None:
    assert same(ld.prove(rosenbrock, workers=2), proof)


def test_of_a_landscape(tmp_path: Path) -> None:
    landscape = ld.explore(ld.systems.butterfly(), store=tmp_path / "b.zarr")
    for one in (landscape, ld.open(tmp_path / "b.zarr")):
        proof = one.prove()
        assert proof.complete
        assert len(proof.points) == len(one.points) == 9
        for point in one.points:
            assert min(np.abs(point.x - other.x).max() for other in proof.points) < 1e-8


def test_periods() -> None:
    proof = ld.prove(ld.systems.separable_cosine(2, 2))
    assert proof.complete
    assert proof.counts_by_index == {0: 4, 1: 8, 2: 4}


def test_a_vector_field() -> None:
    field = ld.problems.vector_field(["x1*(1 - x1 - x2/2)", "x2*(1 - x2 - x1/3)"])
    proof = ld.prove(field, (-2, 3))
    assert proof.complete
    assert proof.counts_by_index == {0: 1, 1: 2, 2: 1}
    assert all(point.energy is None for point in proof.points)


def test_a_checkpoint_tells_energies_from_fields(tmp_path: Path) -> None:
    text, file = "x1^3/3 - x1", tmp_path / "proof.npz"
    assert len(ld.prove(ld.problems.symbolic(text), (-3, 3), checkpoint=file).points) == 2
    with pytest.raises(SettingsError, match="another problem or box"):
        ld.prove(ld.problems.vector_field([text]), (-3, 3), checkpoint=file)


def test_stores_with_fewer_digits_go_on() -> None:
    """As versions before wrote them: the fingerprint says that the formula is the same."""
    from landscape_dist.campaign.header import differences

    problem = ld.problems.symbolic("x1**4 - 2*x1**2*0.12345678901234567 + x2**2/3.3333333333333335")
    header = ld.explore(problem, [0.3, 0.2], max_index=1).header
    before = {**header, "problem": {**header["problem"], "definition": {**header["problem"]["definition"]}}}
    before["problem"]["definition"]["formula"] = "x1**4 - 0.246913578024691*x1**2 + 0.3*x2**2"
    assert differences(before, header) == []
    before["problem"]["fingerprint"] = "0"
    assert differences(before, header)


ISLANDS = (
    "0.15*x1**2 + 0.2*x2**2 - 2*exp(-4*(x1-0.5)**2 - 3*x2**2)"
    " + 3*exp(-5*(x1+1.5)**2 - 4*(x2-1)**2) + 2*exp(-3*(x1-1.5)**2 - 4*(x2+1)**2)"
)


def test_a_store_that_is_extended_between_a_proof_and_its_searches(tmp_path: Path) -> None:
    from landscape_dist.upkeep.revision import extend

    problem = ld.problems.symbolic(ISLANDS)
    asked: dict[str, Any] = {"start": [0.3, 0.2], "max_index": 2}
    whole = ld.explore(problem, **asked)
    assert whole.audit().verdict == "proved"
    for n in range(4, len(whole.searches), 4):
        store = tmp_path / f"{n}.zarr"
        ld.explore(problem, **asked, store=store, max_searches=n)
        extend(store, starts=[[0.1, 0.1]])
        landscape = ld.explore(problem, [[0.3, 0.2], [0.1, 0.1]], max_index=2, store=store)
        assert len(landscape.points) == len(whole.points), n
        assert landscape.audit().verdict == "proved"


def test_points_outside_of_the_box_need_proofs_too() -> None:
    from landscape_dist.exploration.proofs.prover import prover_for

    problem = ld.systems.separable_cosine(2, 2)
    columns = ld.explore(problem).columns
    prover = prover_for(problem, "auto", 0, 2)
    assert prover is not None
    prover.starts(1, 10_000, lambda X, energy, index: np.zeros(len(X), dtype=np.int64), 1)
    columns.x[3] = [-1.1, 0.7]  # no point at all
    prover.settle(columns, lambda X, energy, index: np.array([k for k in range(16) if k != 3] + [-1]))
    assert (prover.record["n_missing"], prover.record["n_unproved"]) == (1, 1)


def test_points_that_are_merged_are_not_proved() -> None:
    box = ld.problems.Box((-2.0, -1e-3), (2.0, 1e-3))
    problem = ld.problems.symbolic("(x1**2 - 1)**2 + 1e8*(x2**2 - 1e-10)**2", domain=box)
    landscape = ld.explore(problem, [0.1, 2e-6], max_index=2, prove=200_000, same=1e-2)
    audit = landscape.audit()
    assert audit.proof is not None
    assert audit.proof.complete
    assert len(landscape.points) < audit.proof.n_proved == 9
    assert audit.verdict != "proved"
    assert "count as one point" in str(audit)


@pytest.mark.parametrize(
    "odd",
    [{"boxes": float("inf")}, {"box": 3}, {"starts": [[1]]}, {"round": "a"}, {"complete": 1}, {"last_round": None}],
)
def test_odd_records_of_proofs(odd: dict[str, Any]) -> None:
    from landscape_dist.analysis.proof_evidence import ProofEvidence
    from landscape_dist.exploration.proofs.prover import prover_for

    prover = prover_for(ld.systems.butterfly(), "auto", 0, 2)
    assert prover is not None
    before = dict(prover.record)
    prover.adopt(before | {"complete": True} | odd)
    assert prover.record == before
    evidence = ProofEvidence.of(before | {"complete": True, "of_points": 9} | odd, 9)
    assert evidence is None or not evidence.settled

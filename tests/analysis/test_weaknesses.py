"""The verdict of an audit: what leaves doubt is named, and what is sound is supported."""

import numpy as np
import pytest

import landscape_dist as ld


def test_supported() -> None:
    audit = ld.explore(ld.systems.get("muller_brown"), prove="none").audit()
    assert (audit.verdict, audit.reasons) == ("supported", ())
    assert "Verdict: supported" in str(audit)
    assert audit.as_dict()["verdict"] == "supported"


def test_proved() -> None:
    audit = ld.explore(ld.systems.get("muller_brown")).audit()
    assert (audit.verdict, audit.reasons) == ("proved", ())
    assert "Verdict: proved" in str(audit)
    assert "all points of index 0 to 2 in the box" in str(audit)
    proof = audit.as_dict()["proof"]
    assert proof["complete"]
    assert (proof["n_proved"], proof["n_missing"], proof["n_unproved"]) == (5, 0, 0)


def test_a_proof_says_nothing_of_arrows() -> None:
    audit = ld.explore(ld.systems.rosenbrock(7, [-500] * 5 + [1, 1]), prove=50_000).audit()
    assert audit.verdict == "proved"
    assert audit.arrows.branches_missing  # they leave the box


def test_no_points() -> None:
    audit = ld.explore(ld.problems.symbolic("exp(x1)", 1), [0.0]).audit()
    assert audit.verdict == "weak"
    assert audit.reasons == ("no points were found",)


def test_not_finished() -> None:
    audit = ld.explore(ld.systems.get("coupled_lattice", dim=4), max_searches=40).audit()
    assert any("not finished" in reason for reason in audit.reasons)
    assert audit.verdict in ("weak", "contradicted")


def test_a_start_that_reached_nothing() -> None:
    problem = ld.problems.symbolic("x1**2*exp(-x1**2)", 1)
    audit = ld.explore(problem, [[0.5], [8.0]], max_index=1).audit()
    assert any("1 of 2 starts reached no point" in reason for reason in audit.reasons)


@pytest.mark.parametrize("raises", [False, True])
def test_where_the_energy_is_not_there(raises: bool) -> None:
    """The coupled lattice with a hole around one of its nine points."""

    def hole(x: np.ndarray) -> bool:
        return bool(np.hypot(x[0] - 1.0, x[1] + 1.0) < 0.35)

    def energy(x: np.ndarray) -> float:
        if hole(x):
            if raises:
                raise ArithmeticError("no energy here")
            return float("nan")
        return float((x[0] ** 2 - 1) ** 2 + 1.3 * (x[1] ** 2 - 1) ** 2 + 0.2 * x[0] * x[1])

    def gradient(x: np.ndarray) -> np.ndarray:
        if hole(x):
            energy(x)
            return np.full(2, np.nan)
        return np.array([4 * x[0] * (x[0] ** 2 - 1) + 0.2 * x[1], 5.2 * x[1] * (x[1] ** 2 - 1) + 0.2 * x[0]])

    problem = ld.problems.from_callable(energy, gradient, dim=2, check=False)
    landscape = ld.explore(problem, [0.1, 0.1], max_index=2)
    assert len(landscape.points) == 8
    audit = landscape.audit()
    assert audit.verdict == "weak"
    assert any("points may hide there" in reason for reason in audit.reasons)


def test_a_vanishing_hessian() -> None:
    problem = ld.problems.symbolic("x1**3 - 3*x1*x2**2 + (x1**2 + x2**2)**2", 2)
    audit = ld.explore(problem, [0.2, 0.1], max_index=2).audit()
    assert audit.verdict == "weak"
    assert any("Hessian vanishes" in reason for reason in audit.reasons)


def test_without_climbs() -> None:
    audit = ld.explore(ld.systems.get("butterfly"), upward="none").audit()
    assert any("no searches were made upward" in reason for reason in audit.reasons)


def test_a_contradiction_comes_first() -> None:
    problem = ld.problems.symbolic("(x1**2-1)**2 + x2**2", 2, euler_characteristic=0)
    audit = ld.explore(problem, [0.3, 0.2], max_index=2).audit()
    assert audit.verdict == "contradicted"
    assert "Morse sum" in audit.reasons[0]

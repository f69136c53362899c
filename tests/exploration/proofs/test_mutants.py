"""Faults put into the proofs make them lie, and the checks of the other files see that."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from landscape_dist.exploration.proofs import branch_and_prune, completeness, contraction, krawczyk
from landscape_dist.numerics import interval_functions
from landscape_dist.problems.programs import on_intervals
from landscape_dist.problems.programs.on_intervals import Enclosure
from tests.exploration.proofs import test_completeness as whole
from tests.exploration.proofs import test_contraction as narrowing
from tests.exploration.proofs import test_krawczyk as one
from tests.exploration.proofs.proving import energy, lattice, lies, prove
from tests.problems.programs import test_on_intervals as programs


def exact_products() -> None:
    for seed in range(40):
        narrowing.check_products(seed)


def exact_distances() -> None:
    for seed in range(40):
        narrowing.check_distance(seed)


def boxes_of_one() -> None:
    for seed in range(15):
        one.check_one_zero(seed)


def all_zeros() -> None:
    for seed in range(12):
        rng = np.random.default_rng(seed)
        equations, zeros = lattice(rng, int(rng.integers(1, 4)))
        proof = prove(equations, (-31, 33), boxes=4000)
        assert not lies(proof, zeros)


def gaps_of_systems() -> None:
    narrowing.test_gaps_hold_no_zero()


def cuts_of_atan2() -> None:
    whole.test_jumps_hide_no_zero()


def random_programs() -> None:
    for seed in range(4):
        assert not programs.violations(seed, 12)


def no_error(real: Callable[..., Any]) -> Callable[..., Any]:
    return lambda Y, g: (real(Y, g)[0], np.zeros(Y.shape[:2]))


def no_spread(real: Callable[..., Any]) -> Callable[..., Any]:
    return lambda Y, middle, spread: real(Y, middle, np.zeros_like(spread))


def half_of_it(real: Callable[..., Any]) -> Callable[..., Any]:
    def mutant(*arguments: Any) -> Any:
        ok, radius = real(*arguments)
        return ok, 0.5 * radius

    return mutant


def whatever_contracts(real: Callable[..., Any]) -> Callable[..., Any]:
    """Without asking whether the image lies inside."""

    def mutant(*arguments: Any) -> Any:
        radius = real(*arguments)[1]
        return np.isfinite(radius).all(axis=1), radius

    return mutant


def defined_everywhere(real: Callable[..., Any]) -> Callable[..., Any]:
    def mutant(program: Any, X: Any) -> Enclosure:
        result: Enclosure = real(program, X)
        return dataclasses.replace(result, partly=np.zeros_like(result.partly))

    return mutant


def without_an_entry(real: Callable[..., Any]) -> Callable[..., Any]:
    """The derivative's last entry is forgotten."""

    def mutant(equations: Any, X: Any) -> Any:
        seen, none = real(equations, X)
        J = seen.J.copy()
        J[:, -1] = 0.0
        return dataclasses.replace(seen, J=J), none

    return mutant


def at_the_middle(real: Callable[..., Any]) -> Callable[..., Any]:
    """The derivative there stands for that in the box."""

    def mutant(equations: Any, X: Any) -> Any:
        seen, none = real(equations, X)
        middle = 0.5 * (X[1] - X[0])
        return dataclasses.replace(seen, J=real(equations, np.stack([-middle, middle]))[0].J), none

    return mutant


def only_below(real: Callable[..., Any]) -> Callable[..., Any]:
    """Of divisions by what holds 0 the half line above is forgotten."""
    return lambda n, d: (real(n, d)[0], np.full_like(real(n, d)[1], -np.inf))


def wider_gaps(real: Callable[..., Any]) -> Callable[..., Any]:
    """What holds no zero is said to be wider than it is."""

    def mutant(equations: Any, seen: Any) -> Any:
        new, at_middle, none, gaps = real(equations, seen)
        more = 2 * (gaps.above - gaps.below)
        return new, at_middle, none, dataclasses.replace(gaps, below=gaps.below - more, above=gaps.above + more)

    return mutant


def one_half(real: Callable[..., Any]) -> Callable[..., Any]:
    return lambda *arguments: real(*arguments)[:, :, ::2]


def turned(real: Callable[..., Any]) -> Callable[..., Any]:
    return lambda a, p: real(a, (-p[0], p[1]))


def all_the_same(real: Callable[..., Any]) -> Callable[..., Any]:
    """Zeros that are told apart by their order alone."""

    def mutant(zeros: Any) -> Any:
        return zeros, np.empty((2, zeros.x.shape[1], 0))

    return mutant


MUTANTS: list[tuple[str, Any, Callable[..., Any], Callable[[], None]]] = [
    ("products", contraction, no_error, exact_products),
    ("products", krawczyk, no_error, lambda: [one.check_refined(seed) for seed in range(5)]),
    ("distance_from_identity", contraction, no_spread, exact_distances),
    ("distance_from_identity", contraction, no_spread, boxes_of_one),
    ("one_zero", krawczyk, half_of_it, boxes_of_one),
    ("one_zero", krawczyk, whatever_contracts, boxes_of_one),
    ("enclose", contraction, defined_everywhere, cuts_of_atan2),
    ("look", branch_and_prune, without_an_entry, all_zeros),
    ("look", branch_and_prune, at_the_middle, all_zeros),
    ("extended_division", contraction.intervals, only_below, all_zeros),
    ("_halves", branch_and_prune, one_half, all_zeros),
    ("narrowed", branch_and_prune, wider_gaps, all_zeros),
    ("narrowed", branch_and_prune, wider_gaps, gaps_of_systems),
    ("real_power", interval_functions, turned, random_programs),
    ("real_power", interval_functions, turned, lambda: whole.test_classics("Coulomb")),
    ("distinct", completeness, all_the_same, all_zeros),
]
# which module's name of `one_zero` and others the checks call
CALLERS = {"one_zero": (krawczyk, one), "products": (contraction, krawczyk, narrowing)}
CALLERS["narrowed"] = (branch_and_prune, narrowing)
CALLERS["distance_from_identity"] = (contraction, narrowing)


@pytest.mark.parametrize(
    ("name", "module", "mutate", "check"),
    MUTANTS,
    ids=[f"{name}-{mutate.__name__}-{k}" for k, (name, _, mutate, _) in enumerate(MUTANTS)],
)
def test_faults_are_found(name, module, mutate, check, monkeypatch):
    if check is random_programs and programs.flint is None:
        pytest.skip("python-flint, which says what values are, is not installed")
    mutant = mutate(getattr(module, name))
    for place in CALLERS.get(name, (module,)):
        monkeypatch.setattr(place, name, mutant)
    with np.errstate(all="ignore"), pytest.raises((AssertionError, IndexError)):
        check()


def test_the_checks_find_nothing_without_faults():
    for check in (all_zeros, cuts_of_atan2):
        check()
    assert on_intervals.has_edges(energy("log(x1)").energy)

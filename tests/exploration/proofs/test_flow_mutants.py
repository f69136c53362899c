"""Faults put into proofs of branches make them lie, and the checks of the other files see that."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from landscape_dist.exploration.proofs import flow_ends, flow_radii, flow_series
from tests.exploration.proofs import test_flow_ends as ends
from tests.exploration.proofs import test_flow_radii as radii


def all_tubes() -> None:
    for name in radii.SYSTEMS:
        for seed in range(6):
            radii.check_tube(name, seed)


def each(check: Callable[[int], None], n: int = 8) -> Callable[[], None]:
    def checks() -> None:
        for seed in range(n):
            check(seed)

    return checks


def all_sinks() -> None:
    for name in ends.SINKS:
        ends.check_sinks(name)


def no_defects(real: Callable[..., Any]) -> Callable[..., Any]:
    return lambda *a: tuple(np.zeros_like(part) for part in real(*a))


def smaller(real: Callable[..., Any]) -> Callable[..., Any]:
    """Bounds that are a little less than they are."""
    return lambda *a: tuple(0.9 * part for part in real(*a))


def thin(real: Callable[..., Any]) -> Callable[..., Any]:
    """Of the curve alone, not of what is near it."""
    return lambda equations, pieces, frames, r: real(equations, pieces, frames, np.zeros_like(r))


def without_coupling(real: Callable[..., Any]) -> Callable[..., Any]:
    """What is beside the diagonal is forgotten."""

    def mutant(B: Any, R: Any) -> Any:
        eye = np.eye(B.shape[-1])
        return real(B * eye, R * eye)

    return mutant


def without_spread(real: Callable[..., Any]) -> Callable[..., Any]:
    return lambda B, R: real(B, np.zeros_like(R))


def no_remainder(real: Callable[..., Any]) -> Callable[..., Any]:
    def mutant(*a: Any, **options: Any) -> Any:
        values = real(*a, **options)
        values[:, -1] = 0.0
        return values

    return mutant


def middles_only(real: Callable[..., Any]) -> Callable[..., Any]:
    """The remainder is that of the middle of the curve."""
    return lambda a, order, r: (real(a, order, r)[0], real(a, order, r)[0])


def constant(real: Callable[..., Any]) -> Callable[..., Any]:
    """What changes along a piece is forgotten."""
    return lambda B, R: real(B[:1] + [np.zeros_like(M) for M in B[1:]], R[:1] + [np.zeros_like(M) for M in R[1:]])


def no_width(real: Callable[..., Any]) -> Callable[..., Any]:
    return lambda *a: None if real(*a) is None else 0.0


def wide_ellipsoids(real: Callable[..., Any]) -> Callable[..., Any]:
    def mutant(*a: Any) -> Any:
        found = real(*a)
        return None if found is None else replace(found, radius=4 * found.radius)

    return mutant


def anything_goes(real: Callable[..., Any]) -> Callable[..., Any]:
    """Symmetric parts are positive whatever they are."""
    return lambda B, R: np.ones(len(B))


MUTANTS: list[tuple[str, Any, Callable[..., Any], Callable[[], None]]] = [
    ("defects", flow_radii, no_defects, all_tubes),
    ("defects", flow_radii, no_defects, each(radii.check_defects)),
    ("defects", flow_radii, smaller, each(radii.check_defects)),
    ("rates", flow_radii, thin, each(radii.check_rates)),
    ("rates", flow_radii, thin, all_tubes),
    ("least_symmetric", flow_ends, without_coupling, each(radii.check_symmetric, 20)),
    ("least_symmetric", flow_ends, without_spread, each(radii.check_symmetric, 20)),
    ("least_symmetric", flow_ends, anything_goes, all_sinks),
    ("_least_turning", flow_radii, constant, each(radii.check_rates)),
    ("along", flow_series, no_remainder, each(radii.check_along)),
    ("along", flow_series, no_remainder, each(radii.check_rates)),
    ("_series", flow_series, middles_only, each(radii.check_along)),
    ("_cone", flow_ends, no_width, each(ends.check_departures, 10)),
    ("sink", flow_ends, wide_ellipsoids, all_sinks),
]


@pytest.mark.parametrize(
    ("name", "module", "mutate", "check"),
    MUTANTS,
    ids=[f"{name}-{mutate.__name__}-{k}" for k, (name, _, mutate, _) in enumerate(MUTANTS)],
)
def test_faults_are_found(name: str, module: Any, mutate: Any, check: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, name, mutate(getattr(module, name)))
    with np.errstate(all="ignore"), pytest.raises(AssertionError):
        check()


def test_the_checks_find_nothing_without_faults() -> None:
    for check in (all_tubes, all_sinks, each(radii.check_rates, 2), each(ends.check_departures, 2)):
        check()

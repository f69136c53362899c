"""The header of a store: what must agree for a resume, and where the landscape comes from."""

from __future__ import annotations

import functools
import platform
from collections.abc import Iterator
from importlib import metadata
from typing import TYPE_CHECKING, Any

from landscape_dist.errors import StoreFormatError
from landscape_dist.exploration.settings import BEFORE, ExploreSettings
from landscape_dist.hisd.settings import SolverSettings
from landscape_dist.records import FloatArray
from landscape_dist.spaces.flat import Euclidean

if TYPE_CHECKING:
    from landscape_dist.problems.base import Problem


def make_header(
    problem: Problem, starts: FloatArray, explore: ExploreSettings, solver: SolverSettings, same: dict[str, Any]
) -> dict[str, Any]:
    """What a store says about itself: what must agree for a resume, and where it comes from."""
    space = {} if isinstance(problem.space, Euclidean) else {"space": problem.space.as_dict()}
    return {
        "problem": {
            "name": problem.name,
            "dim": problem.dim,
            "fingerprint": problem.fingerprint(),
            "domain": problem.domain.as_dict(),
            "euler_characteristic": problem.euler_characteristic,
            "has_energy": problem.has_energy,
            "definition": problem.definition,
            **space,
            **({} if problem.mass is None else {"mass": problem.mass.as_plain()}),
        },
        "start": starts.tolist(),
        "explore": explore.as_dict(),
        "solver": solver.as_dict(),
        "same": same,
        "made_by": dict(versions()),
    }


@functools.cache
def versions() -> dict[str, str]:
    """Of this package and those it stands on, as far as they are installed."""
    packages = ("landscape-dist", "numpy", "scipy", "dask", "distributed", "zarr", "torch", "sympy")
    found = {"python": platform.python_version()}
    for package in packages:
        try:
            found[package] = metadata.version(package)
        except metadata.PackageNotFoundError:
            continue
    return found


# What may differ between sessions on one store: it changes how long is searched and what is kept, never what a search
# does.
FREE_SETTINGS = {
    "explore": {"max_searches", "max_points"},
    "solver": {"deadline", "keep_trajectories", "trajectory_points"},
}


def session_details(explore: ExploreSettings, solver: SolverSettings) -> dict[str, Any]:
    """What a store keeps of one session: versions, and the settings that may differ between sessions."""
    values = {"explore": explore.as_dict(), "solver": solver.as_dict()}
    free = {name: values[part][name] for part, names in FREE_SETTINGS.items() for name in sorted(names)}
    return {"versions": dict(versions()), "settings": free}


# Longer values are cut where two headers are compared: a field may be of many numbers.
LONGEST_VALUE = 200
_DEFAULTS = {"explore": ExploreSettings(max_index=0).as_dict() | BEFORE, "solver": SolverSettings().as_dict()}


def differences(old: dict[str, Any], new: dict[str, Any]) -> list[str]:
    """Where two headers disagree in what matters for a resume, as 'field: old, now new'."""
    found = []
    for part in ("problem", "start", "explore", "solver", "same"):
        # A setting that the older version did not have was, in effect, at its default, or what `BEFORE` says.
        before = {**_DEFAULTS[part], **(old.get(part) or {})} if part in _DEFAULTS else old.get(part)
        after = new.get(part)
        if part == "problem" and not (before and after and "space" in before and "space" in after):
            # An older version did not say the space; the judgement names its periods.
            before, after = ({k: v for k, v in (some or {}).items() if k != "space"} for some in (before, after))
        a, b = dict(_flat(part, before)), dict(_flat(part, after))
        free = {f"{part}.{name}" for name in FREE_SETTINGS.get(part, ())}
        if a.get("problem.fingerprint") == b.get("problem.fingerprint"):
            # What it says may be said in other words: older versions wrote fifteen digits of a formula's numbers.
            free |= {k for k in {**a, **b} if k.startswith("problem.definition.formula")}
        changed = [k for k in {**a, **b} if k not in free and a.get(k) != b.get(k)]
        if len(changed) > 1:
            # The fingerprint says that something differs; the others say what.
            changed = [k for k in changed if k != "problem.fingerprint"]
        found += [f"{k}: {_short(a.get(k))}, now {_short(b.get(k))}" for k in changed]
    return found


def _short(value: Any) -> str:
    text = str(value)
    return text if len(text) <= LONGEST_VALUE else f"{text[:LONGEST_VALUE]}..."


def check_header(header: dict[str, Any], dim: int, where: str) -> None:
    """Raise `StoreFormatError` unless a store's header says what those who open a landscape rely on.

    Args:
        header: as read. dim: number of variables of the store's points. where: what messages call the store.
    """

    def check(field: str, value: Any, right: bool, expected: str) -> None:
        if not right:
            raise StoreFormatError(
                f"{where} is damaged: {field} in its header is {str(value)[:200]!r}, not {expected}; restore it from a "
                "copy"
            )

    for part in ("problem", "explore", "solver", "same", "made_by"):
        check(part, header.get(part), isinstance(header.get(part), dict), "an object")
    about, explore, starts = header["problem"], header["explore"], header.get("start")
    for name, kind in (("name", str), ("fingerprint", str), ("domain", dict), ("has_energy", bool)):
        check(f"problem.{name}", about.get(name), isinstance(about.get(name), kind), f"a {kind.__name__}")
    check("problem.domain", about["domain"], isinstance(about["domain"].get("kind"), str), "a domain with its kind")
    check("problem.dim", about.get("dim"), about.get("dim") == dim, f"{dim} as its arrays")
    euler = about.get("euler_characteristic")
    check("problem.euler_characteristic", euler, euler is None or type(euler) is int, "a whole number or null")
    space = about.get("space")
    named = space is None or (isinstance(space, dict) and isinstance(space.get("kind"), str))
    check("problem.space", space, named, "a space with its kind")
    for name in ("min_index", "max_index"):
        value = explore.get(name)
        check(f"explore.{name}", value, type(value) is int and 0 <= value <= dim, f"a whole number from 0 to {dim}")
    check("explore", explore, explore["min_index"] <= explore["max_index"], "min_index below max_index")
    rows = starts if isinstance(starts, list) else []
    right = len(rows) > 0 and all(isinstance(start, list) and len(start) == dim for start in rows)
    right = right and all(type(value) in (int, float) for start in rows for value in start)
    check("start", starts, right, f"a list of lists of {dim} numbers")


def _flat(name: str, value: Any) -> Iterator[tuple[str, Any]]:
    """Leaves of nested dicts with dotted names."""
    if not isinstance(value, dict):
        yield name, value
        return
    for key, inner in value.items():
        # Definitions repeat the domain, which has an entry of its own; units are words.
        if name != "problem.definition" or key not in ("domain", "coordinate_unit", "energy_unit"):
            yield from _flat(f"{name}.{key}", inner)

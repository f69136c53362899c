"""Problem and SameJudgement out of the header of a store: built from names and formulas, never from code."""

from __future__ import annotations

import math
from typing import Any

from landscape_dist.errors import LandscapeError, SettingsError, StoreMismatchError
from landscape_dist.explore.judgement import Distance, SameJudgement
from landscape_dist.problems.base import Problem


def problem_of(header: dict[str, Any]) -> Problem:
    """The problem of a store, if it is a named system or a formula.

    Raises:
        SettingsError: it is something else (functions of Python are not in a store), or cannot be built.
        StoreMismatchError: what is built now computes something else than what the store was made with.
    """
    from landscape_dist.problems import symbolic, systems, vector_field
    from landscape_dist.problems.domain import domain_from_dict

    about = header["problem"]
    definition = about.get("definition")
    kind = definition.get("kind") if isinstance(definition, dict) else None
    try:
        _check_size(definition, about["dim"])
        if kind == "system":
            domain = domain_from_dict(definition["domain"])
            problem: Problem = systems.get(definition["name"], **definition["parameters"], domain=domain)
        elif kind == "symbolic":
            problem = symbolic(
                definition["formula"],
                definition["dim"],
                name=about["name"],
                domain=definition["domain"],
                euler_characteristic=about["euler_characteristic"],
            )
        elif kind == "field" and "formulas" in definition:
            formulas = [str(formula) for formula in definition["formulas"]]
            problem = vector_field(formulas, definition["dim"], name=about["name"], domain=definition["domain"])
        else:
            raise SettingsError(
                f"the problem {about['name']!r} is neither a named system nor a formula, and a store holds no code; "
                "give it with --problem CONFIG.toml (problem=)"
            )
    except SettingsError:
        raise
    except (LandscapeError, TypeError, ValueError, KeyError, AttributeError, MemoryError) as error:
        raise SettingsError(
            f"the problem {str(about['name'])[:80]!r} cannot be built from the header of the store "
            f"({str(error)[:300]}); give it with --problem CONFIG.toml (problem=)"
        ) from error
    check_same_problem(header, problem)
    return problem


def _check_size(definition: Any, dim: int) -> None:
    """Raise ValueError where a problem of another size would be built, which might take all memory."""
    if isinstance(definition, dict):
        parameters = definition.get("parameters", {})
        sizes = [definition.get("dim", dim), parameters.get("dim", dim), parameters.get("shape", dim)]
        for size in sizes:
            whole = size if isinstance(size, list) else [size]
            if not all(type(n) is int for n in whole) or math.prod(whole) != dim:
                raise ValueError(f"it is of {size} variables, and the store of {dim}")


def check_same_problem(header: dict[str, Any], problem: Problem) -> None:
    """Raise `StoreMismatchError` unless this is the problem that a store was made with."""
    about = header["problem"]
    if problem.fingerprint() != about["fingerprint"]:
        raise StoreMismatchError(
            f"{problem!r} is not the problem of the store, {about['name']!r} of {about['dim']} variables (fingerprint "
            f"{problem.fingerprint()}, in the store {about['fingerprint']}); give the problem that it was made with"
        )


def judgement_of(header: dict[str, Any]) -> SameJudgement:
    """The judgement of a store.

    Raises:
        SettingsError: it was made of a function of Python, or cannot be built.
    """
    from landscape_dist.config import JUDGEMENTS
    from landscape_dist.store.database import plain_json

    kept, dim = header["same"], header["problem"]["dim"]
    rest = {name: value for name, value in kept.items() if name != "kind"}
    try:
        if kept["kind"] == "distance":
            judgement: SameJudgement = Distance(rest["atol"], dim)
        else:
            if isinstance(rest.get("period"), list):
                periods = [float("inf") if p is None else p for p in rest["period"]]
                rest["period"] = periods[0] if len(periods) == 1 else periods
            rest = {name: value for name, value in rest.items() if value != []}  # none of the kind
            judgement = JUDGEMENTS[kept["kind"]](**rest)
        judgement.check(dim)
        same = plain_json("same", judgement.as_dict()) == kept
    except (LandscapeError, TypeError, ValueError, KeyError, AttributeError, MemoryError):
        same = False
    if not same:
        raise SettingsError(
            f"when two points are the same cannot be told from the header of the store ({str(kept)[:200]}); give same="
        )
    return judgement

"""A problem out of the header of a store: built from names and formulas, never from code."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from landscape_dist.errors import LandscapeError, SettingsError, StoreMismatchError
from landscape_dist.problems.base import Problem
from landscape_dist.problems.expressions import Vocabulary, parse
from landscape_dist.problems.mass import Mass
from landscape_dist.spaces.kinds import space_of


def problem_of(header: dict[str, Any], check: bool = True) -> Problem:
    """The problem of a store, if it is a named system or made of formulas.

    Args:
        header: as the store has it.
        check: whether the problem is tried at a few points; what is only looked at, as in a picture, needs none.

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
            problem = _as_made(
                about,
                [str(definition["formula"])],
                lambda formulas: symbolic(
                    formulas[0],
                    definition["dim"],
                    name=about["name"],
                    domain=definition["domain"],
                    euler_characteristic=about.get("euler_characteristic"),
                    check=check,
                ),
            )
        elif kind == "field" and "formulas" in definition:
            formulas = [str(formula) for formula in definition["formulas"]]
            problem = _as_made(
                about,
                formulas,
                lambda formulas: vector_field(
                    formulas, definition["dim"], name=about["name"], domain=definition["domain"], check=check
                ),
            )
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
    if "mass" in about:
        problem.mass = Mass.from_plain(about["mass"], problem.dim)
    if "space" in about:
        problem.space = space_of(header)
    return problem


def _as_made(about: dict[str, Any], formulas: list[str], make: Callable[[list[Any]], Problem]) -> Problem:
    """The problem of these formulas.  Whole numbers with a point are whole where somebody wrote them, and doubles where
    SymPy computed them: what the store was made with is one of both."""
    problem = make(formulas)
    if problem.fingerprint() == about.get("fingerprint"):
        return problem
    doubles = Vocabulary(None, None, whole_doubles=True)
    other = make([parse(formula, doubles) for formula in formulas])
    return other if other.fingerprint() == about.get("fingerprint") else problem


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

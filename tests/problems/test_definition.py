"""Formulas out of stores: the same problem again, to the last digit of every number."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import landscape_dist as ld
from landscape_dist.errors import SettingsError
from landscape_dist.problems.definition import problem_of

doubles = st.floats(-1e6, 1e6, allow_subnormal=False).filter(lambda x: x == 0 or abs(x) > 1e-6)


def header(problem: Any) -> dict[str, Any]:
    about = {"name": problem.name, "dim": problem.dim, "fingerprint": problem.fingerprint()}
    return {"problem": about | {"definition": problem.definition, "domain": problem.domain.as_dict()}}


@settings(max_examples=60, deadline=None)
@given(st.lists(doubles, min_size=5, max_size=5))
def test_formulas_of_any_numbers(c: list[float]) -> None:
    text = (
        f"({c[0]!r})*x1**4 + ({c[1]!r})*x1*x2/7 + exp(-(x2 - ({c[2]!r}))**2/({abs(c[3]) + 0.1!r})) + ({c[4]!r})*x2**2*3"
    )
    problem = ld.problems.symbolic(text, 2, check=False)
    again = problem_of(header(problem), check=False)
    assert again.fingerprint() == problem.fingerprint()


@pytest.mark.parametrize(
    "text", ["0.5*4*x1**2 + 2.0*x2**2", "2**0.5*x1 + x2**2", "1e16*x1**2 + 1354953465557996.8*x2**2*1.0"]
)
def test_whole_numbers_that_were_computed(text: str) -> None:
    problem = ld.problems.symbolic(text, 2)
    assert problem_of(header(problem)).fingerprint() == problem.fingerprint()


def test_fields() -> None:
    field = ld.problems.vector_field(["x1*(0.5912226965612973 - x1)/3", "-x2*0.30000000000000004*10"])
    again = problem_of(header(field))
    assert again.fingerprint() == field.fingerprint()


def test_another_formula_is_noticed() -> None:
    about = header(ld.problems.symbolic("0.12345678901234568*x1**2"))
    about["problem"]["definition"]["formula"] = "0.12345678901234567*x1**2 + 0.0001*x1"
    with pytest.raises(Exception, match="is not the problem of the store"):
        problem_of(about)


def test_a_store_is_proved_and_verified_without_its_script(tmp_path: Path) -> None:
    c = np.random.default_rng(5).standard_normal(4).tolist()
    text = f"(x1**2 - 1)**2 + (x2**2 - {c[0]!r}*x1)**2 + ({c[1]!r})*x2 + ({c[2]!r})*x1"
    ld.explore(ld.problems.symbolic(text), [0.1, 0.2], max_index=2, store=tmp_path / "s.zarr")
    assert ld.open(tmp_path / "s.zarr").prove((-3, 3)).complete


def test_functions_are_not_in_stores(tmp_path: Path) -> None:
    problem = ld.problems.from_callable(lambda x: float(x @ x), dim=1)
    ld.explore(problem, [0.1], max_index=0, store=tmp_path / "s.zarr")
    with pytest.raises(SettingsError, match="holds no code"):
        ld.open(tmp_path / "s.zarr").prove((-3, 3))

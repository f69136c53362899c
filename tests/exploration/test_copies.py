"""Copies without end: noticed early and named with their cure; symmetric landscapes that end are left alone."""

import numpy as np
import pytest

import landscape_dist as ld
from landscape_dist.exploration.copies import copies_without_end

ENDLESS = {
    "period": ("cos(x1) + cos(2*x2) + 0.3*sin(x1+x2)", "periods="),
    "one period": ("cos(x1) + x2**2", "6.28319 along x1"),
    "ring": ("(x1**2 + x2**2 - 1)**2", "same="),
    "ring in space": ("(x1**2 + x2**2 - 1)**2 + x3**2", "flat direction"),
    "two hats": ("(x1**2+x2**2-1)**2 + (x3**2+x4**2-1)**2 - 0.3*(x1*x3+x2*x4) - 0.8*(x1*x3+x2*x4)**2", "rotations"),
    "curved valley": ("(x2 - x1**2)**2", "nullity 1"),
    "hyperbola": ("(x1*x2 - 1)**2", "nullity 1"),
    "skew lattice": ("sin(x1 + 0.3*x2)*sin(x2 - 0.2*x1)", "each"),
}
ENDING = {
    "cube": "(x1**2-1)**2 + (x2**2-1)**2 + (x3**2-1)**2 + (x4**2-1)**2",
    "degenerate cube": "-x1**4 + x1**6 - x2**4 + x2**6 - x3**4 + x3**6",
    "corrugated bowl": "cos(x1) + 0.02*x1**2 + x2**2",
    "flat minimum": "x1**6 + x2**2",
}


@pytest.mark.parametrize("name", ENDLESS)
def test_an_end_is_made(name: str) -> None:
    formula, cure = ENDLESS[name]
    dim = 4 if "x4" in formula else 3 if "x3" in formula else 2
    landscape = ld.explore(ld.problems.symbolic(formula, dim), [0.3, 0.2, -0.1, 0.5][:dim], max_index=dim)
    assert landscape.finished
    assert len(landscape.searches) < 5000
    audit = landscape.audit()
    assert audit.verdict != "supported"
    assert any("copies without end" in reason and cure in reason for reason in audit.reasons)


@pytest.mark.parametrize("name", ENDING)
def test_symmetry_alone_is_no_reason(name: str) -> None:
    formula = ENDING[name]
    dim = next(d for d in (4, 3, 2) if f"x{d}" in formula)
    landscape = ld.explore(ld.problems.symbolic(formula, dim), [0.3, 0.2, 0.1, 0.4][:dim], max_index=dim)
    assert copies_without_end(landscape.columns, bounded=False) is None


def test_in_a_box_images_come_to_an_end() -> None:
    problem = ld.problems.symbolic("cos(x1) + cos(x2)", 2, domain={"kind": "box", "lower": -20.0, "upper": 20.0})
    landscape = ld.explore(problem, [0.3, 0.2])
    assert len(landscape.points) == 13**2
    assert copies_without_end(landscape.columns, bounded=True) is None


def test_a_store_does_not_go_on(tmp_path: object) -> None:
    problem = ld.problems.symbolic("cos(x1)", 1)
    first = ld.explore(problem, [0.3], store=f"{tmp_path}/s.zarr")
    again = ld.explore(problem, [0.3], store=f"{tmp_path}/s.zarr")
    assert first.finished
    assert again.finished
    assert np.array_equal(first.columns.x, again.columns.x)

"""A named system from a file of one's own: the decorator alone makes it known everywhere."""

import json
from collections.abc import Iterator

import numpy as np
import pytest
from typer.testing import CliRunner

import landscape_dist as ld
from landscape_dist.cli import app
from landscape_dist.problems import Box
from landscape_dist.problems.systems import named
from landscape_dist.testing import check_problem


class Wells(named.NamedSystem):
    """E = sum of height (x_i^2 - 1)^2: the minima are the corners of a cube, the maximum is its centre."""

    def __init__(self, dim, height, domain):
        super().__init__(
            "wells", dim, {"dim": dim, "height": height}, domain=domain, default_domain=Box(-2.0, 2.0),
            euler_characteristic=1, start=np.full(dim, 0.1), max_index=dim,
        )  # fmt: skip

    def _energy(self, X):
        return self.parameters["height"] * np.sum((X * X - 1) ** 2, axis=1)

    def _gradient(self, X):
        return self.parameters["height"] * 4 * X * (X * X - 1)

    def _hessian(self, X):
        return self.parameters["height"] * (12 * X * X - 4)[:, :, None] * np.eye(self.dim)


def wells(dim: int = 2, height: float = 1.0, *, domain=None) -> Wells:
    """Separable double wells."""
    size = named.whole_number("wells", "dim", dim, 1)
    return Wells(size, named.real_number("wells", "height", height), domain)


@pytest.fixture(autouse=True)
def registered() -> Iterator[None]:
    named.register(formula="sum height (x_i^2 - 1)^2", source="a test", dim="any", known="3^d points")(wells)
    yield
    del named.REGISTRY["wells"]


def test_it_is_found_by_name_and_keeps_the_contract():
    assert "wells" in ld.systems.names()
    check_problem(ld.systems.get("wells", dim=3, height=2.0))
    with pytest.raises(ld.errors.ProblemError, match="did you mean 'height'"):
        ld.systems.get("wells", heigth=2.0)


def test_the_command_line_lists_and_runs_it(tmp_path):
    listed = CliRunner().invoke(app, ["systems", "wells", "--json"])
    assert json.loads(listed.stdout)[0]["parameters"] == {"dim": 2, "height": 1.0}
    store = tmp_path / "wells.zarr"
    done = CliRunner().invoke(app, ["run", "wells", "--serial", "--quiet", "--store", str(store)])
    assert done.exit_code == 0, done.output
    assert ld.open(store).counts_by_index == {0: 4, 1: 4, 2: 1}


def test_it_is_explored_and_built_again_from_the_header_of_its_store(tmp_path):
    from landscape_dist.problems.definition import problem_of

    store = tmp_path / "wells.zarr"
    landscape = ld.explore(ld.systems.get("wells", dim=3), store=store)
    assert landscape.counts_by_index == {0: 8, 1: 12, 2: 6, 3: 1}
    assert len(landscape.connections) == 54
    again = problem_of(ld.open(store).header)
    assert isinstance(again, Wells)
    assert again.parameters == {"dim": 3, "height": 1.0}

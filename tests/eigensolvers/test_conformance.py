"""The shipped checks, over all eigensolvers and array namespaces."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from landscape_dist.eigensolvers import Curvature, Dense, Eigensolver, Flow, Lobpcg, Sirqit, make_eigensolver
from landscape_dist.hisd.settings import EIGENSOLVERS, SolverSettings
from landscape_dist.testing.eigensolvers import check_eigensolver

MAKERS = {
    "flow": Flow,
    "flow, one iteration": lambda: Flow(iterations=1),
    "flow, four iterations": lambda: Flow(iterations=4),
    "lobpcg": Lobpcg,
    "lobpcg, five iterations": lambda: Lobpcg(iterations=5),
    "sirqit": Sirqit,
    "sirqit, five iterations": lambda: Sirqit(iterations=5),
    "dense": Dense,
}


def namespace(name: str) -> Any:
    if name == "numpy":
        return np
    pytest.importorskip("torch")
    import array_api_compat.torch

    return array_api_compat.torch


@pytest.mark.parametrize("xp", ["numpy", "torch"])
@pytest.mark.parametrize("make", MAKERS.values(), ids=MAKERS.keys())
def test_eigensolvers_conform(make: Any, xp: str) -> None:
    check_eigensolver(make, namespace(xp))


class Jumping(Eigensolver):
    """The lowest eigenvectors at every step: what the search must not be given."""

    name = "jumping"
    needs_hessian = True

    def follow(self, curvature: Curvature, V: Any, leave: Any, time: Any) -> Any:
        return np.linalg.eigh(curvature.hessian)[1][:, :, : V.shape[-1]]


class Skewed(Flow):
    """Not orthonormal."""

    name = "skewed"

    def follow(self, curvature: Curvature, V: Any, leave: Any, time: Any) -> Any:
        return 1.1 * super().follow(curvature, V, leave, time)


class Careless(Flow):
    """Writes to its argument."""

    name = "careless"

    def follow(self, curvature: Curvature, V: Any, leave: Any, time: Any) -> Any:
        V *= -1
        return super().follow(curvature, V, leave, time)


@pytest.mark.parametrize(
    ("make", "message"), [(Jumping, "of leave"), (Skewed, "not orthonormal"), (Careless, "wrote to V")]
)
def test_the_checks_find_what_is_wrong(make: Any, message: str) -> None:
    with pytest.raises(AssertionError, match=message):
        check_eigensolver(make)


@pytest.mark.parametrize("name", EIGENSOLVERS)
def test_settings_name_each(name: str) -> None:
    solver = make_eigensolver(SolverSettings(eigensolver=name, eigensolver_iterations=3), 7.0)
    assert solver.name == name
    assert solver.follows
    if name != "dense":
        rate = float("inf") if name == "power" else 7.0
        assert (solver.rate, solver.iterations) == (rate, 3)  # type: ignore[attr-defined]

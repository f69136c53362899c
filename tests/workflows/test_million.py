"""The landscape of workflows/benchmarks/million is what it says, and its searches find all of it."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import Any

import numpy as np

from landscape_dist.exploration.coordinator import Coordinator
from landscape_dist.exploration.settings import ExploreSettings
from landscape_dist.pathways.connections import count_connections
from landscape_dist.spaces.judgement import Distance

FILE = Path(__file__).parents[2] / "workflows" / "benchmarks" / "million" / "synthetic.py"


def synthetic() -> Any:
    spec = importlib.util.spec_from_file_location("synthetic", FILE)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_every_point_and_arrow_is_found() -> None:
    work = synthetic().Product(7, (5, 3, 3), 64)
    coordinator = Coordinator(work.starts, ExploreSettings(max_index=3), Distance(1e-4, 7), work.n_eigenvalues)
    while not coordinator.finished:
        batch = coordinator.ask(50)
        assert batch is not None
        coordinator.tell(work.solve(batch))
    coordinator.validate()
    points = coordinator.points.view()
    assert len(points) == work.n_points == 45
    assert count_connections(coordinator.searches.view(), 7) == 2 * (2 * 9 + 5 * 3 + 5 * 3)
    # They are stationary points of the energy, with the index and the energy that was said.
    assert np.abs(work.gradient(points.x)).max() < 1e-6
    assert np.allclose(work.energy(points.x), points.energy, atol=1e-9)
    spectra = [np.linalg.eigvalsh(work.problem.hessian(x[None])[0]) for x in points.x]
    assert [int((spectrum < 0).sum()) for spectrum in spectra] == points.index.tolist()
    assert np.allclose(spectra, points.eigenvalues, atol=1e-3)

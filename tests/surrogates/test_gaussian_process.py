"""Gaussian processes: derivatives, error bars, and a landscape from few data."""

from __future__ import annotations

import numpy as np
import pytest

import landscape_dist as ld
from landscape_dist.analysis.matching import compare
from landscape_dist.errors import ProblemError, SettingsError
from landscape_dist.surrogates import Surrogate, TrainingData, fit_gaussian_process, sample
from landscape_dist.surrogates.gaussian_process import spread
from landscape_dist.testing import check_problem


@pytest.fixture(scope="module")
def fitted() -> Surrogate:
    return fit_gaussian_process(sample(ld.systems.arctan_2d(), 250, lower=-1.0, upper=7.0), restarts=0)


@pytest.mark.parametrize("device", [None, "cpu"], ids=["numpy", "torch"])
@pytest.mark.parametrize("products", ["dense", "closed", "dimer"])
def test_contract(fitted: Surrogate, products: str, device: str | None) -> None:
    check_problem(fitted.with_products(products).on_device(device), rtol=1e-5 if products == "dimer" else 1e-7)


def test_landscape_from_250_values(fitted: Surrogate) -> None:
    difference = compare(ld.explore(ld.systems.arctan_2d()).pathways, ld.explore(fitted).pathways, tolerance=0.5)
    assert difference.is_empty, str(difference)


def test_spread_grows_away_from_the_data(fitted: Surrogate) -> None:
    near, far = spread(fitted, np.array([[3.0, 3.0], [40.0, 40.0]]))
    assert near < 0.2 < far
    assert far == pytest.approx(fitted.energy_scale * np.sqrt(fitted.model.variance), rel=1e-6)


def test_noise_is_found() -> None:
    data = sample(ld.systems.arctan_2d(), 200, lower=-1.0, upper=7.0, noise=0.5)
    assert fit_gaussian_process(data, restarts=0).provenance["noise"] == pytest.approx(0.5, rel=0.3)
    assert fit_gaussian_process(data, restarts=0, noise=0.2).provenance["noise"] == pytest.approx(0.2, rel=1e-6)


def test_begins_from_another_one(fitted: Surrogate) -> None:
    data = sample(ld.systems.arctan_2d(), 300, lower=-1.0, upper=7.0)
    again = fit_gaussian_process(data, restarts=0, like=fitted)
    alone = fit_gaussian_process(data, restarts=0)
    assert again.provenance["log_marginal_likelihood"] == pytest.approx(
        alone.provenance["log_marginal_likelihood"], abs=0.5
    )
    with pytest.raises(
        SettingsError, match=r"like is gaussian_process, a gaussian_process of 2 features; give a .* of 3"
    ):
        fit_gaussian_process(sample(ld.systems.arctan_3d(), 20), like=fitted)


@pytest.mark.parametrize("seed", range(5))
def test_few_data_are_no_islands(seed: int) -> None:
    data = sample(ld.systems.muller_brown(), 50, seed=seed)
    assert fit_gaussian_process(data).model.length.min() > 0.1  # not below the distance of the data


def test_smooth_energies_are_searched_down_to_the_rounding() -> None:
    rng = np.random.default_rng(3)
    x = rng.uniform([-1.7, -1.3], [1.6, 1.3], (60, 2))
    quartic = (x[:, 0] ** 2 - 1) ** 2 + 2 * (x[:, 1] - x[:, 0] / 2) ** 2
    smooth = fit_gaussian_process(TrainingData(x, quartic))
    noise = smooth.gradient_noise(x)
    scatter = np.abs(smooth.gradient(x) - smooth.gradient(x + 1e-13)).max()
    assert 0 < scatter < 10 * noise.max() < 1e-3
    assert ld.explore(smooth, start=[0.1, 0.0], max_index=1).counts_by_index == {0: 2, 1: 1}


def test_periodic_coordinates() -> None:
    angle = np.linspace(-180.0, 170.0, 36)[:, None]
    data = TrainingData(angle, np.cos(np.radians(3 * angle[:, 0])), period=(360.0,))
    surrogate = fit_gaussian_process(data, harmonics=3, restarts=0)
    x = np.array([[33.0], [179.0]])
    np.testing.assert_allclose(surrogate.energy(x), np.cos(np.radians(3 * x[:, 0])), atol=1e-3)
    np.testing.assert_allclose(surrogate.gradient(x + 360.0), surrogate.gradient(x), atol=1e-10)
    assert surrogate.euler_characteristic == 0


def test_errors(trained: Surrogate) -> None:
    many = TrainingData(np.arange(5001.0)[:, None], np.zeros(5001))
    with pytest.raises(SettingsError, match="5001 points, beyond 5000"):
        fit_gaussian_process(many)
    with pytest.raises(ProblemError, match="train an ensemble"):
        spread(trained, np.zeros((1, 2)))

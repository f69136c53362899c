"""Ensembles: spread where the data say nothing, the same members serial and on workers."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import landscape_dist as ld
from landscape_dist.analysis.survival import survival
from landscape_dist.errors import ProblemError, SettingsError
from landscape_dist.surrogates import Ensemble, Surrogate, TrainingData, load_ensemble, train_ensemble

SETTINGS: dict[str, Any] = {"hidden": (24, 24), "epochs": 100, "batch_size": 100, "learning_rate": 5e-3}


@pytest.fixture(scope="module")
def ensemble(plane: TrainingData) -> Ensemble:
    return train_ensemble(plane, 3, finish_iterations=1000, **SETTINGS)


def test_spread_is_small_where_the_data_are(ensemble: Ensemble, plane: TrainingData) -> None:
    mean, spread = ensemble.energy(plane.x)
    assert np.median(spread) < 0.02
    assert np.abs(mean - plane.energy).max() < 0.5
    assert ensemble.energy(np.array([[15.0, -9.0]]))[1] > 20 * np.median(spread)
    assert ensemble.gradient(plane.x)[1].shape == plane.x.shape


def test_members_share_the_landscape(ensemble: Ensemble) -> None:
    true = ld.explore(ld.systems.arctan_2d())
    found = survival(true.pathways, [ld.explore(member).pathways for member in ensemble.members], 0.3)
    assert found.doubtful() == ((), ())
    assert all(0 < point.spread < 0.1 for point in found.points)


def test_trained_on_workers_to_the_same(plane: TrainingData, client: Any) -> None:
    seen: list[int] = []
    far = train_ensemble(plane, 2, client=client, on_member=seen.append, **SETTINGS | {"epochs": 3})
    near = train_ensemble(plane, 2, **SETTINGS | {"epochs": 3})
    assert [m.fingerprint() for m in far.members] == [m.fingerprint() for m in near.members]
    assert near.members[0].fingerprint() != near.members[1].fingerprint()
    assert seen == [1, 2]


def test_bootstrap_draws_rows(plane: TrainingData) -> None:
    drawn = train_ensemble(plane, 2, bootstrap=True, **SETTINGS | {"epochs": 1})
    digests = {member.provenance["data"]["digest"] for member in drawn.members}
    assert len(digests | {plane.digest()}) == 3


def test_kept(ensemble: Ensemble, tmp_path: Path) -> None:
    ensemble.save(tmp_path / "e")
    again = load_ensemble(tmp_path / "e")
    assert [m.fingerprint() for m in again.members] == [m.fingerprint() for m in ensemble.members]


def test_errors(plane: TrainingData, mixed: Surrogate, trained: Surrogate) -> None:
    with pytest.raises(SettingsError, match="n_members is 0"):
        train_ensemble(plane, 0)
    with pytest.raises(ProblemError, match="no members"):
        Ensemble(())
    with pytest.raises(ProblemError, match="surrogates of the same energy"):
        Ensemble((trained, mixed))
    assert Ensemble((mixed,)).at(alpha=1.0).members[0].parameters == {"alpha": 1.0}

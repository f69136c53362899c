"""Readers: what is in the files arrives with its units and periods, and what is wrong in them is named."""

from __future__ import annotations

import math
import os
from pathlib import Path

import numpy as np
import pytest

import landscape_dist as ld
from landscape_dist.errors import ProblemError
from landscape_dist.surrogates import (
    TrainingData,
    from_grid,
    read_alphacryo4d,
    read_arrays,
    read_csv,
    read_grid,
    read_plumed,
    train,
)

TABLE = """phi, psi, F, gphi, gpsi, T
-180, 10, 1.5, 0.1, -0.1, 300
  0, 20, 2.5e-1, , , 300

90, -30, 3, 1, 2, 310
"""


def test_csv(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text(TABLE)
    data = read_csv(path, ["phi", "psi"], energy="F", gradient=["gphi", "gpsi"], parameters=["T"], period=[360.0, None])
    assert data.x.tolist() == [[-180, 10], [0, 20], [90, -30]]
    assert data.energy.tolist() == [1.5, 0.25, 3.0]
    assert np.isnan(data.gradient[1]).all()
    assert data.gradient[2].tolist() == [1, 2]
    assert data.parameters.ravel().tolist() == [300, 300, 310]
    assert (data.coordinates, data.parameter_names, data.period) == (("phi", "psi"), ("T",), (360.0, math.inf))
    assert data.as_dict()["n_gradients"] == 2


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "no column 'phi'; its columns are none"),
        ("phi,psi\n1,2\n", "no column 'F'; its columns are phi, psi"),
        ("phi,psi,F\n", "no rows"),
        ("phi,psi,F\n1,2,3\n1,x,3\n", "line 3, column 'psi' is 'x'"),
        ("phi,psi,F\n1,2\n", "line 2, column 'F' is ''"),
        ("phi,psi,F\n1,2,nan\n", "energy of row 0 is nan"),
    ],
)
def test_csv_errors(tmp_path: Path, text: str, says: str) -> None:
    path = tmp_path / "a.csv"
    path.write_text(text)
    with pytest.raises(ProblemError, match=says):
        read_csv(path, ["phi", "psi"], energy="F")
    with pytest.raises(ProblemError, match="cannot be read as CSV"):
        read_csv(tmp_path / "none.csv", ["phi"])


def test_arrays(tmp_path: Path) -> None:
    path = tmp_path / "a.npz"
    np.savez(path, x=np.ones((4, 2)), energy=np.arange(4.0))
    assert len(read_arrays(path)) == 4
    np.savez(path, x=np.ones((4, 2)))
    with pytest.raises(ProblemError, match="no array 'energy'; it holds x"):
        read_arrays(path)
    np.savez(path, x=np.array([object()]), energy=np.ones(1))
    with pytest.raises(ProblemError, match=r"cannot be read|Object arrays"):
        read_arrays(path)
    path.write_bytes(b"PK\x03\x04junk")
    with pytest.raises(ProblemError, match="cannot be read"):
        read_arrays(path)


def test_grid(tmp_path: Path) -> None:
    phi, r = np.linspace(-180.0, 180.0, 13), np.array([1.0, 2.0])
    F = np.cos(np.radians(phi))[:, None] + r
    F[3, 0] = np.inf  # never visited
    data = from_grid([phi, r], F, period=[360.0, None], coordinates=("phi", "r"))
    assert len(data) == 12 * 2 - 1  # 180 is -180
    assert data.x[:, 0].max() == 150.0
    np.testing.assert_allclose(data.energy, np.cos(np.radians(data.x[:, 0])) + data.x[:, 1])
    assert len(from_grid([phi, r], F, highest=1.5)) == np.count_nonzero(F <= 1.5)
    np.savez(tmp_path / "g.npz", phi=phi, r=r, F=F)
    assert read_grid(tmp_path / "g.npz", ["phi", "r"], "F", period=[360.0, None]).digest() == data.digest()
    with pytest.raises(ProblemError, match="more than its period 90"):
        from_grid([phi, r], F, period=[90.0, None])
    with pytest.raises(ProblemError, match="does not increase"):
        from_grid([phi[::-1], r], F)
    with pytest.raises(ProblemError, match="give one a cell"):
        from_grid([phi], F)


PLUMED = """#! FIELDS phi psi file.free der_phi der_psi
#! SET min_phi -pi
#! SET max_phi pi
#! SET nbins_phi  2
#! SET periodic_phi true
#! SET min_psi 0
#! SET max_psi 2
#! SET nbins_psi  2
#! SET periodic_psi false
 -3.141592654 0 1.0 0.1 0.2
 0 0 2.0 0.3 0.4

 -3.141592654 1 inf 0 0
 0 1 4.0 0.5 0.6
"""


def test_plumed(tmp_path: Path) -> None:
    path = tmp_path / "fes.dat"
    path.write_text(PLUMED)
    data = read_plumed(path)
    assert data.coordinates == ("phi", "psi")
    assert data.period == (2 * math.pi, math.inf)
    assert data.energy.tolist() == [1.0, 2.0, 4.0]
    assert data.gradient[2].tolist() == [0.5, 0.6]
    assert read_plumed(path, gradient=False, highest=3.0).gradient is None
    assert len(read_plumed(path, highest=3.0)) == 2
    path.write_text(PLUMED.replace(" 0 0 2.0 0.3 0.4", " 0 0 2.0"))
    with pytest.raises(ProblemError, match="line 11 has 3 numbers"):
        read_plumed(path)
    path.write_text("1 2 3\n")
    with pytest.raises(ProblemError, match="line 1 has 3 numbers for fields"):
        read_plumed(path)
    path.write_text(PLUMED.replace("max_phi pi", "max_phi twopi"))
    with pytest.raises(ProblemError, match="limit 'twopi'"):
        read_plumed(path)


def test_alphacryo4d(tmp_path: Path) -> None:
    x = np.random.default_rng(0).standard_normal((4, 2)).astype(np.float32)
    np.save(tmp_path / "tsne.npy", x)
    (tmp_path / "n.txt").write_text("100\n50\n0\n200\n")
    data = read_alphacryo4d(tmp_path / "tsne.npy", tmp_path / "n.txt", kt=0.593, energy_unit="kcal/mol")
    np.testing.assert_allclose(data.energy, 0.593 * np.log([2.0, 4.0, 1.0]))
    assert data.energy_unit == "kcal/mol"
    np.testing.assert_array_equal(data.x, x[[0, 1, 3]].astype(float))
    for count in ("nan", "-1"):
        (tmp_path / "n.txt").write_text(f"100\n50\n{count}\n200\n")
        with pytest.raises(ProblemError, match=rf"has {count} particles for map 2; give counts"):
            read_alphacryo4d(tmp_path / "tsne.npy", tmp_path / "n.txt")
    (tmp_path / "n.txt").write_text("0\n" * 4)
    with pytest.raises(ProblemError, match="no map of 1 particles or more"):
        read_alphacryo4d(tmp_path / "tsne.npy", tmp_path / "n.txt")
    (tmp_path / "n.txt").write_text("100\n")
    with pytest.raises(ProblemError, match=r"give \(n, 2\) coordinates and n counts"):
        read_alphacryo4d(tmp_path / "tsne.npy", tmp_path / "n.txt")
    with pytest.raises(ProblemError, match="kt is 0"):
        read_alphacryo4d(tmp_path / "tsne.npy", tmp_path / "n.txt", kt=0.0)


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ({"energy": np.zeros(2)}, "energy has 2 rows for 3 points"),
        ({"x": np.zeros(3)}, r"x has shape \(3,\)"),
        ({"x": [["a"]]}, "x cannot be read as numbers"),
        ({"x": np.full((3, 2), np.nan)}, "x of row 0"),
        ({"gradient": np.zeros((3, 1))}, "gradient has shape"),
        ({"gradient": [[0, np.nan]] * 3}, "known in part"),
        ({"coordinates": ("a",)}, "give one name each"),
        ({"coordinates": ("a", "a")}, "each coordinate and parameter its own"),
        ({"parameters": np.zeros((3, 1))}, "give one name each"),
        ({"period": (1.0,)}, "period is"),
    ],
)
def test_data_errors(arguments: dict, says: str) -> None:
    with pytest.raises(ProblemError, match=says):
        TrainingData(**({"x": np.zeros((3, 2)), "energy": np.zeros(3)} | arguments))


def test_joined_and_domain() -> None:
    a = TrainingData(np.array([[0.0, 5.0]]), np.zeros(1), period=(math.inf, 360.0))
    b = TrainingData(np.array([[4.0, 9.0]]), np.ones(1), np.ones((1, 2)), period=(math.inf, 360.0))
    both = a.joined(b)
    assert both.energy.tolist() == [0.0, 1.0]
    assert np.isnan(both.gradient[0]).all()
    assert both.domain(0.25).as_dict() == {"kind": "box", "lower": (-1.0, -353.0), "upper": (5.0, 367.0)}
    with pytest.raises(ProblemError, match="join data of one kind"):
        a.joined(TrainingData(np.zeros((1, 2)), np.zeros(1)))


# -- real data, where the machine has them ------------------------------------------------------------------------
DATA = os.environ.get("LANDSCAPE_DIST_DATA")
real = pytest.mark.skipif(
    DATA is None, reason="LANDSCAPE_DIST_DATA does not name a folder with alanine/ and alphacryo4d/"
)


@real
def test_real_free_energy_of_alanine_dipeptide() -> None:
    """A small periodic network sees the three minima and the highest maximum, with Morse sum 0 on the torus."""
    path = Path(str(DATA)) / "alanine" / "alanine_fes.npz"
    data = read_grid(path, ["phi", "psi"], "F", period=[360.0, 360.0], energy_unit="kcal/mol")
    assert len(data) == 360 * 360
    surrogate = train(data, hidden=(64, 64), harmonics=3, epochs=15, learning_rate=3e-3)
    assert surrogate.provenance["errors"]["fitted_rms"] < 0.15
    same = ld.PeriodicCoordinates(360.0, 0.1)
    landscape = ld.explore(surrogate, start=[[70.0, -70.0], [-83.0, 74.0], [125.0, 44.0]], max_index=2, same=same)
    assert sum((-1) ** k * n for k, n in landscape.counts_by_index.items()) == 0
    for x, index in (
        ([70.0, -70.7], 0),
        ([-83.4, 73.8], 0),
        ([-148.8, 169.1], 0),
        ([-0.7, -70.8], 1),
        ([3.1, 177.9], 2),
    ):
        found = np.array([point.x for point in landscape.points.of_index(index)])
        away = (found - x + 180.0) % 360.0 - 180.0
        assert np.linalg.norm(away, axis=1).min() < 6.0


@real
def test_real_maps_of_alphacryo4d() -> None:
    folder = Path(str(DATA)) / "alphacryo4d"
    data = read_alphacryo4d(folder / "tsne_1000_maps.npy", folder / "particles_per_map.txt")
    assert (len(data), data.dim, data.energy_unit) == (1000, 2, "kT")
    assert data.energy.min() == 0.0
    assert data.energy.max() == pytest.approx(np.log(41522 / 1071))

"""The facade against SaddleScape's documentation and gallery."""

import copy
import json
import pickle
import re

import numpy as np
import pytest

from landscape_dist.errors import ProblemError, SettingsError
from landscape_dist.saddlescape import Landscape
from tests.saddlescape.examples import BUTTERFLY, CUBIC, MULLER_BROWN, WELL, arrows


def adams(instance, xlist, vlist, glist, dt, j):
    """The two-step scheme of the gallery."""
    x, g = copy.deepcopy(xlist[-1]), copy.deepcopy(glist[-1])
    first = j == 1 or len(glist) < 2
    if vlist is None:
        return x - dt * (g if first else 1.5 * g - 0.5 * glist[-2])
    v = copy.deepcopy(vlist[-1])
    drive = g - 2.0 * v @ (v.T @ g)
    if not first:
        before = glist[-2] - 2.0 * vlist[-2] @ (vlist[-2].T @ glist[-2])
        drive = 1.5 * drive - 0.5 * before
    x = x - dt * drive
    v, unstable = instance.EigVecMethod(x, v)
    return x, v, unstable


def by_index(landscape):
    counts = {}
    for row in landscape.SaddleList:
        counts[row[2]] = counts.get(row[2], 0) + 1
    return counts


class TestGallery:
    def test_butterfly(self):
        found = Landscape(
            MaxIndex=2, AutoDiff=True, EnergyFunction=BUTTERFLY, EigenMethod="euler", EigenMaxIter=1,
            InitialPoint=np.array([0.1, 0.1]), TimeStep=1e-2, Acceleration="none", MaxIter=10000,
            EigenCombination="all", PerturbationNumber=1, PerturbationRadius=1e-2,
        )  # fmt: skip
        found.Run()
        assert by_index(found) == {2: 1, 1: 4, 0: 4}
        assert len(arrows(found)) == 12
        assert found.SaddleList[0][4] == [-1]

    @pytest.mark.parametrize("scheme", [None, adams])
    def test_muller_brown_and_its_restart(self, scheme):
        custom = {} if scheme is None else {"CustomTD": scheme, "CustomTD_Step": 2}
        found = Landscape(
            MaxIndex=1, AutoDiff=True, ExactHessian=True, EnergyFunction=MULLER_BROWN, EigenMethod="euler",
            InitialPoint=np.array([0.15, 0.25]), TimeStep=1e-4, EigenStepSize=1e-7, MaxIter=5000, **custom,
        )  # fmt: skip
        found.Run()
        assert by_index(found) == {1: 1, 0: 2}
        found.RestartFromSaddle(1, np.array([[-0.01], [0]]), 1)
        assert by_index(found) == {1: 2, 0: 3}
        assert [row[4] for row in found.SaddleList] == [[-1], [0, 3], [0], [1], [3]]
        np.testing.assert_allclose(found.SaddleList[3][1][:, 0], [-0.82200156, 0.62431280], atol=1e-6)
        assert found.landscape.columns.gradient_norm.max() < 1e-6

    def test_cubic(self):
        found = Landscape(
            MaxIndex=3, AutoDiff=True, EnergyFunction=CUBIC, InitialPoint=np.array([0 for _ in range(3)]),
            TimeStep=1e-3, Acceleration="nesterov", EigenMethod="euler", BBStep=False, NesterovChoice=2,
            NesterovRestart=100, Momentum=0.8, MaxIter=1000, EigenMaxIter=10, PerturbationRadius=1e-2,
        )  # fmt: skip
        found.Run()
        assert by_index(found) == {3: 1, 2: 6, 1: 12, 0: 8}
        assert len(arrows(found)) == 54

    def test_scheme_as_given(self):
        found = Landscape(
            MaxIndex=2, EnergyFunction=BUTTERFLY, EigenMethod="euler", EigenMaxIter=2, InitialPoint=[0.1, 0.1],
            TimeStep=1e-2, MaxIter=10000, PerturbationNumber=1, PerturbationRadius=1e-2, scheme="as_given",
        )  # fmt: skip
        found.Run()
        assert by_index(found) == {2: 1, 1: 4, 0: 4}
        assert found.landscape.header["solver"]["step_size"] == 1e-2


class TestSystems:
    @pytest.mark.parametrize(
        "system",
        [
            {"EnergyFunction": "(x1**2-1)**2 + x2**2"},
            {"EnergyFunction": "(x1**2-1)**2 + x2**2", "NumericalGrad": True},
            {"EnergyFunction": lambda x: (x[0] ** 2 - 1) ** 2 + x[1] ** 2},
            {"EnergyFunction": lambda x: (x[0, 0] ** 2 - 1) ** 2 + x[1, 0] ** 2, "NumericalGrad": True},
            {"Grad": ["4*x1*(x1**2-1)", "2*x2"]},
            {"Grad": lambda x: np.array([4 * x[0] * (x[0] ** 2 - 1), 2 * x[1]])},
            {"Grad": lambda x: np.array([4 * x[0] * (x[0] ** 2 - 1), 2 * x[1]]), "SymmetryCheck": False},
            {"Grad": ["4*x1*(x1**2-1)", "2*x2"], "GradientSystem": True},
            {
                "EnergyFunction": "(x1**2-1)**2 + x2**2",
                "Grad": lambda x: np.array([4 * x[0] ** 3 - 4 * x[0], 2 * x[1]]),
            },
        ],
    )
    def test_all_ways_to_say_a_double_well(self, system):
        found = Landscape(InitialPoint=[0.1, 0.2], MaxIndex=1, **system)
        assert found.problem.has_energy
        found.Run()
        assert by_index(found) == {1: 1, 0: 2}
        energies = [float(e) for e in found.landscape.columns.energy]
        np.testing.assert_allclose(energies[0] - energies[1], 1.0, atol=1e-6)

    @pytest.mark.parametrize("grad", [["x1-x2", "x2+x1"], lambda x: np.array([x[0] - x[1], x[1] + x[0]])])
    def test_a_field_that_is_no_gradient(self, grad):
        found = Landscape(Grad=grad, InitialPoint=[0.3, 0.2], MaxIndex=0)
        assert not found.problem.has_energy
        found.Run()
        assert by_index(found) == {0: 1}
        np.testing.assert_allclose(found.SaddleList[0][1], np.zeros((2, 1)), atol=1e-6)

    def test_declared_no_gradient(self):
        found = Landscape(Grad=["4*x1*(x1**2-1)", "2*x2"], GradientSystem=False, InitialPoint=[0.1, 0.2], MaxIndex=1)
        assert not found.problem.has_energy
        found.Run()
        assert by_index(found) == {1: 1, 0: 2}


class TestMistakes:
    @pytest.mark.parametrize(
        ("wrong", "text"),
        [
            ({"TimeStpe": 1e-3}, "TimeStep"),
            ({"EigenMethod": "lanczos"}, "lobpcg"),
            ({"NesterovChoice": 3}, "use one of 1, 2"),
            ({"Momentum": 1.0}, r"\[0, 1\)"),
            ({"MaxIter": 10.5}, "whole number"),
            ({"Tolerance": "small"}, "give a number"),
            ({"Verbose": 1}, "True or False"),
            ({"PerturbationMethod": "cauchy"}, "gaussian"),
            ({"InitialEigenVectors": np.ones((2, 1))}, "orthonormal"),
            ({"Dim": 3}, "Dim is 3"),
            ({"AutoDiff": False}, "Grad is not given"),
            ({"SameJudgementMethod": "near"}, "distance"),
            ({"CustomTD": 3}, "give a function"),
        ],
    )
    def test_are_named_with_the_cure(self, wrong, text):
        with pytest.raises(SettingsError, match=text):
            Landscape(**{**WELL, **wrong})

    def test_what_is_missing(self):
        with pytest.raises(SettingsError, match="InitialPoint"):
            Landscape(EnergyFunction="x1**2")
        with pytest.raises(SettingsError, match="EnergyFunction nor Grad"):
            Landscape(InitialPoint=[0.0])
        with pytest.raises(SettingsError, match=r"call Run\(\)"):
            _ = Landscape(**WELL).SaddleList

    def test_bad_formula(self):
        with pytest.raises(ProblemError):
            Landscape(EnergyFunction="__import__('os')", InitialPoint=[0.0])

    def test_restarts(self):
        found = Landscape(**WELL)
        found.Run()
        with pytest.raises(SettingsError, match="BeginID"):
            found.RestartFromSaddle(17, [0.0, 0.1], 1)
        with pytest.raises(SettingsError, match="3 numbers"):
            found.RestartFromPoint([0.0, 0.1, 0.2], 1)


class TestMeanings:
    """Where documentation and behaviour of the original part ways."""

    def test_integers_are_numbers(self):
        Landscape(**WELL, Tolerance=1, TimeStep=1, SearchArea=10)

    def test_max_index_is_capped_by_the_dimension(self):
        found = Landscape(EnergyFunction="(x1**2-1)**2", InitialPoint=[0.1])
        found.Run()
        assert by_index(found) == {1: 1, 0: 2}

    def test_the_start_is_not_shifted(self):
        found = Landscape(**WELL)
        found.Run()
        start = next(row for row in found.DetailRecord if row[1] == -1)
        np.testing.assert_allclose(start[2][0], [0.1, 0.1], rtol=1e-10)

    def test_no_point_is_its_own_parent(self):
        found = Landscape(**WELL)
        found.Run()
        found.RestartFromSaddle(0, [0.0, 1e-4], 1)
        assert [row[4] for row in found.SaddleList] == [[-1], [0], [0]]

    def test_settings_change_between_runs(self):
        found = Landscape(**WELL)
        found.Run()
        found.calHiSD.TimeStep = 2e-3
        found.calHiSD.acceme = "none"
        found.PerturbationRadius = 0.1
        assert (found.TimeStep, found.calHiSD.TimeStep, found.PerturbationRadius) == (2e-3, 2e-3, 0.1)
        found.RestartFromPoint([0.2, -0.8], 1)
        assert found.landscape.header["solver"]["perturbation_radius"] == 0.1
        with pytest.raises(SettingsError, match="BBStep"):
            found.calHiSD.BBStepp = True

    def test_own_judgement_gets_columns(self):
        seen = []

        def same(a, b):
            seen.append((a.shape, b.shape))
            return bool(abs(abs(a[0, 0]) - abs(b[0, 0])) < 0.1)

        found = Landscape(**WELL, SameJudgementMethod=same)
        found.Run()
        assert by_index(found) == {1: 1, 0: 1}
        assert set(seen) == {((2, 1), (2, 1))}

    def test_search_area(self):
        found = Landscape(**WELL, SearchArea=0.5)
        found.Run()
        assert by_index(found) == {1: 1}

    def test_a_store_goes_on(self, tmp_path):
        found = Landscape(**WELL, store=tmp_path / "well.zarr")
        found.Run()
        found.RestartFromPoint([0.2, -0.1], 1)
        assert (tmp_path / "well-restart1.zarr").exists()
        again = Landscape(**WELL, store=tmp_path / "well.zarr")
        again.Run()
        assert [row[1].tolist() for row in again.SaddleList] == [row[1].tolist() for row in found.SaddleList]

    @pytest.mark.parametrize(
        "system",
        [
            {"Grad": ["4*x1*(x1**2-1)", "2*x2"]},
            {"Grad": lambda x: np.array([4 * x[0] * (x[0] ** 2 - 1), 2 * x[1]])},
            {"EnergyFunction": lambda x: (x[0, 0] ** 2 - 1) ** 2 + x[1, 0] ** 2},
            {"EnergyFunction": "(x1**2-1)**2 + x2**2", "NumericalGrad": True},
        ],
    )
    def test_a_store_knows_functions_again(self, tmp_path, system):
        for _ in range(2):
            found = Landscape(InitialPoint=[0.1, 0.1], MaxIndex=1, store=tmp_path / "well.zarr", **system)
            found.Run()
            assert by_index(found) == {1: 1, 0: 2}


class TestResults:
    def test_rows(self):
        found = Landscape(**WELL)
        found.Run()
        saddle = found.SaddleList[0]
        assert [len(row) for row in found.SaddleList] == [5, 5, 5]
        assert saddle[1].shape == (2, 1)
        np.testing.assert_allclose(np.abs(saddle[3]), [[1.0], [0.0]], atol=1e-6)
        assert found.SaddleList[1][3].shape == (2, 0)
        assert [type(part) for part in saddle] == [int, np.ndarray, int, np.ndarray, list]

    def test_paths(self):
        found = Landscape(**WELL)
        found.Run()
        assert [(row[0], row[1]) for row in found.DetailRecord] == [(0, -1), (1, 0), (2, 0)]
        for end, _, path, times in found.DetailRecord:
            assert path.shape == (len(times), 2)
            assert times[0] == 0
            assert (np.diff(times) >= 0).all()
            assert times[-1] < 100
            np.testing.assert_allclose(path[-1], found.SaddleList[end][1][:, 0], atol=1e-5)
        silent = Landscape(**WELL, SaveTrajectory=False)
        silent.Run()
        with pytest.raises(SettingsError, match="SaveTrajectory"):
            _ = silent.DetailRecord

    def test_files(self, tmp_path):
        from scipy.io import loadmat

        found = Landscape(**WELL)
        found.Run()
        for kind in ("json", "pickle", "mat"):
            found.Save(tmp_path / "out", kind)
        read = json.loads((tmp_path / "out.json").read_text())
        assert list(read) == ["SaddleID", "Position", "MorseIndex", "FatherSet"]
        assert read["FatherSet"] == [[-1], [0], [0]]
        assert np.array(read["Position"]).shape == (3, 2, 1)
        assert pickle.loads((tmp_path / "out.pickle").read_bytes()) == read
        matlab = loadmat(tmp_path / "out.mat")
        assert matlab["SaddleID"].shape == (1, 3)
        assert matlab["Position"].shape == (3, 2, 1)
        assert matlab["FatherSet"][0, 1].tolist() == [[0]]
        with pytest.raises(SettingsError, match="fileformat"):
            found.Save(tmp_path / "out", "csv")

    def test_what_verbose_prints(self, capsys):
        found = Landscape(**WELL, Verbose=True, ReportInterval=3)
        gradients = found.problem.counters.copy().n_gradients
        found.Run()
        said = capsys.readouterr().out
        assert "From the start, search for index 1:\n" in said
        assert said.count("From point 0 (index 1), search for index 0:\n") == 2
        ends = re.findall(r"  iteration (\d+): \|gradient\| (\S+), point (\d) \(index (\d)\)\n", said)
        assert [(int(point), int(index)) for _, _, point, index in ends] == [(0, 1), (1, 0), (2, 0)]
        assert [int(n) for n, *_ in ends] == found.landscape.searches.n_steps.tolist()
        down = said.split("From point 0 (index 1), search for index 0:\n")[1]
        between = re.findall(r"  iteration (\d+): \|gradient\| (\S+)\n", down)
        path = found.landscape.trajectories[int(found.landscape.searches.slot[1])].x
        assert int(between[0][0]) == 3
        assert float(between[0][1]) == pytest.approx(np.linalg.norm(found.problem.gradient(path[3:4])), rel=1e-2)
        # The lines cost no evaluations of the search.
        assert found.landscape.counters["n_gradients"] == found.problem.counters.n_gradients - gradients - 1
        quiet = Landscape(**WELL, Verbose=True, SaveTrajectory=False)
        quiet.Run()
        said = capsys.readouterr().out
        assert len(re.findall("  iteration", said)) == 3
        quiet.RestartFromSaddle(1, [0.3, 0.1], 1)
        assert "From beside point 1, search for index 1:" in capsys.readouterr().out

    def test_dimer_length(self):
        energy = {"EnergyFunction": lambda x: x[0, 0] ** 4, "InitialPoint": [1.0], "DimerLength": 0.1}
        for more in ({}, {"NumericalGrad": True}, {"EnergyFunction": "x1**4", "NumericalGrad": True}):
            problem = Landscape(**{**energy, **more}).problem
            assert float(problem.gradient(np.ones((1, 1)))[0, 0]) == pytest.approx(4.04)
        assert Landscape(**WELL, NumericalGrad=True).problem.gradient_length is None

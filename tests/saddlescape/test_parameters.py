"""Every parameter reaches the setting that stands for it, and no other."""

from pathlib import Path

import numpy as np
import pytest

import landscape_dist.saddlescape.parameters as parameters
from landscape_dist.errors import SettingsError
from landscape_dist.hisd.settings import SolverSettings
from landscape_dist.saddlescape import Landscape
from landscape_dist.saddlescape.parameters import ADDITIONS, ALIASES, PARAMETERS, Values
from landscape_dist.saddlescape.settings import explore_settings, solver_settings

BASE = {"EnergyFunction": "(x1**2-1)**2 + x2**2", "InitialPoint": [0.1, 0.1]}


def euler(instance, xlist, vlist, glist, dt, j):
    return xlist[-1] - dt * glist[-1]


# (parameter, value, scheme, the settings that it changes)
TABLE = [
    ("EigenMethod", "euler", "as_given", {"eigensolver": "euler"}),
    ("EigenMethod", "power", "as_given", {"eigensolver": "power"}),
    ("EigenMethod", "lobpcg", "as_given", {}),
    ("EigenMethod", "power", "adaptive", {}),
    ("EigenMaxIter", 3, "as_given", {"eigensolver_iterations": 3}),
    ("EigenStepSize", 1e-3, "as_given", {"eigensolver_step_size": 1e-3}),
    ("EigvecUnified", True, "as_given", {}),
    ("ExactHessian", True, "as_given", {}),
    ("PrecisionTol", 1e-3, "adaptive", {"nullity_atol": 1e-3}),
    ("BBStep", True, "as_given", {"step": "barzilai_borwein"}),
    ("BBStep", True, "adaptive", {}),
    ("Acceleration", "none", "as_given", {}),
    ("Acceleration", "heavyball", "as_given", {"acceleration": "heavy_ball"}),
    ("Acceleration", "nesterov", "as_given", {"acceleration": "nesterov"}),
    ("Acceleration", "nesterov", "adaptive", {}),
    ("NesterovChoice", 2, "as_given", {"nesterov_choice": 2}),
    ("NesterovRestart", 50, "as_given", {"nesterov_restart": 50}),
    ("Momentum", 0.5, "as_given", {"momentum": 0.5}),
    ("Tolerance", 1e-4, "adaptive", {"gradient_atol": 1e-4}),
    ("TimeStep", 1e-2, "as_given", {"step_size": 1e-2}),
    ("TimeStep", 1e-2, "adaptive", {}),
    ("MaxIter", 77, "as_given", {"max_steps": 77}),
    ("SaveTrajectory", False, "adaptive", {"keep_trajectories": False}),
    ("PerturbationMethod", "gaussian", "adaptive", {"perturbation_method": "gaussian"}),
    ("PerturbationMethod", "uniform", "adaptive", {}),
    ("PerturbationRadius", 0.3, "adaptive", {"perturbation_radius": 0.3}),
    ("PerturbationNumber", 3, "adaptive", {"n_random": 2}),
    ("EigenCombination", "min", "adaptive", {"combinations": "min"}),
    ("EigenCombination", "all", "adaptive", {}),
    ("MaxIndexGap", 2, "adaptive", {"max_index_gap": 2}),
    ("SameJudgementMethod", 0.5, "adaptive", {"same": 0.5}),
    ("InitialEigenVectors", np.eye(2)[:, :1], "adaptive", {"start_directions": ((1.0,), (0.0,))}),
    ("upward", "auto", "adaptive", {"upward": "auto"}),
    ("Verbose", True, "adaptive", {}),
]


def settings_of(**given):
    landscape = Landscape(**BASE, **given)
    values = landscape._values
    solver = solver_settings(values, landscape.problem)
    SolverSettings(**solver)
    return solver | explore_settings(values, 1)


@pytest.mark.parametrize(("name", "value", "scheme", "changes"), TABLE)
def test_a_parameter_changes_its_setting_and_no_other(name, value, scheme, changes):
    base, new = settings_of(scheme=scheme), settings_of(scheme=scheme, **{name: value})
    assert {key: new[key] for key in new if key not in base or new[key] != base[key]} == changes


def test_a_scheme_of_ones_own():
    new = settings_of(CustomTD=euler, CustomTD_Step=3, TimeStep=1e-2, MaxIter=500)
    assert (new["step"], new["step_size"], new["max_steps"]) == ("custom", 1e-2, 500)
    assert new["custom_step"].as_dict() == {"name": "euler", "length": 3, "polish": True}


@pytest.mark.parametrize(("alias", "name"), list(ALIASES.items()))
def test_aliases(alias, name):
    value = {"AutoDiff": True, "SameJudgementMethod": 0.1, "Acceleration": "nesterov", "CustomTD_Step": 2}[name]
    values = Values({alias: value})
    assert values[name] == values[alias] == value
    assert values.stated == {name}


@pytest.mark.parametrize("name", [*PARAMETERS, *ADDITIONS])
def test_defaults_pass_their_own_checks(name):
    parameter = {**PARAMETERS, **ADDITIONS}[name]
    if parameter.default is not None:
        assert parameter.check(name, parameter.default) == parameter.default


def test_each_parameter_is_in_the_table_of_the_documentation():
    text = Path(parameters.__file__).with_name("PARAMETERS.md").read_text()
    assert [name for name in [*PARAMETERS, *ADDITIONS] if f"`{name}`" not in text and f"`{name}=" not in text] == []


def test_points_of_any_shape_but_matrices():
    for point in ([0.1, 0.2], [[0.1], [0.2]], np.array([[0.1, 0.2]]), (0, 1)):
        assert PARAMETERS["InitialPoint"].check("InitialPoint", point).shape == (2,)
    for point in (np.eye(2), [], ["a"], [np.nan, 0.0]):
        with pytest.raises(SettingsError, match="InitialPoint"):
            PARAMETERS["InitialPoint"].check("InitialPoint", point)

"""Configuration files: what they mean, and what is said about wrong ones."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import landscape_dist as ld
from landscape_dist.config import ExploreSection, SolverSection, load_config, make_config
from landscape_dist.errors import ConfigError, ProblemError
from landscape_dist.exploration.settings import ExploreSettings
from landscape_dist.hisd.settings import SolverSettings
from landscape_dist.problems.domain import Ball, Box


def write(folder: Path, text: str) -> Path:
    path = folder / "config.toml"
    path.write_text(text, encoding="utf-8")
    return path


def message(folder: Path, text: str) -> str:
    """What is said about a configuration with this text, without the path before it."""
    path = write(folder, text)
    with pytest.raises(ConfigError) as caught:
        load_config(path)
    assert str(caught.value).startswith(f"{path}: ")
    return str(caught.value).replace(f"{path}: ", "")


SYSTEM = '[problem]\nsystem = "muller_brown"\n'


# -- what they mean -----------------------------------------------------------------------------------------------
def test_a_system_with_parameters_domain_and_settings(tmp_path: Path) -> None:
    config = load_config(
        write(
            tmp_path,
            """
            [problem]
            system = "coupled_lattice"
            parameters = {dim = 4, coupling = 0.1}
            domain = {kind = "ball", radius = 9}
            [explore]
            start = [0.1, 0.1, 0.1, 0.2]
            max_index = 3
            upward_modes = "none"
            [solver]
            step_tolerance = 1
            nesterov_restart = "none"
            [run]
            store = "lattice.zarr"
            workers = 2
            """,
        )
    )
    problem = config.problem()
    assert problem.dim == 4
    assert problem.domain == Ball(9)
    assert config.explore_arguments() == {
        "start": [0.1, 0.1, 0.1, 0.2],
        "max_index": 3,
        "upward_modes": None,
        "step_tolerance": 1.0,
        "nesterov_restart": None,
        "store": "lattice.zarr",
        "workers": 2,
    }


def test_what_is_not_set_is_left_to_the_defaults(tmp_path: Path) -> None:
    assert load_config(write(tmp_path, SYSTEM)).explore_arguments() == {}


@pytest.mark.parametrize(
    ("table", "header"),
    [
        ("kind = 'per_coordinate'\natol = [1e-3, 1e-4]", {"atol": [1e-3, 1e-4]}),
        ("kind = 'periodic_coordinates'\nperiod = [1, inf]\natol = 1e-3", {"period": [1.0, None], "atol": 1e-3}),
        ("kind = 'sign_flips'\ngroups = [[0]]\natol = 1e-3", {"groups": [[0]], "atol": 1e-3}),
        ("kind = 'permutations'\ngroups = [[0, 1]]\natol = 1", {"groups": [[[0], [1]]], "atol": 1.0}),
        (
            "kind = 'signed_permutations'\nsign_flips = [[0]]\npermutations = [[0, 1]]\nperiod = 2\natol = 1e-3",
            {"sign_flips": [[0]], "permutations": [[[0], [1]]], "period": [2.0], "atol": 1e-3},
        ),
        (
            "kind = 'translations'\nshape = [1, 2]\nsubgrid = false\nsign = true\natol = 1e-3",
            {"shape": [1, 2], "atol": 1e-3, "subgrid": False, "sign": True, "mirrors": False},
        ),
    ],
)
def test_judgements_and_their_place_in_a_store(tmp_path: Path, table: str, header: dict[str, Any]) -> None:
    config = load_config(write(tmp_path, SYSTEM + f"[same]\n{table}"))
    (judgement,) = config.explore_arguments().values()
    kind = judgement.as_dict()["kind"]
    assert judgement.as_dict() == {"kind": kind, **header}
    landscape = ld.explore(
        config.problem(), max_index=0, upward="none", store=tmp_path / "a.zarr", **config.explore_arguments()
    )
    assert landscape.header["same"] == {"kind": kind, **header}


def test_symmetric_points_are_one_where_the_configuration_says_so(tmp_path: Path) -> None:
    text = '[problem]\nexpression = "(x1^2-1)^2 + (x2^2-1)^2"\n[explore]\nstart = [0.1, 0.2]\n'
    counts = []
    for table in ("sign_flips = [[0], [1]]", "permutations = [[0, 1]]", "sign_flips = [[0]]\npermutations = [[0, 1]]"):
        config = load_config(write(tmp_path, f"{text}[same]\nkind = 'signed_permutations'\natol = 1e-4\n{table}"))
        counts.append(ld.explore(config.problem(), **config.explore_arguments()).counts_by_index)
    assert counts == [{0: 1, 1: 2, 2: 1}, {0: 3, 1: 2, 2: 1}, {0: 1, 1: 1, 2: 1}]


def test_an_expression(tmp_path: Path) -> None:
    config = load_config(
        write(
            tmp_path,
            """
            [problem]
            expression = "(u^2 - 1)^2 + c*v^2"
            variables = ["u", "v"]
            name = "double well"
            euler_characteristic = 1
            [problem.parameters]
            c = 2.5
            [problem.domain]
            kind = "box"
            lower = [-2, -2]
            upper = 2
            """,
        )
    )
    problem = config.problem()
    assert (problem.name, problem.dim, problem.euler_characteristic) == ("double well", 2, 1)
    assert problem.domain == Box((-2.0, -2.0), 2.0)
    assert problem.energy(np.array([[2.0, 1.0]])) == pytest.approx([11.5])


MODULE = """
from landscape_dist.problems import symbolic
ready = symbolic("x1**2 + x2**4", check=False)
number = 3
def make(c, dim=2):
    return symbolic(f"{c}*x1**2 + x{dim}**4", check=False)
def other():
    return 7
def broken():
    return 1 / 0
"""


def module(folder: Path, reference: str, parameters: str = "") -> Path:
    (folder / "mine.py").write_text(MODULE, encoding="utf-8")
    return write(folder, f'[problem]\nmodule = "{reference}"\n[problem.parameters]\n{parameters}')


def test_a_python_file_beside_the_configuration(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir("/")
    problem = load_config(module(tmp_path, "mine.py:make", "c = 3\ndim = 4")).problem()
    assert problem.dim == 4
    assert load_config(module(tmp_path, "mine.py:ready")).problem().dim == 2


@pytest.mark.parametrize(
    ("reference", "parameters", "said"),
    [
        ("mine.py", "", 'not of the form "file.py:name"'),
        ("nothing.py:make", "", "there is no file"),
        ("mine.py:absent", "", "has no 'absent'; give the name of a Problem or of a function that returns one"),
        ("mine.py:number", "", "has number = 3"),
        ("mine.py:other", "", "returned 7; return a Problem"),
        ("mine.py:broken", "", "raised ZeroDivisionError: division by zero (line 10 of"),
        ("mine.py:make", "d = 1", "raised TypeError"),
        ("mine.py:ready", "c = 1", "takes no parameters"),
    ],
)
def test_a_python_file_that_does_not_do(tmp_path: Path, reference: str, parameters: str, said: str) -> None:
    path = module(tmp_path, reference, parameters)
    with pytest.raises(ConfigError) as caught:
        load_config(path).problem()
    assert str(caught.value).startswith(f"{path}: problem.module: ")
    assert said in str(caught.value)


# -- what is said about wrong ones --------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("text", "said"),
    [
        (SYSTEM + "[explore]\nmax_indx = 2", "unknown key 'explore.max_indx'; did you mean 'max_index'?"),
        (SYSTEM + "[explore]\nstep_tolerance = 1", "unknown key 'explore.step_tolerance'; it belongs into [solver]"),
        (SYSTEM + "[solvr]\nstep = 'implicit'", "unknown section 'solvr'; did you mean 'solver'?"),
        (
            SYSTEM + "[run]\nqqq = 1",
            "unknown key 'run.qqq'; known are adapt, cluster, hang_seconds, jobs, ",
        ),
        (SYSTEM + "[solver]\nmax_steps = 'many'", "solver.max_steps is 'many'; it should be a valid integer"),
        (SYSTEM + "[solver]\nmax_steps = 0", "solver.max_steps is 0; give a whole number of at least 1"),
        (SYSTEM + "[solver]\nstep = 'implict'", "solver.step is 'implict'; use one of 'auto', 'implicit', "),
        (SYSTEM + "[explore]\npatience = true", "explore.patience is True; it should be a valid integer"),
        (SYSTEM + "[explore]\nmin_index = 3\nmax_index = 2", "explore.min_index is 3, above max_index 2; lower it"),
        (SYSTEM + "[explore]\nstart = 3", "explore.start is 3: give a list of numbers, such as [0.1, 0.2]"),
        (SYSTEM + "[explore]\nstart = [1, 'a']", "explore.start is [1, 'a']: give a list of numbers"),
        (SYSTEM + "dim = 3", "problem.dim is 3, which system does not use; write it under [problem.parameters]"),
        ("[problem]\ndim = 2", "problem: none of them is given; give one of system, expression, module"),
        (SYSTEM + "module = 'a.py:b'", "problem: system and module are given together; give one of"),
        ("[explore]\nmax_index = 2", "problem is missing; add a table [problem]"),
        (SYSTEM + "domain = 3", "problem.domain is 3: give a table with kind = one of ball, box, unbounded"),
        (SYSTEM + "domain = {kind = 'bex'}", "kind is 'bex'; did you mean 'box'?"),
        (SYSTEM + "domain = {kind = 'box', lower = 1}", "a box needs upper"),
        (
            SYSTEM + "domain = {kind = 'box', lower = 1, uper = 2}",
            "kind 'box' has no key 'uper'; did you mean 'upper'?",
        ),
        (SYSTEM + "domain = {kind = 'box', lower = 1, upper = 0}", "lower 1.0 is not below upper 0.0"),
        (SYSTEM + "domain = {kind = 'box', lower = 'a', upper = 0}", "problem.domain is "),
        (SYSTEM + "[same]\natol = 1", "same is {'atol': 1}: give a table with kind = one of per_coordinate, periodic_"),
        (SYSTEM + "[same]\nkind = 'translation'", "kind is 'translation'; did you mean 'translations'?"),
        (SYSTEM + "[same]\nkind = 3", "kind is 3; known are per_coordinate, "),
        (SYSTEM + "[same]\nkind = 'sign_flips'", "sign_flips need atol, as landscape_dist.SignFlips says"),
        (SYSTEM + "[same]\nkind = 'sign_flips'\natol = -1", "atol is -1; give a positive number"),
        (SYSTEM + "[same]\nkind = 'sign_flips'\natl = 1", "kind 'sign_flips' has no key 'atl'; did you mean 'atol'?"),
        (SYSTEM + "[same]\nkind = 'translations'\nshape = 'a'", "shape is 'a'; give the sizes of a grid"),
        (
            SYSTEM + "[explore]\nsame_atol = 1e-3\n[same]\nkind = 'sign_flips'\natol = 1",
            "explore.same_atol is 0.001 and there is a table [same]; give its atol there",
        ),
    ],
)
def test_messages(tmp_path: Path, text: str, said: str) -> None:
    assert said in message(tmp_path, text)


def test_all_that_is_wrong_is_said_at_once(tmp_path: Path) -> None:
    assert len(message(tmp_path, SYSTEM + "[explore]\nmax_indx = 2\npatence = 3\n[run]\nstor = 'a'").splitlines()) == 3


def test_a_syntax_error_is_said_with_its_line(tmp_path: Path) -> None:
    said = message(tmp_path, '[problem]\nsystem = "butterfly"\nnonsense\n')
    assert "not valid TOML" in said
    assert "line 3" in said


def test_files_that_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="cannot be read"):
        load_config(tmp_path / "absent.toml")
    path = tmp_path / "binary.toml"
    path.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(ConfigError, match="not a text file"):
        load_config(path)


def test_errors_of_the_problem_name_the_file(tmp_path: Path) -> None:
    path = write(tmp_path, SYSTEM + "parameters = {alpha = 3}")
    with pytest.raises(ProblemError, match="no parameter 'alpha'") as caught:
        load_config(path).problem()
    assert str(caught.value).startswith(f"{path}: problem: ")


# -- nothing is written twice -------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("section", "settings", "more"),
    [(ExploreSection, ExploreSettings, {"start"}), (SolverSection, SolverSettings, set())],
)
def test_sections_have_the_fields_of_their_classes(section: type, settings: type, more: set[str]) -> None:
    fields = {f.name: f.default for f in dataclasses.fields(settings)}
    model = section.model_fields  # type: ignore[attr-defined]
    assert set(model) == set(fields) | more
    for name, default in fields.items():
        assert model[name].default == (None if default is dataclasses.MISSING else default)


def test_every_default_can_be_written_down() -> None:
    plain = {k: "none" if v is None else v for k, v in SolverSettings().as_dict().items()}
    config = make_config({"problem": {"system": "butterfly"}, "solver": plain}, "test")
    assert SolverSettings(**config.solver.model_dump()) == SolverSettings()


def test_a_file_extends_another(tmp_path: Path) -> None:
    (tmp_path / "base.toml").write_text(
        '[problem]\nsystem = "butterfly"\n[explore]\nmax_index = 2\nstart = [0.1, 0.2]\n[run]\nstore = "a.zarr"\n'
    )
    (tmp_path / "middle.toml").write_text('extends = "base.toml"\n[explore]\nmax_index = 1\n')
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub" / "top.toml").write_text('extends = "../middle.toml"\n[solver]\nstep_tolerance = 0.03\n')
    arguments = load_config(tmp_path / "sub" / "top.toml").explore_arguments()
    assert arguments == {"start": [0.1, 0.2], "max_index": 1, "step_tolerance": 0.03, "store": "a.zarr"}
    assert load_config(tmp_path / "middle.toml").explore_arguments()["max_index"] == 1


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('extends = "a.toml"', "extends leads to .*a.toml again"),
        ('extends = "b.toml"', "b.toml: cannot be read"),
        ("extends = 3", "extends is 3; give the path of a TOML file"),
    ],
)
def test_what_cannot_be_extended(tmp_path: Path, text: str, message: str) -> None:
    (tmp_path / "a.toml").write_text(text + '\n[problem]\nsystem = "butterfly"\n')
    with pytest.raises(ConfigError, match=message):
        load_config(tmp_path / "a.toml")

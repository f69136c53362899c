"""Certificates of the points of landscapes, by call and by command."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from typer.testing import CliRunner

import landscape_dist as ld
from landscape_dist.cli import app
from landscape_dist.errors import ProblemError, SettingsError

SYSTEMS: dict[str, Any] = {
    "butterfly": ld.systems.butterfly,
    "lattice": lambda: ld.systems.coupled_lattice(4),
    "arctan": lambda: ld.systems.arctan_3d(3.0),
    "cosine": lambda: ld.systems.separable_cosine(2, 2),
    "Rosenbrock": lambda: ld.systems.rosenbrock(7, [-500] * 5 + [1, 1]),
    "small": lambda: ld.problems.symbolic(
        "(x1**2/1e-8 - 1)**2 + 2*(x2**2/1e6 - 1)**2 + x1*x2/30", suggested_start=[1e-5, 90]
    ),
}


@pytest.mark.parametrize("name", SYSTEMS)
def test_every_point(name: str) -> None:
    landscape = ld.explore(SYSTEMS[name](), prove="none")
    certificates = ld.certify(landscape)
    assert certificates.n_certified == len(landscape.points) > 4
    assert certificates.wrong == ()
    size = np.abs(landscape.columns.x).max(axis=0)
    for point, certified in zip(landscape.points, certificates.points, strict=True):
        assert certified is not None
        assert certified.index == point.index
        assert (np.abs(certified.x - point.x) < 1e-6 * size).all()
        assert (np.ptp(certified.box, axis=1) < 1e-11 * size).all()
        assert certified.energy is not None
        assert abs(point.energy - np.mean(certified.energy)) < 1e-9 * (1 + abs(point.energy))


def test_indices_of_fields() -> None:
    field = ld.problems.vector_field(["x1*(1.2 - x1 - x2/2 - x3/3)", "x2*(1 - x2 - x1/3)", "x3*(0.9 - x3 - x2/3)"])
    landscape = ld.explore(field, [0.7, 0.5, 0.3], max_index=3)
    certificates = ld.certify(landscape)
    assert certificates.n_certified == len(landscape.points) > 4
    assert [p.index for p in certificates.points if p is not None] == landscape.columns.index.tolist()


def test_degenerate_points_are_named() -> None:
    problem = ld.problems.symbolic("x1**3 - 3*x1*x2**2 + (x1**2 + x2**2)**2")
    certificates = ld.certify(ld.explore(problem, [0.2, 0.1], max_index=2))
    assert certificates.n_certified == 3
    assert sorted(certificates.reasons) == ["", "", "", "degenerate"]
    assert "not certified: degenerate" in str(certificates)


def test_what_is_wrong_is_named() -> None:
    landscape = ld.explore(ld.systems.butterfly())
    columns = replace(landscape.columns, index=landscape.columns.index.copy(), x=landscape.columns.x.copy())
    columns.index[3] += 1
    columns.x[5] += 0.4
    landscape.columns = columns
    certificates = ld.certify(landscape)
    assert certificates.wrong == (3,)
    assert certificates.points[5] is None
    assert "leads away" in certificates.reasons[5]


def test_which_points_are_certified_of_what_is_kept() -> None:
    from landscape_dist.analysis.proof_evidence import CertificateEvidence

    kept = {
        "of_points": 5,
        "n_certified": 3,
        "not_certified": {"degenerate": [1], "other": [4]},
        "wrong_index": [2],
        "n_branches": 0,
        "n_branches_certified": 0,
        "wrong_arrows": [],
    }
    evidence = CertificateEvidence.of(kept)
    assert evidence is not None
    assert [evidence.is_certified(k) for k in range(5)] == [True, False, False, True, False]
    some = CertificateEvidence.of(kept | {"n_certified": 1})  # of four that are not, two are named
    assert some is not None
    assert [some.is_certified(k) for k in range(5)] == [None, False, False, None, False]


def test_functions_have_no_certificates() -> None:
    landscape = ld.explore(ld.problems.from_callable(lambda x: float(x @ x), dim=1), [0.2], max_index=0)
    with pytest.raises(ProblemError, match="not given by a formula"):
        ld.certify(landscape)


def test_the_checker_accepts_them() -> None:
    checker = pytest.importorskip("landscape_dist.testing.proof_checker")
    pytest.importorskip("flint", reason="python-flint is not installed")
    certificates = ld.certify(ld.explore(ld.systems.arctan_2d()))
    assert checker.check(json.loads(json.dumps(certificates.as_dict()))) == 0


def test_the_command(tmp_path: Path) -> None:
    store, out = str(tmp_path / "b.zarr"), tmp_path / "c.json"
    ld.explore(ld.systems.butterfly(), store=store)
    done = CliRunner().invoke(app, ["certify", store, "--out", str(out)])
    assert done.exit_code == 0
    assert "9 of 9 points certified" in done.stdout
    said = json.loads(out.read_text())
    assert [point["id"] for point in said["points"]] == list(range(9))
    assert json.loads(CliRunner().invoke(app, ["certify", store, "--json"]).stdout) == said
    assert "certified:  9 of 9 points" in CliRunner().invoke(app, ["info", store]).stdout
    table = CliRunner().invoke(app, ["points", store]).stdout
    assert "certified" in table.splitlines()[0]
    assert all(line.rstrip().endswith("yes") for line in table.splitlines()[2:11])
    assert all(p["certified"] for p in json.loads(CliRunner().invoke(app, ["points", store, "--json"]).stdout))
    assert CliRunner().invoke(app, ["points", store, "--csv"]).stdout.splitlines()[0].endswith(",certified")
    assert "Certificates: 9 of 9 points certified" in CliRunner().invoke(app, ["audit", store]).stdout
    ld.explore(ld.systems.butterfly(), store=store)  # nothing is left to do, and they are kept
    assert json.loads(CliRunner().invoke(app, ["info", store, "--json"]).stdout)["certificates"]["n_certified"] == 9
    audit = ld.open(store).audit()
    assert (audit.verdict, audit.certificates.n_certified) == ("proved", 9)  # type: ignore[union-attr]
    degenerate = ld.problems.symbolic("x1**4 + x2**2")
    ld.explore(degenerate, [0.2, 0.1], max_index=1, store=tmp_path / "d.zarr")
    done = CliRunner().invoke(app, ["certify", str(tmp_path / "d.zarr")])
    assert done.exit_code == 1
    assert "degenerate" in done.stdout


def test_a_wrong_index_contradicts(tmp_path: Path) -> None:
    from landscape_dist.campaign.opening import keep_certificates
    from landscape_dist.errors import StoreError

    store = tmp_path / "b.zarr"
    landscape = ld.explore(ld.systems.butterfly(), store=store)
    summary = ld.certify(landscape).summary()
    keep_certificates(store, summary | {"wrong_index": [3]})
    audit = ld.open(store).audit()
    assert audit.verdict == "contradicted"
    assert "points 3 are proved to have another index" in audit.contradictions
    with pytest.raises(StoreError, match="certify it again"):
        keep_certificates(store, summary | {"of_points": 8})


def test_another_problem_is_refused(tmp_path: Path) -> None:
    from landscape_dist.errors import StoreMismatchError

    landscape = ld.explore(ld.systems.butterfly(), store=tmp_path / "b.zarr")
    with pytest.raises(StoreMismatchError, match="not the problem of the store"):
        ld.certify(landscape, ld.systems.muller_brown())
    for name in ("certify", "prove"):
        done = CliRunner().invoke(app, [name, str(tmp_path / "b.zarr"), "--problem", "coupled_lattice"])
        assert done.exit_code == 2


def test_arrows_of_a_run_that_is_not_finished_are_not_wrong(tmp_path: Path) -> None:
    store = tmp_path / "b.zarr"
    ld.explore(ld.systems.butterfly(), store=store, max_searches=9)
    CliRunner().invoke(app, ["certify", str(store), "--arrows"])
    ld.explore(ld.systems.butterfly(), store=store)
    assert ld.open(store).audit().verdict == "proved"


def test_arrows_go_round_circles_but_not_in_balls() -> None:
    landscape = ld.explore(ld.systems.separable_cosine(1))
    minimum = next(point.id for point in landscape.points if point.index == 0)
    assert [branch.child for branch in ld.certify(landscape, arrows=True).branches] == [minimum] * 2
    ball = ld.systems.separable_cosine(1, domain=ld.problems.Ball(3.0))
    with pytest.raises(SettingsError, match="not with periods in a ball"):
        ld.certify(ld.explore(ball), arrows=True)


def test_the_command_says_where_branches_lead(tmp_path: Path) -> None:
    store = str(tmp_path / "r.zarr")
    ld.explore(ld.systems.rosenbrock(7), store=store)
    done = CliRunner().invoke(app, ["certify", store, "--arrows"])
    assert done.exit_code == 0
    assert "2 of 2 branches of index-1 points certified" in done.stdout

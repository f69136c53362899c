"""The command line: what it prints, what it writes, how it fails."""

from __future__ import annotations

import csv
import io
import json
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

import landscape_dist
from landscape_dist.campaign.arguments import split_settings
from landscape_dist.campaign.header import make_header
from landscape_dist.cli import app, tables
from landscape_dist.errors import StoreNotFoundError
from landscape_dist.spaces.judgement import make_judgement
from landscape_dist.store.database import Database

ENERGIES = [-146.699517, -108.166724, -80.767818, -72.248940, -40.664844]


def call(*arguments: Any, exit_code: int = 0) -> Any:
    """Run a command in this process, where stdout is no terminal."""
    result = CliRunner().invoke(app, [str(a) for a in arguments])
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    assert result.exit_code == exit_code, result.output
    return result


def process(*arguments: Any, **options: Any) -> subprocess.Popen[str]:
    """The same in a process of its own."""
    root = str(Path(landscape_dist.__file__).parents[1])
    environment = os.environ | {"PYTHONPATH": root, "OMP_NUM_THREADS": "1"}
    return subprocess.Popen(
        [sys.executable, "-m", "landscape_dist", *map(str, arguments)],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment, **options,
    )  # fmt: skip


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("cli") / "mb.zarr"
    call("run", "muller_brown", "--serial", "--store", path, "--quiet", "--no-plot")
    return path


# -- run ----------------------------------------------------------------------------------------------------------
def test_run_prints_the_landscape_and_says_where_it_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    result = call("run", "muller_brown", "--serial")
    for energy in ENERGIES:
        assert f"{energy:.6f}" in result.stdout
    assert "5 stationary points, 4 connections" in result.stdout
    assert "audit:   proved; these are all points in [-1.5, 1.2] x [-0.25, 2]" in result.stdout
    assert "store:   muller_brown.zarr" in result.stdout
    assert (tmp_path / "muller_brown.zarr").is_dir()
    assert (tmp_path / "muller_brown.png").read_bytes().startswith(b"\x89PNG")
    again = call("run", "muller_brown", "--serial")
    assert again.stdout == result.stdout
    assert "going on with muller_brown.zarr" in again.stderr


def test_run_without_store_writes_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    result = call("run", "butterfly", "--serial", "--no-store")
    assert "9 stationary points" in result.stdout
    assert list(tmp_path.iterdir()) == []


def test_run_takes_parameters_settings_and_starts(tmp_path: Path) -> None:
    result = call(
        "run", "coupled_lattice", "--serial", "--no-store", "--json", "--param", "dim=2", "--param", "coupling=.1",
        "--max-index", 1, "--min-index", 1, "--set", "patience=7", "--set", "solver.step_tolerance=0.05",
        "--set", "upward_modes=none", "--start", "-0.1,0.9", "--start", "0.2,-0.9",
    )  # fmt: skip
    said = json.loads(result.stdout)
    assert said["problem"]["definition"]["parameters"] == {"dim": 2, "coupling": 0.1}
    assert said["start"] == [[-0.1, 0.9], [0.2, -0.9]]
    assert (said["explore"]["max_index"], said["explore"]["min_index"], said["explore"]["patience"]) == (1, 1, 7)
    assert said["explore"]["upward_modes"] is None
    assert said["solver"]["step_tolerance"] == 0.05
    assert set(said["counts_by_index"]) == {"1"}


def test_run_reads_a_configuration_and_options_override_it(tmp_path: Path) -> None:
    config = tmp_path / "config.toml"
    config.write_text(
        '[problem]\nsystem = "butterfly"\n[explore]\nmax_index = 1\n'
        f'[run]\nstore = "{tmp_path / "a.zarr"}"\nworkers = 9\n'
    )
    said = json.loads(call("run", config, "--serial", "--json", "--max-index", 2, "--plot", tmp_path / "b.svg").stdout)
    assert said["counts_by_index"] == {"0": 4, "1": 4, "2": 1}
    assert said["store"] == str(tmp_path / "a.zarr")
    assert said["picture"] == str(tmp_path / "b.svg")
    assert (tmp_path / "b.svg").read_text().startswith("<?xml")


def test_run_says_when_a_budget_stopped_it(tmp_path: Path) -> None:
    result = call("run", "coupled_lattice", "--serial", "--no-store", "--set", "max_points=5")
    assert "stopped at max_points = 5; the same command with a larger one goes on" in result.stdout


def test_run_quietly(tmp_path: Path) -> None:
    result = call("run", "butterfly", "--serial", "--no-store", "--quiet")
    assert result.output == ""


def test_run_on_worker_processes_by_default(tmp_path: Path) -> None:
    done = process("run", "butterfly", "--workers", 1, cwd=tmp_path)
    out, err = done.communicate(timeout=120)
    assert done.returncode == 0, err
    assert "9 stationary points, 12 connections" in out
    said = err.splitlines()
    assert said[0] == "butterfly, 2 variables; store butterfly.zarr"
    assert all(line.startswith("dashboard: http://127.0.0.1:") for line in said[1:])  # if bokeh is installed


# -- reading a store ----------------------------------------------------------------------------------------------
def test_points_as_json(store: Path) -> None:
    points = json.loads(call("points", store, "--json").stdout)
    names = ["id", "x", "energy", "index", "nullity", "gradient_norm", "eigenvalues", "hits"]
    assert [list(p) for p in points] == [names] * 5
    assert sorted(p["energy"] for p in points) == pytest.approx(ENERGIES, abs=1e-6)
    assert [p["id"] for p in points] == [0, 1, 2, 3, 4]
    minima = json.loads(call("points", store, "--json", "--index", 0).stdout)
    assert minima == [p for p in points if p["index"] == 0]
    assert json.loads(call("points", store, "--json", "--index", 2).stdout) == []


def test_connections_as_json(store: Path) -> None:
    points = json.loads(call("points", store, "--json").stdout)
    connections = json.loads(call("connections", store, "--json").stdout)
    assert [list(c) for c in connections] == [["parent", "child", "count", "origins"]] * 4
    for c in connections:
        assert points[c["parent"]]["index"] == 1
        assert points[c["child"]]["index"] == 0
        assert c["count"] == len(c["origins"])


def test_csv_is_that_of_the_export(store: Path, tmp_path: Path) -> None:
    call("export", store, "--format", "csv", "--out", tmp_path / "csv")
    for name in ("points", "connections"):
        exported = list(csv.reader(io.StringIO((tmp_path / "csv" / f"{name}.csv").read_text())))
        assert list(csv.reader(io.StringIO(call(name, store, "--csv").stdout))) == exported


def test_tables_are_aligned_text_where_stdout_is_no_terminal(store: Path) -> None:
    lines = call("points", store).stdout.splitlines()
    assert lines[0].split() == ["id", "index", "energy", "x", "nullity", "|gradient|", "lowest", "eigenvalues", "hits"]
    assert len(lines) == 6
    assert len({line.index(", ") for line in lines[1:]}) <= 2  # the x column starts in one place
    assert call("connections", store).stdout.splitlines()[0].startswith("parent  its index  child")


def test_info(store: Path) -> None:
    text = call("info", store).stdout
    assert "muller_brown: 5 stationary points, 4 connections" in text
    assert "finished:   yes" in text
    said = json.loads(call("info", store, "--json").stdout)
    assert said["finished"] is True
    assert (said["n_points"], said["n_connections"]) == (5, 4)
    assert said["counts_by_index"] == {"0": 3, "1": 2}
    assert sum(said["counters"]["by_status"].values()) == said["counters"]["n_searches"]


def test_audit(store: Path) -> None:
    assert "These are all points of index 0 to 2 in the box below." in call("audit", store).stdout
    said = json.loads(call("audit", store, "--json").stdout)
    assert said["contradictions"] == []
    assert said["verdict"] == "proved"


@pytest.mark.parametrize("ending", ["graphml", "json", "mat"])
def test_export(store: Path, tmp_path: Path, ending: str) -> None:
    call("export", store, "--format", ending, "--out", tmp_path / f"a.{ending}")
    assert (tmp_path / f"a.{ending}").stat().st_size > 100


@pytest.mark.parametrize("kind", ["auto", "plane", "graph", "levels"])
def test_plot(store: Path, tmp_path: Path, kind: str) -> None:
    call("plot", store, "--out", tmp_path / "a.png", "--kind", kind, "--no-labels", "--title", "T")
    assert (tmp_path / "a.png").stat().st_size > 1000


def test_systems() -> None:
    text = call("systems").stdout
    for name in landscape_dist.systems.names():
        assert f"\n{name}\n" in f"\n{text}"
    listed = json.loads(call("systems", "--json").stdout)
    assert [s["name"] for s in listed] == landscape_dist.systems.names()
    assert set(listed[0]) == {"name", "summary", "formula", "source", "parameters", "dim", "known"}
    assert len(json.loads(call("systems", "butterfly", "--json").stdout)) == 1


def test_version() -> None:
    assert call("--version").stdout == f"landscape-dist {landscape_dist.__version__}\n"


def test_an_empty_store_can_be_read_and_drawn(tmp_path: Path) -> None:
    """As a run leaves it that was killed before its first result."""
    path = tmp_path / "empty.zarr"
    problem = landscape_dist.systems.butterfly()
    policy, solver = split_settings({}, max_index=2, min_index=0)
    judgement = make_judgement(1e-4, problem.dim)
    header = make_header(problem, problem.suggested_start[None], policy, solver, judgement.as_dict())
    with Database.create(path, header, dim=2, n_eigenvalues=2) as database:
        database.commit({})
    assert "0 stationary points" in call("info", path).stdout
    assert json.loads(call("points", path, "--json").stdout) == []
    assert len(call("points", path).stdout.splitlines()) == 1
    call("plot", path, "--out", tmp_path / "a.png")
    call("audit", path)
    assert "butterfly: 9 stationary points" in call("run", "butterfly", "--store", path, "--serial").stdout


# -- failing ------------------------------------------------------------------------------------------------------
def free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


def error(*arguments: Any) -> str:
    """The error of a command that must fail: one line on stderr, nothing on stdout."""
    result = call(*arguments, exit_code=2)
    assert result.stdout == ""
    assert "Traceback" not in result.output
    line = result.stderr.splitlines()[-1]
    assert line.startswith("error: ")
    return str(line)


def test_unknown_configuration_key(tmp_path: Path) -> None:
    config = tmp_path / "c.toml"
    config.write_text('[problem]\nsystem = "butterfly"\n[solver]\nstep_tolerence = 1\n')
    said = error("run", config, "--serial", "--no-store")
    assert said == f"error: {config}: unknown key 'solver.step_tolerence'; did you mean 'step_tolerance'?"


def test_store_of_another_problem(store: Path) -> None:
    said = error("run", "butterfly", "--serial", "--store", store)
    assert "holds a landscape made differently" in said
    assert "problem.name: muller_brown, now butterfly" in said
    assert "or another store" in said


def test_store_of_other_settings(store: Path) -> None:
    said = error("run", "muller_brown", "--serial", "--store", store, "--set", "max_index_gap=2")
    assert "explore.max_index_gap: 1, now 2" in said
    assert "problem" not in said.split("differently:")[1].split(".")[0]


def test_store_of_another_judgement(store: Path, tmp_path: Path) -> None:
    flips = ["--set", "same.kind=sign_flips", "--set", "same.atol=1e-4"]
    said = error("run", "muller_brown", "--serial", "--store", store, *flips)
    assert "same.kind: distance, now sign_flips" in said
    butterfly = ["run", "butterfly", "--serial", "--no-plot", "--json", "--store", tmp_path / "b.zarr", *flips]
    both = json.loads(call(*butterfly, "--set", "same.groups=[[0]]").stdout)
    assert both["counts_by_index"] == {"0": 2, "1": 3, "2": 1}, "mirrored in x1"
    assert "same.groups: [[0]], now None" in error(*butterfly)
    assert json.loads(call(*butterfly, "--set", "same.groups=[[0]]").stdout)["counters"] == both["counters"]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--start", "0.1"], "start has dimension 1 but muller_brown has 2 variables; give 2 numbers"),
        (["--start", "0.1,b"], "--start 0.1,b: could not convert string to float: 'b'; give numbers and commas"),
        (["--start", "50,50"], "lies outside of the domain"),
        (["--max-index", "3"], "max_index is 3, above the dimension 2; give at most 2"),
        (["--max-index", "-1"], "explore.max_index is -1; give a whole number of at least 0"),
        (["--set", "patiense=3"], "no setting named 'patiense'; did you mean 'patience'?"),
        (["--set", "solvr.step=auto"], "no section 'solvr'; did you mean 'solver'?"),
        (["--set", "patience"], "--set patience: give NAME=VALUE"),
        (["--set", "patience=many"], "explore.patience is 'many'; it should be a valid integer"),
        (["--param", "dim=3"], "muller_brown has no parameter 'dim'"),
        (["--plot", "a.gif"], "has the ending '.gif'; give one of .png, .pdf, .svg"),
        (["--plot", "no/where/a.png"], "there is no folder 'no/where'; make it first"),
        (["--plot", "a.png", "--no-plot"], "--plot and --no-plot are given together; choose one of them"),
        (["--store", "a.zarr"], "--store and --no-store are given together; choose one of them"),
        (["--workers", "2"], "serial=True and workers= contradict each other; give one of them"),
    ],
)
def test_bad_options(arguments: list[str], said: str) -> None:
    assert said in error("run", "muller_brown", "--serial", "--no-store", *arguments)


def test_no_scheduler_at_the_address(tmp_path: Path) -> None:
    address = f"tcp://127.0.0.1:{free_port()}"
    said = error("run", "butterfly", "--no-store", "--scheduler", address)
    assert f"no scheduler {address!r} answered" in said
    assert "leave it out to use worker processes on this machine" in said


def test_paths_that_are_no_store(tmp_path: Path) -> None:
    for command in ("info", "points", "connections", "audit"):
        assert "there is no store at" in error(command, tmp_path / "absent.zarr")
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / "file").write_text("text")
    assert "is not a landscape database" in error("info", tmp_path / "folder")
    assert "is a file, not a landscape database" in error("info", tmp_path / "folder" / "file")
    assert "is not a landscape database" in error("run", "butterfly", "--serial", "--store", tmp_path / "folder")


def test_neither_file_nor_system() -> None:
    assert "did you mean 'muller_brown'?" in error("run", "muler_brown")
    assert "cannot be read" in error("run", "absent.toml")


def test_other_errors(store: Path, tmp_path: Path) -> None:
    assert "--json and --csv are given together" in error("points", store, "--json", "--csv")
    assert "has the ending '.gif'" in error("plot", store, "--out", tmp_path / "a.gif")
    assert "there is no folder" in error("export", store, "--format", "json", "--out", tmp_path / "no" / "a.json")
    assert "cannot be written" in error("export", store, "--format", "json", "--out", tmp_path)
    assert "no system named 'butterfry'" in error("systems", "butterfry")


def test_debug_shows_the_traceback(tmp_path: Path) -> None:
    done = process("info", tmp_path / "absent.zarr", "--debug")
    _, err = done.communicate(timeout=60)
    assert done.returncode == 1
    assert "Traceback" in err
    assert "StoreNotFoundError" in err


# -- processes ----------------------------------------------------------------------------------------------------
def test_help_starts_fast_and_without_the_heavy_packages() -> None:
    code = """
import resource, sys
import landscape_dist.cli
try:
    sys.argv = ["landscape-dist", "--help"]
    landscape_dist.cli.main()
except SystemExit:
    pass
heavy = {"torch", "matplotlib", "dask", "distributed", "sympy", "pandas", "zarr", "scipy", "networkx", "pydantic"}
print(sorted(heavy & set(sys.modules)), resource.getrusage(resource.RUSAGE_SELF).ru_utime)
"""
    root = str(Path(landscape_dist.__file__).parents[1])
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60,
        env=os.environ | {"PYTHONPATH": root},
    )  # fmt: skip
    modules, seconds = done.stdout.splitlines()[-1].rsplit(" ", 1)
    assert modules == "[]"
    assert float(seconds) < 1.5  # on a busy machine; about 0.3 s on an idle one


def test_ctrl_c_ends_cleanly_and_the_same_command_goes_on(tmp_path: Path) -> None:
    arguments = ("run", "coupled_lattice", "--param", "dim=9", "--serial", "--no-plot", "--store", "a.zarr")
    first = process(*arguments, "--set", "max_searches=20000000", cwd=tmp_path)
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        time.sleep(0.2)
        if searches_in(tmp_path / "a.zarr") > 0:
            break
    first.send_signal(signal.SIGINT)
    out, err = first.communicate(timeout=60)
    assert first.returncode == 130, err
    assert "Traceback" not in err
    assert "interrupted: what was found is in a.zarr; run the same command again to go on" in err
    assert "(unfinished)" in out
    kept = len(landscape_dist.open(tmp_path / "a.zarr").searches)
    second = process(*arguments, "--set", f"max_searches={kept + 1}", cwd=tmp_path)
    out, err = second.communicate(timeout=60)
    assert second.returncode == 0, err
    assert "going on with a.zarr" in err
    assert len(landscape_dist.open(tmp_path / "a.zarr").searches) > kept


def searches_in(store: Path) -> int:
    try:
        return len(landscape_dist.open(store).searches)
    except StoreNotFoundError:  # not there yet, or being made
        return 0


def test_a_lost_scheduler_ends_the_run_with_code_3(tmp_path: Path) -> None:
    port = free_port()
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    scheduler = subprocess.Popen(
        [
            sys.executable,
            "-m",
            "distributed.cli.dask_scheduler",
            "--host",
            "127.0.0.1",
            "--port",
            str(port),
            "--no-dashboard",
        ],
        **quiet,  # type: ignore[call-overload]
    )
    worker = subprocess.Popen(
        [sys.executable, "-m", "distributed.cli.dask_worker", f"127.0.0.1:{port}", "--nthreads", "1", "--no-dashboard"],
        env=os.environ | {"PYTHONPATH": str(Path(landscape_dist.__file__).parents[1])}, **quiet,
    )  # type: ignore[call-overload]  # fmt: skip
    try:
        deadline = time.monotonic() + 30
        while time.monotonic() < deadline:
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", port)) == 0:
                    break
            time.sleep(0.2)
        run = process(
            "run", "coupled_lattice", "--param", "dim=10", "--store", "a.zarr", "--no-plot",
            "--scheduler", f"127.0.0.1:{port}", cwd=tmp_path,
        )  # fmt: skip
        while time.monotonic() < deadline + 30:
            time.sleep(0.3)
            if searches_in(tmp_path / "a.zarr") > 100:
                break
        scheduler.kill()
        _, err = run.communicate(timeout=90)
    finally:
        for one in (scheduler, worker):
            one.kill()
            one.wait(timeout=30)
    assert run.returncode == 3, err
    assert "run the same command again to go on" in err
    assert "Traceback" not in err


def on_a_terminal(tmp_path: Path, *arguments: Any) -> str:
    """What a command writes where both stdout and stderr are a terminal."""
    pty = pytest.importorskip("pty", reason="needs a pseudo-terminal")
    ours, theirs = pty.openpty()
    root = str(Path(landscape_dist.__file__).parents[1])
    environment = os.environ | {"PYTHONPATH": root, "OMP_NUM_THREADS": "1", "TERM": "xterm", "COLUMNS": "120"}
    command = [sys.executable, "-m", "landscape_dist", *map(str, arguments)]
    with subprocess.Popen(
        command, stdin=theirs, stdout=theirs, stderr=theirs, cwd=tmp_path, env=environment
    ) as running:
        os.close(theirs)
        parts = []
        while True:
            try:
                part = os.read(ours, 65536)
            except OSError:  # the other end is closed
                break
            if not part:
                break
            parts.append(part)
        os.close(ours)
        assert running.wait(timeout=60) == 0
    return b"".join(parts).decode()


def test_a_terminal_gets_a_live_display_and_drawn_tables(store: Path, tmp_path: Path) -> None:
    written = on_a_terminal(tmp_path, "run", "coupled_lattice", "--param", "dim=7", "--serial", "--no-store")
    assert "in this process" in written
    assert "searches/s" in written
    assert "2187 stationary points" in written
    assert "─" in on_a_terminal(tmp_path, "points", store)
    assert "finished" in on_a_terminal(tmp_path, "watch", store)


def test_progress_in_plain_lines(capsys: pytest.CaptureFixture[str]) -> None:
    from landscape_dist.campaign.status import Status
    from landscape_dist.cli.progress import progress

    with progress("name", quiet=False) as show:
        assert not show.started
        for step in range(21):
            show(Status({0: step, 1: 2}, {"converged": 100 * step}, step + 2, 100 * step, 7, 3, 2, 0.5 * step))
        assert show.started
    assert capsys.readouterr().err.splitlines() == [
        "5 s  12 points (0: 10, 1: 2)  1,000 searches (1,000 converged)  200/s  7 pending  2 workers",
        "10 s  22 points (0: 20, 1: 2)  2,000 searches (2,000 converged)  200/s  7 pending  2 workers",
    ]
    with progress("name", quiet=True) as show:
        show(Status({}, {}, 0, 0, 0, 0, 0, 100.0))
    assert capsys.readouterr().err == ""


def test_long_tables_are_printed_in_blocks(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tables, "BLOCK", 3)
    rows = [["a", "1"], ["b", "22"], ["c", "3"], ["dddd", "4"], ["e", "55555"]]
    tables.print_table(("name", "n"), iter(rows), (False, True))
    lines = capsys.readouterr().out.splitlines()
    assert [line.split() for line in lines] == [["name", "n"], *rows]
    assert lines[1:4] == ["a      1", "b     22", "c      3"]
    assert lines[4:] == ["dddd      4", "e     55555"]


@pytest.mark.parametrize("items", [[], [1], [{"a": 1}, {"a": None}]])
def test_json_lists_are_printed_one_by_one(items: list[object], capsys: pytest.CaptureFixture[str]) -> None:
    tables.print_json_list(iter(items))
    text = capsys.readouterr().out
    assert json.loads(text) == items
    assert len(text.splitlines()) == (len(items) + 2 if items else 1)

"""Where a run runs and how it holds its store: `on=` and `lease=`, the shorthands for both, and what contradicts."""

from __future__ import annotations

import inspect
import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import pytest

import landscape_dist as ld
from landscape_dist.distribute.clusters import shorthands
from landscape_dist.distribute.clusters.connecting import connect
from landscape_dist.distribute.clusters.place import Given, Place
from landscape_dist.distribute.clusters.shorthands import place_and_lease
from landscape_dist.errors import ConfigError, SettingsError
from landscape_dist.upkeep.revision import extend

# Keywords of version 0.1, and what they stand for.
SHORTHANDS: list[tuple[dict[str, Any], Place]] = [
    ({}, ld.Serial()),
    ({"serial": True}, ld.Serial()),
    ({"serial": True, "preload": ["a.py"]}, ld.Serial()),
    ({"serial": False}, ld.Local()),
    ({"serial": False, "preload": ["a.py"]}, ld.Local(preload=("a.py",))),
    ({"serial": False, "workers": 2}, ld.Local(2)),
    ({"serial": False, "scheduler": "a:1"}, ld.Scheduler("a:1")),
    ({"workers": 4}, ld.Local(4)),
    ({"workers": 4, "preload": ["a.py"]}, ld.Local(4, preload=("a.py",))),
    ({"scheduler": "a:1"}, ld.Scheduler("a:1")),
    ({"scheduler_file": "s.json"}, ld.Scheduler(file="s.json")),
    ({"scheduler_file": Path("s.json"), "preload": ["a.py"]}, ld.Scheduler(file=Path("s.json"), preload=("a.py",))),
    ({"cluster": "c.toml"}, ld.Cluster("c.toml")),
    ({"cluster": "c.toml", "jobs": 3}, ld.Cluster("c.toml", jobs=3)),
    ({"cluster": "c.toml", "adapt": "0:5"}, ld.Cluster("c.toml", adapt="0:5")),
    ({"cluster": "c.toml", "jobs": 3, "preload": ["a.py"]}, ld.Cluster("c.toml", 3, preload=("a.py",))),
]

LEASES: list[tuple[dict[str, Any], ld.Lease]] = [
    ({}, ld.Lease(60.0, steal=False)),
    ({"steal": True}, ld.Lease(steal=True)),
    ({"lease_seconds": 5}, ld.Lease(5)),
    ({"steal": True, "lease_seconds": 5}, ld.Lease(5, steal=True)),
    ({"lease": ld.Lease(9)}, ld.Lease(9)),
    ({"lease": ld.Lease(9), "steal": False}, ld.Lease(9)),
]

WRONG: list[tuple[dict[str, Any], str]] = [
    ({"serial": True, "workers": 2}, "serial=True and workers= contradict each other; give one of them"),
    ({"serial": True, "cluster": "c"}, "serial=True and cluster= contradict each other; give one of them"),
    ({"workers": 0}, "workers is 0; give a whole number of at least 1, or leave it out"),
    ({"workers": 2.5}, "workers is 2.5; give a whole number"),
    ({"workers": True}, "workers is True; give a whole number"),
    ({"scheduler": "a:1", "scheduler_file": "b"}, "scheduler and scheduler_file are given together; choose one"),
    ({"scheduler": "a:1", "cluster": "c"}, "scheduler and cluster are given together; choose one of them"),
    ({"scheduler": "a:1", "workers": 2}, "workers=2 is given together with scheduler, whose workers are its own"),
    ({"cluster": "c", "workers": 2}, "workers=2 is given together with cluster"),
    ({"jobs": 2}, "jobs is given without a cluster file, whose size it says; give cluster= as well"),
    ({"adapt": "0:2", "workers": 2}, "adapt is given without a cluster file"),
    ({"cluster": "c", "jobs": 2, "adapt": "0:2"}, "jobs = 2 and adapt = 0:2 are given together; choose one of them"),
    ({"cluster": "c", "jobs": 0}, "jobs is 0; give a whole number of at least 1"),
    ({"scheduler": 8786}, "scheduler is 8786; give its address"),
    ({"scheduler_file": 3}, "scheduler_file is 3; give the path"),
    ({"client": "a:1"}, "client is 'a:1'; give a distributed.Client"),
    ({"workers": 1, "preload": "a.py"}, "preload is 'a.py'; give a list of paths"),
    ({"on": ld.Local(2), "workers": 2}, "on= and workers= are given together; choose one of them"),
    ({"on": ld.Local(2), "serial": True}, "on= and serial= are given together; choose one of them"),
    ({"on": ld.Cluster("c"), "jobs": 2}, "on= and jobs= are given together; choose one of them"),
    (
        {"on": 4},
        "on is 4; give ld.Serial(), ld.Local(4), ld.Scheduler('tcp://node7:8786'), ld.Cluster('slurm.toml') or",
    ),
    ({"lease": 60}, "lease is 60; give ld.Lease(seconds=60.0, steal=False)"),
    ({"lease": ld.Lease(), "steal": True}, "lease= and steal= are given together; choose one of them"),
    ({"lease": ld.Lease(), "lease_seconds": 9}, "lease= and lease_seconds= are given together; choose one of them"),
    ({"lease_seconds": -1}, "lease_seconds is -1; give a positive number of seconds, at most a day"),
    ({"lease_seconds": float("inf")}, "lease_seconds is inf; give a positive number"),
    ({"steal": "yes"}, "steal is 'yes'; give True or False"),
]


@pytest.mark.parametrize(("given", "place"), SHORTHANDS, ids=str)
def test_shorthands_stand_for_places(given: dict[str, Any], place: Place) -> None:
    assert place_and_lease(**given) == (place, ld.Lease())
    if given and not given.get("serial"):
        with pytest.raises(SettingsError, match="on= and"):
            place_and_lease(place, **given)


@pytest.mark.parametrize(("given", "lease"), LEASES, ids=str)
def test_shorthands_stand_for_a_lease(given: dict[str, Any], lease: ld.Lease) -> None:
    assert place_and_lease(**given) == (ld.Serial(), lease)


@pytest.mark.parametrize(("given", "message"), WRONG, ids=str)
def test_contradictions_and_bad_values(given: dict[str, Any], message: str, tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=re.escape(message)):
        place_and_lease(**given)
    with pytest.raises(SettingsError, match=re.escape(message)):
        ld.explore(ld.systems.butterfly(), store=tmp_path / "a.zarr", **given)
    assert not (tmp_path / "a.zarr").exists()


def test_all_shorthands_are_looked_through() -> None:
    keywords = {
        name
        for name, parameter in inspect.signature(place_and_lease).parameters.items()
        if parameter.kind is parameter.KEYWORD_ONLY and name != "default"
    }
    assert keywords == {*shorthands.PLACE, *shorthands.LEASE}
    assert keywords == {name for given, _ in [*SHORTHANDS, *LEASES, *WRONG] for name in given} - {"on", "lease"}


def test_a_default_gives_way_to_anything_said() -> None:
    default = ld.Local(3)
    assert place_and_lease(default=default)[0] == default
    assert place_and_lease(preload=["a.py"], default=default)[0] == ld.Local(3, preload=("a.py",))
    assert place_and_lease(serial=True, default=default)[0] == ld.Serial()
    assert place_and_lease(scheduler="a:1", default=default)[0] == ld.Scheduler("a:1")


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: ld.Scheduler(), "Scheduler is given neither address nor file; give one of them"),
        (lambda: ld.Scheduler("a:1", "s.json"), "Scheduler is given address and file together; give one of them"),
        (lambda: ld.Lease(0), "seconds is 0; give a positive number of seconds, at most a day"),
        (lambda: ld.Lease("long"), "seconds is 'long'; give a positive number"),  # type: ignore[arg-type]
        (lambda: ld.Local("4"), "workers is '4'; give a whole number"),  # type: ignore[arg-type]
    ],
)
def test_places_and_leases_check_themselves(make: Any, message: str) -> None:
    with pytest.raises(SettingsError, match=re.escape(message)):
        make()


def test_files_are_looked_at_before_anything_starts() -> None:
    for place, message in (
        (ld.Local(1, preload=["no.py"]), "preload: there is no file no.py"),
        (ld.Cluster("no.toml"), "no.toml: cannot be read"),
    ):
        with pytest.raises(ConfigError, match=message):
            ld.explore(ld.systems.butterfly(), on=place)


def test_misspelt_names_are_told_from_settings() -> None:
    for wrong, right in (("worker", "workers"), ("stael", "steal"), ("tolerence", "tolerance"), ("max_indx", "max_")):
        with pytest.raises(SettingsError, match=rf"no setting named '{wrong}'; did you mean '\w*{right}"):
            ld.explore(ld.systems.butterfly(), **{wrong: 1})


def test_a_client_is_a_place() -> None:
    with connect(ld.Local(1), dashboard=False) as client:
        place, _ = place_and_lease(client)
        assert place == Given(client)
        assert place_and_lease(client=client, preload=["a.py"])[0] == Given(client, preload=("a.py",))
        with pytest.raises(SettingsError, match="workers=2 is given together with client"):
            place_and_lease(client, workers=2)
        with pytest.raises(SettingsError, match="on= and client= are given together"):
            place_and_lease(client, client=client)
        found = ld.explore(ld.systems.butterfly(), on=client)
        assert client.status == "running"
        there = ld.explore(ld.systems.butterfly(), on=ld.Scheduler(client.scheduler.address))
    assert len(found.points) == len(there.points) == 9
    with pytest.raises(SettingsError, match="has no client"), connect(ld.Serial()):
        pass


def test_this_process_needs_no_dask() -> None:
    code = "import landscape_dist as ld, sys; ld.explore(ld.systems.butterfly(), on=ld.Serial(), lease=ld.Lease(9));"
    code += "assert not {'dask', 'distributed', 'zarr'} & set(sys.modules)"
    import subprocess

    subprocess.run([sys.executable, "-c", code], check=True)


@dataclass(frozen=True)
class Borrowed(Place):
    """A kind of place of one's own: the workers of somebody's client."""

    name: str

    @contextmanager
    def client(self) -> Iterator[Any]:
        with connect(ld.Local(1, dashboard=False)) as client:
            BORROWED.append(self.name)
            yield client
            BORROWED.append("given back")


BORROWED: list[str] = []


def test_another_kind_of_place_is_a_subclass() -> None:
    landscape = ld.explore(ld.systems.butterfly(), on=Borrowed("mine"))
    assert len(landscape.points) == 9
    assert BORROWED == ["mine", "given back"]
    assert [field.name for field in fields(Borrowed)] == ["preload", "name"]


def test_a_lease_of_a_revision(tmp_path: Path) -> None:
    store = tmp_path / "a.zarr"
    ld.explore(ld.systems.butterfly(), max_index=1, store=store, lease=ld.Lease(30))
    assert extend(store, max_index=2, lease=ld.Lease(steal=True)).n_points > 0
    with pytest.raises(SettingsError, match="lease= and steal= are given together"):
        extend(store, lease=ld.Lease(), steal=True)

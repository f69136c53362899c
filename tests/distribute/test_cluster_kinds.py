"""A kind of cluster of one's own: a function that says what [workers] means, and a line in the table."""

from __future__ import annotations

import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from distributed import LocalCluster

import landscape_dist as ld
from landscape_dist.distribute.clusters import kinds
from landscape_dist.distribute.clusters.cluster_file import ClusterFile, load_cluster_file
from landscape_dist.distribute.clusters.kinds import Kind, cluster_arguments, cluster_class
from landscape_dist.distribute.clusters.workers_table import refuse, refuse_tls, renamed
from landscape_dist.errors import ConfigError

FILE = 'module = "toy_site"\nclass = "ToyCluster"\njobs = 1\n'


class ToyCluster(LocalCluster):
    """A site's own class, with words of its own."""

    made: list[dict[str, Any]]

    def __init__(self, *, strands: int = 4, room: str = "1GiB", greeting: str = "") -> None:
        self.made.append({"strands": strands, "room": room, "greeting": greeting})
        super().__init__(n_workers=0, threads_per_worker=strands, host="127.0.0.1", dashboard_address=None)


def toy_arguments(file: ClusterFile, cls: Any) -> dict[str, Any]:
    refuse(file, {"walltime", "processes", "local_directory", "environment"}, "nothing in its place")
    refuse_tls(file)
    return {**renamed(file, {"threads": "strands", "memory": "room"}, file.kwargs), **file.kwargs}


@pytest.fixture
def site(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    """The class is there to be imported; calls of it are noted."""
    module, made = ModuleType("toy_site"), []
    monkeypatch.setattr(ToyCluster, "made", made, raising=False)
    module.ToyCluster = ToyCluster  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "toy_site", module)
    return made


def written(folder: Path, text: str) -> ClusterFile:
    (folder / "toy.toml").write_text(FILE + text)
    return load_cluster_file(folder / "toy.toml")


def test_workers_mean_nothing_to_a_class_that_is_not_in_the_table(site: Any, tmp_path: Path) -> None:
    file = written(tmp_path, "[workers]\nthreads = 2")
    with pytest.raises(ConfigError, match=r"workers\.threads does not apply to ToyCluster"):
        cluster_arguments(file, cluster_class(file))


def test_a_line_in_the_table_makes_a_kind(site: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(kinds.KINDS, "ToyCluster", Kind(toy_arguments))
    file = written(tmp_path, '[workers]\nthreads = 2\nmemory = "2GiB"\n[kwargs]\ngreeting = "hello"')
    landscape = ld.explore(ld.systems.butterfly(), on=ld.Cluster(file))
    assert (len(landscape.points), len(landscape.connections)) == (9, 12)
    assert site == [{"strands": 2, "room": "2GiB", "greeting": "hello"}]
    for text, message in (
        ('[workers]\nwalltime = "1:00:00"', "workers.walltime does not apply to ToyCluster"),
        (
            "[workers]\nthreads = 2\n[kwargs]\nstrands = 1",
            "workers.threads and the class's own strands are given together",
        ),
        ("[kwargs]\ngreting = 1", "ToyCluster has no argument 'greting'; did you mean 'greeting'"),
        ("[tls]\ntemporary = true", r"\[tls\] does not apply to ToyCluster"),
    ):
        wrong = written(tmp_path, text)
        with pytest.raises(ConfigError, match=message):
            cluster_arguments(wrong, cluster_class(wrong))
    monkeypatch.setitem(kinds.KINDS, "ToyCluster", Kind(toy_arguments, needs="no_such_package"))
    with pytest.raises(ConfigError, match="no-such-package is not installed"):
        cluster_class(file)

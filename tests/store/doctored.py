"""Stores with something wrong in them on purpose, and what becomes of those who open them.

Run as a script it prints, as JSON, how each command fares with each store, and how much memory the process took.
"""

from __future__ import annotations

import json
import os
import pickle
import resource
import shutil
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import zarr
from numcodecs import zstd

import landscape_dist as ld
from landscape_dist.errors import LandscapeError
from landscape_dist.store.compact import compact
from landscape_dist.store.database import Database
from landscape_dist.store.repair import repair
from landscape_dist.upkeep.revision import extend, merge
from landscape_dist.upkeep.verification import verify_store

START, MAX_INDEX, N_SEARCHES = [0.1, 0.1], 2, 20
CASES: dict[str, Callable[[Path], None]] = {}


def problem() -> Any:
    return ld.systems.coupled_lattice(dim=2)


def make_sound(path: Path) -> None:
    """An unfinished store with points, searches, failures and paths."""
    ld.explore(problem(), START, MAX_INDEX, store=path, max_searches=N_SEARCHES, keep_trajectories=True)


class Bomb:
    """Unpickled, it would leave a trace."""

    def __reduce__(self) -> Any:
        return os.mkdir, (os.environ.get("BOMB_TRACE", "bomb_went_off"),)


def case(change: Callable[[Path], None]) -> Callable[[Path], None]:
    CASES[change.__name__] = change
    return change


def edit(path: Path, key: str, change: Callable[[Any], None]) -> None:
    """Change the JSON document of a group or array."""
    file = path / key / "zarr.json"
    document = json.loads(file.read_text())
    change(document)
    file.write_text(json.dumps(document))


def edit_root(path: Path, change: Callable[[Any], None]) -> None:
    edit(path, "", lambda document: change(document["attributes"]))


def chunk(path: Path, key: str) -> Path:
    return next(file for file in sorted((path / key / "c").rglob("*")) if file.is_file())


def put(path: Path, key: str, row: int, column: int, value: int) -> None:
    array = zarr.open_array(path / key, mode="r+")
    rows = array[:]
    rows[row, column] = value
    array[:] = rows


# -- lengths and shapes ----------------------------------------------------------------------------------------
@case
def length_beyond_the_array(path: Path) -> None:
    edit_root(path, lambda a: a["commit"].update(n_searches=10**9))


@case
def negative_length(path: Path) -> None:
    edit_root(path, lambda a: a["commit"].update(n_points=-3))


@case
def length_of_text(path: Path) -> None:
    edit_root(path, lambda a: a["commit"].update(n_points="many"))


@case
def huge_number_as_length(path: Path) -> None:
    edit_root(path, lambda a: a["commit"].update(n_points=10**30))


@case
def huge_shape(path: Path) -> None:
    edit_root(path, lambda a: a["commit"].update(n_searches=10**14))
    edit(path, "searches/integers", lambda d: d.update(shape=[10**14, 9]))


@case
def huge_shape_of_points(path: Path) -> None:
    edit_root(path, lambda a: a["commit"].update(n_points=10**13))
    for key, width in (("x", 2), ("eigenvalues", 2), ("reals", 2), ("integers", 4)):
        edit(path, f"points/{key}", lambda d, width=width: d.update(shape=[10**13, width]))


@case
def huge_text(path: Path) -> None:
    edit_root(path, lambda a: a["commit"].update(n_message_bytes=10**12))
    edit(path, "failures/message", lambda d: d.update(shape=[10**12]))


@case
def huge_dimension(path: Path) -> None:
    edit_root(path, lambda a: a["sizes"].update(dim=10**9))
    edit(path, "points/x", lambda d: d.update(shape=[9, 10**9]))


@case
def huge_chunks(path: Path) -> None:
    edit(path, "points/x", lambda d: d["chunk_grid"]["configuration"].update(chunk_shape=[10**10, 2]))


@case
def chunks_of_no_rows(path: Path) -> None:
    edit(path, "points/x", lambda d: d["chunk_grid"]["configuration"].update(chunk_shape=[0, 2]))


@case
def other_width(path: Path) -> None:
    edit(path, "searches/integers", lambda d: d.update(shape=[20, 3]))


@case
def missing_array(path: Path) -> None:
    shutil.rmtree(path / "searches")


@case
def missing_chunk(path: Path) -> None:
    chunk(path, "searches/integers").unlink()


# -- types and codecs --------------------------------------------------------------------------------------------
@case
def other_number_type(path: Path) -> None:
    edit(path, "points/x", lambda d: d.update(data_type="complex128"))


@case
def pickled_objects(path: Path) -> None:
    """An array of Python objects, as old Zarr had them, with a pickle for a chunk."""
    chunk(path, "points/reals").write_bytes(pickle.dumps(Bomb()))
    edit(
        path,
        "points/reals",
        lambda d: d.update(data_type="object", codecs=[{"name": "numcodecs.pickle", "configuration": {}}]),
    )


@case
def pickle_codec(path: Path) -> None:
    chunk(path, "points/x").write_bytes(pickle.dumps(Bomb()))
    edit(path, "points/x", lambda d: d.update(codecs=[{"name": "numcodecs.pickle", "configuration": {}}]))


@case
def pickle_instead_of_a_chunk(path: Path) -> None:
    chunk(path, "points/x").write_bytes(pickle.dumps(Bomb()))


@case
def pickle_of_numpy_in_version_2(path: Path) -> None:
    """Zarr v2 metadata beside those of v3, with objects."""
    old = {"zarr_format": 2, "shape": [3], "chunks": [3], "dtype": "|O", "filters": [{"id": "pickle"}]}
    for key in ("points", "points/x"):
        (path / key / "zarr.json").unlink()
    (path / "points" / ".zgroup").write_text('{"zarr_format": 2}')
    (path / "points/x/.zarray").write_text(json.dumps(old | {"compressor": None, "fill_value": 0, "order": "C"}))


@case
def whole_store_of_version_2(path: Path) -> None:
    attributes = json.loads((path / "zarr.json").read_text())["attributes"]
    shutil.rmtree(path)
    path.mkdir()
    (path / ".zgroup").write_text('{"zarr_format": 2}')
    (path / ".zattrs").write_text(json.dumps(attributes))


@case
def unknown_zarr_version(path: Path) -> None:
    edit(path, "", lambda d: d.update(zarr_format=4))


@case
def newer_schema(path: Path) -> None:
    edit_root(path, lambda a: a.update(schema_version=99))


@case
def decompression_bomb(path: Path) -> None:
    """A chunk of 140 kB that unpacks to 4 GB: many frames one after another."""
    frame = zstd.compress(b"\0" * (1 << 22), 1)
    chunk(path, "searches/integers").write_bytes(frame * 1024)


@case
def decompression_bomb_of_one_frame(path: Path) -> None:
    """The same in one frame, of blocks that say: this byte 131,072 times."""
    n = 1 << 15
    head = b"\x28\xb5\x2f\xfd\xc0\x38" + (n << 17).to_bytes(8, "little")
    blocks = [((1 << 17) << 3 | 1 << 1 | (i == n - 1)).to_bytes(3, "little") + b"\0" for i in range(n)]
    chunk(path, "points/x").write_bytes(head + b"".join(blocks))


@case
def lying_frame(path: Path) -> None:
    """A frame that promises more than it holds."""
    file = chunk(path, "points/integers")
    data = bytearray(file.read_bytes())
    data[5:9] = (0xF0, 0xFF, 0xFF, 0xFF)
    file.write_bytes(bytes(data))


@case
def flipped_bytes(path: Path) -> None:
    file = chunk(path, "searches/integers")
    data = bytearray(file.read_bytes())
    for i in range(20, len(data), 7):
        data[i] ^= 0x55
    file.write_bytes(bytes(data))


# -- JSON ---------------------------------------------------------------------------------------------------------
@case
def torn_json(path: Path) -> None:
    file = path / "zarr.json"
    file.write_text(file.read_text()[:-40])


@case
def deep_json(path: Path) -> None:
    (path / "zarr.json").write_text('{"attributes":' * 200_000)


@case
def json_that_is_a_list(path: Path) -> None:
    (path / "points/x/zarr.json").write_text("[1, 2, 3]")


@case
def binary_json(path: Path) -> None:
    (path / "zarr.json").write_bytes(bytes(range(256)) * 10)


@case
def header_without_problem(path: Path) -> None:
    edit_root(path, lambda a: a["header"].pop("problem"))


@case
def header_of_other_types(path: Path) -> None:
    edit_root(path, lambda a: a["header"].update(start="here", explore=[1], problem={"name": {}}))


@case
def header_with_code(path: Path) -> None:
    """A formula that would run something if it were evaluated."""

    def change(a: Any) -> None:
        formula = "__import__('os').mkdir('bomb_went_off')"
        a["header"]["problem"]["definition"] = {"kind": "symbolic", "formula": formula, "dim": 2, "domain": None}
        a["commit"]["n_points"] = -1

    edit_root(path, change)


@case
def counters_of_text(path: Path) -> None:
    edit_root(path, lambda a: a["commit"].update(counters={"n_gradients": "x" * 1000}))


@case
def endless_counts(path: Path) -> None:
    edit_root(path, lambda a: a["header"]["explore"].update(max_index=10**12))


# -- files --------------------------------------------------------------------------------------------------------
@case
def link_to_elsewhere(path: Path) -> None:
    file = chunk(path, "points/x")
    file.unlink()
    file.symlink_to("/etc/passwd")


@case
def link_to_a_device(path: Path) -> None:
    file = chunk(path, "searches/integers")
    file.unlink()
    file.symlink_to("/dev/zero")


@case
def linked_directory(path: Path) -> None:
    outside = path.with_name("outside")
    shutil.move(path / "points", outside)
    (path / "points").symlink_to(outside)


@case
def linked_metadata(path: Path) -> None:
    file = path / "zarr.json"
    file.unlink()
    file.symlink_to("/proc/self/environ")


@case
def pipe(path: Path) -> None:
    """Reading it would wait for ever."""
    file = chunk(path, "points/integers")
    file.unlink()
    os.mkfifo(file)


@case
def huge_file(path: Path) -> None:
    """A sparse one of 1 TB."""
    os.truncate(chunk(path, "points/x"), 1 << 40)


@case
def key_that_climbs(path: Path) -> None:
    """Chunks would be looked for outside of the store."""
    edit(
        path,
        "points/x",
        lambda d: d.update(chunk_key_encoding={"name": "v2", "configuration": {"separator": "/../../"}}),
    )


# -- rows ---------------------------------------------------------------------------------------------------------
@case
def point_that_is_no_number(path: Path) -> None:
    array = zarr.open_array(path / "points/x", mode="r+")
    array[0, 0] = np.nan


@case
def index_out_of_range(path: Path) -> None:
    put(path, "points/integers", 0, 0, 2**40)


@case
def negative_index(path: Path) -> None:
    put(path, "points/integers", 0, 0, -5)


@case
def child_that_is_no_point(path: Path) -> None:
    put(path, "searches/integers", 0, 6, 10**12)


@case
def unknown_status(path: Path) -> None:
    put(path, "searches/integers", 0, 5, 100)


@case
def slot_beyond_all(path: Path) -> None:
    put(path, "searches/integers", 1, 0, 2**55)


@case
def texts_that_overlap(path: Path) -> None:
    put(path, "failures/integers", 0, 1, -7)


# -- what becomes of it -------------------------------------------------------------------------------------------
def resume(path: Path) -> None:
    ld.explore(problem(), START, MAX_INDEX, store=path, keep_trajectories=True)


def info(path: Path) -> None:
    from landscape_dist.campaign.opening import open_overview, open_sessions

    str(open_overview(path))
    open_sessions(path)


def look(path: Path) -> None:
    report = verify_store(path)
    if report.findings:
        raise LandscapeError(report.findings[0])


def revise(path: Path) -> None:
    merge([path, path], path.with_name("merged"))


COMMANDS: dict[str, Callable[[Path], Any]] = {
    "info": info,
    "verify": look,
    "merge": revise,
    "extend": lambda path: extend(path, starts=[0.3, 0.2]),
    "compact": compact,
    "repair": repair,
    "resume": resume,
}


def fares(command: Callable[[Path], Any], path: Path) -> tuple[str, str, float]:
    """'fine', 'refused' or the exception's name; its text; seconds."""
    start = time.perf_counter()
    try:
        command(path)
    except LandscapeError as error:
        verdict, text = "refused", str(error)
    except BaseException as error:
        verdict, text = type(error).__name__, str(error)
    else:
        verdict, text = "fine", ""
    return verdict, text, time.perf_counter() - start


def main(folder: Path, labels: list[str]) -> None:
    sound = folder / "sound.zarr"
    make_sound(sound)
    commands = {label: COMMANDS[label] for label in labels}
    for command in commands.values():  # imports and caches are not what is measured
        shutil.copytree(sound, folder / "x.zarr")
        command(folder / "x.zarr")
        shutil.rmtree(folder / "x.zarr")
        shutil.rmtree(folder / "merged", ignore_errors=True)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    told = {}
    for name, change in CASES.items():
        told[name] = {}
        for label, command in commands.items():
            place = folder / "here"
            place.mkdir()
            shutil.copytree(sound, place / "x.zarr")
            change(place / "x.zarr")
            told[name][label] = fares(command, place / "x.zarr")
            shutil.rmtree(place)
    megabytes = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024
    with Database.open(sound) as database:
        assert len(database.read().searches) == N_SEARCHES
    print(json.dumps({"told": told, "megabytes": megabytes}))


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2:])

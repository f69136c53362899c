"""Films of the search: as many pictures as asked for, in the order of discovery."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

import landscape_dist as ld
from landscape_dist.campaign.landscape import Landscape
from landscape_dist.errors import SettingsError
from landscape_dist.plots import animate, check_film
from landscape_dist.plots.animation import _frames, moments
from landscape_dist.plots.figures import scene


@pytest.fixture(scope="module")
def plane() -> Landscape:
    return ld.explore(ld.systems.butterfly(), keep_trajectories=True)


@pytest.fixture(scope="module")
def lattice() -> Landscape:
    return ld.explore(ld.systems.coupled_lattice(dim=3), keep_trajectories=True)


@pytest.mark.parametrize("frames", [2, 7, 90])
@pytest.mark.parametrize("options", [{}, {"trajectories": "all"}, {"kind": "graph"}], ids=["plane", "paths", "graph"])
def test_as_many_frames_as_asked_for(plane: Landscape, tmp_path: Path, frames: int, options: dict[str, Any]) -> None:
    path = plane.animate(tmp_path / "a.gif", frames=frames, dpi=50, fps=10, **options)
    with Image.open(path) as film:
        assert film.n_frames == frames
        durations = []
        for i in range(frames):
            film.seek(i)
            durations.append(film.info["duration"])
    assert set(durations[:-1]) == {100}
    assert durations[-1] == 2100
    assert path.stat().st_size < 400_000


def test_other_kinds(lattice: Landscape, tmp_path: Path) -> None:
    line = ld.explore(ld.problems.symbolic("(x1**2 - 1)**2 + x1/10"), start=[0.1], max_index=1)
    for name, landscape, kind in (("a", line, "auto"), ("b", lattice, "projection"), ("c", lattice, "levels")):
        with Image.open(animate(landscape, tmp_path / f"{name}.gif", frames=3, kind=kind, dpi=40)) as film:
            assert film.n_frames == 3


def test_frames_of_the_file_are_those_drawn(plane: Landscape, tmp_path: Path) -> None:
    """Colours are rounded to a palette, and pixels that stay are not written again: still the same pictures."""
    path = animate(plane, tmp_path / "a.gif", frames=9, dpi=60, trajectories=True)
    made = scene(plane, trajectories=True)
    made.figure.set_dpi(60)
    with Image.open(path) as film:
        for i, picture in enumerate(_frames(plane, made, 9)):
            film.seek(i)
            shown = np.asarray(film.convert("RGB"), dtype=float)
            assert np.abs(shown - picture).mean() < 2.0


def test_order_of_discovery(lattice: Landscape) -> None:
    made = scene(lattice, "graph")
    arrows, dots = made.layers
    assert len(arrows.row) == 54
    assert len(dots.row) == 27
    # A point is there before the arrows that join it.
    c = lattice.connections
    order = np.lexsort((c.child, c.parent))
    assert (dots.row[c.parent[order]] < arrows.row).all()
    assert (dots.row[c.child[order]] <= arrows.row).all()
    at = moments(made, len(lattice.searches), 40)
    assert len(at) == 40
    assert (at[0], at[-1]) == (0, len(lattice.searches))
    assert (np.diff(at) >= 0).all()


def test_the_last_frame_shows_everything(plane: Landscape) -> None:
    made = scene(plane)
    pictures = list(_frames(plane, made, 5))
    assert all(a.shape == pictures[0].shape for a in pictures)
    assert all(patch.get_visible() for patch in made.layers[0].artists)
    changes = [np.count_nonzero((a != pictures[-1]).any(axis=2)) for a in pictures]
    assert changes == sorted(changes, reverse=True)


def test_many_arrows(tmp_path: Path) -> None:
    landscape = ld.explore(ld.systems.coupled_lattice(dim=5), max_index=5)
    with Image.open(animate(landscape, tmp_path / "a.gif", frames=4, dpi=50)) as film:
        assert film.n_frames == 4


def test_nothing_found(tmp_path: Path) -> None:
    none = ld.explore(ld.problems.symbolic("x1**3 + x1 + x2**2"), start=[0.1, 0.1], max_index=0)
    with Image.open(animate(none, tmp_path / "a.gif", frames=3)) as film:
        assert film.n_frames == 3


def test_what_does_not_do(plane: Landscape, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for options, message in (
        ({"frames": 1}, "frames is 1; give a whole number from 2 to 500"),
        ({"frames": 10.0}, "frames is 10.0"),
        ({"fps": 0}, "fps is 0"),
        ({"kind": "pie"}, "kind is 'pie'"),
    ):
        with pytest.raises(SettingsError, match=message):
            animate(plane, tmp_path / "a.gif", **options)
    with pytest.raises(SettingsError, match=r"ending '\.avi'; give \.gif or \.mp4"):
        animate(plane, tmp_path / "a.avi")
    with pytest.raises(SettingsError, match="there is no folder"):
        animate(plane, tmp_path / "absent" / "a.gif")
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(SettingsError, match=r"needs the program ffmpeg, which is not installed; give a \.gif"):
        check_film(tmp_path / "a.mp4")


@pytest.mark.skipif(os.name != "posix", reason="a script stands in for ffmpeg")
def test_mp4_through_ffmpeg(plane: Landscape, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A stand-in that writes the size and number of the pictures it gets."""
    program = tmp_path / "ffmpeg"
    program.write_text(
        f"#!{sys.executable}\nimport sys\na = sys.argv\nw, h = map(int, a[a.index('-s') + 1].split('x'))\n"
        "data = sys.stdin.buffer.read()\nif a[-1].endswith('bad.mp4'):\n    sys.exit('no such codec')\n"
        "open(a[-1], 'w').write(f'{w % 2} {h % 2} {len(data) / (3 * w * h)}')\n"
    )
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    path = animate(plane, tmp_path / "a.mp4", frames=6, dpi=51)
    assert path.read_text() == "0 0 6.0"
    with pytest.raises(SettingsError, match=r"ffmpeg could not write .*no such codec; give a \.gif"):
        animate(plane, tmp_path / "bad.mp4", frames=6, dpi=51)

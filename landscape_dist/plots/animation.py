"""The search as a film: points and arrows appear in the order in which they were found."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from landscape_dist.errors import SettingsError
from landscape_dist.pathways.landscape_like import LandscapeLike
from landscape_dist.plots.canvas import Scene
from landscape_dist.plots.figures import scene
from landscape_dist.plots.planes import OTHER
from landscape_dist.plots.style import COLOURS, FRESH, INK
from landscape_dist.records import IntArray

FILMS = ("gif", "mp4")
MOST_FRAMES = 500
HOLD = 2.0
"""Seconds for which a GIF rests on its last frame."""

TRANSPARENT = 255
"""Colour of pixels that stay as they were."""


def animate(
    landscape: LandscapeLike,
    file: str | os.PathLike[str],
    *,
    frames: int = 60,
    fps: float = 8.0,
    kind: str = "auto",
    dpi: float = 90.0,
    **options: Any,
) -> Path:
    """Write a film of the search: points and arrows appear in the order of discovery, the newest in red.

    Args:
        landscape: with the paths of the searches, where they were kept and `trajectories` asks for them.
        file: where to: .gif, or .mp4 where the program ffmpeg is installed.
        frames: how many pictures, 2 to 500. What was found is spread evenly over them.
        fps: pictures a second.
        kind: of picture, and options: as for `landscape_figure`.
        dpi: dots per inch.

    Returns:
        The path.

    Raises:
        SettingsError: an option that cannot work, another ending, no ffmpeg for .mp4, or a file that cannot be written.
    """
    path = _check(file, frames, fps)
    made = scene(landscape, kind, **options)
    made.figure.set_dpi(dpi)
    pictures = _frames(landscape, made, frames)
    try:
        if path.suffix.lower() == ".gif":
            _write_gif(pictures, path, frames, fps)
        else:
            _write_mp4(pictures, path, fps)
    except OSError as error:
        raise SettingsError(f"film {str(path)!r} cannot be written ({error.strerror}); give another path") from error
    return path


def check_film(file: str | os.PathLike[str]) -> Path:
    """The path, if a film can be saved there.

    Raises:
        SettingsError: another ending than those of `FILMS`, no folder, or no ffmpeg for .mp4.
    """
    path = Path(file)
    ending = path.suffix.lower().removeprefix(".")
    if ending not in FILMS:
        raise SettingsError(f"film {str(path)!r} has the ending {path.suffix!r}; give .gif or .mp4")
    if not path.parent.is_dir():
        raise SettingsError(f"film {str(path)!r}: there is no folder {str(path.parent)!r}; make it first")
    if ending == "mp4" and shutil.which("ffmpeg") is None:
        raise SettingsError(f"film {str(path)!r} needs the program ffmpeg, which is not installed; give a .gif")
    return path


def _check(file: str | os.PathLike[str], frames: int, fps: float) -> Path:
    if isinstance(frames, bool) or not isinstance(frames, int) or not 2 <= frames <= MOST_FRAMES:
        raise SettingsError(f"frames is {frames!r}; give a whole number from 2 to {MOST_FRAMES}")
    if not 0 < fps <= 100:
        raise SettingsError(f"fps is {fps!r}; give a positive number up to 100")
    return check_film(file)


def moments(made: Scene, n_searches: int, frames: int) -> IntArray:
    """(frames,) how many searches are over in each picture; the first shows none, the last all of them.

    Between them, the moments at which something was found are spread evenly.
    """
    rows = [layer.row for layer in made.layers if len(layer.row)]
    events = np.unique(np.concatenate(rows)) if rows else np.zeros(0, dtype=np.int64)
    done = np.concatenate(([0], events + 1))
    chosen = done[np.round(np.linspace(0, len(done) - 1, frames)).astype(int)]
    chosen[-1] = max(int(chosen[-1]), n_searches)
    return np.asarray(chosen, dtype=np.int64)


def _frames(landscape: LandscapeLike, made: Scene, frames: int) -> Iterator[NDArray[np.uint8]]:
    """(height, width, 3) pictures.  What stays is drawn once, what appears is drawn over it."""
    figure, axes = made.figure, made.axes
    canvas = figure.canvas
    number = axes.text(
        0.008, 0.988, "", transform=axes.transAxes, ha="left", va="top", fontsize=8.5, color="#333333", zorder=6,
        bbox={"boxstyle": "round,pad=0.25", "facecolor": "white", "edgecolor": "none", "alpha": 0.75},
    )  # fmt: skip
    (bar,) = axes.plot(
        [0.0, 0.0], [0.0, 0.0], color=FRESH, linewidth=3.0, transform=axes.transAxes, clip_on=False, zorder=6,
        solid_capstyle="butt", scalex=False, scaley=False,
    )  # fmt: skip
    moving = [artist for layer in made.layers for artist in layer.artists] + [number, bar]
    moving.sort(key=lambda artist: artist.get_zorder())
    for artist in moving:
        artist.set_animated(True)
    canvas.draw()
    still = canvas.copy_from_bbox(figure.bbox)
    n_searches, before = len(landscape.searches), 0
    for frame, done in enumerate(moments(made, n_searches, frames).tolist()):
        counts = []
        for layer in made.layers:
            shown = layer.row < done
            # The last picture is the figure itself.
            fresh = shown & (layer.row >= before) if frame < frames - 1 else np.zeros_like(shown)
            layer.reveal(shown, fresh)
            counts.append(int(shown.sum()))
        points = counts[-1] if counts else 0
        number.set_text(f"{done:,} of {n_searches:,} searches, {points:,} point{'s' * (points != 1)}")
        bar.set_data([0.0, frame / (frames - 1)], [0.0, 0.0])
        canvas.restore_region(still)
        for artist in moving:
            axes.draw_artist(artist)
        before = done
        yield np.asarray(canvas.buffer_rgba())[..., :3].copy()


def _write_gif(pictures: Iterator[NDArray[np.uint8]], path: Path, frames: int, fps: float) -> None:
    """All pictures with one palette; pixels that stay as they were are not written again."""
    from PIL import Image

    kept = list(pictures)
    palette = _palette([kept[-1], kept[len(kept) // 2], kept[1]])
    number = np.zeros(1 << 24, dtype=np.uint8)  # of the nearest colour of the palette, for each colour met so far
    met = np.zeros(1 << 24, dtype=bool)
    indexed: list[Any] = []
    before: Any = None
    for picture in kept:
        codes = _codes(picture)
        new = np.unique(codes[~met[codes]])
        number[new] = _nearest(new, palette)
        met[new] = True
        now = number[codes]
        image = Image.fromarray(now if before is None else np.where(now == before, TRANSPARENT, now).astype(np.uint8))
        image.putpalette(palette.tobytes())
        indexed.append(image)
        before = now
    each = round(1000 / fps)
    durations = [each] * (frames - 1) + [each + round(1000 * HOLD)]
    indexed[0].save(
        path,
        save_all=True,
        append_images=indexed[1:],
        duration=durations,
        loop=0,
        optimize=False,
        disposal=1,
        transparency=TRANSPARENT,
    )


def _palette(samples: list[NDArray[np.uint8]]) -> NDArray[np.uint8]:
    """(256, 3) colours: those of the markers and of what is new, the most frequent ones of the samples exactly, and a
    spread of the others.  The last is a placeholder."""
    from PIL import Image

    sheet = np.concatenate(samples)
    codes, count = np.unique(_codes(sheet), return_counts=True)
    frequent = _colours(codes[np.argsort(-count, kind="stable")[:80]])
    known = np.array([list(bytes.fromhex(colour[1:])) for colour in (*COLOURS, FRESH, OTHER, INK)], dtype=np.uint8)
    n = TRANSPARENT - len(known) - len(frequent)
    spread = Image.fromarray(sheet).quantize(n, method=Image.Quantize.MEDIANCUT, dither=Image.Dither.NONE).getpalette()
    others = np.array(spread, dtype=np.uint8).reshape(-1, 3)[:n]
    colours = np.concatenate((known, frequent, others))
    return np.concatenate((colours, np.repeat(colours[:1], 256 - len(colours), axis=0)))


def _codes(picture: NDArray[np.uint8]) -> NDArray[np.uint32]:
    """Colours as numbers below 2^24."""
    wide = picture.astype(np.uint32)
    return np.asarray((wide[..., 0] << 16) | (wide[..., 1] << 8) | wide[..., 2])


def _colours(codes: NDArray[np.uint32]) -> NDArray[np.uint8]:
    return np.stack([(codes >> shift) & 255 for shift in (16, 8, 0)], axis=1).astype(np.uint8)


def _nearest(codes: NDArray[np.uint32], palette: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """The number of the nearest colour of the palette, for each."""
    usable = palette[:TRANSPARENT].astype(np.int32)
    found = np.empty(len(codes), dtype=np.uint8)
    for start in range(0, len(codes), 4096):
        block = _colours(codes[start : start + 4096]).astype(np.int32)
        found[start : start + 4096] = ((block[:, None] - usable) ** 2).sum(axis=2).argmin(axis=1)
    return found


def _write_mp4(pictures: Iterator[NDArray[np.uint8]], path: Path, fps: float) -> None:
    """Raw pictures through ffmpeg; odd sizes lose a row or column, which the format demands."""
    first = next(pictures)
    height, width = (n - n % 2 for n in first.shape[:2])
    command = [
        "ffmpeg", "-y", "-loglevel", "error", "-f", "rawvideo", "-pix_fmt", "rgb24", "-s", f"{width}x{height}",
        "-r", f"{fps:g}", "-i", "-", "-an", "-pix_fmt", "yuv420p", str(path),
    ]  # fmt: skip
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stderr=subprocess.PIPE)
    assert process.stdin is not None
    try:
        for picture in _chained(first, pictures):
            process.stdin.write(np.ascontiguousarray(picture[:height, :width]).tobytes())
    except BrokenPipeError:
        pass  # it says below why it stopped
    _, said = process.communicate()
    if process.returncode:
        raise SettingsError(
            f"ffmpeg could not write {str(path)!r}: {said.decode(errors='replace').strip()}; give a .gif"
        )


def _chained(first: Any, rest: Iterator[Any]) -> Iterator[Any]:
    yield first
    yield from rest

"""Figures into files."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np

from landscape_dist.errors import SettingsError
from landscape_dist.plots.style import COLOURS

FORMATS = ("png", "pdf", "svg")

# What would make two files of the same picture differ.
_NO_DATE: dict[str, dict[str, Any]] = {"pdf": {"CreationDate": None}, "svg": {"Date": None}}


def check_path(path: str | os.PathLike[str]) -> Path:
    """The path, if a figure can be saved there.

    Raises:
        SettingsError: an ending that is not among `FORMATS`, or a folder that does not exist.
    """
    path = Path(path)
    ending = path.suffix.lower().removeprefix(".")
    if ending not in FORMATS:
        endings = ", ".join(f".{name}" for name in FORMATS)
        raise SettingsError(f"picture {str(path)!r} has the ending {path.suffix!r}; give one of {endings}")
    if not path.parent.is_dir():
        raise SettingsError(f"picture {str(path)!r}: there is no folder {str(path.parent)!r}; make it first")
    return path


def save(figure: Any, path: str | os.PathLike[str], *, dpi: float = 110) -> Path:
    """Write a figure; the ending decides the format (.png, .pdf, .svg).  Equal figures give equal files.

    Args:
        figure: a matplotlib figure.
        path: where to. dpi: dots per inch of PNG files, and of dense layers in the others.

    Returns:
        The path.

    Raises:
        SettingsError: see `check_path`; or the file cannot be written.
    """
    import matplotlib

    path = check_path(path)
    ending = path.suffix.lower().removeprefix(".")
    try:
        with matplotlib.rc_context({"svg.hashsalt": "landscape_dist"}):
            if ending == "png":
                _save_png(figure, path, dpi)
            else:
                figure.savefig(path, format=ending, dpi=dpi, metadata=_NO_DATE[ending])
    except OSError as error:
        raise SettingsError(f"picture {str(path)!r} cannot be written ({error.strerror}); give another path") from error
    return path


def _save_png(figure: Any, path: Path, dpi: float) -> None:
    """With a palette, plenty for these pictures, which makes files a third as large."""
    import io

    from PIL import Image

    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=dpi, metadata={"Software": None})
    buffer.seek(0)
    with Image.open(buffer) as image:
        _with_palette(image.convert("RGB")).save(path, optimize=True, dpi=(dpi, dpi))


def _with_palette(image: Any) -> Any:
    """The image in 69 colours: areas and markers exactly, the shades of edges nearly."""
    from PIL import Image

    pixels = np.asarray(image, dtype=np.uint32)
    codes = (pixels[..., 0] << 16) | (pixels[..., 1] << 8) | pixels[..., 2]
    colours, where, count = np.unique(codes, return_inverse=True, return_counts=True)
    rgb = np.stack([(colours >> shift) & 255 for shift in (16, 8, 0)], axis=1).astype(np.uint8)
    frequent = rgb[np.argsort(-count, kind="stable")[:32]]
    few = image.quantize(16, method=Image.Quantize.MAXCOVERAGE, dither=Image.Dither.NONE)
    spread = np.array(few.getpalette(), dtype=np.uint8).reshape(-1, 3)[:16]
    greys = np.repeat(np.linspace(34, 255, 14).astype(np.uint8)[:, None], 3, axis=1)  # lines over one another
    markers = np.array([list(bytes.fromhex(colour[1:])) for colour in COLOURS], dtype=np.uint8)
    palette = np.concatenate((frequent, spread, greys, markers))
    nearest = np.empty(len(rgb), dtype=np.uint8)
    for start in range(0, len(rgb), 4096):
        block = rgb[start : start + 4096, None].astype(np.int32)
        nearest[start : start + 4096] = ((block - palette.astype(np.int32)) ** 2).sum(axis=2).argmin(axis=1)
    indexed = Image.fromarray(nearest[where].reshape(codes.shape))
    indexed.putpalette(palette.tobytes())
    return indexed

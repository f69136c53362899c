"""Files of a correction's folder, which are there as a whole or not at all."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from landscape_dist.errors import StoreError


@contextmanager
def written_at_once(path: Path) -> Iterator[BinaryIO]:
    """A file to write to, which takes the place of `path` when it is complete and on the disk.

    Raises:
        StoreError: it cannot be written; what was there is still there.
    """
    part = path.with_name(f"{path.name}.{os.getpid()}.partial")
    try:
        with part.open("wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        part.replace(path)
    except OSError as error:
        raise StoreError(
            f"{path} cannot be written ({error.strerror or error}); what was written before it is kept"
        ) from error
    finally:
        with contextlib.suppress(OSError):
            part.unlink(missing_ok=True)

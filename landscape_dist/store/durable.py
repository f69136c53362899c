"""Files that survive a power cut: each is on the disk before it takes its name, and what it points to before it is.

A rename is atomic for whoever reads, but not for the disk: without `fsync` a crash may leave the new name with no
content, or the pointer without what it points to.  Here every file is synced before the rename that gives it its name,
and every folder in which names changed before the root's document, which says how much counts, is replaced: then that
one is replaced, and its folder is synced.  A crash leaves the commit before or the one after (T. S. Pillai et al.,
All file systems are not created equal, OSDI 2014, on what applications must ask of file systems).
"""

from __future__ import annotations

import asyncio
import os
import threading
import uuid
from contextlib import suppress
from pathlib import Path
from typing import Any, BinaryIO

from landscape_dist.store.untrusted import RegularFiles

POINTER = "zarr.json"
"""Key of the root's document."""


class DurableFiles(RegularFiles):
    """A directory as a Zarr store whose files are synced, as above."""

    def __init__(self, root: Path, *, read_only: bool = False) -> None:
        super().__init__(root, read_only=read_only)
        self._changed: set[Path] = set()
        self._lock = threading.Lock()

    async def set(self, key: str, value: Any) -> None:
        self._check_writable()
        await asyncio.to_thread(self._put, key, value)

    async def set_if_not_exists(self, key: str, value: Any) -> None:
        self._check_writable()
        if not (self.root / key).exists():
            await asyncio.to_thread(self._put, key, value, exclusive=True)

    def set_sync(self, key: str, value: Any) -> None:
        self._check_writable()
        self._put(key, value)

    def _put(self, key: str, value: Any, exclusive: bool = False) -> None:
        path = self.root / key
        self.make_folder(path.parent)
        partial = path.with_suffix(f".{uuid.uuid4().hex}.partial")
        try:
            with partial.open("wb") as file:
                file.write(value.as_buffer_like())
                sync_file(file)
            if key == POINTER:
                self._sync_folders()
            if not exclusive:
                os.replace(partial, path)
            else:
                with suppress(FileExistsError):  # somebody was faster
                    os.link(partial, path)
                partial.unlink()
        except BaseException:
            partial.unlink(missing_ok=True)
            raise
        with self._lock:
            self._changed.add(path.parent)
        if key == POINTER:
            self._sync_folders()

    def make_folder(self, folder: Path) -> None:
        """Make a folder and those that it is in, whose names are synced before the next pointer."""
        new = []
        while not folder.exists():
            new.append(folder)
            folder = folder.parent
        for one in reversed(new):
            one.mkdir(exist_ok=True)
            with self._lock:
                self._changed.add(one.parent)

    def _sync_folders(self) -> None:
        with self._lock:
            folders, self._changed = self._changed, set()
        try:
            for folder in sorted(folders):
                sync_folder(folder)
        except BaseException:
            with self._lock:
                self._changed |= folders
            raise


def sync_file(file: BinaryIO) -> None:
    """What was written to a file, on the disk."""
    file.flush()
    os.fsync(file.fileno())


def sync_folder(folder: Path) -> None:
    """The names in a folder, on the disk; nothing on systems whose folders cannot be opened."""
    if os.name != "posix":
        return
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)

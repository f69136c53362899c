"""What a power cut may leave of a folder, by a record of what was written, synced and renamed.

The model is as unkind as POSIX allows: content that was not synced is lost, torn or zeros, and of the changes of names
in a folder since it was synced any may be on the disk and any may not, in any combination.
"""

from __future__ import annotations

import os
import random
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class Event:
    """'sync' of a folder; 'name', a file with its content, and whether that was synced; 'folder'; 'gone'; 'note'."""

    kind: str
    path: str
    content: bytes = b""
    synced: bool = False
    note: Any = None


@dataclass
class Record:
    """What happened below `root`, in its order."""

    root: Path
    events: list[Event] = field(default_factory=list)
    _synced: set[tuple[int, int]] = field(default_factory=set)

    def note(self, what: Any) -> None:
        """That the caller has come to something."""
        self.events.append(Event("note", "", note=what))

    def inside(self, path: Any) -> str | None:
        try:
            return str(Path(os.path.abspath(os.fspath(path))).relative_to(self.root))
        except ValueError:
            return None

    @contextmanager
    def recording(self) -> Iterator[Record]:
        """Of this process, while in here."""
        real = {name: getattr(os, name) for name in ("fsync", "replace", "rename", "mkdir", "unlink", "link", "rmdir")}

        def fsync(descriptor: int) -> None:
            real["fsync"](descriptor)
            path = self.inside(os.readlink(f"/proc/self/fd/{descriptor}"))
            if path is None:
                return
            if os.path.isdir(self.root / path):
                self.events.append(Event("sync", path))
            else:
                found = os.fstat(descriptor)
                self._synced.add((found.st_ino, found.st_mtime_ns))

        def named(how: str) -> Any:
            def move(source: Any, target: Any, **options: Any) -> None:
                to, of = self.inside(target), self.inside(source)
                found = os.stat(source)
                content = Path(source).read_bytes() if os.path.isfile(source) else b""
                real[how](source, target, **options)
                if to is not None:
                    synced = (found.st_ino, found.st_mtime_ns) in self._synced
                    self.events.append(Event("name", to, content, synced))
                if of is not None and how != "link":
                    self.events.append(Event("gone", of))

            return move

        def mkdir(path: Any, *arguments: Any, **options: Any) -> None:
            real["mkdir"](path, *arguments, **options)
            if (inside := self.inside(path)) is not None:
                self.events.append(Event("folder", inside))

        def gone(how: str) -> Any:
            def remove(path: Any, **options: Any) -> None:
                real[how](path, **options)
                if (inside := self.inside(path)) is not None:
                    self.events.append(Event("gone", inside))

            return remove

        changed = {
            "fsync": fsync,
            "mkdir": mkdir,
            **{how: named(how) for how in ("replace", "rename", "link")},
            **{how: gone(how) for how in ("unlink", "rmdir")},
        }
        try:
            for name, function in changed.items():
                setattr(os, name, function)
            yield self
        finally:
            for name, function in real.items():
                setattr(os, name, function)

    def left_by_a_cut(self, after: int, choice: random.Random, out: Path, before: Path | None = None) -> None:
        """Write to `out` what may be there after a cut behind the first `after` events, and what was `before` them."""
        kept: dict[str, Event] = {}
        waiting: dict[str, list[Event]] = {}
        for event in self.events[:after]:
            if event.kind == "sync":
                for change in waiting.pop(event.path, []):
                    _apply(kept, change)
            elif event.kind != "note":
                waiting.setdefault(os.path.dirname(event.path) or ".", []).append(event)
        for changes in waiting.values():
            likely = choice.choice([0.0, 0.5, 1.0])
            for change in changes:
                if choice.random() < likely:
                    _apply(kept, change)
        if before is not None:
            shutil.copytree(before, out)
        out.mkdir(exist_ok=True)
        for path in sorted(kept, key=len):
            target, event = out / path, kept[path]
            if not target.parent.is_dir():
                continue  # the name is there, in a folder that is not
            if event.kind == "folder":
                target.mkdir(exist_ok=True)
            else:
                target.write_bytes(event.content if event.synced else _spoiled(event.content, choice))


def _apply(kept: dict[str, Event], change: Event) -> None:
    if change.kind == "gone":
        kept.pop(change.path, None)
    else:
        kept[change.path] = change


def _spoiled(content: bytes, choice: random.Random) -> bytes:
    part = choice.randrange(len(content) + 1)
    return choice.choice([b"", content[:part], content[:part] + bytes(len(content) - part), content])

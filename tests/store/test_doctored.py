"""A store from elsewhere is data: whatever is in it, it is refused soon, in words, in little memory."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from numcodecs import zstd

from landscape_dist.store.untrusted import frame_content

SCRIPT = Path(__file__).with_name("doctored.py")
SECONDS, MEGABYTES = 20.0, 300.0
"""Generous, for busy machines: a command takes some 50 ms. Not being bounded means minutes and gigabytes."""

HARMLESS_TO_INFO = {"slot_beyond_all"}
"""What shows only to those who use it."""


def run(folder: Path, *commands: str) -> dict[str, Any]:
    done = subprocess.run(
        [sys.executable, str(SCRIPT), str(folder), *commands],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(SCRIPT.parents[2])},
        capture_output=True,
        text=True,
        timeout=500,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    report: dict[str, Any] = json.loads(done.stdout)
    return report


def check(report: dict[str, Any], folder: Path) -> None:
    assert report["megabytes"] < MEGABYTES
    assert not list(folder.rglob("bomb_went_off")), "something in a store was executed"
    for name, told in report["told"].items():
        for label, (verdict, text, seconds) in told.items():
            assert verdict in ("refused", "fine"), f"{label} of {name} ended with {verdict}: {text}"
            assert seconds < SECONDS, f"{label} of {name} took {seconds} s"
            if verdict == "refused":
                assert len(text) < 2000, f"{label} of {name}: {len(text)} characters"
                assert "please report" not in text


@pytest.mark.skipif(sys.platform == "win32", reason="links and pipes")
def test_doctored_stores_are_refused(tmp_path: Path) -> None:
    report = run(tmp_path, "info", "verify", "resume")
    assert len(report["told"]) >= 20
    check(report, tmp_path)
    for name, told in report["told"].items():
        for label, (verdict, _, _) in told.items():
            if label != "info" or name not in HARMLESS_TO_INFO:
                assert verdict == "refused", f"{label} of {name} noticed nothing"


@pytest.mark.long
@pytest.mark.skipif(sys.platform == "win32", reason="links and pipes")
def test_no_command_stumbles_over_doctored_stores(tmp_path: Path) -> None:
    check(run(tmp_path, "info", "verify", "merge", "extend", "compact", "repair", "resume"), tmp_path)


def test_what_a_frame_unpacks_to_is_read_from_its_header() -> None:
    for n in (1, 255, 256, 65535 + 256, 65536 + 256, 1 << 20):
        for checksum in (False, True):
            frame = zstd.compress(b"ab" * (n // 2) + b"c" * (n % 2), 1, checksum)
            assert frame_content(frame) == n
            for other in (frame + frame, frame[:-1], frame + b"\0", b"PK" + frame, b""):
                assert frame_content(other) is None

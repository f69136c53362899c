"""workflows/phase_field runs as its README says."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
FOLDER = ROOT / "workflows" / "phase_field"


def test_the_folder_is_complete() -> None:
    assert {path.name for path in FOLDER.iterdir()} >= {"run.py", "expected.json", "README.md", "picture.png"}
    assert (FOLDER / "picture.png").stat().st_size < 150_000
    assert "python workflows/phase_field/run.py" in (FOLDER / "README.md").read_text()


@pytest.mark.workflow
def test_run(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, str(FOLDER / "run.py"), "--picture", "fields.png", "--store", str(tmp_path)],
        capture_output=True, text=True, timeout=300, cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("as expected") == 2
    assert (tmp_path / "fields_0.02.png").is_file()
    assert (tmp_path / "phase_field_0.01.zarr").is_dir()

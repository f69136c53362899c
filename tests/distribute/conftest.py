"""Makes `distribute_fakes` importable here and, through the inherited path, in spawned worker processes."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

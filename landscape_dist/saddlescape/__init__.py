"""SaddleScape's interface on this package's solver: `from landscape_dist.saddlescape import Landscape`.

A script written for SaddleScape V-1.0 runs after changing its import.  `PARAMETERS.md` beside this file says what each
of its parameters becomes.
"""

from __future__ import annotations

from landscape_dist.saddlescape.facade import Landscape

__all__ = ["Landscape"]

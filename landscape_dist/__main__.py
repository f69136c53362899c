"""`python -m landscape_dist`."""

from __future__ import annotations

from landscape_dist.cli import main

if __name__ == "__main__":
    main()

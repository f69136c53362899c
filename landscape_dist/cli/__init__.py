"""The command line, `landscape-dist`: arguments in, text out."""

from __future__ import annotations

from landscape_dist.cli.app import app, main

__all__ = ["app", "main"]

"""Solution landscapes by high-index saddle dynamics, on a laptop or a cluster.

The public names stand in `__init__.pyi`; each is imported when it is first used, so that importing the package costs
next to nothing.
"""

from __future__ import annotations

import importlib
import importlib.abc
import importlib.machinery
import re
import sys
import types
from collections.abc import Sequence
from pathlib import Path
from typing import Any

__version__ = "0.1.0"

_PUBLIC = {
    other or name: (module, name)
    for module, name, other in re.findall(
        r"^from (\S+) import (\w+)(?: as \2|\n+(\w+) = \2)$",
        Path(__file__).with_suffix(".pyi").read_text(encoding="utf-8"),
        re.M,
    )
}
__all__ = sorted(_PUBLIC)


def __getattr__(name: str) -> Any:
    if name not in _PUBLIC:
        raise AttributeError(f"module 'landscape_dist' has no attribute {name!r}")
    module, attribute = _PUBLIC[name]
    if module == __name__:
        value: Any = importlib.import_module(f"{module}.{attribute}")
    else:
        value = getattr(importlib.import_module(module), attribute)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})


# -- modules that have moved --------------------------------------------------------------------------------------
_MOVED = {
    "definitions": "problems.definition",
    "eigensolvers.conformance": "testing.eigensolvers",
    "explore": "exploration",
    "explore.flags": "exploration.slot_sets",
    "explore.judgement": "spaces.judgement",
    "explore.known": "exploration.earlier_searches",
    "explore.shifts": "spaces.shifts",
    "explore.signed_permutations": "spaces.signed_permutations",
    "explore.symmetry": "spaces.symmetry",
    "explore.translations": "spaces.translations",
    "header": "campaign.header",
    "hisd.verify": "hisd.verdict",
    "journal": "campaign.journal",
    "landscape": "campaign.landscape",
    "linalg": "numerics.linalg",
    "monitor": "campaign.monitor",
    "overview": "analysis.overview",
    "revision": "upkeep.revision",
    "run_log": "campaign.run_log",
    "status": "campaign.status",
    "store.conformance": "testing.databases",
    "store.paths": "store.trajectories",
    "store.safety": "store.untrusted",
    "surrogates.once": "surrogates.training_once",
    "verification": "upkeep.verification",
    **{f"hisd.{name}": f"numerics.{name}" for name in ("davidson", "lanczos", "sparse")},
    **{
        f"explore.{name}": f"exploration.{name}"
        for name in [
            "cells",
            "coordinator",
            "identification",
            "recipes",
            "sampling",
            "settings",
            "slots",
            "tables",
            "upward",
        ]
    },
    **{
        f"distribute.{name}": f"distribute.{place}"
        for name, place in (
            ("backends", "clusters.kinds"),
            ("broadcast", "worker.broadcast"),
            ("cluster_check", "runs.cluster_check"),
            ("cluster_file", "clusters.cluster_file"),
            ("environment", "clusters.environment"),
            ("evaluations", "runs.evaluations"),
            ("futures", "runs.futures"),
            ("healing", "clusters.healing"),
            ("interrupts", "runs.interrupts"),
            ("isolation", "worker.isolation"),
            ("local_cluster", "clusters.local"),
            ("packing", "runs.packing"),
            ("plugins", "worker.plugins"),
            ("preload", "worker.preload"),
            ("remote", "clusters.remote"),
            ("runner", "runs.runner"),
            ("settings", "runs.settings"),
            ("started", "clusters.starting"),
            ("underway", "runs.slowest"),
            ("watchdog", "worker.watchdog"),
        )
    },
}
"""Where the modules of version 0.1 are now; their old names work until the next one."""


class _Moved(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    """Imports a module that has moved under its old name, with a warning: the same module, not a second copy of it."""

    def find_spec(
        self, fullname: str, path: Sequence[str] | None = None, target: types.ModuleType | None = None
    ) -> importlib.machinery.ModuleSpec | None:
        name = fullname.removeprefix("landscape_dist.")
        if name == fullname or name not in _MOVED:
            return None
        return importlib.machinery.ModuleSpec(fullname, self, is_package=name == "explore")

    def create_module(self, spec: importlib.machinery.ModuleSpec) -> types.ModuleType:
        import warnings

        new = f"landscape_dist.{_MOVED[spec.name.removeprefix('landscape_dist.')]}"
        warnings.warn(f"{spec.name} is {new} now; the old name goes with the next version", DeprecationWarning, 2)
        module = importlib.import_module(new)
        spec.loader_state = module.__spec__
        return module

    def exec_module(self, module: types.ModuleType) -> None:
        assert module.__spec__ is not None
        module.__spec__ = module.__spec__.loader_state


class _Package(types.ModuleType):
    """Keeps `explore` the function where a program imports something from the package of that name of version 0.1."""

    def __setattr__(self, name: str, value: Any) -> None:
        if not (name == "explore" and isinstance(value, types.ModuleType)):
            super().__setattr__(name, value)


sys.meta_path.insert(0, _Moved())
sys.modules[__name__].__class__ = _Package

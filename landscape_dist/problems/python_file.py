"""Problems from a Python file of the user's."""

from __future__ import annotations

import importlib.util
import sys
import traceback
import types
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

from landscape_dist.errors import ConfigError, LandscapeError
from landscape_dist.problems.base import Problem

T = TypeVar("T")


def problem_from_file(reference: str, folder: Path, parameters: dict[str, Any]) -> Problem:
    """The problem that "file.py:name" refers to.

    The file travels to worker processes by value, so it must be complete in itself but for installed packages.

    Args:
        reference: path, relative to `folder`, and the name of a `Problem` or of a function that returns one.
        folder: see there.
        parameters: keyword arguments of that function.

    Raises:
        ConfigError: no such file or name, the file or the function raises, the result is no problem.
        LandscapeError: whatever of this kind the file raises itself.
    """
    file, colon, name = reference.rpartition(":")
    if not colon or not file.endswith(".py") or not name.isidentifier():
        raise ConfigError(f'{reference!r} is not of the form "file.py:name"')
    if "\0" in file:
        raise ConfigError(f"{file!r} is no path: it holds a null byte")
    path = (folder / file).resolve()
    if not path.is_file():
        raise ConfigError(f"there is no file {path}")
    found = getattr(_load(path), name, None)
    if isinstance(found, Problem):
        if parameters:
            raise ConfigError(f"{name} in {path} is a problem, which takes no parameters; leave problem.parameters out")
        return found
    if not callable(found):
        say = f"has no {name!r}" if found is None else f"has {name} = {found!r}"
        raise ConfigError(f"{path} {say}; give the name of a Problem or of a function that returns one")
    made = _guarded(lambda: found(**parameters), f"{name} in {path}")
    if not isinstance(made, Problem):
        raise ConfigError(f"{name} in {path} returned {made!r}; return a Problem, see landscape_dist.problems")
    return made


def _load(path: Path) -> types.ModuleType:
    import cloudpickle

    module_name = f"landscape_problem_{path.stem}"
    spec = importlib.util.spec_from_file_location(module_name, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[module_name] = module  # dataclasses and pickling look there
    loader = spec.loader
    _guarded(lambda: loader.exec_module(module), str(path))
    cloudpickle.register_pickle_by_value(module)
    return module


def import_file(path: Path) -> None:
    """Make a Python file importable by its name, as if its folder were on the path.

    Raises:
        ConfigError: no such file, it raises, or a module of that name is there already.
    """
    path = path.resolve()
    if path.suffix != ".py" or not path.stem.isidentifier() or not path.is_file():
        raise ConfigError(f"there is no Python file {path} that can be imported; give the path of NAME.py")
    known = sys.modules.get(path.stem)
    if known is not None and getattr(known, "__file__", None) == str(path):
        return
    if known is not None or importlib.util.find_spec(path.stem) is not None:
        raise ConfigError(f"{path} has the name of a module that is installed; rename it")
    spec = importlib.util.spec_from_file_location(path.stem, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[path.stem] = module
    loader = spec.loader
    try:
        _guarded(lambda: loader.exec_module(module), str(path))
    except Exception:
        del sys.modules[path.stem]
        raise


def _guarded(call: Callable[[], T], what: str) -> T:
    """Call user code; what it raises becomes a ConfigError that says where."""
    try:
        return call()
    except LandscapeError:
        raise
    except Exception as error:
        last = traceback.extract_tb(error.__traceback__)[-1]
        raise ConfigError(
            f"{what} raised {type(error).__name__}: {error} (line {last.lineno} of {last.filename}); correct the file"
        ) from error

"""Digests of what a problem computes: the same in every process, on every machine and in every session."""

from __future__ import annotations

import functools
import hashlib
import inspect
import json
import os
import pickle
import sys
import sysconfig
import types
from typing import Any

import numpy as np


def digest(*parts: Any) -> str:
    """Hex digest (32 digits) of JSON-like values, arrays and functions.

    Functions are hashed by what they compute: byte code, constants, defaults, closed-over values and the global
    values they read (see `_Hasher.function`); never by address, file name or line number.  Byte code differs
    between Python minor versions, so the digest of a function holds for one of them.
    """
    hasher = _Hasher()
    for part in parts:
        hasher.value(part)
    return hasher.hexdigest()


class _Hasher:
    def __init__(self) -> None:
        self._hash = hashlib.blake2b(digest_size=16)
        self._functions: dict[int, tuple[int, Any]] = {}  # hashed or being hashed; kept alive, so that ids stay theirs
        self._open: list[int] = []  # objects being hashed, so that recursion ends

    def hexdigest(self) -> str:
        return self._hash.hexdigest()

    def _write(self, kind: str, content: bytes = b"") -> None:
        self._hash.update(f"{kind}:{len(content)}:".encode())
        self._hash.update(content)

    def value(self, value: Any) -> None:
        """Hash one value by content."""
        if value is None or isinstance(value, bool | int | float | complex | str | bytes):
            self._write(type(value).__name__, value if isinstance(value, bytes) else repr(value).encode())
        elif isinstance(value, np.ndarray):
            self._array(value)
        elif isinstance(value, np.generic):
            self._write("scalar", repr(value.item()).encode())
        elif isinstance(value, list | tuple):
            self._write("sequence", str(len(value)).encode())
            for item in value:
                self.value(item)
        elif isinstance(value, set | frozenset):
            self._write("set", "".join(sorted(digest(item) for item in value)).encode())
        elif isinstance(value, dict):
            self._write("dict", str(len(value)).encode())
            for key in sorted(value, key=repr):
                self.value(key)
                self.value(value[key])
        elif isinstance(value, types.ModuleType):
            self._write("module", value.__name__.encode())
        elif isinstance(value, types.CodeType):
            self._code(value)
        else:
            self._recursive(value)

    def _array(self, value: np.ndarray) -> None:
        if value.dtype.hasobject:
            self.value(value.tolist())
            return
        self._write("array", f"{value.dtype.str}{value.shape}".encode())
        self._write("bytes", np.ascontiguousarray(value).tobytes())

    def _recursive(self, value: Any) -> None:
        if id(value) in self._open:
            self._write("again", str(self._open.index(id(value))).encode())
            return
        self._open.append(id(value))
        self._structure(value)
        self._open.pop()

    def _structure(self, value: Any) -> None:
        if isinstance(value, functools.partial):
            self._write("partial")
            self.value([value.func, list(value.args), value.keywords])
        elif isinstance(value, types.MethodType):
            self._write("method")
            self.value([value.__func__, value.__self__])
        elif isinstance(value, types.FunctionType):
            self.function(value)
        elif isinstance(value, type | types.BuiltinFunctionType | np.ufunc):
            self._named(value)
        elif _is_tensor(value):
            self._array(value.detach().cpu().numpy())
        else:
            self._instance(value)

    def _named(self, value: Any) -> None:
        module = getattr(value, "__module__", "")
        self._write("named", f"{module}.{getattr(value, '__qualname__', value.__name__)}".encode())

    def function(self, function: types.FunctionType) -> None:
        """Byte code, defaults, closure, and the globals it names; functions of installed packages by name only."""
        if id(function) in self._functions:
            self._write("function again", str(self._functions[id(function)][0]).encode())
            return
        self._functions[id(function)] = (len(self._functions), function)
        if _installed(function.__module__):
            self._named(function)
            return
        self._write("function")
        self._code(function.__code__, function.__doc__)
        self.value(function.__defaults__)
        self.value(function.__kwdefaults__)
        for cell in function.__closure__ or ():
            try:
                content = cell.cell_contents
            except ValueError:  # a name that is not bound yet
                self._write("empty")
            else:
                self.value(content)
        for name in sorted(_names(function.__code__)):
            if name in function.__globals__:
                self._write("global", name.encode())
                self.value(function.__globals__[name])

    def _code(self, code: types.CodeType, doc: str | None = None) -> None:
        self._write("code", code.co_code)
        self.value(list(code.co_names))
        consts = list(code.co_consts)
        if doc is not None and consts and consts[0] == doc:
            consts = consts[1:]  # the docstring
        for const in consts:
            if isinstance(const, types.CodeType):
                self._code(const)
            elif not (isinstance(const, str) and "<locals>" in const):  # qualified names of inner functions
                self.value(const)

    def _instance(self, value: Any) -> None:
        kind = type(value)
        self._named(kind)
        if hasattr(value, "state_dict") and hasattr(value, "forward"):  # a torch module
            self._write("weights")
            self.value(dict(value.state_dict()))
            self._methods(kind)
            return
        for inner in ("__wrapped__", "py_func"):  # functools.lru_cache and the like; compiled functions
            if callable(getattr(value, inner, None)):
                self.value(getattr(value, inner))
                return
        self._methods(kind)
        state = getattr(value, "__dict__", None)
        if state is not None and "__getstate__" not in kind.__dict__ and "__reduce__" not in kind.__dict__:
            self.value(state)
        else:
            self._write("pickle", pickle.dumps(value, protocol=4))

    def _methods(self, kind: type) -> None:
        for base in kind.__mro__:
            if _installed(base.__module__):
                continue
            for name, member in sorted(vars(base).items()):
                if inspect.isfunction(member):
                    self._write("member", name.encode())
                    self._code(member.__code__, member.__doc__)


@functools.cache
def _installed(module: str | None) -> bool:
    """Whether a module belongs to Python or an installed package: its content goes with its version."""
    if module is None or module == "__main__":
        return False
    if module.partition(".")[0] in sys.stdlib_module_names:
        return True
    file = getattr(sys.modules.get(module), "__file__", None)
    if file is None:
        return module in sys.modules
    paths = sysconfig.get_paths()
    return any(os.path.abspath(file).startswith(paths[key] + os.sep) for key in ("purelib", "platlib"))


def _is_tensor(value: Any) -> bool:
    return type(value).__module__.partition(".")[0] == "torch" and hasattr(value, "detach")


def _names(code: types.CodeType) -> set[str]:
    names = set(code.co_names)
    for const in code.co_consts:
        if isinstance(const, types.CodeType):
            names |= _names(const)
    return names


def canonical_json(value: Any) -> str:
    """JSON with sorted keys; arrays and tuples become lists, numbers keep all their digits."""
    return json.dumps(value, sort_keys=True, default=_plain)


def _plain(value: Any) -> Any:
    if isinstance(value, np.ndarray | np.generic):
        return value.tolist()
    raise TypeError(f"{type(value).__name__} has no JSON form")

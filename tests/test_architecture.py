"""What the syntax trees of the package say about how it is built: no import cycles, short modules, typed problems."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import networkx as nx
import pytest

# Longer still.  Nothing may be added, and whatever is short by now goes.
TOO_LONG: set[str] = set()

ROOT = Path(__file__).parents[1] / "landscape_dist"
FILES = sorted(ROOT.rglob("*.py"))
MOST_ROOT_FILES = 7
MOST_LINES = 400


def relative(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def module(path: Path) -> str:
    return ".".join(path.relative_to(ROOT.parent).with_suffix("").parts).removesuffix(".__init__")


TREES = {path: ast.parse(path.read_text(encoding="utf-8")) for path in FILES}
MODULES = {module(path) for path in FILES}


def imported(tree: ast.Module) -> Iterator[str]:
    """Modules of the package that a module imports by name, wherever in it: in functions and for type checkers, too.

    `from package import module` is an import of the module, not of the package: that its `__init__` names other modules
    again is no dependence of who imports one of them.
    """
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert not node.level, "imports are absolute"
            for alias in node.names:
                name = f"{node.module}.{alias.name}"
                yield name if name in MODULES else str(node.module)


def test_no_module_imports_itself_by_way_of_others() -> None:
    graph = nx.DiGraph()
    for path, tree in TREES.items():
        graph.add_edges_from(
            (module(path), name) for name in imported(tree) if name in MODULES and name != module(path)
        )
    assert not [sorted(some) for some in nx.strongly_connected_components(graph) if len(some) > 1]


def test_the_root_is_small() -> None:
    assert len([path for path in ROOT.iterdir() if path.is_file()]) <= MOST_ROOT_FILES


def test_modules_are_short() -> None:
    long = {relative(path) for path in FILES if len(path.read_text(encoding="utf-8").splitlines()) > MOST_LINES}
    assert long <= TOO_LONG


def untyped(tree: ast.AST) -> Iterator[str]:
    """Public signatures and attributes that take a problem or a landscape as `Any`."""
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
            yield from untyped(node)
            for field in node.body:
                if isinstance(field, ast.AnnAssign) and isinstance(field.target, ast.Name):
                    yield from _named(field.target.id, field.annotation, f"{node.name} ({field.lineno})")
        elif isinstance(node, ast.FunctionDef) and (node.name == "__init__" or not node.name.startswith("_")):
            for argument in (*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs):
                yield from _named(argument.arg, argument.annotation, f"{node.name} ({node.lineno})")


def _named(name: str, annotation: ast.expr | None, where: str) -> Iterator[str]:
    if name in ("problem", "landscape") and annotation is not None and ast.unparse(annotation) == "Any":
        yield where


@pytest.mark.parametrize("path", FILES, ids=relative)
def test_problems_and_landscapes_have_types(path: Path) -> None:
    assert not list(untyped(TREES[path]))

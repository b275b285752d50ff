# SPDX-FileCopyrightText: The aws-iot-device-client authors
# SPDX-License-Identifier: Apache-2.0
"""The hash of a recipe: the module that makes a stage, and every module of toolchains/ that it imports, directly or not.

Comments, docstrings and layout do not count. The modules of APART do not count either, though what they import does
(docs/decisions/0013-recipes.md).
"""

from __future__ import annotations

import ast
import hashlib
from collections.abc import Iterator, Mapping

from toolchains.base import HERE

# `stages` runs recipes: it decides where a result is kept and what is printed, never what is in it. What `pins` and `target`
# read from their files is a value, and the stages that depend on one name it among their inputs.
APART = frozenset({"pins", "recipe", "stages", "target"})
# Read when the program starts: a recipe edited during a build is not the one that ran.
SOURCES: Mapping[str, str] = {file.stem: file.read_text(encoding="utf-8") for file in HERE.glob("*.py")}


def recipe(module: str, sources: Mapping[str, str] = SOURCES) -> str:
    """The hash of toolchains/MODULE.py and of what it imports of toolchains/."""
    total = hashlib.sha256()
    for name in sorted(_reached(module, sources) - APART):
        total.update(f"{name}\0{_program(sources[name])}\n".encode())
    return f"{module} {total.hexdigest()}"


def _reached(module: str, sources: Mapping[str, str]) -> set[str]:
    found: set[str] = set()
    left = [module]
    while left:
        name = left.pop()
        if name not in found:
            found.add(name)
            left += (other for other in _imported(ast.parse(sources[name])) if other in sources)
    return found


def _imported(tree: ast.Module) -> Iterator[str]:
    """The names of toolchains' modules in the import statements, and some that are no modules."""
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.module == "toolchains":
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield (node.module or "").removeprefix("toolchains.")
        elif isinstance(node, ast.Import):
            yield from (alias.name.removeprefix("toolchains.") for alias in node.names)


def _program(source: str) -> str:
    tree = ast.parse(source)
    for node in ast.walk(tree):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef) and ast.get_docstring(node) is not None:
            del node.body[0]
    return ast.dump(tree)

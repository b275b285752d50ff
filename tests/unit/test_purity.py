# SPDX-FileCopyrightText: The aws-iot-device-client authors
# SPDX-License-Identifier: Apache-2.0
"""The pure modules do no I/O, read no clock and start no thread; and they load next to nothing."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

import dc

FOLDER = Path(dc.__file__).parent
PURE = tuple(sorted(path.stem for path in (FOLDER / "jobs/core").glob("*.py") if path.stem != "__init__"))
# What a pure module may import: each other, and orjson's two functions.
ALLOWED = {"__future__", "dc.jsonlib", *(f"dc.jobs.core.{name}" for name in PURE)}
IMPURE_CALLS = {"open", "print", "input", "exec", "eval", "compile", "__import__", "breakpoint"}


def tree(name: str, folder: str = "jobs/core") -> ast.Module:
    return ast.parse((FOLDER / folder / f"{name}.py").read_text(encoding="utf-8"))


def run_time_imports(node: ast.AST) -> set[str]:
    """Modules that importing or calling the code loads; what stands under `if TYPE_CHECKING` never runs."""
    found = set()
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.If) and isinstance(child.test, ast.Name) and child.test.id == "TYPE_CHECKING":
            continue
        if isinstance(child, ast.Import):
            found |= {alias.name for alias in child.names}
        elif isinstance(child, ast.ImportFrom):
            assert child.level == 0, "relative import"
            found |= (
                {f"{child.module}.{alias.name}" for alias in child.names}
                if child.module in ("dc.jobs", "dc.jobs.core")
                else {child.module or ""}
            )
        found |= run_time_imports(child)
    return found


@pytest.mark.parametrize("name", PURE)
def test_a_pure_module_imports_only_pure_modules(name: str) -> None:
    assert run_time_imports(tree(name)) <= ALLOWED


@pytest.mark.parametrize("name", PURE)
def test_a_pure_module_calls_no_builtin_that_acts(name: str) -> None:
    names = {node.id for node in ast.walk(tree(name)) if isinstance(node, ast.Name)}
    assert names & IMPURE_CALLS == set()


@pytest.mark.parametrize("name", PURE)
def test_a_pure_module_says_so(name: str) -> None:
    assert "Pure" in (ast.get_docstring(tree(name)) or "")


def test_these_tests_see_an_impure_module() -> None:
    assert not run_time_imports(tree("process", "jobs/run")) <= ALLOWED
    assert "time" in run_time_imports(ast.parse("def f():\n    import time\n"))

# SPDX-FileCopyrightText: The aws-iot-device-client authors
# SPDX-License-Identifier: Apache-2.0
"""The pure modules do no I/O, read no clock and start no thread; and they load next to nothing."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

import dc
from tests.fakes.imports import run_time_imports

FOLDER = Path(dc.__file__).parent
PURE = tuple(sorted(path.stem for path in (FOLDER / "jobs/core").glob("*.py") if path.stem != "__init__"))
PACKAGES = ("dc.jobs", "dc.jobs.core")
# What a pure module may import: each other, the arithmetic of pauses, the mask of secrets, and orjson's two functions.
ALLOWED = {"__future__", "dc.backoff", "dc.jsonlib", "dc.mask", *(f"dc.jobs.core.{name}" for name in PURE)}
IMPURE_CALLS = {"open", "print", "input", "exec", "eval", "compile", "__import__", "breakpoint"}


def tree(name: str, folder: str = "jobs/core") -> ast.Module:
    return ast.parse((FOLDER / folder / f"{name}.py").read_text(encoding="utf-8"))


@pytest.mark.parametrize("name", PURE)
def test_a_pure_module_imports_only_pure_modules(name: str) -> None:
    assert run_time_imports(tree(name), PACKAGES) <= ALLOWED


@pytest.mark.parametrize("name", PURE)
def test_a_pure_module_calls_no_builtin_that_acts(name: str) -> None:
    names = {node.id for node in ast.walk(tree(name)) if isinstance(node, ast.Name)}
    assert names & IMPURE_CALLS == set()


@pytest.mark.parametrize("name", PURE)
def test_a_pure_module_says_so(name: str) -> None:
    assert "Pure" in (ast.get_docstring(tree(name)) or "")


def test_these_tests_see_an_impure_module() -> None:
    assert not run_time_imports(tree("process", "jobs/run"), PACKAGES) <= ALLOWED
    assert "time" in run_time_imports(ast.parse("def f():\n    import time\n"), PACKAGES)


@pytest.mark.parametrize("name", ["backoff", "mask"])
def test_what_the_pure_modules_share_is_pure_too(name: str) -> None:
    assert run_time_imports(tree(name, ""), PACKAGES) == {"__future__"}

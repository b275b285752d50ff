# SPDX-FileCopyrightText: The aws-iot-device-client authors
# SPDX-License-Identifier: Apache-2.0
"""What CONTRIBUTING.md promises of every file: small, with a header, nothing left to do; and dc/ imports one way."""

from __future__ import annotations

import ast
import re
import subprocess
from functools import cache
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

from tests.fakes.imports import imports, run_time_imports

ROOT = Path(__file__).resolve().parents[2]
MAX_FILE_LINES = 400
MAX_FUNCTION_LINES = 40
HEADER_BYTES = 600  # a patch begins with its reason, a script with its interpreter
# Data and prose: JSON and pip's lists have no place for a header, and the license is one itself.
WITHOUT_HEADER = {".json", ".md", ".txt", ".in", ".gitignore", "LICENSE"}
# What a pure test has no use for. This file asks git what is tracked.
IMPURE = {
    *("socket", "subprocess", "threading", "multiprocessing", "http.server"),
    *("localcloud.cloud", "localcloud.mosquitto", "tests.fakes.handler_box", "tests.fakes.process_bench"),
}
LEFT_TO_DO = re.compile(r"\b(?:TO" r"DO|FIX" r"ME|XX" r"X)\b")


@cache
def tracked() -> tuple[str, ...]:
    """Names of the files that git knows."""
    command = ["git", "ls-files", "-z"]
    listed = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    return tuple(sorted(name for name in listed.split("\0") if name and (ROOT / name).is_file()))


def sources() -> list[str]:
    return [name for name in tracked() if name.endswith((".py", ".pyi"))]


def text_of(name: str) -> str:
    return (ROOT / name).read_text(encoding="utf-8", errors="replace")


def needs_header(name: str) -> bool:
    path = Path(name)
    return not {path.suffix, path.name} & WITHOUT_HEADER and not name.startswith("tests/corpus/")


def long_functions(text: str) -> list[str]:
    """Functions over MAX_FUNCTION_LINES from `def` to their end, blank lines left out."""
    lines = text.splitlines()
    found = []
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            length = sum(1 for line in lines[node.lineno - 1 : node.end_lineno] if line.strip())
            if length > MAX_FUNCTION_LINES:
                found.append(f"{node.name}, line {node.lineno}: {length} lines")
    return found


def circle(imports: dict[str, set[str]]) -> list[str]:
    """One circle among modules that import each other, its first module again at its end; empty if there is none."""
    try:
        TopologicalSorter(imports).prepare()
    except CycleError as error:
        found: list[str] = error.args[1]
        return found[::-1]
    return []


def test_no_modules_of_dc_import_each_other_in_a_circle() -> None:
    """Lazy imports and imports for types count: they are circles of thought, even where Python does not mind."""
    names = [name for name in tracked() if name.startswith("dc/") and name.endswith(".py")]
    modules = {name.removesuffix(".py").removesuffix("/__init__").replace("/", "."): name for name in names}
    packages = {module for module, name in modules.items() if name.endswith("/__init__.py")}
    assert len(packages) > 3 and len(modules) > 30
    graph = {
        module: imports(ast.parse(text_of(name)), packages) & modules.keys() - {module}
        for module, name in modules.items()
    }
    assert circle(graph) == []


def test_tests_unit_is_pure() -> None:
    """What starts processes, listens or needs more than requirements/check.txt is in a folder of its own."""
    names = [
        name for name in sources() if name.startswith("tests/unit/") and Path(name) != Path(__file__).relative_to(ROOT)
    ]
    assert len(names) > 30
    found = {name: run_time_imports(ast.parse(text_of(name)), {"localcloud", "tests.fakes"}) & IMPURE for name in names}
    assert not {name: modules for name, modules in found.items() if modules}


def test_no_file_is_too_long() -> None:
    found = {name: text_of(name).count("\n") for name in sources()}
    assert not {name: lines for name, lines in found.items() if lines > MAX_FILE_LINES}


def test_no_function_is_too_long() -> None:
    found = [f"{name}: {function}" for name in sources() for function in long_functions(text_of(name))]
    assert not found, "\n".join(found)


def test_every_source_file_says_whose_it_is_and_its_license() -> None:
    bare = [name for name in tracked() if needs_header(name) and "SPDX-" not in text_of(name)[:HEADER_BYTES]]
    assert not bare


def test_nothing_is_left_to_do() -> None:
    found = [name for name in tracked() if LEFT_TO_DO.search(text_of(name))]
    assert not found


@pytest.mark.parametrize(("lines", "many"), [(MAX_FUNCTION_LINES, 0), (MAX_FUNCTION_LINES + 1, 1)])
def test_these_tests_see_a_function_of_one_line_too_many(lines: int, many: int) -> None:
    text = "def f():\n" + "\n".join("    pass\n" for _ in range(lines - 1))
    assert len(long_functions(text)) == many


def test_these_tests_see_a_circle_and_only_what_runs() -> None:
    code = "if TYPE_CHECKING:\n    import a\ndef f():\n    from b import c\n    from d import e\n"
    assert run_time_imports(ast.parse(code), {"b"}) == {"b.c", "d"}
    assert sorted(set(circle({"a": {"b"}, "b": {"c"}, "c": {"a"}, "d": set()}))) == ["a", "b", "c"]
    assert circle({"a": {"b", "c"}, "b": {"c"}}) == []

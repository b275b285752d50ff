# SPDX-FileCopyrightText: The aws-iot-device-client authors
# SPDX-License-Identifier: Apache-2.0
"""What a stage's key follows: its recipe's code and that of the modules it imports, and nothing else."""

from __future__ import annotations

import ast
from collections.abc import Iterator

import pytest

from toolchains.recipe import APART, SOURCES, recipe

SMALL = {
    "part": "from toolchains import near\nfrom toolchains.stages import Stages\n",
    "near": "from toolchains.far import help\n",
    "far": '"""What it is for."""\n\ndef help() -> int:\n    """Helps."""\n    return 1  # always\n',
    "stages": "from toolchains.ground import START\n\nclass Stages: pass\n",
    "ground": "START = 1\n",
    "other": "OTHER = 1\n",
}
FAR = SMALL["far"]


def changed(**sources: str) -> bool:
    """Whether the recipe of `part` is another one when some modules have these sources."""
    return recipe("part", SMALL | sources) != recipe("part", SMALL)


def test_a_changed_helper_of_a_helper_changes_the_recipe() -> None:
    assert changed(far=FAR.replace("return 1", "return 2"))


@pytest.mark.parametrize(
    ("old", "new"),
    [("# always", "# now and then"), ("Helps.", "Says one."), ("What it is for", "Why"), ("\n\n", "\n\n\n")],
    ids=["comment", "docstring", "docstring of the module", "layout"],
)
def test_what_is_written_for_people_does_not_change_the_recipe(old: str, new: str) -> None:
    assert old in FAR
    assert not changed(far=FAR.replace(old, new))


def test_a_module_that_the_recipe_does_not_import_does_not_change_it() -> None:
    assert not changed(other="OTHER = 2\n")


def test_what_runs_the_stages_does_not_change_the_recipe_but_what_it_stands_on_does() -> None:
    assert not changed(stages=SMALL["stages"].replace("pass", "shown = True"))
    assert changed(ground="START = 2\n")


@pytest.mark.parametrize(
    ("module", "helper"),
    [
        ("awscrt", "sources"),
        ("orjson", "sources"),
        ("awscrt", "zig"),
        ("orjson", "fetch"),
        ("hostpython", "base"),
        ("cpython", "hostpython"),
        ("interpreter", "allocator"),
    ],
)
def test_the_recipes_follow_the_helpers_they_use(module: str, helper: str) -> None:
    assert recipe(module, {**SOURCES, helper: SOURCES[helper] + "MORE = 1\n"}) != recipe(module)


@pytest.mark.parametrize("module", ["components", "build", *APART])
def test_no_recipe_follows_what_only_runs_or_describes_the_build(module: str) -> None:
    others = {name for name, _ in stages_in_recipes()}
    edited = {**SOURCES, module: SOURCES[module] + "MORE = 1\n"}
    assert [name for name in sorted(others) if recipe(name, edited) != recipe(name)] == []


def test_every_stage_names_the_recipe_of_the_module_it_is_in() -> None:
    found = list(stages_in_recipes())
    assert len(found) > 10
    for module, function in found:
        assert f"recipe('{module}')" in ast.unparse(function), f"{module}.{function.name}"


def stages_in_recipes() -> Iterator[tuple[str, ast.FunctionDef]]:
    """(module, function) for all functions that make a stage which is kept."""
    for module, source in SOURCES.items():
        for node in ast.parse(source).body:
            if isinstance(node, ast.FunctionDef) and ".stage(" in ast.unparse(node) and module != "build":
                yield module, node

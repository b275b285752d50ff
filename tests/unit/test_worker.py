# SPDX-FileCopyrightText: The aws-iot-device-client authors
# SPDX-License-Identifier: Apache-2.0
"""The worker performs every effect there is: one that it forgot would leave a job hanging."""

from __future__ import annotations

import ast
import inspect

from dc.jobs import worker
from dc.jobs.core import effects

EFFECTS = {name for name, value in vars(effects).items() if isinstance(value, type)}


def function(name: str) -> ast.FunctionDef:
    found = [node for node in ast.walk(ast.parse(inspect.getsource(worker))) if isinstance(node, ast.FunctionDef)]
    (named,) = [node for node in found if node.name == name]
    return named


def named_in(nodes: list[ast.AST]) -> set[str]:
    """The X of every `fx.X` in there that is an effect."""
    attributes = [each for node in nodes for each in ast.walk(node) if isinstance(each, ast.Attribute)]
    return {each.attr for each in attributes if isinstance(each.value, ast.Name) and each.value.id == "fx"} & EFFECTS


def asked_for(name: str) -> set[str]:
    """The effects that a function asks for by isinstance."""
    calls = [node for node in ast.walk(function(name)) if isinstance(node, ast.Call)]
    return named_in(
        [call.args[1] for call in calls if isinstance(call.func, ast.Name) and call.func.id == "isinstance"]
    )


def test_every_effect_is_performed_and_nothing_else() -> None:
    arguments = function("_perform").args.args
    handed_on = named_in([argument.annotation for argument in arguments if argument.annotation is not None])
    assert asked_for("happen") | handed_on == EFFECTS
    assert asked_for("happen") & handed_on == set()
    assert handed_on - asked_for("_perform") == {"End"}, "what is left over at the end of the chain"

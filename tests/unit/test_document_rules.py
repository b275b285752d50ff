# SPDX-FileCopyrightText: The aws-iot-device-client authors
# SPDX-License-Identifier: Apache-2.0
"""Job documents that are refused: each rule, the JSON path it names, and what it says was found."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from dc.jobs.core import document, parser, run_as
from dc.jobs.core.document import DocumentError
from dc.jobs.core.parser import parse
from tests.fakes import documents

WHOLE = "must be a whole number of lines, 0 or more, found "


def operation(**keys: object) -> dict[str, object]:
    return documents.operation("echo", **keys)


def step(action: object) -> dict[str, object]:
    return documents.steps({"action": action})


def action(**keys: object) -> dict[str, object]:
    return documents.steps(documents.step("n", "runCommand", {"command": "true"}, **keys))


def given(**keys: object) -> dict[str, object]:
    return action(type="runHandler", input=keys)


def condition(*items: object) -> dict[str, object]:
    return {**action(), "conditions": list(items)}


A = "$.steps[0].action"
RULES: list[tuple[object, str, str]] = [
    (None, "$", "must be an object, found nothing"),
    ([], "$", "must be an object, found an empty list"),
    ([1], "$", "must be an object, found a list"),
    ("{}", "$", 'must be an object, found "{}"'),
    (7, "$", "must be an object, found the number 7"),
    (True, "$", "must be an object, found true"),
    ({}, "$.operation", "must be a non-empty string, found nothing"),
    ({"steps": []}, "$.operation", "must be a non-empty string, found nothing"),
    ({"operation": ""}, "$.operation", "must be a non-empty string, found an empty string"),
    ({"operation": " \t"}, "$.operation", 'must be a non-empty string, found " \t"'),
    ({"operation": ["echo"]}, "$.operation", "must be a non-empty string, found a list"),
    ({"operation": {"a": 1}}, "$.operation", "must be a non-empty string, found an object"),
    ({"operation": "e\0"}, "$.operation", "holds a NUL character, which no program argument can carry"),
    (operation(path=1.5), "$.path", "must be a string, found the number 1.5"),
    (operation(path="/\0"), "$.path", "holds a NUL character, which no program argument can carry"),
    (operation(path="handlers"), "$.path", 'must be "default" or begin with "/", found "handlers"'),
    (operation(path="./default"), "$.path", 'must be "default" or begin with "/", found "./default"'),
    (operation(operation="./x"), "$.operation", 'must be a name without "/" or begin with "/", found "./x"'),
    (operation(args="x"), "$.args", 'must be a list of strings, found "x"'),
    (operation(args={}), "$.args", "must be a list of strings, found an object"),
    (operation(args=["x", {}]), "$.args[1]", "must be a string, found an object"),
    (
        operation(args=[1e300]),
        "$.args[0]",
        "is a number too large to be passed on as written, 1e+300; make it a string",
    ),
    (operation(args=[None]), "$.args[0]", "must be a string, found nothing"),
    (operation(args=["a\0b"]), "$.args[0]", "holds a NUL character, which no program argument can carry"),
    (operation(includeStdOut="yes"), "$.includeStdOut", 'must be true or false, found "yes"'),
    (operation(includeStdOut=1), "$.includeStdOut", "must be true or false, found the number 1"),
    (operation(allowStdErr=-1), "$.allowStdErr", WHOLE + "the number -1"),
    (operation(allowStdErr=True), "$.allowStdErr", WHOLE + "true"),
    (operation(allowStdErr="two"), "$.allowStdErr", WHOLE + '"two"'),
    (operation(allowStdErr=2.5), "$.allowStdErr", WHOLE + "the number 2.5"),
    (
        operation(path="default", operation="../x"),
        "$.operation",
        'with path "default" must be a file name without "/", found "../x"',
    ),
    (
        operation(path="default", operation=".."),
        "$.operation",
        'with path "default" must be a file name without "/", found ".."',
    ),
    ({"version": True}, "$.version", 'must be the string "1.0" or absent, found true'),
    ({"version": 1}, "$.operation", "must be a non-empty string, found nothing"),
    ({"version": []}, "$.version", 'must be the string "1.0" or absent, found an empty list'),
    ({"version": "2.0"}, "$.steps", "must be a list of at least one step, found nothing"),
    ({"version": "1.0"}, "$.steps", "must be a list of at least one step, found nothing"),
    ({"version": "1.0", "steps": []}, "$.steps", "must be a list of at least one step, found an empty list"),
    ({"version": "1.0", "steps": {}}, "$.steps", "must be a list of at least one step, found an object"),
    ({"version": "1.0", "steps": [[]]}, "$.steps[0]", 'must be an object with "action", found an empty list'),
    (step(None), A, "must be an object, found nothing"),
    (step("x"), A, 'must be an object, found "x"'),
    (action(name=None), f"{A}.name", "must be a non-empty string, found nothing"),
    (action(type=None), f"{A}.type", "must be a non-empty string, found nothing"),
    (action(type="runScript"), f"{A}.type", 'must be "runHandler" or "runCommand", found "runScript"'),
    (action(input=None), f"{A}.input", "must be an object, found nothing"),
    (action(input={}), f"{A}.input.command", "must be a non-empty string, found nothing"),
    (
        action(input={"command": "bin/x,y"}),
        f"{A}.input.command",
        'must be a name without "/" or begin with "/", found "bin/x"',
    ),
    (action(input={"command": " ,, "}), f"{A}.input.command", "holds no command, only commas and blanks"),
    (
        action(input={"command": "echo a,b"}),
        f"{A}.input.command",
        'words are separated by commas, but the first one holds a blank: "echo a"',
    ),
    (given(), f"{A}.input.handler", "must be a non-empty string, found nothing"),
    (given(handler="x", args="y"), f"{A}.input.args", 'must be a list of strings, found "y"'),
    (given(handler="x", path=[]), f"{A}.input.path", "must be a string, found an empty list"),
    (
        given(handler="a/b", path="default"),
        f"{A}.input.handler",
        'with path "default" must be a file name without "/", found "a/b"',
    ),
    (action(runAsUser=0), f"{A}.runAsUser", "must be a string, found the number 0"),
    (action(runAsUser="a\0"), f"{A}.runAsUser", "holds a NUL character, which no program argument can carry"),
    (
        {**action(runAsUser="ann"), "runasuser": "bob"},
        f"{A}.runAsUser",
        'names the user "ann", but $.runasuser names "bob"; fix: leave one of them out',
    ),
    (
        operation(parameters={"run_as_user": "ann"}),
        "$.parameters.run_as_user",
        'names the user "ann" where nothing runs; fix: put it in an action, in its input, beside it in the step, or at '
        "the top of the document",
    ),
    (
        operation(RunAsUser="ann", path="default"),
        "$.RunAsUser",
        '"ann" can\'t run what lies in the handler directory; fix: use version "1.0", whose "runHandler" tells the '
        "handler the user",
    ),
    (action(allowStdErr="-1"), f"{A}.allowStdErr", WHOLE + '"-1"'),
    (action(ignoreStepFailure="maybe"), f"{A}.ignoreStepFailure", 'must be true or false, found "maybe"'),
    ({**action(), "finalStep": []}, "$.finalStep", 'must be an object with "action", found an empty list'),
    ({**action(), "finalStep": {}}, "$.finalStep.action", "must be an object, found nothing"),
    ({**action(), "includeStdOut": 0}, "$.includeStdOut", "must be true or false, found the number 0"),
    ({**action(), "conditions": {}}, "$.conditions", "must be a list, found an object"),
    (condition("x"), "$.conditions[0]", 'must be an object with "key" and "value", found "x"'),
    (condition({"value": ["v"]}), "$.conditions[0].key", "must be a non-empty string, found nothing"),
    (condition({"key": "k"}), "$.conditions[0].value", "must be a list of at least one string, found nothing"),
    (
        condition({"key": "k", "value": []}),
        "$.conditions[0].value",
        "must be a list of at least one string, found an empty list",
    ),
    (condition({"key": "k", "value": ["v", 1]}), "$.conditions[0].value[1]", "must be a string, found the number 1"),
    (
        condition({"key": "k", "value": ["v"]}, {"key": "k", "value": "v", "type": "regex"}),
        "$.conditions[1].type",
        'must be "stringEqual", found "regex"',
    ),
]


def refusal(given: object) -> DocumentError:
    with pytest.raises(DocumentError) as caught:
        parse(given)
    return caught.value


@pytest.mark.parametrize(("given", "path", "rule"), RULES, ids=[f"{p} {r[:40]}" for _, p, r in RULES])
def test_the_refusal_names_the_path_and_the_rule(given: object, path: str, rule: str) -> None:
    error = refusal(given)
    assert (error.path, error.rule) == (path, rule)
    assert str(error) == f"{path}: {rule}"


def test_the_second_of_two_steps_is_named_by_its_index() -> None:
    good = {"action": {"name": "n", "type": "runCommand", "input": {"command": "true"}}}
    assert refusal({"version": "1.0", "steps": [good, {"action": {"name": "n"}}]}).path == "$.steps[1].action.type"


def test_what_was_found_is_quoted_only_in_part() -> None:
    assert len(str(refusal({"version": "9" * 30000}))) < 200
    assert len(str(refusal({"operation": "echo", "args": "y" * 30000}))) < 200
    assert len(str(refusal({"operation": "/" * 30000, "path": "default"}))) < 200


def test_no_rule_is_left_without_an_example_above() -> None:
    """Each `raise` of the modules that read documents is reached by one of RULES."""
    raises = {
        (module.__name__, node.lineno)
        for module in (document, parser, run_as)
        for node in ast.walk(ast.parse(Path(str(module.__file__)).read_text()))
        if isinstance(node, ast.Raise)
    }
    reached = set()
    for given, _, _ in RULES:
        trace = refusal(given).__traceback__
        while trace is not None and trace.tb_next is not None:
            trace = trace.tb_next
        assert trace is not None
        reached.add((trace.tb_frame.f_globals["__name__"], trace.tb_lineno))
    assert raises - reached == set(), "lines that raise and that no example reaches"

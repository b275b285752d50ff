# SPDX-FileCopyrightText: The aws-iot-device-client authors
# SPDX-License-Identifier: Apache-2.0
"""Job documents of version "1.0", and documents of either schema that can't ever work."""

from __future__ import annotations

import json
import platform
from typing import Any

import pytest

from tests.fakes.documents import operation, own_handler, run_command, run_handler, steps
from tests.system.harness.rig import Rig
from tests.system.harness.skips import needs_root
from toolchains.agent import SOURCE
from toolchains.target import Target

ARGUMENTS = "printf '<%s>' \"$@\""


def test_steps_run_in_order_and_the_final_step_last(shared_rig: Rig) -> None:
    document = steps(
        run_command("echo,first"),
        run_command("echo,second"),
        finalStep=run_command("echo,final"),
        includeStdOut="true",
    )
    result = shared_rig.run(document)
    assert (result.status, result.stdout) == ("SUCCEEDED", "first\nsecond\nfinal\n")


def test_a_failing_step_ends_the_job_and_no_later_step_nor_the_final_one_runs(shared_rig: Rig) -> None:
    shared_rig.handlers.write("fail.sh", "echo broken >&2; exit 5")
    document = steps(
        run_command("echo,first"),
        run_handler("fail.sh", name="the broken one"),
        run_command("echo,second"),
        finalStep=run_command("echo,final"),
        includeStdOut=True,
    )
    result = shared_rig.run(document)
    assert result.status == "FAILED"
    assert result.details == {
        "reason": "Exited with status: 5",
        "step": "the broken one",
        "stdout": "first\n",
        "stderr": "broken\n",
    }


@pytest.mark.parametrize("value", [True, "true"], ids=["boolean", "string"])
def test_a_step_whose_failure_is_ignored_does_not_stop_the_job(shared_rig: Rig, value: object) -> None:
    document = steps(
        run_command("false", ignoreStepFailure=value),
        run_command("no-such-program-anywhere", ignoreStepFailure=value),
        run_command("echo,went on"),
        finalStep=run_command("echo,final"),
        includeStdOut=True,
    )
    result = shared_rig.run(document)
    assert (result.status, result.stdout) == ("SUCCEEDED", "went on\nfinal\n")


@pytest.mark.parametrize("value", [False, "false", None], ids=repr)
def test_ignore_step_failure_is_off_unless_it_is_true(shared_rig: Rig, value: object) -> None:
    more: dict[str, Any] = {} if value is None else {"ignoreStepFailure": value}
    assert shared_rig.run(steps(run_command("false", **more), run_command("true"))).status == "FAILED"


def test_a_failing_final_step_fails_the_job(shared_rig: Rig) -> None:
    result = shared_rig.run(steps(run_command("true"), finalStep=run_command("false", name="the end")))
    assert (result.status, result.details["step"]) == ("FAILED", "the end")


@pytest.mark.parametrize(
    ("command", "words"),
    [
        ("count.sh,one,two", ["one", "two"]),
        (r"count.sh,one\,two,three", ["one,two", "three"]),
        ("count.sh, blanks around , inner blanks stay ", ["blanks around", "inner blanks stay"]),
        ("count.sh,,one,, ,two,", ["one", "two"]),
        (r"count.sh,back\slash,$HOME,*,'quoted',a;b|c&d", ["back\\slash", "$HOME", "*", "'quoted'", "a;b|c&d"]),
        (" count.sh ", []),
    ],
)
def test_a_command_is_split_at_commas_and_no_shell_sees_it(shared_rig: Rig, command: str, words: list[str]) -> None:
    shared_rig.handlers.write("count.sh", 'printf %s "$#"; for word; do printf "<%s>" "$word"; done')
    result = shared_rig.run(steps(run_command(command), includeStdOut=True))
    assert result.status == "SUCCEEDED"
    assert result.stdout == str(len(words)) + "".join(f"<{word}>" for word in words)


def test_a_handler_of_a_step_gets_the_user_as_its_first_argument(shared_rig: Rig) -> None:
    """The C++ client's contract: the handler itself decides what to do with the name."""
    shared_rig.handlers.write("show.sh", ARGUMENTS)
    result = shared_rig.run(steps(run_handler("show.sh", "a", "b", runAsUser="someone-unknown"), includeStdOut=True))
    assert (result.status, result.stdout) == ("SUCCEEDED", "<someone-unknown><a><b>")


def test_a_handler_of_a_step_without_a_user_gets_an_empty_first_argument(shared_rig: Rig) -> None:
    shared_rig.handlers.write("show.sh", ARGUMENTS)
    assert shared_rig.run(steps(run_handler("show.sh", "a"), includeStdOut=True)).stdout == "<><a>"


def test_an_empty_path_means_a_search_as_the_managed_templates_need_it(shared_rig: Rig) -> None:
    """AWS fills parameters that were left out with nothing; handlers are then found beside those of PATH."""
    shared_rig.handlers.write("from-template.sh", "echo found")
    result = shared_rig.run(steps(run_handler("from-template.sh", path="", runAsUser=""), includeStdOut=True))
    assert (result.status, result.stdout) == ("SUCCEEDED", "found\n")


def test_stderr_of_a_step_is_unlimited_unless_the_step_limits_it(shared_rig: Rig) -> None:
    shared_rig.handlers.write("noise.sh", "echo one >&2; echo two >&2; echo three >&2")
    assert shared_rig.run(steps(run_handler("noise.sh"))).status == "SUCCEEDED"
    assert shared_rig.run(steps(run_handler("noise.sh", allowStdErr=3))).status == "SUCCEEDED"
    result = shared_rig.run(steps(run_handler("noise.sh", allowStdErr=2)))
    assert (result.status, result.stderr) == ("FAILED", "one\ntwo\nthree\n")
    assert shared_rig.run(steps(run_handler("noise.sh", allowStdErr=0))).status == "FAILED"


def test_allow_std_err_is_counted_for_each_step_alone(shared_rig: Rig) -> None:
    shared_rig.handlers.write("noise.sh", "echo one >&2; echo two >&2")
    result = shared_rig.run(steps(run_handler("noise.sh", allowStdErr=2), run_handler("noise.sh", allowStdErr=2)))
    assert (result.status, result.stderr) == ("SUCCEEDED", "one\ntwo\none\ntwo\n")


def test_stdout_of_all_steps_comes_back_as_one_text_of_1024_characters(shared_rig: Rig) -> None:
    shared_rig.handlers.write("many.sh", "i=0; while [ $i -lt 80 ]; do echo line $i of $2; i=$((i+1)); done")
    result = shared_rig.run(steps(run_handler("many.sh", "a"), run_handler("many.sh", "b"), includeStdOut=True))
    whole = "".join(f"line {i} of {step}\n" for step in "ab" for i in range(80))
    assert result.stdout == whole[-1024:]


MET = [
    {"key": "thingName", "value": ["some-other-thing", "<thing>"]},
    {"key": "architecture", "value": [platform.machine(), "<machine>"], "type": "stringEqual"},
]


def _with_names(conditions: list[dict[str, Any]], rig: Rig, target: str) -> list[dict[str, Any]]:
    machine = target if target == SOURCE else Target.of(target).uname[0]
    text = json.dumps(conditions).replace("<thing>", rig.thing.name).replace("<machine>", machine)
    named: list[dict[str, Any]] = json.loads(text)
    return named


def test_a_job_whose_conditions_all_hold_runs(shared_rig: Rig, target: str) -> None:
    result = shared_rig.run(steps(run_command("true"), conditions=_with_names(MET, shared_rig, target)))
    assert result.status == "SUCCEEDED"


@pytest.mark.parametrize(
    ("condition", "words"),
    [
        ({"key": "thingName", "value": ["another"]}, ["$.conditions[1]", "not met", "another", "<thing>"]),
        ({"key": "noSuchFact", "value": ["x"]}, ["$.conditions[1].key", 'unknown fact "noSuchFact"', "thingName"]),
        ({"key": "thingName", "value": ["<thing>"], "type": "regex"}, ["$.conditions[1].type", "stringEqual"]),
    ],
    ids=["not met", "unknown fact", "unknown type"],
)
def test_a_job_with_a_condition_that_does_not_hold_is_rejected_and_nothing_runs(
    shared_rig: Rig, target: str, condition: dict[str, Any], words: list[str]
) -> None:
    conditions = _with_names([MET[0], condition], shared_rig, target)
    trace = shared_rig.thing.folder / "condition-trace"
    result = shared_rig.run(steps(run_command(f"touch,{trace}"), conditions=conditions))
    assert result.status == "REJECTED"
    for word in words:
        assert word.replace("<thing>", shared_rig.thing.name) in result.reason
    assert not trace.exists()


STEP = run_command("true")
# Text that AWS would take as a document and no agent can ever run: document, what the reason must name.
UNWORKABLE: dict[str, tuple[dict[str, Any], str]] = {
    "version is a boolean": (steps(STEP) | {"version": True}, "$.version: must be the string"),
    "no steps": ({"version": "1.0"}, "$.steps: must be a list of at least one step, found nothing"),
    "empty steps": (steps(), "$.steps: must be a list of at least one step, found an empty list"),
    "a step that is text": ({"version": "1.0", "steps": ["true"]}, "$.steps[0]: must be an object"),
    "a step without action": ({"version": "1.0", "steps": [STEP, {}]}, "$.steps[1].action: must be an object"),
    "no name": (steps(run_command("true", name="")), "$.steps[0].action.name: must be a non-empty string"),
    "unknown type": (steps(STEP | {"action": STEP["action"] | {"type": "run"}}), "$.steps[0].action.type: must be"),
    "no input": (steps({"action": {"name": "n", "type": "runHandler"}}), "$.steps[0].action.input: must be an object"),
    "no handler": (steps(run_handler("")), "$.steps[0].action.input.handler: must be a non-empty string"),
    "only commas": (steps(run_command(", ,")), "$.steps[0].action.input.command: holds no command"),
    "blank in the program": (steps(run_command("rm -rf,x")), "$.steps[0].action.input.command: words are separated"),
    "bad final step": (steps(STEP, finalStep={"action": []}), "$.finalStep.action: must be an object"),
    "a handler with a path in it": (own_handler("../sh"), '$.operation: with path "default" must be a file name'),
    "operation is a list": ({"operation": ["echo"]}, "$.operation: must be a non-empty string"),
    "operation is blank": (operation("  "), "$.operation: must be a non-empty string"),
    "args is text": ({"operation": "echo", "args": "a"}, "$.args: must be a list of strings"),
    "args holds a list": ({"operation": "echo", "args": [["a"]]}, "$.args[0]: must be a string, found a list"),
    "args holds a NUL": (operation("echo", "a\0b"), "$.args[0]: holds a NUL character"),
    "path is a number": (operation("echo", path=7), "$.path: must be a string"),
    "includeStdOut is a word": (operation("echo", includeStdOut="yes"), "$.includeStdOut: must be true or false"),
    "allowStdErr is text": (operation("echo", allowStdErr="two"), "$.allowStdErr: must be a whole number"),
    "allowStdErr is negative": (operation("echo", allowStdErr=-1), "$.allowStdErr: must be a whole number"),
    "allowStdErr is a fraction": (operation("echo", allowStdErr=1.5), "$.allowStdErr: must be a whole number"),
    "the user is a number": (steps(run_command("id") | {"RunAsUser": 0}), "$.steps[0].RunAsUser: must be a string"),
    "a user for nothing": (operation("id", defaults={"runasuser": "ann"}), "$.defaults.runasuser: names the user"),
    "two users": (
        steps(run_command("id", runAsUser="ann"), runasuser="bob"),
        "$.steps[0].action.runAsUser: names the user",
    ),
    "a user for our own handler": (own_handler("h.sh", runAsUser="ann"), '$.runAsUser: "ann" can\'t run'),
}


@pytest.mark.parametrize("case", UNWORKABLE)
def test_a_document_that_can_never_work_is_rejected_with_json_path_and_rule(shared_rig: Rig, case: str) -> None:
    document, words = UNWORKABLE[case]
    result = shared_rig.run(document)
    assert result.status == "REJECTED"
    assert result.reason.startswith(f"Invalid job document: {words}"), result.reason
    assert shared_rig.reports(result.job_id) == ["REJECTED"]


PLACES = ("top", "step", "action", "input")


@needs_root
@pytest.mark.usefixtures("reexecuted")
@pytest.mark.parametrize("key", ["runasuser", "RUNASUSER", "run_as_user"])
def test_a_command_runs_as_its_user_however_the_key_is_spelled_and_wherever_it_stands(
    shared_rig: Rig, key: str
) -> None:
    """Ignored, it would run as root and be SUCCEEDED."""
    for place in PLACES:
        step = run_command("id,-un")
        document = steps(step, includeStdOut=True)
        {"top": document, "step": step, "action": step["action"], "input": step["action"]["input"]}[place][key] = (
            "nobody"
        )
        result = shared_rig.run(document)
        assert (result.status, result.stdout) == ("SUCCEEDED", "nobody\n"), place
    result = shared_rig.run({"operation": "id", "args": ["-un"], "includeStdOut": True, key: "nobody"})
    assert (result.status, result.stdout) == ("SUCCEEDED", "nobody\n")


LENIENT: dict[str, tuple[dict[str, Any], str]] = {
    "version 2.0": (steps(run_command("echo,ran")) | {"version": "2.0"}, '$.version: "2.0"; it is read as'),
    "version is a number": (
        steps(run_command("echo,ran")) | {"version": 1.0},
        "$.version: the number 1.0; it is read as",
    ),
    "args hold a number": ({"operation": "echo", "args": ["ran", 1]}, '$.args[1] is no string and is passed on as "1"'),
    "timeout of another maker": (operation("echo", "ran", timeout={"s": 3}), "$.timeout is ignored"),
    "timeout of nothing": (operation("echo", "ran", timeout=0), "$.timeout is ignored"),
    "progress of another maker": (operation("echo", "ran", progress={"percent": 4}), "$.progress is ignored"),
    "keys in another case": ({"Operation": "echo", "ARGS": ["ran"]}, ""),
    "digits in strings": (operation("echo", "ran", allowStdErr="8", timeout="300"), ""),
}


@pytest.mark.parametrize("case", LENIENT)
def test_what_can_be_meant_in_one_way_only_is_run_and_what_may_surprise_is_warned_of(
    shared_rig: Rig, case: str
) -> None:
    document, warned = LENIENT[case]
    before = len(shared_rig.agent.log())
    result = shared_rig.run({**document, "includeStdOut": True})
    assert (result.status, result.stdout.split()[0]) == ("SUCCEEDED", "ran")
    warnings = [line for line in shared_rig.agent.log()[before:].splitlines() if "[WARN]" in line]
    assert [f"job {result.job_id}: {warned}" in line for line in warnings] == ([True] if warned else [])


def test_unknown_keys_are_ignored_wherever_they_are(shared_rig: Rig) -> None:
    step = run_command("echo,ran", comment={"deep": [1, None]})
    step["_comment"] = "x"
    document = steps(step, includeStdOut=True, author={"name": "somebody"})
    assert shared_rig.run(document).stdout == "ran\n"
    assert shared_rig.run(operation("true", _comment=["whatever"], owner=7)).status == "SUCCEEDED"


def test_a_document_as_large_as_aws_allows_is_run(shared_rig: Rig) -> None:
    """32 KiB, all of it in the arguments."""
    room = 32768 - len(json.dumps(own_handler("count.sh", "", includeStdOut=True)))
    shared_rig.handlers.write("count.sh", "printf %s ${#1}")
    text = "x" * room
    assert shared_rig.run(own_handler("count.sh", text, includeStdOut=True)).stdout == str(room)


def test_a_deeply_nested_document_is_run(shared_rig: Rig) -> None:
    """500 levels in a key nobody reads; test_fuzz.py goes deeper than the service itself would."""
    deep = "[" * 500 + "]" * 500
    document = f'{{"operation":"echo","args":["ran"],"includeStdOut":true,"deep":{deep}}}'
    assert shared_rig.run(document).stdout == "ran\n"


@pytest.mark.parametrize(
    "document",
    [own_handler("slow.sh", timeout=1), steps(run_handler("slow.sh", timeout=1))],
    ids=["operation", "steps"],
)
def test_a_step_that_runs_too_long_is_ended_and_the_job_fails(shared_rig: Rig, document: dict[str, Any]) -> None:
    """`timeout`, whole seconds, is an extension of ours in both schemas."""
    shared_rig.handlers.write("slow.sh", "echo begun; exec sleep 600")
    result = shared_rig.run({**document, "includeStdOut": True})
    assert result.status == "FAILED"
    assert result.reason == "Timed out: the step's timeout of 1 s is over"
    assert result.stdout == "begun\n"
    assert shared_rig.agent.children() == []


def test_a_timeout_that_is_not_reached_changes_nothing(shared_rig: Rig) -> None:
    assert shared_rig.run(operation("true", timeout=600)).status == "SUCCEEDED"

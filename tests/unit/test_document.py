# SPDX-FileCopyrightText: The aws-iot-device-client authors
# SPDX-License-Identifier: Apache-2.0
"""Job documents that are accepted: what each field of either schema becomes."""

from __future__ import annotations

import orjson
import pytest

from dc.jobs.core import document
from dc.jobs.core.document import Document, DocumentError, unmet_condition
from dc.jobs.core.parser import parse, split_command
from tests.fakes import documents

MAX_BYTES = 32768  # AWS's limit for a job document
FACTS = {"thingName": "board-7", "architecture": "armv7l"}


def run_command(command: str, **action: object) -> dict[str, object]:
    return documents.steps(documents.step("n", "runCommand", {"command": command}, **action))


def run_handler(input: dict[str, object], **action: object) -> dict[str, object]:
    return documents.steps(documents.step("n", "runHandler", input, **action))


def test_an_operation_alone_runs_it_without_arguments_and_allows_no_stderr() -> None:
    (action,) = parse({"operation": "echo"}).actions
    assert (action.kind, action.name, action.argv, action.path) == ("runHandler", "echo", ("echo",), "")
    assert (action.allow_std_err, action.operation, action.run_as_user, action.timeout) == (0, True, "", 0)
    assert not action.progress


def test_every_key_of_the_operation_schema_is_read() -> None:
    made = parse(
        {
            "operation": "Foo.py",
            "args": ["a b", "", "%20"],
            "path": "default",
            "includeStdOut": True,
            "allowStdErr": 2,
            "timeout": 60,
            "progress": True,
        }
    )
    (action,) = made.actions
    assert action.argv == ("Foo.py", "a b", "", "%20")
    assert action.progress
    assert (action.path, action.allow_std_err, action.timeout) == ("default", 2, 60)
    assert (made.include_std_out, made.version, made.final_step, made.conditions) == (True, "", None, ())


def test_every_key_of_version_1_0_is_read() -> None:
    made = parse(
        {
            "version": "1.0",
            "includeStdOut": "true",
            "conditions": [{"key": "architecture", "value": ["armv7l", "aarch64"], "type": "stringEqual"}],
            "steps": [
                {
                    "action": {
                        "name": "Install",
                        "type": "runHandler",
                        "input": {"handler": "install.sh", "args": ["x"], "path": "/opt/handlers"},
                        "runAsUser": "ann",
                        "allowStdErr": 3,
                        "ignoreStepFailure": "true",
                        "timeout": 5,
                        "progress": "true",
                    }
                }
            ],
            "finalStep": {"action": {"name": "Say", "type": "runCommand", "input": {"command": "echo,done"}}},
        }
    )
    install, say = made.actions
    assert (install.name, install.kind, install.argv) == ("Install", "runHandler", ("install.sh", "x"))
    assert (install.path, install.run_as_user, install.allow_std_err) == ("/opt/handlers", "ann", 3)
    assert (install.ignore_failure, install.timeout, install.operation) == (True, 5, False)
    assert (install.progress, say.progress) == (True, False)
    assert made.final_step is say
    assert (say.argv, say.allow_std_err, say.ignore_failure) == (("echo", "done"), None, False)
    assert [(c.key, c.values) for c in made.conditions] == [("architecture", ("armv7l", "aarch64"))]
    assert made.include_std_out


@pytest.mark.parametrize("version", ["", None])
def test_an_empty_version_means_the_operation_schema(version: str | None) -> None:
    assert parse({"version": version, "operation": "echo"}).version == ""


@pytest.mark.parametrize(
    ("value", "wanted"),
    [(True, True), (False, False), ("true", True), ("TRUE", True), ("false", False), ("", False), (None, False)],
)
def test_a_boolean_is_a_boolean_or_its_name(value: object, wanted: bool) -> None:
    assert parse({"operation": "echo", "includeStdOut": value}).include_std_out is wanted
    (action,) = parse(run_command("echo", ignoreStepFailure=value)).steps
    assert action.ignore_failure is wanted


def test_a_null_is_as_if_the_optional_key_were_absent() -> None:
    nulls = dict.fromkeys(("args", "path", "includeStdOut", "allowStdErr", "timeout", "version"))
    plain, made = parse({"operation": "echo"}), parse({"operation": "echo", **nulls})
    assert [vars_of(a) for a in made.actions] == [vars_of(a) for a in plain.actions]


def vars_of(action: document.Action) -> dict[str, object]:
    return {name: getattr(action, name) for name in document.Action.__slots__}


def test_unknown_keys_are_ignored_at_every_level() -> None:
    made = parse(
        {
            "version": "1.0",
            "_comment": 1,
            "steps": [
                {
                    "_comment": [],
                    "action": {
                        "name": "n",
                        "type": "runCommand",
                        "_comment": {},
                        "input": {"command": "true", "_comment": None},
                    },
                }
            ],
            "conditions": [{"key": "k", "value": ["v"], "_comment": "x"}],
        }
    )
    assert made.steps[0].argv == ("true",)


@pytest.mark.parametrize(
    ("command", "words"),
    [
        ("echo", ("echo",)),
        ("echo,a b", ("echo", "a b")),
        (r"echo,a\,b", ("echo", "a,b")),
        (r"echo,\,,\,", ("echo", ",", ",")),
        (",, echo ,\t\n a \r\v\f,,b,", ("echo", "a", "b")),
        (r"echo,\n,\\", ("echo", r"\n", r"\\")),
        ("echo,\u00a0x\u00a0", ("echo", "\u00a0x\u00a0")),
        ("echo,$(reboot);`id`|x>y", ("echo", "$(reboot);`id`|x>y")),
    ],
)
def test_a_command_is_split_at_commas_and_by_no_shell(command: str, words: tuple[str, ...]) -> None:
    assert split_command(command) == words
    assert parse(run_command(command)).steps[0].argv == words


def test_path_counts_only_for_a_handler() -> None:
    step = {"action": {"name": "n", "type": "runCommand", "input": {"command": "true", "path": "/opt"}}}
    assert parse({"version": "1.0", "steps": [step]}).steps[0].path == ""


def test_a_slash_is_fine_in_a_handler_outside_the_handler_directory() -> None:
    assert parse({"operation": "sub/x.sh", "path": "/opt"}).steps[0].argv == ("sub/x.sh",)
    assert parse(run_handler({"handler": "/opt/x.sh"})).steps[0].argv == ("/opt/x.sh",)


def test_a_document_as_large_as_aws_allows_is_read_whole() -> None:
    frame = len(orjson.dumps({"operation": "echo", "args": []}))
    args = ["x" * 7] * ((MAX_BYTES - frame) // 10)
    text = orjson.dumps({"operation": "echo", "args": args})
    assert MAX_BYTES - 10 <= len(text) <= MAX_BYTES
    assert parse(orjson.loads(text)).steps[0].argv == ("echo", *args)


@pytest.mark.parametrize("depth", [10, 900, 1000])
def test_deep_nesting_under_an_unknown_key_does_no_harm(depth: int) -> None:
    text = b'{"operation":"echo","_deep":' + b"[" * depth + b"]" * depth + b"}"
    assert isinstance(parse(orjson.loads(text)), Document)


def test_deep_nesting_where_a_string_belongs_is_named_and_not_followed() -> None:
    text = b'{"operation":' + b'{"a":' * 1000 + b"1" + b"}" * 1000 + b"}"
    with pytest.raises(DocumentError, match=r"^\$\.operation: "):
        parse(orjson.loads(text))


def conditional(*conditions: dict[str, object]) -> Document:
    return parse({**run_command("true"), "conditions": list(conditions)})


def test_conditions_that_all_hold_let_the_job_run() -> None:
    made = conditional(
        {"key": "thingName", "value": ["board-6", "board-7"]}, {"key": "architecture", "value": "armv7l"}
    )
    assert unmet_condition(made, FACTS) is None
    assert unmet_condition(parse(run_command("true")), {}) is None


def test_the_first_condition_that_does_not_hold_is_the_reason() -> None:
    made = conditional({"key": "thingName", "value": "board-7"}, {"key": "architecture", "value": ["ARMV7L"]})
    error = unmet_condition(made, FACTS)
    assert error is not None
    assert (error.path, error.rule) == ("$.conditions[1]", 'not met: architecture is "armv7l", wanted one of: ARMV7L')


def test_a_condition_on_an_unknown_fact_never_holds() -> None:
    error = unmet_condition(conditional({"key": "colour", "value": "red"}), FACTS)
    assert error is not None
    assert (error.path, error.rule) == (
        "$.conditions[0].key",
        'unknown fact "colour", known: architecture, thingName',
    )

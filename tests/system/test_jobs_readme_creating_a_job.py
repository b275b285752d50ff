# SPDX-FileCopyrightText: The aws-iot-device-client authors
# SPDX-License-Identifier: Apache-2.0
"""The C++ client's Jobs README, "Jobs Feature" and "Creating a Job": one test per sentence it promises."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.fakes.documents import operation, own_handler
from tests.system.harness.rig import Rig

EXITED_0 = {"reason": "Exited with status: 0"}


def test_a_document_of_operation_echo_and_args_hello_world_prints_hello_world(shared_rig: Rig) -> None:
    """The page's own document, created with the real `aws iot create-job`."""
    document = '{"operation": "echo", "args": ["Hello world!"]}'
    arn = shared_rig.thing.arn
    shared_rig.cloud.aws("iot", "create-job", "--job-id", "hello-world", "--document", document, "--targets", arn)
    assert shared_rig.result("hello-world").status == "SUCCEEDED"
    assert shared_rig.agent.wait_log(r"stdout: Hello world!$")


def test_what_the_remote_device_prints_comes_back_when_asked_for(shared_rig: Rig) -> None:
    result = shared_rig.run(operation("echo", "Hello world!", includeStdOut=True))
    assert (result.status, result.stdout) == ("SUCCEEDED", "Hello world!\n")


def test_when_the_feature_starts_it_asks_for_the_latest_pending_jobs(rig: Rig) -> None:
    waiting = rig.create(operation("true"))
    rig.start()
    assert rig.result(waiting).status == "SUCCEEDED"


def test_a_new_job_is_received_through_the_topics_subscribed_to(rig: Rig) -> None:
    """notify-next brings the news, and start-next the job."""
    rig.start_online()
    asked = rig.cloud.mark()
    job = rig.create(operation("true"))
    assert rig.result(job).status == "SUCCEEDED"
    question, claim = rig.publishes("", since=asked)[:2]
    assert question.topic.endswith("/start-next") and claim.topic.endswith(f"/{job}/update")


def test_operation_may_be_a_script_in_the_handler_directory(shared_rig: Rig) -> None:
    shared_rig.handlers.write("install-packages.sh", 'echo "installing $1"')
    result = shared_rig.run(own_handler("install-packages.sh", "ifupdown", includeStdOut=True))
    assert (result.status, result.stdout) == ("SUCCEEDED", "installing ifupdown\n")


def test_operation_may_be_a_well_known_executable_of_the_clients_path(shared_rig: Rig) -> None:
    result = shared_rig.run(operation("uname", "-s", includeStdOut=True))
    assert (result.status, result.stdout) == ("SUCCEEDED", "Linux\n")


def test_operation_is_required(shared_rig: Rig) -> None:
    result = shared_rig.run({"args": ["Hello world!"]})
    assert result.status == "REJECTED"
    assert "$.operation: must be a non-empty string, found nothing" in result.reason


def test_args_are_passed_to_the_operation_in_order(shared_rig: Rig) -> None:
    result = shared_rig.run_script("printf '[%s]' \"$@\"", "one", "", "two words", "*", includeStdOut=True)
    assert result.stdout == "[one][][two words][*]"


def test_args_may_be_left_out(shared_rig: Rig) -> None:
    assert shared_rig.run_script("echo $#", includeStdOut=True).stdout == "0\n"


def test_without_path_an_executable_of_the_agents_path_is_taken(rig: Rig, tmp_path: Path) -> None:
    folder = tmp_path / "bin"
    folder.mkdir()
    (folder / "my-tool").write_text("#!/bin/sh\necho found by PATH\n")
    (folder / "my-tool").chmod(0o755)
    rig.start(env={"PATH": f"{folder}:/usr/bin:/bin"})
    result = rig.run(operation("my-tool", includeStdOut=True))
    assert (result.status, result.stdout) == ("SUCCEEDED", "found by PATH\n")


def test_path_default_is_the_handler_directory(shared_rig: Rig) -> None:
    """`echo` of the handler directory runs, not the one in PATH."""
    shared_rig.handlers.write("echo", "printf 'my own echo'")
    assert shared_rig.run(own_handler("echo", includeStdOut=True)).stdout == "my own echo"
    (shared_rig.handlers.folder / "echo").unlink()


def test_path_may_be_a_particular_directory_of_the_device(shared_rig: Rig, tmp_path: Path) -> None:
    folder = tmp_path / "my-job-handler-folder"
    folder.mkdir()
    (folder / "job.sh").write_text("#!/bin/sh\necho from my folder\n")
    (folder / "job.sh").chmod(0o755)
    result = shared_rig.run(operation("job.sh", path=str(folder), includeStdOut=True))
    assert (result.status, result.stdout) == ("SUCCEEDED", "from my folder\n")


@pytest.mark.parametrize("value", [True, "true"], ids=["boolean", "string"])
def test_include_std_out_true_puts_stdout_into_the_execution_update(shared_rig: Rig, value: object) -> None:
    """The page documents a boolean; documents written for the C++ client carry the string "true"."""
    result = shared_rig.run(operation("echo", "shown", includeStdOut=value))
    assert result.details == {"stdout": "shown\n", **EXITED_0}


@pytest.mark.parametrize("given", [{}, {"includeStdOut": False}, {"includeStdOut": "false"}], ids=json.dumps)
def test_stdout_stays_on_the_device_unless_it_is_asked_for(shared_rig: Rig, given: dict[str, object]) -> None:
    assert shared_rig.run(operation("echo", "kept", **given)).details == EXITED_0


def test_allow_std_err_left_out_is_zero_any_line_on_stderr_fails_the_job(shared_rig: Rig) -> None:
    result = shared_rig.run_script("echo one line >&2")
    assert result.status == "FAILED"
    assert result.details == {
        "reason": "Exited with status: 0, but with 1 lines on stderr where allowStdErr is 0",
        "stderr": "one line\n",
    }


def test_allow_std_err_left_out_and_nothing_on_stderr_is_a_success(shared_rig: Rig) -> None:
    assert shared_rig.run_script("echo only stdout").status == "SUCCEEDED"


@pytest.mark.parametrize(("lines", "status"), [(1, "SUCCEEDED"), (2, "SUCCEEDED"), (3, "FAILED")])
def test_allow_std_err_two_takes_up_to_two_lines(shared_rig: Rig, lines: int, status: str) -> None:
    result = shared_rig.run_script(f"for i in $(seq {lines}); do echo line $i >&2; done", allowStdErr=2)
    assert result.status == status
    assert result.stderr.count("\n") == lines


def test_an_unfinished_last_line_on_stderr_is_a_line(shared_rig: Rig) -> None:
    assert shared_rig.run_script("printf 'one\\ntwo\\nthree' >&2", allowStdErr=2).status == "FAILED"


def test_allowed_stderr_does_not_excuse_a_return_code_other_than_zero(shared_rig: Rig) -> None:
    result = shared_rig.run_script("echo one >&2; exit 4", allowStdErr=2)
    assert (result.status, result.reason) == ("FAILED", "Exited with status: 4")

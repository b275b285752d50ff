# SPDX-FileCopyrightText: The aws-iot-device-client authors
# SPDX-License-Identifier: Apache-2.0
"""Defects found by reading and running the C++ client (v1.10): one test each that this agent does not share them."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path
from typing import Any

import pytest

from localcloud.mosquitto import Mosquitto
from localcloud.procfs import lives
from localcloud.scripted import Answers, Request, ScriptedJobs
from tests.fakes.documents import operation, own_handler, run_command, run_handler, steps
from tests.system.harness.agent import Agent
from tests.system.harness.processes import Watched
from tests.system.harness.rig import JOB_SECONDS, QUICK_RECONNECT, Rig
from tests.system.harness.target import agent_environment
from toolchains.agent import agent_command


def test_allow_std_err_does_not_make_a_failing_step_pass(shared_rig: Rig) -> None:
    shared_rig.handlers.write("fail.sh", "echo one >&2; exit 1")
    assert shared_rig.run(own_handler("fail.sh", allowStdErr=5)).status == "FAILED"
    assert shared_rig.run(steps(run_handler("fail.sh", allowStdErr=5))).status == "FAILED"


def test_lines_on_stderr_beyond_allow_std_err_fail_the_job(shared_rig: Rig) -> None:
    shared_rig.handlers.write("noisy.sh", "echo one >&2; echo two >&2")
    assert shared_rig.run(own_handler("noisy.sh", allowStdErr=1)).status == "FAILED"


def test_stdout_is_not_published_when_include_std_out_is_not_there(shared_rig: Rig) -> None:
    result = shared_rig.run(steps(run_command("echo,secret")))
    assert (result.status, result.details) == ("SUCCEEDED", {"reason": "Exited with status: 0"})


def test_a_boolean_include_std_out_is_heeded(shared_rig: Rig) -> None:
    assert shared_rig.run(steps(run_command("echo,shown"), includeStdOut=True)).stdout == "shown\n"


def test_a_boolean_ignore_step_failure_is_heeded(shared_rig: Rig) -> None:
    document = steps(run_command("false", ignoreStepFailure=True), run_command("true"))
    assert shared_rig.run(document).status == "SUCCEEDED"


def test_death_by_signal_is_a_failure(shared_rig: Rig) -> None:
    result = shared_rig.run_script("kill -KILL $$")
    assert (result.status, result.reason) == ("FAILED", "Killed by signal: 9")


def test_exit_status_1_is_not_told_as_a_signal(shared_rig: Rig) -> None:
    assert shared_rig.run_script("exit 1").reason == "Exited with status: 1"


def test_a_handler_of_the_wrong_mode_is_told_as_such_to_the_cloud(shared_rig: Rig) -> None:
    shared_rig.handlers.write("loose.sh", "true", 0o777)
    assert "permissions should be 700 but found 777" in shared_rig.run(own_handler("loose.sh")).reason


def test_a_handler_that_is_missing_is_told_as_such_to_the_cloud(shared_rig: Rig) -> None:
    assert "No such file" in shared_rig.run(own_handler("missing.sh")).reason


def test_a_handler_may_write_any_amount_to_stderr_first(shared_rig: Rig) -> None:
    """The C++ client reads stdout to its end before it reads stderr: both wait for ever."""
    result = shared_rig.run_script("head -c 200000 /dev/zero | tr '\\0' e >&2; echo done", allowStdErr=1)
    assert result.status == "SUCCEEDED"


def test_a_handler_may_write_any_number_of_lines(shared_rig: Rig) -> None:
    """The C++ client closes the pipe after 1001 lines, and the SIGPIPE that follows counts as a success."""
    result = shared_rig.run_script("i=0; while [ $i -lt 3000 ]; do echo line $i; i=$((i+1)); done; exit 3")
    assert (result.status, result.reason) == ("FAILED", "Exited with status: 3")


def test_a_step_without_input_is_rejected_and_crashes_nothing(shared_rig: Rig) -> None:
    result = shared_rig.run({"version": "1.0", "steps": [{"action": {"name": "n", "type": "runCommand"}}]})
    assert result.status == "REJECTED" and "$.steps[0].action.input" in result.reason


def test_start_next_is_sent_again_after_a_reconnect(rig: Rig) -> None:
    rig.thing.configure(mqtt=QUICK_RECONNECT)
    rig.start_online()
    mark = rig.cloud.mark()
    rig.cloud.kick(rig.thing, forget=True)
    rig.wait_published("start-next", since=mark)


def test_no_job_runs_beside_one_that_was_cancelled(rig: Rig) -> None:
    """The C++ client starts the next one while the cancelled one is still running; here that one ignores SIGTERM."""
    rig.thing.configure(jobs={"stop-grace-seconds": 0.3})
    rig.start_online()
    handler = Watched(rig, "first.sh", "trap '' TERM; while :; do sleep 0.05; done")
    rig.handlers.write("second.sh", f"! kill -0 $(cat {handler.pid_file}) 2> /dev/null")
    first = rig.create(own_handler("first.sh"))
    pid = handler.pid()
    second = rig.create(own_handler("second.sh"))
    rig.cloud.cancel_execution(first, rig.thing, force=True)
    assert rig.result(second).status == "SUCCEEDED"
    assert not lives(pid)


@pytest.mark.parametrize("answer", [{}, {"clientToken": "of somebody else"}], ids=["no token", "foreign token"])
def test_a_rejection_without_a_known_token_is_no_surprise(
    broker: Mosquitto, service: ScriptedJobs, target: str, tmp_path: Path, answer: dict[str, Any]
) -> None:
    """The C++ client looks the token up, and throws in a callback."""

    def other_token(request: Request) -> Answers:
        service.send(f"{request.topic}/rejected", {"code": "InvalidRequest", "message": "not yours", **answer})
        return [("accepted", {})]

    thing = broker.make_thing("device", tmp_path / "device")
    agent = Agent(target, thing).start()
    try:
        service.wait_requests("start-next", timeout=JOB_SECONDS)
        service.script("update", other_token, "accept")
        service.add(thing.name, "job", operation("true"))
        assert service.wait_finished(1, JOB_SECONDS)[0].status == "SUCCEEDED"
        assert agent.stop() == 0
    finally:
        agent.finish()


def test_collect_system_information_is_a_known_flag(rig: Rig) -> None:
    rig.start("--collect-system-information", "false")
    assert rig.run(operation("true")).status == "SUCCEEDED"


def test_a_configuration_is_checked_with_a_proxy_in_it_too(rig: Rig) -> None:
    proxy = rig.thing.folder / "proxy.conf"
    proxy.write_text(json.dumps({"http-proxy-enabled": True, "http-proxy-host": "10.0.0.1", "http-proxy-port": "8888"}))
    proxy.chmod(0o600)
    rig.thing.configure(cert="/no/such/certificate")
    assert rig.start("--http-proxy-config", str(proxy)).wait() == 1
    assert "/no/such/certificate" in rig.agent.log()


def test_export_default_settings_writes_json_and_ends(target: str, tmp_path: Path) -> None:
    path = tmp_path / "out.json"
    done = subprocess.run(
        [*agent_command(target), "--export-default-settings", str(path)],
        env={"PATH": os.environ["PATH"], "HOME": str(tmp_path), **agent_environment(target)},
        timeout=JOB_SECONDS,
    )
    assert done.returncode == 0
    assert json.loads(path.read_text())["thing-name"] == ""


def test_arguments_of_the_operation_schema_begin_at_the_first_one(shared_rig: Rig) -> None:
    """The C++ client puts the (empty) user name before them, which breaks handlers written for the C++ client's Jobs README."""
    assert shared_rig.run_script('printf %s "$1"', "first", includeStdOut=True).stdout == "first"


def test_a_command_for_another_user_never_falls_back_to_the_agents_own(shared_rig: Rig, tmp_path: Path) -> None:
    trace = tmp_path / "trace"
    assert shared_rig.run(steps(run_command(f"touch,{trace}", runAsUser="missing-user"))).status == "FAILED"
    assert not trace.exists()


def test_percent_signs_and_letters_beyond_ascii_are_kept(shared_rig: Rig) -> None:
    """The C++ client blanks both in what it publishes."""
    assert shared_rig.run(operation("echo", "100 % größer ✓", includeStdOut=True)).stdout == "100 % größer ✓\n"


def test_pins_in_the_configuration_are_not_logged(rig: Rig) -> None:
    """The C++ client logs the whole file."""
    rig.thing.configure(**{"secure-element": {"enabled": False, "secure-element-pin": "31415926"}})
    rig.start_online()
    assert "31415926" not in rig.agent.log()

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
from localcloud.scripted import Answers, Request, ScriptedJobs
from tests.system.harness.agent import Agent
from tests.system.harness.processes import Watched, lives
from tests.system.harness.station import (
    JOB_SECONDS,
    QUICK_RECONNECT,
    Station,
    operation,
    own,
    run_command,
    run_handler,
    steps,
)
from tests.system.harness.target import agent_environment
from toolchains.agent import agent_command


def test_allow_std_err_does_not_make_a_failing_step_pass(station: Station) -> None:
    station.handlers.write("fail.sh", "echo one >&2; exit 1")
    assert station.run(own("fail.sh", allowStdErr=5)).status == "FAILED"
    assert station.run(steps(run_handler("fail.sh", allowStdErr=5))).status == "FAILED"


def test_lines_on_stderr_beyond_allow_std_err_fail_the_job(station: Station) -> None:
    station.handlers.write("noisy.sh", "echo one >&2; echo two >&2")
    assert station.run(own("noisy.sh", allowStdErr=1)).status == "FAILED"


def test_stdout_is_not_published_when_include_std_out_is_not_there(station: Station) -> None:
    result = station.run(steps(run_command("echo,secret")))
    assert (result.status, result.details) == ("SUCCEEDED", {"reason": "Exited with status: 0"})


def test_a_boolean_include_std_out_is_heeded(station: Station) -> None:
    assert station.run(steps(run_command("echo,shown"), includeStdOut=True)).stdout == "shown\n"


def test_a_boolean_ignore_step_failure_is_heeded(station: Station) -> None:
    document = steps(run_command("false", ignoreStepFailure=True), run_command("true"))
    assert station.run(document).status == "SUCCEEDED"


def test_death_by_signal_is_a_failure(station: Station) -> None:
    result = station.run_script("kill -KILL $$")
    assert (result.status, result.reason) == ("FAILED", "Killed by signal: 9")


def test_exit_status_1_is_not_told_as_a_signal(station: Station) -> None:
    assert station.run_script("exit 1").reason == "Exited with status: 1"


def test_a_handler_of_the_wrong_mode_is_told_as_such_to_the_cloud(station: Station) -> None:
    station.handlers.write("loose.sh", "true", 0o777)
    assert "permissions should be 700 but found 777" in station.run(own("loose.sh")).reason


def test_a_handler_that_is_missing_is_told_as_such_to_the_cloud(station: Station) -> None:
    assert "No such file" in station.run(own("missing.sh")).reason


def test_a_handler_may_write_any_amount_to_stderr_first(station: Station) -> None:
    """The C++ client reads stdout to its end before it reads stderr: both wait for ever."""
    result = station.run_script("head -c 200000 /dev/zero | tr '\\0' e >&2; echo done", allowStdErr=1)
    assert result.status == "SUCCEEDED"


def test_a_handler_may_write_any_number_of_lines(station: Station) -> None:
    """The C++ client closes the pipe after 1001 lines, and the SIGPIPE that follows counts as a success."""
    result = station.run_script("i=0; while [ $i -lt 3000 ]; do echo line $i; i=$((i+1)); done; exit 3")
    assert (result.status, result.reason) == ("FAILED", "Exited with status: 3")


def test_a_step_without_input_is_rejected_and_crashes_nothing(station: Station) -> None:
    result = station.run({"version": "1.0", "steps": [{"action": {"name": "n", "type": "runCommand"}}]})
    assert result.status == "REJECTED" and "$.steps[0].action.input" in result.reason


def test_start_next_is_sent_again_after_a_reconnect(fresh: Station) -> None:
    fresh.thing.configure(mqtt=QUICK_RECONNECT)
    fresh.start_online()
    mark = fresh.cloud.mark()
    fresh.cloud.kick(fresh.thing, forget=True)
    fresh.wait_published("start-next", since=mark)


def test_no_job_runs_beside_one_that_was_cancelled(fresh: Station) -> None:
    """The C++ client starts the next one while the cancelled one is still running; here that one ignores SIGTERM."""
    fresh.thing.configure(jobs={"stop-grace-seconds": 0.3})
    fresh.start_online()
    handler = Watched(fresh, "first.sh", "trap '' TERM; while :; do sleep 0.05; done")
    fresh.handlers.write("second.sh", f"! kill -0 $(cat {handler.pid_file}) 2> /dev/null")
    first = fresh.create(own("first.sh"))
    pid = handler.pid()
    second = fresh.create(own("second.sh"))
    fresh.cloud.cancel_execution(first, fresh.thing, force=True)
    assert fresh.result(second).status == "SUCCEEDED"
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


def test_collect_system_information_is_a_known_flag(fresh: Station) -> None:
    fresh.start("--collect-system-information", "false")
    assert fresh.run(operation("true")).status == "SUCCEEDED"


def test_a_configuration_is_checked_with_a_proxy_in_it_too(fresh: Station) -> None:
    proxy = fresh.thing.folder / "proxy.conf"
    proxy.write_text(json.dumps({"http-proxy-enabled": True, "http-proxy-host": "10.0.0.1", "http-proxy-port": "8888"}))
    proxy.chmod(0o600)
    fresh.thing.configure(cert="/no/such/certificate")
    assert fresh.start("--http-proxy-config", str(proxy)).wait() == 1
    assert "/no/such/certificate" in fresh.agent.log()


def test_export_default_settings_writes_json_and_ends(target: str, tmp_path: Path) -> None:
    path = tmp_path / "out.json"
    done = subprocess.run(
        [*agent_command(target), "--export-default-settings", str(path)],
        env={"PATH": os.environ["PATH"], "HOME": str(tmp_path), **agent_environment(target)},
        timeout=JOB_SECONDS,
    )
    assert done.returncode == 0
    assert json.loads(path.read_text())["thing-name"] == ""


def test_arguments_of_the_operation_schema_begin_at_the_first_one(station: Station) -> None:
    """The C++ client puts the (empty) user name before them, which breaks handlers written for the seed page."""
    assert station.run_script('printf %s "$1"', "first", includeStdOut=True).stdout == "first"


def test_a_command_for_another_user_never_falls_back_to_the_agents_own(station: Station, tmp_path: Path) -> None:
    trace = tmp_path / "trace"
    assert station.run(steps(run_command(f"touch,{trace}", runAsUser="missing-user"))).status == "FAILED"
    assert not trace.exists()


def test_percent_signs_and_letters_beyond_ascii_are_kept(station: Station) -> None:
    """The C++ client blanks both in what it publishes."""
    assert station.run(operation("echo", "100 % größer ✓", includeStdOut=True)).stdout == "100 % größer ✓\n"


def test_pins_in_the_configuration_are_not_logged(fresh: Station) -> None:
    """The C++ client logs the whole file."""
    fresh.thing.configure(**{"secure-element": {"enabled": False, "secure-element-pin": "31415926"}})
    fresh.start_online()
    assert "31415926" not in fresh.agent.log()

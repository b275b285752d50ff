# SPDX-FileCopyrightText: The aws-iot-device-client authors
# SPDX-License-Identifier: Apache-2.0
"""The contract check finds bad messages, so that a clean run means something."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from localcloud.cloud import Cloud
from localcloud.mosquitto import Mosquitto
from localcloud.scripted import ScriptedJobs
from localcloud.thing import Thing
from localcloud.waiting import wait_until
from tests.system.harness.agent import Agent
from tests.system.harness.contract import message_errors
from tests.system.harness.handlers import Handlers
from toolchains.agent import MissingTarget, agent_command
from toolchains.target import ARCHES, Target

JOBS = "$aws/things/t/jobs"
UPDATE = f"{JOBS}/job-1/update"

GOOD = [
    ("start-next", b""),
    ("start-next", b'{"clientToken":"a","statusDetails":{"reason":"x\\n"},"stepTimeoutInMinutes":1}'),
    ("get", b"{}"),
    ("$next/get", b'{"includeJobDocument":true}'),
    ("job-1/update", b'{"status":"FAILED","expectedVersion":2,"executionNumber":1}'),
]
BAD = [
    ("job-1/update", b"", 'Missing required parameter in input: "status"'),
    ("job-1/update", b'{"status":"QUEUED"}', "can't set status QUEUED"),
    ("job-1/update", b'{"status":"DONE"}', "not one of"),
    ("job-1/update", b'{"status":"FAILED","expectedVersion":"2"}', "expectedVersion"),
    ("job-1/update", b'{"status":"FAILED","surprise":1}', 'Unknown parameter in input: "surprise"'),
    ("job-1/update", b'{"status":"FAILED","statusDetails":{"a b":"v"}}', "does not match"),
    ("job-1/update", b'{"status":"FAILED","statusDetails":{"a":"\\u0000"}}', "U+0000"),
    ("job-1/update", b'{"status":"FAILED","statusDetails":{"a":5}}', "statusDetails"),
    ("job-1/update", b'{"status":"FAILED","clientToken":7}', "clientToken"),
    ("job-1/update", b'{"status":"FAILED","clientToken":"%s"}' % (b"x" * 65), "clientToken"),
    ("bad job/update", b'{"status":"FAILED"}', ".jobId"),
    ("start-next", b'{"stepTimeoutInMinutes":NaN}', "not JSON"),
    ("start-next", b"\xff", "not JSON in UTF-8"),
    ("start-next", b"[]", "not a JSON object"),
    ("update", b"{}", "no Jobs request"),
    ("job-1/start-next", b"{}", "no Jobs request"),
    ("start-next/accepted", b"{}", "no Jobs request"),
]


@pytest.mark.parametrize(("name", "payload"), GOOD)
def test_messages_within_the_contract_pass(name: str, payload: bytes) -> None:
    assert message_errors("t", f"{JOBS}/{name}", payload) == []


@pytest.mark.parametrize(("name", "payload", "words"), BAD)
def test_messages_outside_the_contract_are_named(name: str, payload: bytes, words: str) -> None:
    assert words in "\n".join(message_errors("t", f"{JOBS}/{name}", payload))


def test_a_message_in_the_name_of_another_thing_is_named() -> None:
    assert "thing t, the sender is u" in message_errors("u", UPDATE, b'{"status":"FAILED"}')[0]


@pytest.mark.parametrize("target", ARCHES)
def test_a_binary_that_is_not_built_is_named_with_the_command_that_builds_it(
    target: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("toolchains.agent.ROOT", tmp_path)
    with pytest.raises(MissingTarget, match=f"dist/{target}/.* is not built: run `make binary ARCH={target}`"):
        agent_command(target)


@pytest.mark.parametrize(
    ("target", "emulator"),
    [(arch, " ".join(Target.of(arch).emulator)) for arch in ARCHES if arch != "x86_64"],
)
def test_a_foreign_binary_runs_under_qemu_as_the_right_cpu(
    target: str, emulator: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("toolchains.agent.ROOT", tmp_path)
    monkeypatch.setattr("platform.machine", lambda: "x86_64")
    binary = tmp_path / "dist" / target / "aws-iot-device-client"
    binary.parent.mkdir(parents=True)
    binary.touch(mode=0o755)
    assert " ".join(agent_command(target)).endswith(f"{emulator} {binary}")


def test_a_job_is_run_by_the_agent(cloud: Cloud, thing: Thing, agent: Callable[..., Agent], handlers: Handlers) -> None:
    handlers.write("Foo.py", "echo out; echo err >&2; exit 3")
    cloud.create_job("run-foo", {"operation": "Foo.py", "path": "default"}, thing)
    running = agent()
    assert cloud.wait_status("run-foo", thing, "FAILED")["statusDetails"] == {
        "reason": "Exited with status: 3",
        "stderr": "err\n",
    }
    assert running.wait_log(r"run-foo") and running.children() == []
    assert running.threads() >= 1 and running.fds() >= 3 and running.rss_kib() > running.anonymous_kib() > 0
    assert running.stop() == 0


def test_a_job_is_run_by_the_agent_over_mosquitto(
    broker: Mosquitto, service: ScriptedJobs, agent: Callable[..., Agent], tmp_path: Path
) -> None:
    device = broker.make_thing("over-mosquitto", tmp_path)
    service.add(device.name, "echo", {"operation": "echo", "args": ["hi"], "includeStdOut": True})
    agent(of=device)
    (ended,) = service.wait_finished(1)
    assert (ended.status, ended.details["stdout"]) == ("SUCCEEDED", "hi\n")


def test_the_end_of_a_test_ends_the_agent_and_what_it_runs(
    cloud: Cloud, thing: Thing, target: str, handlers: Handlers
) -> None:
    handlers.write("linger", "echo $$ > running; exec sleep 1000")
    agent = Agent(target, thing).start()
    cloud.create_job("linger", {"operation": "linger", "path": "default"}, thing)
    cloud.wait_status("linger", thing, "IN_PROGRESS")
    below = wait_until(agent.children, 20, "the handler to run")
    with pytest.raises(RuntimeError, match="already runs"):
        agent.start()
    agent.finish()
    assert not agent.running
    wait_until(lambda: not any(Path(f"/proc/{pid}").exists() for pid in below), 20, f"{below} to end")


def test_waiting_for_the_log_of_an_ended_agent_fails_at_once(thing: Thing, target: str) -> None:
    agent = Agent(target, thing).start("--no-such-flag")
    with pytest.raises(TimeoutError, match=r"ended with status [12] before 'never printed'(.|\n)*no-such-flag"):
        agent.wait_log("never printed", timeout=600)

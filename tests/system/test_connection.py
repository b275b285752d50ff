# SPDX-FileCopyrightText: The aws-iot-device-client authors
# SPDX-License-Identifier: Apache-2.0
"""The connection over a plain broker, mosquitto: ports, sessions, restarts, a second agent."""

from __future__ import annotations

import contextlib
import secrets
import socket
import ssl
from collections.abc import Iterator
from pathlib import Path

import pytest

from localcloud.mosquitto import Mosquitto
from localcloud.scripted import SILENCE, ScriptedJobs
from localcloud.thing import Thing
from localcloud.waiting import wait_until
from tests.fakes.documents import operation
from tests.system.harness.agent import Agent
from tests.system.harness.namespaces import localhost_is
from tests.system.harness.rig import JOB_SECONDS, ONLINE, QUICK_RECONNECT, Rig
from tests.system.harness.skips import needs_root
from tests.system.harness.sockets import relay, serving

ALPN = "x-amzn-mqtt-ca"


@pytest.fixture
def jobs(broker: Mosquitto) -> Iterator[ScriptedJobs]:
    """The scripted service at that broker."""
    with ScriptedJobs(broker.make_service()) as service:
        yield service


def test_jobs_run_over_any_broker_that_speaks_mqtt_5(jobs: ScriptedJobs, device_agent: Agent) -> None:
    device_agent.start()
    jobs.wait_requests("start-next")
    jobs.add("device", "first", operation("echo", "hi", includeStdOut=True))
    (done,) = jobs.wait_finished(1, JOB_SECONDS)
    assert (done.status, done.details) == ("SUCCEEDED", {"reason": "Exited with status: 0", "stdout": "hi\n"})
    assert device_agent.stop() == 0


@pytest.mark.parametrize("keep", [True, False], ids=["session kept", "session lost"])
def test_a_broker_that_restarts_is_found_again_and_asked_for_work(
    broker: Mosquitto, jobs: ScriptedJobs, device_agent: Agent, keep: bool
) -> None:
    device_agent.start()
    jobs.wait_requests("start-next")
    for round_number in (1, 2):
        asked = len(jobs.requests("start-next"))
        mark = len(device_agent.log())
        broker.restart(keep_sessions=keep)
        jobs.listen()
        device_agent.wait_log(ONLINE, after=mark)
        jobs.wait_requests("start-next", asked + 1, timeout=JOB_SECONDS)
        jobs.add("device", f"job-{round_number}", operation("true"))
        assert jobs.wait_finished(round_number, JOB_SECONDS)[-1].status == "SUCCEEDED"


def test_a_session_that_is_there_is_not_subscribed_to_again(
    broker: Mosquitto, jobs: ScriptedJobs, device_agent: Agent
) -> None:
    """Subscribing again would make some brokers deliver everything twice.

    mosquitto 2.0.11 takes a session over its restart only if that was resumed once: hence two restarts.
    """
    device_agent.start()
    jobs.wait_requests("start-next")
    for asked in (2, 3):
        mark, subscribed = len(device_agent.log()), broker.log().count("Received SUBSCRIBE from device")
        broker.restart(keep_sessions=True)
        jobs.listen()
        device_agent.wait_log(ONLINE, after=mark)
        jobs.wait_requests("start-next", asked, timeout=JOB_SECONDS)
    assert "Sending CONNACK to device (1, 0)" in broker.log()
    assert broker.log().count("Received SUBSCRIBE from device") == subscribed


def test_a_broker_that_freezes_is_given_up_and_found_again(
    broker: Mosquitto, device: Thing, jobs: ScriptedJobs, device_agent: Agent
) -> None:
    """Only the keep-alive can tell: nothing is closed."""
    device.configure(mqtt={**QUICK_RECONNECT, "keep-alive-seconds": 5})
    device_agent.start()
    jobs.wait_requests("start-next")
    asked = len(jobs.requests("start-next"))
    mark = len(device_agent.log())
    broker.freeze()
    device_agent.wait_log("the connection was lost", after=mark)
    broker.thaw()
    jobs.listen()
    jobs.wait_requests("start-next", asked + 1, timeout=JOB_SECONDS)
    jobs.add("device", "after", operation("true"))
    assert jobs.wait_finished(1, JOB_SECONDS)[0].status == "SUCCEEDED"


def test_news_of_an_empty_queue_does_not_replace_the_answer_to_start_next(
    jobs: ScriptedJobs, device_agent: Agent
) -> None:
    """An old notify-next of a kept session may come after the question whose answer was lost."""
    jobs.script("start-next", SILENCE)
    device_agent.start()
    jobs.wait_requests("start-next")
    jobs.notify("device")
    device_agent.wait_log("no job execution is pending")
    jobs.wait_requests("start-next", 2, timeout=30)  # the agent gives an answer ten seconds


def test_an_agent_started_before_its_broker_connects_when_it_is_there(broker: Mosquitto, device_agent: Agent) -> None:
    broker.stop()
    device_agent.start()
    device_agent.wait_log("nothing listens there")
    broker.start()
    device_agent.wait_log(ONLINE)


@needs_root
def test_without_a_port_443_is_tried_first_and_8883_when_that_is_refused(
    broker: Mosquitto, jobs: ScriptedJobs, device_agent: Agent, address: str, tmp_path: Path
) -> None:
    device_agent.thing.configure(endpoint="localhost", mqtt=QUICK_RECONNECT)
    with serving(relay(broker.port), address, 8883):
        try:
            device_agent.start(prefix=localhost_is(address, tmp_path))
            jobs.wait_requests("start-next", timeout=JOB_SECONDS)
            assert device_agent.log().index("connecting to localhost:443") < device_agent.log().index(
                "connecting to localhost:8883"
            )
            assert "localhost:443: nothing listens there" in device_agent.log()
        finally:
            device_agent.finish()  # before the relay, which passes on until one side closes


@needs_root
def test_port_443_is_asked_for_mqtt_by_alpn_and_8883_is_not(
    broker: Mosquitto, device_agent: Agent, address: str, tmp_path: Path
) -> None:
    """Two listeners that only note what the agent offers in its first TLS message."""
    device_agent.thing.configure(endpoint="localhost", mqtt=QUICK_RECONNECT)
    with _listener(broker, address, 443) as secure, _listener(broker, address, 8883) as plain:
        try:
            device_agent.start(prefix=localhost_is(address, tmp_path))
            wait_until(lambda: secure and plain, JOB_SECONDS, "both ports to be tried")
        finally:
            device_agent.finish()
    assert (secure[0], plain[0]) == (ALPN, None)


@pytest.fixture
def address() -> str:
    """A loopback address whose ports nobody else has: suites that run side by side need the same ones."""
    return f"127.{secrets.randbelow(254) + 1}.{secrets.randbelow(256)}.{secrets.randbelow(254) + 1}"


@contextlib.contextmanager
def _listener(broker: Mosquitto, address: str, port: int) -> Iterator[list[str | None]]:
    """Accept TLS connections with the broker's certificate; yield the list of chosen ALPN protocols."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(broker.folder / "server.pem", broker.folder / "server.key")
    context.load_verify_locations(broker.folder / "ca.pem")
    context.verify_mode = ssl.CERT_REQUIRED  # the agent's TLS insists on being asked for its certificate
    context.set_alpn_protocols([ALPN])
    chosen: list[str | None] = []

    def answer(connection: socket.socket) -> None:
        with context.wrap_socket(connection, server_side=True) as tls:
            chosen.append(tls.selected_alpn_protocol())

    with serving(answer, address, port):
        yield chosen


def test_a_second_agent_of_the_same_thing_is_refused_and_the_first_goes_on(rig: Rig, target: str) -> None:
    rig.start_online()
    second = Agent(target, rig.thing).start()
    try:
        assert second.wait() == 1
    finally:
        second.finish()
    assert f"process {rig.agent.pid} holds" in second.log()
    assert "An instance of Device Client is already running." in second.log()
    assert rig.run(operation("true")).status == "SUCCEEDED"


def test_the_lock_of_an_agent_that_was_killed_is_free(rig: Rig) -> None:
    rig.start_online()
    rig.agent.kill()
    rig.start()
    assert rig.run(operation("true")).status == "SUCCEEDED"


def test_agents_of_two_things_share_a_device(rig: Rig, target: str, tmp_path: Path) -> None:
    other = rig.cloud.make_thing("second-thing", tmp_path / "other")
    rig.start_online()
    second = Agent(target, other).start(env={"LOCK_FILE_PATH": str(rig.thing.folder)})
    try:
        second.wait_log(ONLINE)
        assert rig.run(operation("true")).status == "SUCCEEDED"
    finally:
        second.finish()


def test_a_lock_folder_that_can_not_be_used_is_told_and_the_agent_runs(rig: Rig) -> None:
    rig.thing.state.write_text("no folder")
    rig.start(env={"LOCK_FILE_PATH": "/no/such/folder"})
    rig.agent.wait_log("no lock is held")
    assert rig.run(operation("true")).status == "SUCCEEDED"


def test_two_agents_with_one_client_id_do_not_throw_each_other_out_again_and_again(
    rig: Rig, target: str, tmp_path: Path
) -> None:
    """Without a common lock, as on two devices: the one that is thrown out waits, and says what is wrong."""
    rig.thing.configure(mqtt=QUICK_RECONNECT)
    rig.start_online()
    mark = rig.cloud.mark()
    second = Agent(target, rig.thing).start(env={"LOCK_FILE_PATH": ""})
    try:
        rig.agent.wait_log('is "thing-name" .+ used by a second device or agent')
        assert rig.run(operation("true")).status == "SUCCEEDED"
        assert len(rig.cloud.events("connect", rig.thing, since=mark)) == 1
    finally:
        second.finish()

# SPDX-FileCopyrightText: The aws-iot-device-client authors
# SPDX-License-Identifier: Apache-2.0
"""Under a supervisor that speaks sd_notify: told when ready, fed while the loop truly works, told of the end."""

from __future__ import annotations

import os
import signal
import socket
import threading
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from localcloud.waiting import wait_until
from tests.fakes.documents import operation
from tests.system.harness.rig import JOB_SECONDS
from tests.system.reliability.own_broker import OwnBroker

WATCHDOG_SECONDS = 0.4


class Supervisor:
    """Listens where systemd would; a context manager. `env` is what it sets for the agent."""

    def __init__(self) -> None:
        self._folder = TemporaryDirectory(prefix="notify-")  # a short path: a socket's has 107 bytes at most
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)

    def __enter__(self) -> Supervisor:
        path = str(Path(self._folder.name) / "notify")
        self._socket.bind(path)
        self._socket.setblocking(False)
        self.env = {"NOTIFY_SOCKET": path, "WATCHDOG_USEC": str(int(WATCHDOG_SECONDS * 1e6))}
        self.heard: list[str] = []
        return self

    def __exit__(self, *_: object) -> None:
        self._socket.close()
        self._folder.cleanup()

    def listen(self) -> list[str]:
        """Everything heard so far."""
        try:
            while True:
                self.heard += self._socket.recv(4096).decode().split("\n")
        except BlockingIOError:
            return self.heard

    def wait(self, word: str, count: int = 1) -> None:
        """Wait until `word` was heard that often."""
        wait_until(lambda: self.listen().count(word) >= count, JOB_SECONDS, lambda: f"{count} {word} in {self.heard}")


@pytest.fixture
def supervisor() -> Iterator[Supervisor]:
    with Supervisor() as listening:
        yield listening


def test_a_supervisor_hears_of_readiness_life_and_end(own_broker: OwnBroker, supervisor: Supervisor) -> None:
    own_broker.start_online(env=supervisor.env)
    supervisor.wait("READY=1")
    supervisor.wait("STATUS=connected, waiting for jobs")
    supervisor.wait("WATCHDOG=1", 3)
    assert own_broker.run(operation("true")).status == "SUCCEEDED"
    assert own_broker.agent.stop() == 0
    supervisor.wait("STOPPING=1")
    after = supervisor.heard[supervisor.heard.index("STOPPING=1") + 1 :]
    assert set(after) <= {"WATCHDOG=1"}, "its life goes on to the end, and is shown"


def test_an_agent_without_network_is_ready_and_says_that_it_tries_to_connect(
    own_broker: OwnBroker, supervisor: Supervisor
) -> None:
    """A board that boots offline must not run into the unit's start timeout."""
    own_broker.mosquitto.stop()
    own_broker.agent.start(env=supervisor.env)
    supervisor.wait("READY=1")
    connecting = f"STATUS=connecting to {own_broker.thing.endpoint}:{own_broker.thing.port}"
    supervisor.wait(connecting)
    supervisor.wait("WATCHDOG=1", 3)
    assert "STATUS=connected, waiting for jobs" not in supervisor.heard
    own_broker.mosquitto.start()
    supervisor.wait("STATUS=connected, waiting for jobs")
    own_broker.mosquitto.stop()
    supervisor.wait(connecting, 2)


def test_an_agent_whose_jobs_are_off_is_ready_and_stays_connected_in_silence(
    own_broker: OwnBroker, supervisor: Supervisor
) -> None:
    own_broker.agent.start("--enable-jobs", "false", env=supervisor.env)
    supervisor.wait("READY=1")
    supervisor.wait("STATUS=connected, no feature is enabled")
    job = own_broker.add(operation("true"))
    supervisor.wait("WATCHDOG=1", 5)
    assert own_broker.asked() == 0 and job not in {ended.job for ended in own_broker.service.finished}
    assert own_broker.agent.stop() == 0
    log = own_broker.agent.log()
    assert "Traceback" not in log and "[ERROR]" not in log and log.count("connected to") == 1


def test_a_supervisor_hears_when_the_agent_reads_its_configuration_again(
    own_broker: OwnBroker, supervisor: Supervisor
) -> None:
    """As systemd's Type=notify-reload wants it."""
    own_broker.start_online(env=supervisor.env)
    supervisor.wait("READY=1")
    own_broker.agent.signal(signal.SIGHUP)
    supervisor.wait("READY=1", 2)
    assert supervisor.heard.index("RELOADING=1") > supervisor.heard.index("READY=1")
    assert any(line.startswith("MONOTONIC_USEC=") for line in supervisor.heard)


def test_an_agent_that_stands_still_feeds_no_watchdog(own_broker: OwnBroker, supervisor: Supervisor) -> None:
    own_broker.start_online(env=supervisor.env)
    supervisor.wait("WATCHDOG=1")
    own_broker.agent.signal(signal.SIGSTOP)
    threading.Event().wait(WATCHDOG_SECONDS / 2)  # what was on its way
    before = len(supervisor.listen())
    threading.Event().wait(3 * WATCHDOG_SECONDS)
    assert len(supervisor.listen()) == before
    own_broker.agent.signal(signal.SIGCONT)
    supervisor.wait("WATCHDOG=1", supervisor.heard.count("WATCHDOG=1") + 1)


def test_an_agent_killed_by_its_supervisor_goes_on_with_its_job_afterwards(
    own_broker: OwnBroker, supervisor: Supervisor
) -> None:
    """systemd sends SIGABRT when the watchdog is not fed, and starts the agent anew."""
    own_broker.handlers.write("long.sh", '[ "$AWS_IOT_JOB_ATTEMPT" = 2 ] || exec sleep 600')
    own_broker.start_online(env=supervisor.env, prefix=("prlimit", "--core=0:0"))
    job = own_broker.add({"operation": "long.sh", "path": "default"})
    wait_until(own_broker.agent.children, JOB_SECONDS, "the handler to run")
    own_broker.agent.signal(signal.SIGABRT)
    assert own_broker.agent.wait() == -signal.SIGABRT
    own_broker.start_online(env=supervisor.env)
    assert own_broker.result(job).status == "SUCCEEDED"


def test_the_handlers_do_not_inherit_the_supervisors_socket(own_broker: OwnBroker, supervisor: Supervisor) -> None:
    """Else one of them could speak for the agent."""
    own_broker.start_online(env={**supervisor.env, "WATCHDOG_PID": str(os.getpid())})
    ended = own_broker.run(operation("env", includeStdOut=True))
    assert "NOTIFY_SOCKET" not in ended.details["stdout"]
    assert "WATCHDOG" not in ended.details["stdout"]
    assert "WATCHDOG=1" not in supervisor.listen(), "the watchdog of another process is not fed"

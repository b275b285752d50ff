# SPDX-FileCopyrightText: The aws-iot-device-client authors
# SPDX-License-Identifier: Apache-2.0
"""One thing with its agent and a broker of its own: a scripted Jobs service on it, and a relay in between if asked."""

from __future__ import annotations

import itertools
import os
import signal
from contextlib import ExitStack, suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

from localcloud.mosquitto import Mosquitto
from localcloud.scripted import Ended, ScriptedJobs
from localcloud.thing import Thing
from localcloud.waiting import wait_until
from tests.system.harness.agent import Agent
from tests.system.harness.contract import message_errors
from tests.system.harness.handlers import Handlers
from tests.system.harness.rig import JOB_SECONDS, QUICK_RECONNECT
from tests.system.reliability.relay import Relay

# Keep-alive as short as it may be, so that a dead connection is noticed within 5 + 10 s (PING_MS in dc/mqtt.py).
QUICK_MQTT = {**QUICK_RECONNECT, "keep-alive-seconds": 5}
# Says in what way a handler was started, and that none was started beside it: the lock lives as long as any process
# of the earlier one, since they all inherit its descriptor.
LEDGER_HEAD = """\
exec 9>>{folder}/lock
flock -n 9 || echo "overlap $AWS_IOT_JOB_ID" >> {folder}/ledger
echo "start $AWS_IOT_JOB_ID $AWS_IOT_JOB_STEP_NAME $AWS_IOT_JOB_ATTEMPT" >> {folder}/ledger
"""
LEDGER_TAIL = """
echo "end $AWS_IOT_JOB_ID $AWS_IOT_JOB_STEP_NAME $AWS_IOT_JOB_ATTEMPT" >> {folder}/ledger
"""

_things = itertools.count(1)


class OwnBroker:
    """A context manager. The agent is started by `start` or `start_online`; it ends with the broker."""

    def __init__(self, target: str, folder: Path, *, relayed: bool = False) -> None:
        self._stack = ExitStack()
        self._numbers = itertools.count(1)
        self._relayed = relayed
        self._target = target
        # An agent ends what an earlier one of its thing has left running, whosever that was: names must differ.
        self._name = f"thing-{os.getpid()}-{next(_things)}"
        self.folder = folder

    def __enter__(self) -> OwnBroker:
        with ExitStack() as stack:
            self.mosquitto = stack.enter_context(Mosquitto())
            self.service = ScriptedJobs(self.mosquitto.make_service())
            stack.enter_context(self.service)
            self.thing = self.make_thing(self.folder)
            if self._relayed:
                self.relay = stack.enter_context(Relay(self.mosquitto.port))
                self.route_through(self.relay)
            self.handlers = Handlers(self.thing.handlers)
            self.agent = Agent(self._target, self.thing)
            stack.callback(self._end_orphans)
            stack.callback(self.agent.finish)
            self._stack = stack.pop_all()
        return self

    def __exit__(self, kind: object, error: BaseException | None, _: object) -> None:
        self._stack.close()
        if error is not None:
            error.add_note(f"the end of the agent's log:\n{self.agent.log()[-4000:]}")
            return
        errors = [
            f"{m.topic} {m.payload[:2000]!r}: {reason}"
            for m in self.service.received
            for reason in message_errors(m.topic.split("/")[2], m.topic, m.payload)
        ]
        assert not errors, "\n".join(errors)

    def make_thing(self, folder: Path) -> Thing:
        """The thing's files once more, for another agent of it; quick to notice a dead connection."""
        thing = self.mosquitto.make_thing(self._name, folder)
        thing.configure(mqtt=QUICK_MQTT)
        return thing

    def route_through(self, relay: Relay) -> None:
        """Let the agent connect to `relay`."""
        self.thing = replace(self.thing, port=relay.port)
        self.thing.configure(mqtt=QUICK_MQTT)

    def start_online(self, *flags: str, **more: Any) -> Agent:
        """Start the agent and wait until it has asked for work."""
        asked = self.asked()
        self.agent.start(*flags, **more)
        wait_until(
            lambda: self.asked() > asked, JOB_SECONDS, lambda: f"start-next; the log:\n{self.agent.log()[-4000:]}"
        )
        return self.agent

    def restart_broker(self, *, keep_sessions: bool) -> None:
        """Stop and start the broker; the service is back before the agent (only with a relay can that be arranged)."""
        self.mosquitto.stop()
        self.relay.refuse()
        self.mosquitto.start(keep_sessions=keep_sessions)
        wait_until(self._service_listens, JOB_SECONDS, "the Jobs service to be back")
        self.relay.accept()

    def _service_listens(self) -> bool:
        try:
            self.service.listen()
        except Exception:  # awscrt's own errors: not connected yet
            return False
        return True

    def asked(self) -> int:
        """How often the agent has asked for work."""
        return len(self.service.requests("start-next"))

    def add(self, document: dict[str, Any], **more: Any) -> str:
        """Queue a job; its id."""
        job = f"job-{next(self._numbers)}"
        self.service.add(self.thing.name, job, document, **more)
        return job

    def result(self, job: str, timeout: float = JOB_SECONDS) -> Ended:
        """Wait until the job has ended. Raises TimeoutError with the end of the agent's log."""

        def ended() -> Ended | None:
            return next((e for e in self.service.finished if e.job == job), None)

        return wait_until(ended, timeout, lambda: f"{job} to end; the agent's log:\n{self.agent.log()[-4000:]}")

    def run(self, document: dict[str, Any], **more: Any) -> Ended:
        """Queue a job and wait until it has ended."""
        return self.result(self.add(document, **more))

    def family(self, job: str = "") -> list[int]:
        """The living processes of a job, or of all jobs, found by their environment."""
        wanted = {f"AWS_IOT_THING_NAME={self.thing.name}".encode()}
        wanted |= {f"AWS_IOT_JOB_ID={job}".encode()} if job else set()
        found = []
        for folder in Path("/proc").glob("[0-9]*"):
            try:
                if wanted <= set((folder / "environ").read_bytes().split(b"\0")):
                    found.append(int(folder.name))
            except OSError:
                continue
        return found

    def _end_orphans(self) -> None:
        """Handlers whose agent was killed, when a test fails before the next agent came to end them."""
        for pid in self.family():
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)

    # -- handlers that keep a ledger

    def write_ledger_handler(self, name: str, body: str) -> None:
        """A handler that does `body`, and writes down when it was started and how far it came."""
        head, tail = (text.format(folder=self.thing.folder) for text in (LEDGER_HEAD, LEDGER_TAIL))
        self.handlers.write(name, f"{head}{body}{tail}")

    def ledger(self) -> list[str]:
        """Its lines: start JOB STEP ATTEMPT, end JOB STEP ATTEMPT, overlap JOB."""
        path = self.thing.folder / "ledger"
        return path.read_text().splitlines() if path.exists() else []

    def wait_ledger(self, row: str) -> None:
        """Wait for one of its lines."""
        wait_until(
            lambda: row in self.ledger(),
            JOB_SECONDS,
            lambda: f"{row!r} in {self.ledger()}; the agent's log:\n{self.agent.log()[-4000:]}",
        )

# SPDX-FileCopyrightText: The aws-iot-device-client authors
# SPDX-License-Identifier: Apache-2.0
"""A Jobs service that follows a script, over a plain broker: for what a correct service would never do.

Jobs are queued with add() and handed out in order; every request is kept. How a request is answered can be
scripted ahead, one entry per request: `accept` (the default), a rejection code, `silence`, or a function that
returns the answers.
"""

from __future__ import annotations

import re
import threading
import time
from collections import defaultdict, deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from localcloud.mqttclient import Message, MqttClient
from localcloud.thing import Thing

REQUEST = re.compile(r"\$aws/things/([^/]+)/jobs/(?:([^/]+)/)?(start-next|update)")
KEPT_REQUESTS = 50_000
FINAL = ("SUCCEEDED", "FAILED", "REJECTED")
ACCEPT, SILENCE = "accept", "silence"


@dataclass
class Request:
    """One request of a device: `start-next`, or `update` of a job."""

    thing: str
    verb: str
    job: str | None
    body: dict[str, Any]

    @property
    def topic(self) -> str:
        """Where its answers go, without the last word."""
        return f"$aws/things/{self.thing}/jobs/" + (f"{self.job}/update" if self.job else "start-next")


@dataclass
class Execution:
    """One execution as the service sees it."""

    job: str
    document: dict[str, Any]
    number: int = 1
    status: str = "QUEUED"
    version: int = 1
    details: dict[str, str] = field(default_factory=dict)
    queued_at: int = field(default_factory=lambda: int(time.time()))

    def view(self) -> dict[str, Any]:
        """The execution as messages carry it; times are whole seconds."""
        details = {"statusDetails": self.details} if self.details else {}
        return {
            "jobId": self.job,
            "status": self.status,
            **details,
            "queuedAt": self.queued_at,
            "lastUpdatedAt": int(time.time()),
            "versionNumber": self.version,
            "executionNumber": self.number,
            "jobDocument": self.document,
        }


# Answers as (last word of the topic, body); the body gets timestamp and clientToken added.
Answers = list[tuple[str, dict[str, Any]]]
Script = str | Callable[[Request], Answers]


class ScriptedJobs:
    """The service, connected to a broker as one client; a context manager. Serves any number of things.

    `finished` holds the executions that devices ended, in that order, with their last status and details;
    `received` the messages of all devices as they came.
    """

    def __init__(self, identity: Thing) -> None:
        self._client = MqttClient(identity.endpoint, identity.port, identity.name, identity.files, self._received)
        self._changed = threading.Condition(threading.RLock())
        self._queues: dict[str, list[Execution]] = defaultdict(list)
        self._scripts: dict[str, deque[Script]] = defaultdict(deque)
        self._requests: deque[Request] = deque(maxlen=KEPT_REQUESTS)
        self.received: deque[Message] = deque(maxlen=KEPT_REQUESTS)
        self.finished: list[Execution] = []

    def __enter__(self) -> ScriptedJobs:
        self._client.connect()
        self.listen()
        return self

    def __exit__(self, *_: object) -> None:
        self._client.close()

    def listen(self) -> None:
        """Subscribe to all requests; needed again when the broker has forgotten its sessions."""
        topics = [f"$aws/things/+/jobs/{name}" for name in ("start-next", "+/update")]
        if any(code >= 128 for code in self._client.subscribe(topics)):
            raise ConnectionError("the broker lets the service subscribe to no requests: check its ACL")

    # -- the script

    def add(self, thing: str, job: str, document: dict[str, Any], *, number: int = 1) -> Execution:
        """Queue an execution and, when it is the only one, send notify-next."""
        with self._changed:
            execution = Execution(job, document, number)
            self._queues[thing].append(execution)
            if len(self._queues[thing]) == 1:
                self.notify(thing)
        return execution

    def remove(self, thing: str, job: str) -> None:
        """Take a job back as a forced cancel does: gone from the queue, notify-next about what is left."""
        with self._changed:
            self._queues[thing] = [e for e in self._queues[thing] if e.job != job]
            self.notify(thing)

    def script(self, verb: str, *answers: Script) -> None:
        """Say how the next requests of `verb` (`start-next` or `update`) are answered, one entry each."""
        with self._changed:
            self._scripts[verb].extend(answers)

    def notify(self, thing: str) -> None:
        """Send notify-next for the front of the thing's queue."""
        with self._changed:
            front = self._queues[thing][:1]
            body = {"execution": front[0].view()} if front else {}
        self.send(f"$aws/things/{thing}/jobs/notify-next", {"timestamp": int(time.time()), **body})

    def send(self, topic: str, body: dict[str, Any] | bytes) -> None:
        """Publish anything."""
        self._client.send(topic, body)

    # -- what happened

    def requests(self, verb: str = "", job: str | None = None) -> list[Request]:
        """Return the requests so far, oldest first, of one verb or one job only if asked."""
        with self._changed:
            return [r for r in self._requests if verb in ("", r.verb) and job in (None, r.job)]

    def wait_requests(self, verb: str, count: int = 1, job: str | None = None, timeout: float = 30.0) -> list[Request]:
        """Wait for at least `count` requests. Raises TimeoutError with those that came."""
        with self._changed:
            if not self._changed.wait_for(lambda: len(self.requests(verb, job)) >= count, timeout):
                raise TimeoutError(f"waited {timeout:g} s for {count} {verb} requests, got {self._requests}")
            return self.requests(verb, job)

    def wait_finished(self, count: int, timeout: float = 30.0) -> list[Execution]:
        """Wait until devices have ended at least `count` executions; return all of these. Raises TimeoutError."""
        with self._changed:
            if not self._changed.wait_for(lambda: len(self.finished) >= count, timeout):
                raise TimeoutError(f"waited {timeout:g} s for {count} executions, {len(self.finished)} ended")
            return list(self.finished)

    # -- serving, on awscrt's thread

    def _received(self, message: Message) -> None:
        self.received.append(message)
        match = REQUEST.fullmatch(message.topic)
        if match is None:
            return
        body = message.json() if message.payload else {}
        request = Request(match[1], match[3], match[2], body)
        with self._changed:
            scripts = self._scripts[request.verb]
            script = scripts.popleft() if scripts else ACCEPT
            answers, final = self._answers(request, script)
            for kind, answer in answers:
                token = {"clientToken": body["clientToken"]} if "clientToken" in body else {}
                self.send(f"{request.topic}/{kind}", {"timestamp": int(time.time()), **token, **answer})
            if final:
                self.notify(request.thing)
            self._requests.append(request)
            self._changed.notify_all()

    def _answers(self, request: Request, script: Script) -> tuple[Answers, bool]:
        """Return the answers, and whether the request ended an execution."""
        if script == SILENCE:
            return [], False
        if callable(script):
            return script(request), False
        if script != ACCEPT:
            return [("rejected", {"code": script, "message": "scripted"})], False
        if request.verb == "start-next":
            return self._start(request), False
        return self._update(request)

    def _start(self, request: Request) -> Answers:
        front = self._queues[request.thing][:1]
        if not front:
            return [("accepted", {})]
        if front[0].status == "QUEUED":
            front[0].status, front[0].version = "IN_PROGRESS", front[0].version + 1
        return [("accepted", {"execution": front[0].view()})]

    def _update(self, request: Request) -> tuple[Answers, bool]:
        queue = self._queues[request.thing]
        held = next((e for e in queue if e.job == request.job), None)
        if held is None:
            return [("rejected", {"code": "ResourceNotFound", "message": "no such execution"})], False
        expected = request.body.get("expectedVersion")
        if expected not in (None, held.version):
            state = {"status": held.status, "versionNumber": held.version}
            body = {"code": "VersionMismatch", "message": "stale", "executionState": state}
            return [("rejected", body)], False
        held.status, held.version = request.body["status"], held.version + 1
        held.details = request.body.get("statusDetails", held.details)
        final = held.status in FINAL
        if final:
            queue.remove(held)
            self.finished.append(held)
        state = {"status": held.status, "versionNumber": held.version}
        wanted = bool(request.body.get("includeJobExecutionState"))
        return [("accepted", {"executionState": state} if wanted else {})], final

# SPDX-FileCopyrightText: The aws-iot-device-client authors
# SPDX-License-Identifier: Apache-2.0
"""The Jobs service over a plain broker, with a script for what a correct service would never do.

It answers as `jobs_model` says, and keeps every request. How a request is answered can be scripted ahead, one entry
per request: `accept` (the default), a rejection code, `silence`, or a function that returns the answers.
"""

from __future__ import annotations

import re
import threading
import time
from collections import defaultdict, deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from localcloud.jobs_model import Execution, Job, JobsModel
from localcloud.mqttclient import Message, MqttClient
from localcloud.thing import Thing

REQUEST = re.compile(r"\$aws/things/([^/]+)/jobs/(?:([^/]+)/)?(start-next|update)")
KEPT_REQUESTS = 50_000
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


@dataclass(frozen=True)
class Ended:
    """An execution that a device has ended, as it reported it."""

    job: str
    number: int
    status: str
    version: int
    details: dict[str, str]


# Answers as (last word of the topic, body); the body gets timestamp and clientToken added.
Answers = list[tuple[str, dict[str, Any]]]
Script = str | Callable[[Request], Answers]


class ScriptedJobs:
    """The service, connected to a broker as one client; a context manager. Serves any number of things.

    `finished` holds the executions that devices ended, in that order; `received` the messages of all devices as they
    came. In the queue an ended execution is forgotten at once, so a second report of it is about no execution.
    """

    def __init__(self, identity: Thing) -> None:
        self._client = MqttClient(identity.endpoint, identity.port, identity.name, identity.files, self._received)
        self._changed = threading.Condition(threading.RLock())
        self._clock = _Clock(self._changed)
        self._models: dict[str, JobsModel] = {}
        self._scripts: dict[str, deque[Script]] = defaultdict(deque)
        self._requests: deque[Request] = deque(maxlen=KEPT_REQUESTS)
        self.received: deque[Message] = deque(maxlen=KEPT_REQUESTS)
        self.finished: list[Ended] = []

    def __enter__(self) -> ScriptedJobs:
        self._client.connect()
        self.listen()
        return self

    def __exit__(self, *_: object) -> None:
        self._clock.stop()
        self._client.close()

    def listen(self) -> None:
        """Subscribe to all requests; needed again when the broker has forgotten its sessions."""
        topics = [f"$aws/things/+/jobs/{name}" for name in ("start-next", "+/update")]
        if any(code >= 128 for code in self._client.subscribe(topics)):
            raise ConnectionError("the broker lets the service subscribe to no requests: check its ACL")

    # -- the script

    def add(
        self,
        thing: str,
        job: str,
        document: dict[str, Any],
        *,
        number: int = 1,
        timeout: float = 0.0,
        lag: float = 0.0,
    ) -> None:
        """Queue an execution; `timeout` and `lag` are those of jobs_model.Job."""
        with self._queue(thing) as queue:
            queue.create(Job(job, document, timeout, lag), number)

    def remove(self, thing: str, job: str) -> None:
        """Take a job back by force: to the device it is as if it had never been."""
        with self._queue(thing) as queue:
            queue.delete(job)

    def script(self, verb: str, *answers: Script) -> None:
        """Say how the next requests of `verb` (`start-next` or `update`) are answered, one entry each."""
        with self._changed:
            self._scripts[verb].extend(answers)

    def notify(self, thing: str) -> None:
        """Send notify-next for the front of the thing's queue, news or not."""
        with self._queue(thing) as queue:
            queue.announce()

    def send(self, topic: str, body: dict[str, Any] | bytes) -> None:
        """Publish anything."""
        self._client.send(topic, body)

    # -- what happened

    def waiting(self, thing: str) -> int:
        """How many executions of the thing are not ended yet."""
        with self._queue(thing) as queue:
            return len(queue.pending())

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

    def wait_finished(self, count: int, timeout: float = 30.0) -> list[Ended]:
        """Wait until devices have ended at least `count` executions; return all of these. Raises TimeoutError."""
        with self._changed:
            if not self._changed.wait_for(lambda: len(self.finished) >= count, timeout):
                raise TimeoutError(f"waited {timeout:g} s for {count} executions, {len(self.finished)} ended")
            return list(self.finished)

    def forget(self) -> None:
        """Begin to count anew: a run of very many jobs need not keep all of them."""
        with self._changed:
            for kept in (self._requests, self.received, self.finished):
                kept.clear()

    # -- serving, on awscrt's thread

    @contextmanager
    def _queue(self, thing: str) -> Iterator[JobsModel]:
        """The thing's queue, for this thread alone and at one moment of time."""
        with self._changed:
            self._clock.now = time.time()
            if thing not in self._models:
                topics = f"$aws/things/{thing}/jobs/"
                self._models[thing] = JobsModel(
                    self._clock, lambda name, body: self.send(topics + name, body), self._note
                )
            queue = self._models[thing]
            yield queue
            queue.forget_ended()
            self._changed.notify_all()

    def _received(self, message: Message) -> None:
        self.received.append(message)
        match = REQUEST.fullmatch(message.topic)
        if match is None:
            return
        request = Request(match[1], match[3], match[2], message.json() if message.payload else {})
        with self._queue(request.thing) as queue:
            scripts = self._scripts[request.verb]
            self._answer(queue, request, scripts.popleft() if scripts else ACCEPT)
            self._requests.append(request)

    def _answer(self, queue: JobsModel, request: Request, script: Script) -> None:
        body = request.body
        if callable(script):
            token = {"clientToken": body["clientToken"]} if "clientToken" in body else {}
            for kind, answer in script(request):
                self.send(f"{request.topic}/{kind}", {"timestamp": int(self._clock.now), **token, **answer})
        elif script == ACCEPT and request.job:
            queue.update(request.job, body)
        elif script == ACCEPT:
            queue.start_next(body)
        elif script != SILENCE:
            queue.reject(request.job or "", body, script)

    def _note(self, execution: Execution) -> None:
        if execution.by_device:
            ended = (execution.job.job_id, execution.number, execution.status, execution.version, execution.details)
            self.finished.append(Ended(*ended))


class _Clock:
    """Unix time that stands still while something is done; what is due is done on a thread, holding the lock."""

    def __init__(self, lock: threading.Condition) -> None:
        self.now = time.time()
        self._lock = lock
        self._timers: list[threading.Timer] = []

    def after(self, seconds: float, what: Callable[[], None], /) -> threading.Timer:
        """As jobs_model.Clock."""

        def due() -> None:
            with self._lock:
                self.now = time.time()
                what()

        timer = threading.Timer(seconds, due)
        timer.daemon = True
        timer.start()
        self._timers.append(timer)
        return timer

    def stop(self) -> None:
        """Nothing more is due."""
        for timer in self._timers:
            timer.cancel()

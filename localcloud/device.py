# SPDX-FileCopyrightText: The aws-iot-device-client authors
# SPDX-License-Identifier: Apache-2.0
"""A device played by hand over MQTT, under the same minimal policy as the agent: for tests of the brokers."""

from __future__ import annotations

from typing import Any

from localcloud.mqttclient import MqttClient
from localcloud.thing import Thing
from localcloud.waiting import wait_until

ANSWERS = (
    "start-next/accepted",
    "start-next/rejected",
    "notify-next",
    "+/update/accepted",
    "+/update/rejected",
)
ANSWER_SECONDS = 20.0


class Device(MqttClient):
    """A connected thing, subscribed to the answers and notifications of its jobs; a context manager."""

    def __init__(self, thing: Thing, session_seconds: int = 0) -> None:
        super().__init__(thing.endpoint, thing.port, thing.name, thing.files, session_seconds=session_seconds)
        self._jobs = f"$aws/things/{thing.name}/jobs/"

    def connect(self, timeout: float = ANSWER_SECONDS) -> None:
        """Connect and subscribe. Raises ConnectionError when either is refused."""
        super().connect(timeout)
        codes = self.subscribe_jobs(*ANSWERS)
        if any(code >= 128 for code in codes):
            self.close()
            raise ConnectionError(f"the broker refused a filter: {dict(zip(ANSWERS, codes, strict=True))}")

    def subscribe_jobs(self, *names: str) -> list[int]:
        """Subscribe below the thing's jobs topic; return the reason codes."""
        return self.subscribe([self._jobs + name for name in names])

    def request(self, name: str, body: dict[str, Any] | bytes = b"") -> int:
        """Publish a request (`start-next`, `J/update`, ...); return the PUBACK's reason code."""
        return self.publish(self._jobs + name, body)

    def ask(self, name: str, body: dict[str, Any] | bytes = b"") -> dict[str, Any]:
        """Publish a request and return its answer, with "answer" added: `accepted` or `rejected`."""
        kinds = ("accepted", "rejected")
        before = {kind: len(self.messages(f"{name}/{kind}")) for kind in kinds}
        self.request(name, body)

        def answer() -> dict[str, Any] | None:
            for kind in kinds:
                if new := self.messages(f"{name}/{kind}")[before[kind] :]:
                    return {"answer": kind, **new[0].json()}
            return None

        return wait_until(answer, ANSWER_SECONDS, f"an answer to {name}")

    def start(self, **body: Any) -> dict[str, Any]:
        """Start the next job; return its execution."""
        execution: dict[str, Any] = self.ask("start-next", body)["execution"]
        return execution

    def next_jobs(self, count: int) -> list[tuple[str, int] | None]:
        """Wait for `count` notify-next; return (jobId, executionNumber) of each, None for an empty queue."""
        bodies = [message.json() for message in self.wait_messages("/notify-next", count)]
        return [
            (b["execution"]["jobId"], b["execution"]["executionNumber"]) if "execution" in b else None for b in bodies
        ]

# SPDX-FileCopyrightText: The aws-iot-device-client authors
# SPDX-License-Identifier: Apache-2.0
"""Between the agent and the service: messages take time, get lost, come twice, late, or in another order.

A message's kind is its topic's part that matters: up "start-next", "claim" (IN_PROGRESS), "report" (a terminal
status); down "offer", "no-offer", "accepted", "rejected", "notify-next".
"""

from __future__ import annotations

from collections.abc import Callable
from random import Random

from dc.jsonlib import dumps, loads
from localcloud.jobs_model import JobsModel
from tests.sim.simulator.events import Events

UP, DOWN = "up", "down"
LOSE, TWICE, LATE = "lose", "twice", "late"
THROTTLE, INTERNAL, REFUSE = "RequestThrottled", "InternalError", "InvalidRequest"
LATENCY = 0.05
LATE_SECONDS = 1.5
THING = "board"
PREFIX = f"$aws/things/{THING}/jobs/"


class Rule:
    """What happens to the `nth` message (from 1; 0: to each) of a kind. `act`: LOSE, TWICE, LATE; up also an error
    code that the service answers instead; down INTERNAL: the update counted, and yet the answer is InternalError."""

    def __init__(self, way: str, kind: str, nth: int, act: str) -> None:
        self.way = way
        self.kind = kind
        self.nth = nth
        self.act = act


class Faults:
    """Decides what becomes of each message: by the rules, or by chance until `until`, the same for the same seed."""

    def __init__(self, rules: tuple[Rule, ...] = (), rng: Random | None = None, rate: float = 0.0) -> None:
        self.until = 0.0
        self._rules = rules
        self._rng = rng
        self._rate = rate
        self._counts: dict[tuple[str, str], int] = {}

    def act(self, way: str, kind: str, now: float) -> str:
        """LOSE, TWICE, LATE, a code, or ""."""
        nth = self._counts.get((way, kind), 0) + 1
        self._counts[way, kind] = nth
        for rule in self._rules:
            if (rule.way, rule.kind) == (way, kind) and rule.nth in (0, nth):
                return rule.act
        if self._rng is not None and now < self.until and self._rng.random() < self._rate:
            acts: tuple[str, ...] = (LOSE, TWICE, LATE, THROTTLE, INTERNAL) if way == UP else (LOSE, TWICE, LATE)
            return self._rng.choice(acts)
        return ""

    def delay(self) -> float:
        """How long a message is under way."""
        return LATENCY if self._rng is None else LATENCY * (0.2 + 1.6 * self._rng.random())


class Network:
    """`link`: whether anything gets through at all. `deliver(topic, payload)` is the agent's end, `say` keeps the
    trace."""

    def __init__(
        self,
        events: Events,
        faults: Faults,
        deliver: Callable[[str, bytes], None],
        say: Callable[[str], None],
    ) -> None:
        self.link = True
        self.silent_until = 0.0
        self.accepted: dict[str, tuple[str, int, int]] = {}  # clientToken of an update that counted: whose it was
        self.service: JobsModel
        self._events = events
        self._faults = faults
        self._deliver = deliver
        self._say = say
        self._epochs = {UP: 0, DOWN: 0}

    def publish(self, topic: str, payload: bytes) -> None:
        """The agent's message sets out."""
        request = load(payload)
        name = topic.removeprefix(PREFIX)
        kind = "start-next" if name == "start-next" else "claim"
        if kind == "claim" and request.get("status") != "IN_PROGRESS":
            kind = "report"
        self._say(f"-> {name} {payload.decode()}")
        act = self._fate(UP, kind)
        code = act if act in (THROTTLE, INTERNAL, REFUSE) else ""
        epoch = self._epochs[UP]
        for seconds in self._copies(act):
            self._events.after(seconds, lambda: self._arrived(name, request, code, epoch))

    def lose(self, way: str) -> None:
        """What has set out that way and did not arrive never will."""
        self._epochs[way] += 1

    def down(self, topic: str, message: dict[str, object]) -> None:
        """The service's message sets out."""
        kind = "notify-next" if topic == "notify-next" else topic.rpartition("/")[2]
        if topic == "start-next/accepted":
            kind = "offer" if "execution" in message else "no-offer"
        act = self._fate(DOWN, kind)
        if act == INTERNAL:
            topic = topic.replace("accepted", "rejected")
            message = {**message, "code": INTERNAL, "message": "after the fact"}
        payload = dumps(message)
        epoch = self._epochs[DOWN]
        for seconds in self._copies(act):
            self._events.after(seconds, lambda: self._delivered(PREFIX + topic, payload, epoch))

    def _fate(self, way: str, kind: str) -> str:
        act = self._faults.act(way, kind, self._events.now)
        if self._events.now < self.silent_until or (way == UP and not self.link):
            act = LOSE
        if act:
            self._say(f"   ({way} {kind}: {act})")
        return act

    def _copies(self, act: str) -> list[float]:
        """After how long each copy of a message arrives."""
        seconds = self._faults.delay()
        if act == LOSE:
            return []
        if act == TWICE:
            return [seconds, seconds + self._faults.delay()]
        return [seconds + LATE_SECONDS] if act == LATE else [seconds]

    def _arrived(self, name: str, request: dict[str, object], code: str, epoch: int) -> None:
        if epoch != self._epochs[UP]:
            return
        job_id = "" if name == "start-next" else name.partition("/")[0]
        if code:
            self.service.reject(job_id, request, code)
        elif not job_id:
            self.service.start_next(request)
        else:
            taken = self.service.update(job_id, request)
            if taken is not None:
                self.accepted[str(request.get("clientToken"))] = taken.key()

    def _delivered(self, topic: str, payload: bytes, epoch: int) -> None:
        if epoch == self._epochs[DOWN]:
            self._deliver(topic, payload)


def load(payload: bytes) -> dict[str, object]:
    """A request's payload; the agent never sends anything but an object."""
    value = loads(payload)
    assert isinstance(value, dict)
    return value

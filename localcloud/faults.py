# SPDX-FileCopyrightText: The aws-iot-device-client authors
# SPDX-License-Identifier: Apache-2.0
"""Faults on request, and a record of what devices did: both sit between MiniStack's broker and the devices.

A fault is `{"kind", "match", "skip", "count", "seconds"}`: it lets `skip` matching messages pass, then
strikes `count` times (0 = until cleared). `match` is a shell pattern over the topic.

On a request: "throttle", "internal-error" and "invalid-request" (rejected with that code), "silence" (no answer, nothing done),
"late" (handled after `seconds`), "drop" (connection cut, request lost), "drop-after" (handled and answered,
then cut without a PUBACK), "late-ack" (PUBACK after `seconds`), "no-ack" (no PUBACK).
On a message to a device: "lose", "duplicate", "late-delivery" (sent after `seconds`: later ones overtake it).
"""

from __future__ import annotations

import asyncio
import base64
import contextvars
import fnmatch
import json
import time
from collections import deque
from collections.abc import Coroutine
from dataclasses import dataclass
from typing import Any

from localcloud.ministack import replaces
from localcloud.overlay import ACCOUNT, REGION, iot

CODES = {"throttle": "RequestThrottled", "internal-error": "InternalError", "invalid-request": "InvalidRequest"}
REQUEST_KINDS = (*CODES, "silence", "late")
PACKET_KINDS = ("drop", "drop-after")
ACK_KINDS = ("late-ack", "no-ack")
DELIVERY_KINDS = ("lose", "duplicate", "late-delivery")
KINDS = (*REQUEST_KINDS, *PACKET_KINDS, *ACK_KINDS, *DELIVERY_KINDS)
KEPT_EVENTS = 200_000

_ack_fault: contextvars.ContextVar[Fault | None] = contextvars.ContextVar("ack_fault", default=None)


@dataclass
class Fault:
    """One fault waiting to strike; see the module's text for the fields."""

    kind: str
    match: str = "*"
    skip: int = 0
    count: int = 1
    seconds: float = 0.0

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise ValueError(f"no fault is called {self.kind!r}; there are: {', '.join(KINDS)}")


class Faults:
    """The faults waiting to strike, oldest first."""

    def __init__(self) -> None:
        self.waiting: list[Fault] = []

    def take(self, kinds: tuple[str, ...], topic: str) -> Fault | None:
        """Return the first fault of `kinds` that strikes a message on `topic` now, and count it."""
        for fault in self.waiting:
            if fault.kind not in kinds or not fnmatch.fnmatchcase(topic, fault.match):
                continue
            if fault.skip:
                fault.skip -= 1
                continue
            if fault.count == 1:
                self.waiting.remove(fault)
            elif fault.count:
                fault.count -= 1
            return fault
        return None


class Record:
    """What devices did, in order: `publish`, `denied`, `connect`, `disconnect`; the oldest fall out."""

    def __init__(self) -> None:
        self._events: deque[dict[str, Any]] = deque(maxlen=KEPT_EVENTS)
        self.last = 0

    def add(self, kind: str, client: str, **fields: Any) -> None:
        """Append one event; `seq` numbers all events without a gap, `last` is the newest."""
        self.last += 1
        self._events.append({"seq": self.last, "at": time.time(), "kind": kind, "client": client, **fields})

    def since(self, seq: int) -> list[dict[str, Any]]:
        """Return the events numbered above `seq`."""
        return [event for event in self._events if event["seq"] > seq]


_background: set[asyncio.Task[None]] = set()


async def _later(seconds: float, work: Coroutine[Any, Any, None]) -> None:
    await asyncio.sleep(seconds)
    await work


def _in_background(seconds: float, work: Coroutine[Any, Any, None]) -> None:
    task = asyncio.get_running_loop().create_task(_later(seconds, work))
    _background.add(task)
    task.add_done_callback(_background.discard)


def install(faults: Faults, record: Record) -> None:
    """Put fault injection and recording into MiniStack's broker."""
    _on_requests(faults)
    _on_packets(faults)
    _on_deliveries(faults)
    _on_events(record)


def _on_requests(faults: Faults) -> None:
    @replaces(iot, "_handle_jobs_publish")
    async def request(
        original: Any, account: str, region: str, thing: str, verb: str, job: Any, payload: bytes
    ) -> None:
        topic = f"$aws/things/{thing}/jobs/" + (f"{job}/{verb}" if job else verb)
        fault = faults.take(REQUEST_KINDS, topic)
        if fault is None:
            await original(account, region, thing, verb, job, payload)
        elif fault.kind == "late":
            _in_background(fault.seconds, original(account, region, thing, verb, job, payload))
        elif fault.kind in CODES:
            token = json.loads(payload or b"{}").get("clientToken")
            answer = iot._jobs_rejected(CODES[fault.kind], f"injected fault {fault.kind}", token)
            await iot.broker_publish(account, region, f"{topic}/rejected", json.dumps(answer).encode(), qos=1)


def _on_packets(faults: Faults) -> None:
    @replaces(iot._WSSession, "handle_packet")
    async def packet(original: Any, session: Any, kind: int, flags: int, body: bytes) -> bool:
        if kind != iot.PKT_PUBLISH:
            return bool(await original(session, kind, flags, body))
        topic = body[2 : 2 + int.from_bytes(body[:2], "big")].decode(errors="replace")
        drop = faults.take(PACKET_KINDS, topic)
        if drop and drop.kind == "drop":
            return False
        token = _ack_fault.set(drop or faults.take(ACK_KINDS, topic))
        try:
            goes_on = await original(session, kind, flags, body)
        finally:
            _ack_fault.reset(token)
        return bool(goes_on) and drop is None

    @replaces(iot._WSSession, "send_bytes")
    async def send(original: Any, session: Any, data: bytes) -> None:
        fault = _ack_fault.get() if data[0] >> 4 == iot.PKT_PUBACK else None
        if fault is None:
            await original(session, data)
        elif fault.kind == "late-ack":
            _in_background(fault.seconds, original(session, data))


def _on_deliveries(faults: Faults) -> None:
    @replaces(iot._WSSession, "deliver_to_client")
    async def deliver(original: Any, session: Any, topic: str, payload: bytes, qos: int) -> None:
        fault = faults.take(DELIVERY_KINDS, topic)
        if fault is None or fault.kind == "duplicate":
            await original(session, topic, payload, qos)
        if fault is not None and fault.kind != "lose":
            _in_background(fault.seconds, original(session, topic, payload, qos))


def _on_events(record: Record) -> None:
    @replaces(iot, "broker_publish")
    async def publish(original: Any, account: str, region: str, topic: str, payload: bytes, **kw: Any) -> None:
        if kw.get("client_id"):
            text = base64.b64encode(payload).decode()
            record.add("publish", kw["client_id"], topic=topic, payload=text, qos=kw.get("qos", 0))
        await original(account, region, topic, payload, **kw)

    @replaces(iot._WSSession, "_policy_allows")
    def allows(original: Any, session: Any, action: str, resource: str) -> bool:
        allowed = bool(original(session, action, resource))
        if not allowed:
            record.add("denied", session._client_id, action=action, resource=resource)
        return allowed

    @replaces(iot, "_register_client")
    def register(original: Any, account: str, region: str, client: str, *rest: Any) -> None:
        original(account, region, client, *rest)
        record.add("connect", client)

    @replaces(iot, "_deregister_client")
    def deregister(original: Any, account: str, region: str, client: str, session: Any = None) -> bool:
        ended = bool(original(account, region, client, session))
        if ended:
            record.add("disconnect", client, reason=session.disconnect_reason() if session else "CONNECTION_LOST")
        return ended


async def kick(client: str, *, forget: bool) -> bool:
    """Cut the connection of `client`, and `forget` its stored session; return whether it was connected."""
    key = (ACCOUNT, REGION, client)
    session = iot._connected_clients.get(key)
    if session is not None:
        await session._send({"type": "websocket.close", "code": 1000})
        await session.cleanup()
    if forget:
        iot._persistent_sessions.pop(key, None)
    return session is not None

# SPDX-FileCopyrightText: The aws-iot-device-client authors
# SPDX-License-Identifier: Apache-2.0
"""A small MQTT 5 client with mutual TLS over awscrt's Python package, for tests and the scripted service.

It shares nothing with the agent's own MQTT code, so a mistake there can't hide in the tests.
"""

from __future__ import annotations

import json
import os
import socket
import threading
from collections.abc import Callable, Iterable
from concurrent.futures import Future
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from awscrt import io, mqtt5

Deliver = Callable[["Message"], None]


@dataclass(frozen=True)
class Message:
    """One message received."""

    topic: str
    payload: bytes

    def json(self) -> Any:
        """The payload, read as JSON."""
        return json.loads(self.payload)


class MqttClient:
    """A connection that keeps every message it receives, or hands each to `on_message` instead, on awscrt's thread."""

    def __init__(
        self,
        host: str,
        port: int,
        client_id: str,
        files: tuple[Path, Path, Path],
        on_message: Deliver | None = None,
        session_seconds: int = 0,
    ) -> None:
        cert, key, ca = (str(path) for path in files)
        tls = io.TlsContextOptions.create_client_with_mtls_from_path(cert, key)
        tls.override_default_trust_store_from_path(None, ca)
        self._on_message = on_message
        self._messages: list[Message] = []
        self._changed = threading.Condition(threading.RLock())
        self._connected: Future[None] = Future()
        self._stopped: Future[None] = Future()
        resume = mqtt5.ClientSessionBehaviorType.REJOIN_ALWAYS
        self._client = mqtt5.Client(
            mqtt5.ClientOptions(
                host_name=host,
                port=port,
                tls_ctx=io.ClientTlsContext(tls),
                connect_options=mqtt5.ConnectPacket(
                    client_id=client_id,
                    keep_alive_interval_sec=30,
                    session_expiry_interval_sec=session_seconds,
                ),
                session_behavior=resume if session_seconds else mqtt5.ClientSessionBehaviorType.CLEAN,
                min_reconnect_delay_ms=100,
                max_reconnect_delay_ms=1000,
                on_publish_callback_fn=self._received,
                on_lifecycle_event_connection_success_fn=self._connection_made,
                on_lifecycle_event_connection_failure_fn=lambda data: self._settle(
                    self._connected, ConnectionError(f"{client_id} can't connect: {data.exception}")
                ),
                on_lifecycle_event_stopped_fn=lambda _: self._settle(self._stopped, None),
            )
        )

    def __enter__(self) -> Self:
        self.connect()
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def connect(self, timeout: float = 20.0) -> None:
        """Connect, and reconnect for ever after. Raises ConnectionError when the first attempt is refused."""
        self._client.start()
        try:
            self._connected.result(timeout)
        except BaseException:
            self.close()
            raise

    def close(self, timeout: float = 20.0) -> None:
        """Disconnect and wait for it."""
        self._client.stop()
        self._stopped.result(timeout)

    def subscribe(self, filters: Iterable[str], timeout: float = 20.0) -> list[int]:
        """Subscribe with QoS 1; return the reason code per filter (128 and above: refused)."""
        wanted = [mqtt5.Subscription(name, mqtt5.QoS.AT_LEAST_ONCE) for name in filters]
        answer = self._client.subscribe(mqtt5.SubscribePacket(wanted)).result(timeout)
        return [int(code) for code in answer.reason_codes]

    def publish(self, topic: str, payload: bytes | dict[str, Any], timeout: float = 20.0) -> int:
        """Publish with QoS 1 and wait for the PUBACK; return its reason code (128 and above: refused)."""
        return int(self.send(topic, payload).result(timeout).puback.reason_code)

    def send(self, topic: str, payload: bytes | dict[str, Any]) -> Future[Any]:
        """Publish with QoS 1 without waiting (the only way that is allowed inside `on_message`)."""
        data = payload if isinstance(payload, bytes) else json.dumps(payload).encode()
        packet = mqtt5.PublishPacket(topic=topic, payload=data, qos=mqtt5.QoS.AT_LEAST_ONCE)
        future: Future[Any] = self._client.publish(packet)
        return future

    def messages(self, ending: str = "") -> list[Message]:
        """Return what was received so far on topics with this ending."""
        with self._changed:
            return [message for message in self._messages if message.topic.endswith(ending)]

    def wait_messages(self, ending: str, count: int = 1, timeout: float = 20.0) -> list[Message]:
        """Wait for at least `count` messages on topics with this ending. Raises TimeoutError."""
        with self._changed:
            if not self._changed.wait_for(lambda: len(self.messages(ending)) >= count, timeout):
                raise TimeoutError(f"{len(self.messages(ending))} of {count} on ...{ending}: {self._messages}")
            return self.messages(ending)

    def _received(self, data: Any) -> None:
        message = Message(data.publish_packet.topic, data.publish_packet.payload or b"")
        if self._on_message is not None:
            self._on_message(message)
            return
        with self._changed:
            self._messages.append(message)
            self._changed.notify_all()

    def _connection_made(self, _: object) -> None:
        _send_at_once()
        self._settle(self._connected, None)

    @staticmethod
    def _settle(future: Future[None], error: Exception | None) -> None:
        if future.done():
            return
        if error is None:
            future.set_result(None)
        else:
            future.set_exception(error)


def _send_at_once() -> None:
    """TCP_NODELAY on every TCP socket of this process: awscrt has no option for it, and a client that waits for more
    before it sends costs 40 ms at each exchange."""
    for name in os.listdir("/proc/self/fd"):
        with suppress(OSError):  # no TCP socket, or gone meanwhile
            sock = socket.socket(fileno=int(name))
            try:
                sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            finally:
                sock.detach()

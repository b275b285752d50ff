# SPDX-FileCopyrightText: The aws-iot-device-client authors
# SPDX-License-Identifier: Apache-2.0
"""The native MQTT 5 functions of awscrt behind a small interface. awscrt's Python package is not loaded.

The package costs 6.6 MB and 40 ms and does little here but pass arguments on (measured); so its native module is
called directly. That interface is private to awscrt: the version is pinned, and a test records what the package
passes and compares. Each callback comes on awscrt's own thread and does nothing but post to the loop.
"""

from __future__ import annotations

import os

# s2n reads the system's CA bundle twice at start (3 MB, 14 ms), whatever trust store is configured later. The agent
# always gives its own, so these two point at nothing. putenv leaves os.environ, and so the handlers' environment, alone.
os.putenv("SSL_CERT_FILE", "/dev/null")
os.putenv("SSL_CERT_DIR", "/nonexistent")

import _awscrt  # after the two lines above, on purpose

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    Post = Callable[..., None]

AWSCRT_VERSION = "0.38.1"  # the one whose native signatures this module knows

QOS1 = 1
_TLS_1_2, _CIPHER_DEFAULT = 3, 0  # at least; AWS IoT speaks 1.2 and 1.3
_REJOIN_POST_SUCCESS, _NO_EXTRA_VALIDATION, _FAIL_ALL_ON_DISCONNECT, _FULL_JITTER = 2, 0, 3, 2
SESSION_SECONDS = 3600  # AWS IoT's own default for persistent sessions
MAX_PACKET = 160 * 1024  # AWS IoT's payloads end at 128 KiB; topic and properties come on top
CONNECT_MS = 10_000
CONNACK_MS = 20_000
PING_MS = 10_000
ACK_SECONDS = 20
STEADY_MS = 30_000  # a connection that lasted so long resets the reconnect delay


class Bound:
    """A native object and what keeps it alive."""

    _binding: object = None


class _SocketOptions:
    domain = 1  # IPv6 in awscrt's numbering; the address that the name resolves to decides
    type = 0  # stream
    connect_timeout_ms = CONNECT_MS
    keep_alive = False
    keep_alive_interval_secs = 0
    keep_alive_timeout_secs = 0
    keep_alive_max_probes = 0


class _Filter:
    qos = QOS1
    no_local = False
    retain_as_published = False
    retain_handling_type = 0

    def __init__(self, topic_filter: str) -> None:
        self.topic_filter = topic_filter


def _nothing(*_: object) -> None:
    """For shutdown callbacks that nobody waits for."""


def make_bootstrap() -> Bound:
    """One event-loop thread and a resolver: what every connection of the process shares."""
    group, resolver, bootstrap = Bound(), Bound(), Bound()
    group._binding = _awscrt.event_loop_group_new(1, False, 0, _nothing)
    resolver._binding = _awscrt.host_resolver_new_default(1, group)
    bootstrap._binding = _awscrt.client_bootstrap_new(group, resolver, _nothing)
    return bootstrap


def make_tls(cert: bytes, key: bytes, ca: bytes, alpn: str | None) -> Bound:
    """A mutual-TLS context from PEM texts. Raises Exception when awscrt can't use one of them."""
    context = Bound()
    context._binding = _awscrt.client_tls_ctx_new(
        _TLS_1_2,
        _CIPHER_DEFAULT,
        None,
        ca,
        alpn,
        cert,
        key,
        None,
        None,
        True,
        False,
        *([None] * 8),
    )
    return context


def init_native_log(level: int, path: str) -> None:
    """awscrt's own log, once per process. `level`: 1 FATAL to 6 TRACE."""
    _awscrt.init_logging(level, path)


def error_name(code: int) -> str:
    """AWS_..., or OK for 0."""
    return str(_awscrt.get_error_name(code)) if code else "OK"


class _Callbacks:
    """The object whose methods awscrt calls by name, on its own thread."""

    def __init__(self, post: Post, owner: Client) -> None:
        self._post = post
        self._owner = owner

    def _on_publish(self, payload: bytes, qos: int, retain: bool, topic: str, *_: object) -> bool:
        self._post(self._owner.on_message, topic, payload)
        return False  # awscrt sends the PUBACK itself

    def _on_lifecycle_attempting_connect(self) -> None:
        self._post(self._owner.on_attempt)

    def _on_lifecycle_connection_success(self, session_present: bool, reason: int, *_: object) -> None:
        self._post(self._owner.on_connected, bool(session_present))

    def _on_lifecycle_connection_failure(
        self, error: int, connack: bool, session_present: bool, reason: int | None, *_: object
    ) -> None:
        self._post(self._owner.on_failed, error, reason if connack else None)

    def _on_lifecycle_disconnection(self, error: int, packet: bool, reason: int | None, *_: object) -> None:
        self._post(self._owner.on_lost, error, reason if packet else None)

    def _on_lifecycle_stopped(self) -> None:
        self._post(self._owner.on_stopped)


class Client:
    """One MQTT 5 client: connects, and reconnects by itself with full jitter, until `stop`.

    Set the six `on_...` callables before `start`; they are called by `post`, so on the loop's thread.
    """

    on_attempt: Callable[[], None]  # begins to connect
    on_connected: Callable[[bool], None]  # session present
    on_failed: Callable[[int, int | None], None]  # awscrt error, CONNACK reason code if there was a CONNACK
    on_lost: Callable[[int, int | None], None]  # awscrt error, DISCONNECT reason code if there was one
    on_message: Callable[[str, bytes], None]  # topic, payload
    on_stopped: Callable[[], None]

    def __init__(self, post: Post) -> None:
        self._post = post
        self._binding: object = None

    def start(
        self,
        host: str,
        port: int,
        bootstrap: Bound,
        tls: Bound,
        client_id: str,
        keep_alive: int,
        reconnect_ms: tuple[int, int],
    ) -> None:
        """Begin to connect. `keep_alive`: seconds; `reconnect_ms`: least and greatest pause between attempts."""
        will = (True, 0, "", False, "", None, None, None, None, None, None, None)
        connect = (client_id, keep_alive, None, None, SESSION_SECONDS, None, None, None, MAX_PACKET, None, None)
        behaviour = (_REJOIN_POST_SUCCESS, _NO_EXTRA_VALIDATION, _FAIL_ALL_ON_DISCONNECT, _FULL_JITTER)
        timing = (*reconnect_ms, STEADY_MS, PING_MS, CONNACK_MS, ACK_SECONDS)
        core = _Callbacks(self._post, self)
        self._binding = _awscrt.mqtt5_client_new(
            self, host, port, bootstrap, _SocketOptions(), tls, None, *connect, *will, *behaviour, *timing,
            None, True, False, None, core,
        )  # fmt: skip
        _awscrt.mqtt5_client_start(self._binding)

    def stop(self) -> None:
        """Disconnect and stay so; `on_stopped` follows."""
        _awscrt.mqtt5_client_stop(self._binding, True, 0, None, None, None, None)

    def subscribe(self, filters: tuple[str, ...], done: Callable[[int, list[int]], None]) -> None:
        """`done(awscrt error, reason code of each filter)`: a reason of 128 and more is a refusal."""
        post = self._post

        def answered(error: int, reasons: list[int] | None, *_: object) -> None:
            post(done, error, list(reasons or ()))

        _awscrt.mqtt5_client_subscribe(self._binding, [_Filter(name) for name in filters], None, None, answered)

    def publish(self, topic: str, payload: bytes, done: Callable[[int, int], None]) -> None:
        """At least once. `done(awscrt error, PUBACK reason code)`: a reason of 128 and more is a refusal."""
        post = self._post

        def answered(error: int, qos: int, reason: int | None, *_: object) -> None:
            post(done, error, reason or 0)

        _awscrt.mqtt5_client_publish(
            self._binding, QOS1, payload, False, topic, None, None, None, None, None, None, None, answered
        )

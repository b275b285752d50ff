# SPDX-FileCopyrightText: The aws-iot-device-client authors
# SPDX-License-Identifier: Apache-2.0
"""The one MQTT connection that all features share: where to connect, which failures to log, when to try again.

awscrt's client reconnects by itself with full jitter. This module chooses the port (443 with ALPN as the C++ client
does, 8883 if that fails, unless the endpoint names one), subscribes after every connect that found no session, and
steps back when another client takes over the client id, since two agents with one thing name would otherwise throw
each other out for ever.
"""

from __future__ import annotations

import os

from dc import backoff, mqtt
from dc.backoff import Backoff
from dc.credentials import Credentials

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from dc.config.model import Config
    from dc.log import Log
    from dc.loop import Loop

ALPN = "x-amzn-mqtt-ca"
ALPN_PORT, MQTTS_PORT = 443, 8883
TAKEN_OVER = 142
SHORT_SECONDS, SHORT_IN_A_ROW = 10.0, 3
REFUSAL = 128  # MQTT 5 reason codes from here on are failures

SILENT_PUBLISHES = (
    4  # each waits its answer out, so this is more than a minute of silence on a connection that seems to live
)
STOP_SECONDS = 60.0  # awscrt answers a stop at once, or when its connect attempt times out

_DEAD_TIMER = "connection-dead"
_RESTART_TIMER = "connection-restart"
_SUBSCRIBE_TIMER = "connection-subscribe"
_FIRST_PAUSE, _LONGEST_PAUSE = 1.0, 128.0
_TAKEOVER_PAUSE, _LONGEST_TAKEOVER_PAUSE = 30.0, 600.0
_SUBSCRIBE_PAUSE, _LONGEST_SUBSCRIBE_PAUSE = 2.0, 300.0


def jittered(seconds: float) -> float:
    """A random part of `seconds`, as `backoff.jittered` takes it."""
    return backoff.jittered(seconds, os.urandom(4))


class Connection:
    """Set `on_online`, `on_offline` and `on_message` before `start`; they are called on the loop's thread."""

    on_online: Callable[[], None]  # connected and subscribed
    on_offline: Callable[[], None]
    on_message: Callable[[str, bytes], None]
    on_dead: Callable[[], None]  # awscrt no longer reacts

    def __init__(self, loop: Loop, log: Log, config: Config) -> None:
        self._loop = loop
        self._log = log
        self._config = config
        self._filters: tuple[str, ...] = ()
        self._bootstrap: mqtt.Bound | None = None
        self._client: mqtt.Client | None = None
        self._ports = [config.port] if config.port else [ALPN_PORT, MQTTS_PORT]
        self._credentials: Credentials | None = None
        self._ever_connected = False
        self._subscribed = False
        self._resubscribe = True
        self._pause = Backoff(_FIRST_PAUSE, _LONGEST_PAUSE)
        self._takeover_pause = Backoff(_TAKEOVER_PAUSE, _LONGEST_TAKEOVER_PAUSE)
        self._subscribe_pause = Backoff(_SUBSCRIBE_PAUSE, _LONGEST_SUBSCRIBE_PAUSE)
        self._after_stop: Callable[[], object] | None = None
        self._logged = ""  # the failures logged since the last connection
        self._since = 0.0  # when the connection was made
        self._short = 0  # connections in a row that were lost at once
        self._unanswered = 0  # publishes since the last message

    def start(self, filters: tuple[str, ...]) -> None:
        """Connect, subscribe to `filters`, and stay connected. Raises `credentials.Unusable`."""
        self._filters = filters
        self._credentials = Credentials(self._config)
        self._credentials.tls(None)  # a key that does not belong to its certificate shows before the first attempt
        self._bootstrap = mqtt.make_bootstrap()
        self._connect()

    def stop(self, done: Callable[[], None]) -> None:
        """Disconnect, then call `done`."""
        self._loop.disarm(_RESTART_TIMER)
        self._loop.disarm(_SUBSCRIBE_TIMER)
        if self._client is None:
            done()
            return
        self._after_stop = done
        self._client.stop()

    def status(self) -> str:
        """Where it is connected to and for how long, or where it tries to connect."""
        place = f"{self._config.endpoint}:{self._ports[0]}"
        if self._client is None or not self._subscribed:
            return f"connecting to {place}"
        return f"connected to {place} for {self._loop.now() - self._since:.0f} s"

    def publish(self, topic: str, payload: bytes) -> None:
        """At least once, if connected. A loss is not reported: whoever publishes waits for the answer anyway."""
        if self._client is None or not self._subscribed:
            return

        def done(error: int, reason: int) -> None:
            if reason >= REFUSAL:
                from dc.diagnose import refused

                self._log_failure(refused("iot:Publish", f"topic/{topic}", reason))
            elif error:
                self._log.debug("mqtt", f"publish to {topic} failed: {mqtt.error_name(error)}")

        self._unanswered += 1
        if self._unanswered > SILENT_PUBLISHES:
            self._log.warn("mqtt", f"{SILENT_PUBLISHES} requests in a row were not answered; reconnecting")
            self._unanswered = 0
            self._restart(jittered(self._pause.next()))
            return

        self._client.publish(topic, payload, done)

    def _connect(self) -> None:
        port = self._ports[0]
        assert self._bootstrap is not None and self._credentials is not None
        self._credentials.renew(self._log)
        tls = self._credentials.tls(ALPN if port == ALPN_PORT else None)
        client = mqtt.Client(self._loop.post)
        self._client = client
        self._resubscribe = True

        def current(callback: Callable[..., None]) -> Callable[..., None]:
            """What a client that was replaced meanwhile still reports is ignored."""
            return lambda *arguments: callback(*arguments) if client is self._client else None

        client.on_attempt = self._attempting
        client.on_connected = current(self._connected)
        client.on_failed = current(self._failed)
        client.on_lost = current(self._lost)
        client.on_message = current(self._message)
        client.on_stopped = current(self._stopped)
        reconnect = (self._config.reconnect_min * 1000, self._config.reconnect_max * 1000)
        self._log.debug("mqtt", f"connecting to {self._config.endpoint}:{port}")
        client.start(
            self._config.endpoint,
            port,
            self._bootstrap,
            tls,
            self._config.thing_name,
            self._config.keep_alive,
            reconnect,
        )

    def _restart(self, seconds: float) -> None:
        """Replace the client by a new one, `seconds` after the old one has stopped."""
        if self._client is not None and self._after_stop is None:
            self._loop.arm(_DEAD_TIMER, STOP_SECONDS, self.on_dead)
            self._after_stop = lambda: self._loop.arm(_RESTART_TIMER, seconds, self._connect)
            self._client.stop()

    def _attempting(self) -> None:
        if "__compiled__" not in globals():
            from dc.nodelay import watch

            watch(self._loop)

    def _connected(self, session_present: bool) -> None:
        self._log.info("mqtt", f"connected to {self._config.endpoint}:{self._ports[0]} as {self._config.thing_name}")
        if self._credentials is not None:
            self._credentials.worked()
        self._ever_connected = True
        self._since = self._loop.now()
        self._logged = ""
        if not self._filters or (session_present and not self._resubscribe):
            self._online()  # a SUBSCRIBE without a filter is a protocol error
        else:
            self._subscribe()

    def _subscribe(self) -> None:
        if self._client is not None:
            self._client.subscribe(self._filters, self._suback)

    def _suback(self, error: int, reasons: list[int]) -> None:
        if error:  # the connection was lost meanwhile; the next connect subscribes
            self._log.debug("mqtt", f"subscribe failed: {mqtt.error_name(error)}")
            self._resubscribe = True
            return
        refusals = [(name, code) for name, code in zip(self._filters, reasons, strict=False) if code >= REFUSAL]
        if not refusals:
            self._subscribe_pause.reset()
            self._resubscribe = False
            self._online()
            return
        from dc.diagnose import refused

        for name, code in refusals:
            self._log_failure(refused("iot:Subscribe and iot:Receive", f"topicfilter/{name}", code))
        self._loop.arm(_SUBSCRIBE_TIMER, jittered(self._subscribe_pause.next()), self._subscribe)

    def _online(self) -> None:
        self._subscribed = True
        self.on_online()

    def _offline(self) -> None:
        self._loop.disarm(_SUBSCRIBE_TIMER)
        if self._subscribed:
            self._subscribed = False
            self.on_offline()

    def _failed(self, error: int, reason: int | None) -> None:
        from dc.diagnose import connect_failure

        name = mqtt.error_name(error)
        self._log_failure(connect_failure(name, reason, self._config, self._config.endpoint, self._ports[0]), name)
        if self._renewed() or (self._credentials is not None and self._credentials.fall_back(self._log)):
            self._restart(jittered(self._pause.next()))
        elif not self._ever_connected and len(self._ports) > 1:
            self._ports.reverse()
            pause = self._pause.next()
            self._restart(0.0 if self._ports[0] == MQTTS_PORT else jittered(pause))

    def _lost(self, error: int, reason: int | None) -> None:
        self._offline()
        if self._after_stop is not None:
            return
        renewed = self._renewed()
        from dc.diagnose import disconnection

        text = disconnection(mqtt.error_name(error), reason)
        lasted = self._loop.now() - self._since
        self._short = self._short + 1 if lasted < SHORT_SECONDS else 0
        if lasted > _LONGEST_TAKEOVER_PAUSE:
            self._takeover_pause.reset()
        question = f'is "thing-name" {self._config.thing_name} used by a second device or agent?'
        if reason == TAKEN_OVER:
            pause = self._takeover_pause.next()
            self._log.error("mqtt", f"{text}: {question} Trying again within {pause:.0f} s")
            self._restart(pause / 2 + jittered(pause / 2))
        elif self._short == SHORT_IN_A_ROW:
            # Some brokers do not say that they gave the client id to another connection.
            self._log.error(
                "mqtt", f"{text}, {self._short} times in a row just after connecting: {question} Reconnecting"
            )
        else:
            self._log.warn("mqtt", f"{text}; reconnecting")
        if renewed and reason != TAKEN_OVER:
            self._restart(jittered(_FIRST_PAUSE))

    def _renewed(self) -> bool:
        """Whether there are other credentials: awscrt, which reconnects by itself, would go on with the old ones."""
        return self._credentials is not None and self._credentials.renew(self._log)

    def _message(self, topic: str, payload: bytes) -> None:
        self._unanswered = 0
        self._pause.reset()
        self.on_message(topic, payload)

    def _stopped(self) -> None:
        self._loop.disarm(_DEAD_TIMER)
        self._offline()
        self._client = None
        then, self._after_stop = self._after_stop, None
        if then is not None:
            then()

    def _log_failure(self, text: str, name: str = "") -> None:
        """A failure that repeats with every attempt is logged once, then only at DEBUG until a connection is made.

        `name`: awscrt's error. It does not count for the comparison, since one cause can come under several names.
        """
        what = text.replace(name, "") if name else text
        if what in self._logged:
            self._log.debug("mqtt", text)
        else:
            self._logged = f"{self._logged[-2000:]}\n{what}"
            self._log.error("mqtt", f"{text}. Trying again")

# SPDX-FileCopyrightText: The aws-iot-device-client authors
# SPDX-License-Identifier: Apache-2.0
"""The base client: wires configuration, log, lock, loop, connection and features; starts and stops them."""

from __future__ import annotations

import os

from dc import signals
from dc.connection import Connection
from dc.credentials import Unusable
from dc.features import FEATURES
from dc.log import Log, private_file
from dc.loop import Loop
from dc.stdio import abort
from dc.version import VERSION
from dc.watchdog import Watchdog

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import Protocol

    from dc.config.model import Config
    from dc.config.problems import Problems

    class Host(Protocol):
        """What a feature package's `start(host)` gets."""

        @property
        def config(self) -> Config: ...
        @property
        def log(self) -> Log: ...
        @property
        def loop(self) -> Loop: ...
        def publish(self, topic: str, payload: bytes) -> None: ...

    class Feature(Protocol):
        """What a feature package's `start(host)` answers with. All calls come on the loop's thread."""

        filters: tuple[str, ...]

        def online(self) -> None: ...
        def offline(self) -> None: ...
        def message(self, topic: str, payload: bytes) -> None: ...
        def stop(self, done: Callable[[], None]) -> None: ...
        def reload(self) -> None: ...
        def status(self) -> str: ...


PART = "client"
EXIT_OK, EXIT_RESTART = 0, 75  # EX_TEMPFAIL: whoever supervises the agent starts it again
DISCONNECT_SECONDS = 2.0  # a broker that does not answer must not hold the exit


class Client:
    """The agent as a whole; the `Host` of its features."""

    def __init__(self, config: Config, log: Log) -> None:
        self.config = config
        self.log = log
        self.loop = Loop(lambda: log.traceback(PART, "a callback failed; the agent goes on"))
        self._connection = Connection(self.loop, log, config)
        self._features: list[Feature] = []
        self._watchdog = Watchdog(self.loop, os.environ)
        log.later = lambda seconds, call: self.loop.arm("log-counts", seconds, call)
        self._waiting = 0
        self._stopping = False
        self._status = EXIT_OK
        self._configure: Callable[[Problems], Config] | None = None

    def publish(self, topic: str, payload: bytes) -> None:
        """Send at least once, if connected."""
        self._connection.publish(topic, payload)

    def run(self, configure: Callable[[Problems], Config] | None = None) -> int:
        """Until a signal stops it. The exit status. `configure` reads the configuration once more, for SIGHUP."""
        self._configure = configure
        enabled = {"jobs": self.config.jobs_enabled}
        self._features = [_load(name)(self) for name in FEATURES if enabled.get(name, False)]
        if not self._features:
            self.log.warn(PART, "no feature is enabled; the agent only stays connected")
        self._connection.on_online = self._online
        self._connection.on_dead = self._dead
        self._connection.on_offline = self._offline
        self._connection.on_message = self._message
        self._take_signals()
        try:
            self._connection.start(tuple(name for feature in self._features for name in feature.filters))
        except Unusable as error:
            self.log.error(PART, str(error))
            return abort("Failed to establish MQTT connection due to credential/configuration error", str(error))
        self._watchdog.start()
        self.loop.post(self._watchdog.notify, f"READY=1\nSTATUS={self._connection.status()}")
        self.loop.run()
        self.log.info(PART, "stopped")
        return self._status

    def _take_signals(self) -> None:
        term, interrupt, leave = signals.STOP
        self.loop.on_signal(term, lambda: self.stop("SIGTERM"))
        self.loop.on_signal(interrupt, lambda: self.stop("SIGINT"))
        self.loop.on_signal(leave, lambda: self.stop("SIGQUIT"))
        self.loop.on_signal(signals.RELOAD, self._reload)
        self.loop.on_signal(signals.TELL, self._tell)
        self.loop.watch_children()

    def _reload(self) -> None:
        """SIGHUP. Neither the connection nor the job in hand notices."""
        if self._stopping:
            return
        from dc.reload import reload

        self._watchdog.notify(f"RELOADING=1\nMONOTONIC_USEC={int(self.loop.now() * 1e6)}")
        try:
            if reload(self.config, self._configure, self.log):
                self._each("reload")
        finally:
            self._watchdog.notify("READY=1")

    def _tell(self) -> None:
        """SIGUSR1: what an operator asks is written whatever the log's level."""
        timers = ", ".join(f"{name} in {seconds:.0f} s" for seconds, name in self.loop.timers())
        for line in (self._connection.status(), *(each.status() for each in self._features), f"timers: {timers}"):
            self.log.answer(PART, f"status: {line}")

    def stop(self, why: str) -> None:
        """Begin to stop; a second call changes nothing."""
        if self._stopping:
            return
        self._stopping = True
        self.log.info(PART, f"{why}: stopping")
        self._watchdog.stop()
        self._watchdog.notify("STOPPING=1")
        self._waiting = len(self._features)
        for feature in self._features:
            feature.stop(self._feature_stopped)
        if not self._features:
            self._disconnect()

    def _feature_stopped(self) -> None:
        self._waiting -= 1
        if self._waiting == 0:
            self._disconnect()

    def _disconnect(self) -> None:
        self.loop.arm("client-disconnect", DISCONNECT_SECONDS, self.loop.stop)
        self._connection.stop(self.loop.stop)

    def _online(self) -> None:
        waits = "waiting for jobs" if self._features else "no feature is enabled"
        self._watchdog.notify(f"STATUS=connected, {waits}")
        self._each("online")

    def _offline(self) -> None:
        if not self._stopping:
            self._watchdog.notify(f"STATUS={self._connection.status()}")
        self._each("offline")

    def _dead(self) -> None:
        """awscrt's thread no longer answers; only a new process helps."""
        self.log.error(
            PART, f"the MQTT runtime does not respond; exiting with status {EXIT_RESTART} so that it is started again"
        )
        self._status = EXIT_RESTART
        self.loop.stop()

    def _each(self, call: str) -> None:
        for feature in self._features:
            getattr(feature, call)()

    def _message(self, topic: str, payload: bytes) -> None:
        for feature in self._features:
            feature.message(topic, payload)


def _load(name: str) -> Callable[[Host], Feature]:
    module = __import__(f"dc.{name}", fromlist=("start",))
    start: Callable[[Host], Feature] = module.start
    return start


def run(config: Config, warnings: Sequence[str], configure: Callable[[Problems], Config]) -> int:
    """The agent, from a checked configuration to its exit status. `configure` reads it once more, for SIGHUP."""
    log = Log(config.log_level)
    log.follow(config)
    log.info(PART, f"aws-iot-device-client {VERSION}, process {os.getpid()}, thing {config.thing_name}")
    for warning in warnings:
        log.warn(PART, warning)
    from dc.lock import Locked, acquire

    try:
        acquire(config.state_dir, config.lock_dir, config.thing_name, log)
    except Locked as error:
        log.error(PART, str(error))
        return abort("An instance of Device Client is already running.", str(error))
    if config.sdk_log_enabled:
        _start_native_log(config, log)
    return Client(config, log).run(configure)


def _start_native_log(config: Config, log: Log) -> None:
    from dc import mqtt
    from dc.config.model import SDK_LOG_LEVELS

    level = len(SDK_LOG_LEVELS) - SDK_LOG_LEVELS.index(config.sdk_log_level)
    try:
        fd, _ = private_file(config.sdk_log_file)  # awscrt would make it for all to read, and follow a link
        same = f"/proc/self/fd/{fd}"  # the file itself, whatever its name leads to by now
        try:
            mqtt.init_native_log(level, same if os.path.exists(same) else config.sdk_log_file)
        finally:
            os.close(fd)
    except Exception as error:
        log.warn(PART, f"cannot log the AWS runtime to {config.sdk_log_file}: {error}")

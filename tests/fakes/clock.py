# SPDX-FileCopyrightText: The aws-iot-device-client authors
# SPDX-License-Identifier: Apache-2.0
"""A loop without descriptors whose clock is moved by hand, a log that is kept, and a configuration of defaults."""

from __future__ import annotations

from collections.abc import Callable, Hashable

from dc.config.model import SETTINGS, Config
from dc.log import Log
from dc.loop import Loop


class FakeLoop(Loop):
    """`pass_time` fires timers in their order; `armed` are the pending ones by name, in seconds from now."""

    def __init__(self) -> None:
        self.time = 1000.0
        self._due: dict[Hashable, tuple[float, Callable[[], None]]] = {}
        self.stopped = False

    def now(self) -> float:
        return self.time

    def arm(self, name: Hashable, seconds: float, callback: Callable[[], None]) -> None:
        self._due[name] = (self.time + seconds, callback)

    def disarm(self, name: Hashable) -> None:
        self._due.pop(name, None)

    def post(self, callback: Callable[..., None], *arguments: object) -> None:
        callback(*arguments)

    def stop(self) -> None:
        self.stopped = True

    @property
    def armed(self) -> dict[Hashable, float]:
        return {name: when - self.time for name, (when, _) in self._due.items()}

    def pass_time(self, seconds: float) -> None:
        end = self.time + seconds
        while self._due:
            name = min(self._due, key=lambda each: self._due[each][0])
            when, callback = self._due[name]
            if when > end:
                break
            del self._due[name]
            self.time = max(self.time, when)
            callback()
        self.time = end


class KeptLog(Log):
    """`lines`: level and text, in order."""

    def __init__(self) -> None:
        self.lines: list[tuple[str, str]] = []

    def enabled(self, level: str) -> bool:
        return True

    def write(self, level: str, part: str, text: str) -> None:
        self.lines.append((level, text))


def defaults(**changes: object) -> Config:
    """A configuration of the defaults, changed by attribute."""
    config = Config({setting.name: setting.default for setting in SETTINGS}, {})
    config.thing_name = "thing"
    for name, value in changes.items():
        setattr(config, name, value)
    return config

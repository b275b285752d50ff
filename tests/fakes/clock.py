# SPDX-FileCopyrightText: The aws-iot-device-client authors
# SPDX-License-Identifier: Apache-2.0
"""Loops without descriptors, a log that is kept, and a configuration of defaults."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from functools import partial

from dc.config.model import SETTINGS, Config
from dc.log import Log
from dc.loop import Loop


class TimerLoop(Loop):
    """Deadlines and no descriptors. What derives from it says what time it is, and when the next one has come."""

    def __init__(self) -> None:
        self._order = 0
        self._deadlines: dict[Hashable, tuple[float, int, Callable[..., None], tuple[object, ...]]] = {}

    def arm(self, name: Hashable, seconds: float, callback: Callable[..., None], *arguments: object) -> float:
        self._order += 1
        when = self.now() + seconds
        self._deadlines[name] = (when, self._order, callback, arguments)
        return when

    def disarm(self, name: Hashable) -> None:
        self._deadlines.pop(name, None)

    @property
    def armed(self) -> dict[Hashable, float]:
        """The deadlines by name, in seconds from now."""
        return {name: deadline[0] - self.now() for name, deadline in self._deadlines.items()}

    def next_deadline(self) -> float | None:
        return min(deadline[0] for deadline in self._deadlines.values()) if self._deadlines else None

    def take_deadline(self) -> tuple[float, Callable[[], None]]:
        """The next one, and no longer armed; of two at the same moment, the one armed first."""
        name = min(self._deadlines, key=lambda each: self._deadlines[each][:2])
        when, _, callback, arguments = self._deadlines.pop(name)
        return when, partial(callback, *arguments)


class FakeLoop(TimerLoop):
    """Its clock is moved by `pass_time`, which fires what becomes due, in order."""

    def __init__(self) -> None:
        super().__init__()
        self.time = 1000.0
        self.stopped = False

    def now(self) -> float:
        return self.time

    def post(self, callback: Callable[..., None], *arguments: object) -> None:
        callback(*arguments)

    def stop(self) -> None:
        self.stopped = True

    def pass_time(self, seconds: float) -> None:
        end = self.time + seconds
        while (due := self.next_deadline()) is not None and due <= end:
            when, callback = self.take_deadline()
            self.time = max(self.time, when)
            callback()
        self.time = end


class HandedLog(Log):
    """Hands every line to `take(level, text)`."""

    def __init__(self, take: Callable[[str, str], None]) -> None:
        super().__init__("DEBUG")
        self._take = take

    def write(self, level: str, part: str, text: str) -> None:
        self._take(level, text)

    def _is_known(self, level: str, part: str, text: str) -> bool:
        return False

    def _line(self, level: str, part: str, text: str) -> None:
        self._take(level, text)


class KeptLog(HandedLog):
    """`lines`: level and text, in order."""

    def __init__(self) -> None:
        self.lines: list[tuple[str, str]] = []
        super().__init__(lambda level, text: self.lines.append((level, text)))


def defaults(**changes: object) -> Config:
    """A configuration of the defaults, changed by attribute."""
    config = Config({setting.name: setting.default for setting in SETTINGS}, {})
    config.thing_name = "thing"
    for name, value in changes.items():
        setattr(config, name, value)
    return config

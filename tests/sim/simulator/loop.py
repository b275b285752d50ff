# SPDX-FileCopyrightText: The aws-iot-device-client authors
# SPDX-License-Identifier: Apache-2.0
"""The agent's loop, clock and log, as the simulator drives them."""

from __future__ import annotations

from collections.abc import Callable, Hashable

from dc.log import Log
from dc.loop import Loop
from tests.sim.simulator.events import Events


class SimLoop(Loop):
    """One callback at a time, when the simulator says so. No descriptors: nothing in here does I/O."""

    def __init__(self, events: Events) -> None:
        self._events = events
        self._order = 0
        self._deadlines: dict[Hashable, tuple[float, int, Callable[[], None]]] = {}
        self._calls: list[tuple[Callable[..., None], tuple[object, ...]]] = []

    def now(self) -> float:
        """As `Loop.now`."""
        return self._events.now

    def arm(self, name: Hashable, seconds: float, callback: Callable[[], None]) -> None:
        """As `Loop.arm`."""
        self._order += 1
        self._deadlines[name] = (self._events.now + seconds, self._order, callback)

    def disarm(self, name: Hashable) -> None:
        """As `Loop.disarm`."""
        self._deadlines.pop(name, None)

    def post(self, callback: Callable[..., None], *arguments: object) -> None:
        """As `Loop.post`."""
        self._calls.append((callback, arguments))

    def next_time(self) -> float | None:
        """When there is something to call; None: never."""
        if self._calls:
            return self._events.now
        return min(when for when, _, _ in self._deadlines.values()) if self._deadlines else None

    def take(self) -> Callable[[], None]:
        """The next call, taken off the loop. Only after `next_time` gave one."""
        if self._calls:
            call, arguments = self._calls.pop(0)
            return lambda: call(*arguments)
        name = min(self._deadlines, key=lambda each: self._deadlines[each][:2])
        when, _, callback = self._deadlines.pop(name)
        self._events.now = max(self._events.now, when)
        return callback


class SimLog(Log):
    """Hands every line to `take(level, text)`."""

    def __init__(self, take: Callable[[str, str], None]) -> None:
        self._take = take

    def enabled(self, level: str) -> bool:
        """Every level is of interest."""
        return True

    def write(self, level: str, part: str, text: str) -> None:
        """As `Log.write`."""
        self._take(level, text)

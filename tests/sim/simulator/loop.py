# SPDX-FileCopyrightText: The aws-iot-device-client authors
# SPDX-License-Identifier: Apache-2.0
"""The agent's loop and clock, as the simulator drives them."""

from __future__ import annotations

from collections.abc import Callable

from tests.fakes.clock import TimerLoop
from tests.sim.simulator.events import Events


class SimLoop(TimerLoop):
    """One callback at a time, when the simulator says so. No descriptors: nothing in here does I/O."""

    def __init__(self, events: Events) -> None:
        super().__init__()
        self._events = events
        self._calls: list[tuple[Callable[..., None], tuple[object, ...]]] = []

    def now(self) -> float:
        """As `Loop.now`."""
        return self._events.now

    def post(self, callback: Callable[..., None], *arguments: object) -> None:
        """As `Loop.post`."""
        self._calls.append((callback, arguments))

    def next_time(self) -> float | None:
        """When there is something to call; None: never."""
        return self._events.now if self._calls else self.next_deadline()

    def take(self) -> Callable[[], None]:
        """The next call, taken off the loop. Only after `next_time` gave one."""
        if self._calls:
            call, arguments = self._calls.pop(0)
            return lambda: call(*arguments)
        when, callback = self.take_deadline()
        self._events.now = max(self._events.now, when)
        return callback

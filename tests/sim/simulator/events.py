# SPDX-FileCopyrightText: The aws-iot-device-client authors
# SPDX-License-Identifier: Apache-2.0
"""Simulated time: what is to happen outside the agent, in order."""

from __future__ import annotations

import heapq
from collections.abc import Callable

EPOCH = 1_700_000_000  # Unix time when a simulation begins


class Violation(AssertionError):
    """The agent broke a promise; the text says which."""


class Crash(BaseException):
    """The agent's process ends here: thrown through the agent's code, which must not catch it."""


class Event:
    """Something to come. `cancel` makes it not happen."""

    __slots__ = ("what", "cancelled", "_events")

    def __init__(self, what: Callable[[], None], events: Events) -> None:
        self.what = what
        self.cancelled = False
        self._events = events

    def cancel(self) -> None:
        """Forget it; a second call, or one after it happened, does nothing."""
        if not self.cancelled:
            self.cancelled = True
            self._events.waiting -= 1


class Events:
    """`now`: seconds since the simulation began. `waiting`: how many events are still to come."""

    def __init__(self) -> None:
        self.now = 0.0
        self.waiting = 0
        self._heap: list[tuple[float, int, Event]] = []
        self._order = 0

    def at(self, when: float, what: Callable[[], None]) -> Event:
        """Do `what` at `when`, but never in the past; of the same moment, first come first served."""
        event = Event(what, self)
        self._order += 1
        self.waiting += 1
        heapq.heappush(self._heap, (max(when, self.now), self._order, event))
        return event

    def after(self, seconds: float, what: Callable[[], None]) -> Event:
        """Do `what` in so many seconds."""
        return self.at(self.now + seconds, what)

    def next_time(self) -> float | None:
        """When the next event is due; None: nothing is to come."""
        while self._heap and self._heap[0][2].cancelled:
            heapq.heappop(self._heap)
        return self._heap[0][0] if self._heap else None

    def happen(self) -> None:
        """The next event, now."""
        if self.next_time() is None:
            return
        self.now, _, event = heapq.heappop(self._heap)
        event.cancel()
        event.what()

# SPDX-FileCopyrightText: The aws-iot-device-client authors
# SPDX-License-Identifier: Apache-2.0
"""What a running step shows of itself, and when: at intervals, and soon after the handler has written how far it is."""

from __future__ import annotations

from dc.jobs.core.details import OWN_KEYS, clean, is_key
from dc.jobs.core.effects import PROGRESS_TIMER

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from dc.loop import Loop

SECONDS = 30.0
HANDLER_SECONDS = 5.0  # between two updates where a handler writes a lot
MAX_KEYS, MAX_LINE = 5, 1024  # of AWS's 10 pairs, some are the agent's own
_TIMER = f"jobs-{PROGRESS_TIMER}"  # the worker disarms it, as all timers of an execution


class Progress:
    """Calls `show(pairs)` when it is time for an update with these statusDetails. `shown`: when it last was, by the loop's
    clock; at first, when the step was started."""

    def __init__(self, loop: Loop, show: Callable[[dict[str, str]], None]) -> None:
        self._loop = loop
        self._show = show
        self._pairs: dict[str, str] = {}  # of the handler
        self._unfinished = b""  # line of the handler
        self.shown = 0.0

    def begin(self) -> None:
        """The process of a step is about to be started. Whoever does that arms the timer for `due`, and sets `shown`."""
        self._pairs = {}
        self._unfinished = b""

    def feed(self, chunk: bytes) -> None:
        """The handler wrote lines `key=value`, each key as AWS takes it. What does not fit is left out: it is the
        handler's own affair."""
        *lines, rest = (self._unfinished + chunk).split(b"\n")
        self._unfinished = rest[-MAX_LINE:]
        for line in lines:
            key, equals, value = line[:MAX_LINE].decode("utf-8", "replace").partition("=")
            known = key in self._pairs or len(self._pairs) < MAX_KEYS
            if equals and known and key not in OWN_KEYS and is_key(key) and value.strip():
                self._pairs[key] = clean(value)
        if lines:
            self._loop.arm(_TIMER, max(0.0, self.shown + HANDLER_SECONDS - self._loop.now()), self.due)

    def due(self) -> None:
        """Show it now, and again after a while."""
        self.shown = self._loop.now()
        self._loop.arm(_TIMER, SECONDS, self.due)
        self._show(dict(self._pairs))

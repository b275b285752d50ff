# SPDX-FileCopyrightText: The aws-iot-device-client authors
# SPDX-License-Identifier: Apache-2.0
"""One thread: descriptors, deadlines, signals, and calls posted from other threads.

All of the agent's code runs in here. Other threads (awscrt's) call `post` and nothing else. A callback that raises
is reported to `on_error` and does not end the loop.
"""

from __future__ import annotations

import _signal
import os
import select
import time
from _collections import deque

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Hashable


class Loop:
    """`run` until `stop`. Times are seconds of the monotonic clock.

    `on_child` is called when a child process has changed, after `watch_children`.
    """

    on_child: Callable[[], None] | None = None

    def __init__(self, on_error: Callable[[], None]) -> None:
        self._on_error = on_error
        self._poll = select.poll()
        self._readers: dict[int, tuple[Callable[..., None], tuple[object, ...]]] = {}
        self._timers: dict[Hashable, tuple[float, Callable[..., None], tuple[object, ...]]] = {}
        self._signals: dict[int, Callable[[], None]] = {}
        self._noted: set[int] = set()  # signals that came; the wake-up pipe may have been too full to say so
        self._posted: deque[tuple[Callable[..., None], tuple[object, ...]]] = deque()
        self._running = False
        self._wake_read, self._wake_write = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        self.watch(self._wake_read, self._woken)

    def now(self) -> float:
        """Seconds of the monotonic clock."""
        return time.monotonic()

    def watch(self, fd: int, callback: Callable[..., None], *arguments: object) -> None:
        """Call `callback` whenever `fd` can be read, or is at its end."""
        self._readers[fd] = (callback, arguments)
        self._poll.register(fd, select.POLLIN)

    def unwatch(self, fd: int) -> None:
        """Forget `fd`; the caller closes it."""
        if self._readers.pop(fd, None) is not None:
            self._poll.unregister(fd)

    def arm(self, name: Hashable, seconds: float, callback: Callable[..., None], *arguments: object) -> float:
        """Call `callback` once, `seconds` from now; answers when that is. A timer of the same name is replaced."""
        self._timers.pop(name, None)  # so that the dict keeps the order of arming
        when = self.now() + seconds
        self._timers[name] = (when, callback, arguments)
        return when

    def disarm(self, name: Hashable) -> None:
        """Forget the timer, if there is one."""
        self._timers.pop(name, None)

    def timers(self) -> list[tuple[float, str]]:
        """Seconds until each deadline, and its name; the next one first."""
        now = self.now()
        return sorted((timer[0] - now, str(name)) for name, timer in self._timers.items())

    def on_signal(self, number: int, callback: Callable[[], None]) -> None:
        """Call `callback` in the loop after signal `number`. Main thread only."""
        self._signals[number] = callback
        _signal.set_wakeup_fd(self._wake_write, warn_on_full_buffer=False)
        _signal.signal(number, self._note)

    def watch_children(self) -> None:
        """Handle SIGCHLD. Main thread only."""
        self.on_signal(_signal.SIGCHLD, self._child_changed)

    def _child_changed(self) -> None:
        if self.on_child is not None:
            self.on_child()

    def _note(self, number: int, _: object) -> None:
        self._noted.add(number)

    def post(self, callback: Callable[..., None], *arguments: object) -> None:
        """Call `callback` in the loop. From any thread; never blocks."""
        self._posted.append((callback, arguments))
        try:
            os.write(self._wake_write, b"\0")
        except BlockingIOError:
            pass  # the pipe is full of wake-ups already

    def run(self) -> None:
        """Until `stop` is called."""
        self._running = True
        while self._running:
            try:
                ready = self._poll.poll(self._timeout())
            except InterruptedError:
                continue
            for fd, _ in ready:
                reader = self._readers.get(fd)
                if reader is not None:  # an earlier callback of this round may have dropped it
                    self._call(reader[0], *reader[1])
            self._fire()

    def stop(self) -> None:
        """Let `run` return after the current callback."""
        self._running = False

    def _timeout(self) -> int | None:
        """Milliseconds until the next deadline, rounded up so that a wake-up never comes early; None: no deadline."""
        if self._posted:
            return 0
        if not self._timers:
            return None
        left = min(timer[0] for timer in self._timers.values()) - self.now()
        return min(int(max(left, 0.0) * 1000) + 1, 1 << 30) if left > 0 else 0

    def _fire(self) -> None:
        if not self._timers:
            return
        now = self.now()
        due = [(when, name) for name, (when, _, _) in self._timers.items() if when <= now]
        due.sort(key=_when)  # stable: of two with one deadline, the one armed first
        for _, name in due:
            timer = self._timers.get(name)
            if timer is not None and timer[0] <= now:
                del self._timers[name]
                self._call(timer[1], *timer[2])

    def _woken(self) -> None:
        try:
            woken = os.read(self._wake_read, 4096)
        except BlockingIOError:
            woken = b""
        came = {*woken, *self._noted}
        self._noted -= came
        for number in sorted(came):  # SIGTERM before SIGCHLD: a shutdown is no failure of the handler
            callback = self._signals.get(number)
            if callback is not None:
                self._call(callback)
        for _ in range(len(self._posted)):
            post, arguments = self._posted.popleft()
            self._call(post, *arguments)

    def _call(self, callback: Callable[..., None], *arguments: object) -> None:
        try:
            callback(*arguments)
        except Exception:
            self._on_error()


def _when(timer: tuple[float, Hashable]) -> float:
    return timer[0]

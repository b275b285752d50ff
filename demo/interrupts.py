# SPDX-FileCopyrightText: The aws-iot-device-client authors
# SPDX-License-Identifier: Apache-2.0
"""Ctrl-C and its like as an exception, but never where it would leave a process behind."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class Stopped(KeyboardInterrupt):
    """A signal asked the demo to end."""

    def __init__(self, signum: int) -> None:
        super().__init__(signum)
        self.signum = signum


class Interrupts:
    """Raises Stopped in the main thread on a signal, at the end of `held()` if it comes inside of it."""

    def __init__(self) -> None:
        self._holding = False
        self._pending = 0

    def install(self) -> None:
        """Begin. A signal that whoever started us lets us ignore (nohup) stays ignored."""
        for signum in SIGNALS:
            if signal.getsignal(signum) is not signal.SIG_IGN:
                signal.signal(signum, self._handle)

    def hold(self) -> None:
        """From now on, for good, no signal is an exception: what follows must be bounded in time."""
        self._holding = True

    @contextmanager
    def held(self) -> Iterator[None]:
        """A block that is not interrupted: a process is started and its id written down."""
        before, self._holding = self._holding, True
        try:
            yield
        finally:
            self._holding = before
        if self._pending and not self._holding:
            raise Stopped(self._pending)

    def _handle(self, signum: int, _: FrameType | None) -> None:
        if self._holding:
            self._pending = signum
        else:
            raise Stopped(signum)


interrupts = Interrupts()

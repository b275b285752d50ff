# SPDX-FileCopyrightText: The aws-iot-device-client authors
# SPDX-License-Identifier: Apache-2.0
"""Reports that the loop still turns: to systemd (sd_notify), and to the kernel, which ends a stalled agent.

Both are fed by a timer of the loop, so never while the loop stands still. Init then starts the agent again, which
continues from its journal.
"""

from __future__ import annotations

import _signal
import os

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

    from dc.loop import Loop

STALL_SECONDS = 600  # no callback of the agent takes seconds; a debugger or SIGSTOP may take minutes
_FEED_SECONDS = STALL_SECONDS / 3


class Watchdog:
    """`environ`: NOTIFY_SOCKET and WATCHDOG_USEC as systemd sets them, or neither."""

    def __init__(self, loop: Loop, environ: Mapping[str, str]) -> None:
        self._loop = loop
        self._address = environ.get("NOTIFY_SOCKET", "")
        watched = environ.get("WATCHDOG_USEC", "")
        for_us = environ.get("WATCHDOG_PID", str(os.getpid())) == str(os.getpid())
        self._every = int(watched) / 1e6 / 2 if watched.isdigit() and for_us and int(watched) else 0.0

    def start(self) -> None:
        """Begin to feed both."""
        _signal.signal(_signal.SIGALRM, _signal.SIG_DFL)
        self._feed_kernel()
        if self._address and self._every:
            self._feed_systemd()

    def stop(self) -> None:
        """Stop the kernel's timer: an orderly end may take longer than a stall is allowed to."""
        _signal.setitimer(_signal.ITIMER_REAL, 0)

    def notify(self, state: str) -> None:
        """Sends one sd_notify message, e.g. "READY=1", if a supervisor gave an address."""
        if not self._address:
            return
        import _socket

        address = "\0" + self._address[1:] if self._address.startswith("@") else self._address
        try:
            sock = _socket.socket(_socket.AF_UNIX, _socket.SOCK_DGRAM | _socket.SOCK_CLOEXEC)
            try:
                sock.setblocking(False)
                sock.sendto(state.encode(), address)
            finally:
                sock.close()
        except OSError:
            pass  # systemd restarts a service that stays silent, so it will notice

    def _feed_kernel(self) -> None:
        _signal.setitimer(_signal.ITIMER_REAL, STALL_SECONDS)
        self._loop.arm("watchdog-kernel", _FEED_SECONDS, self._feed_kernel)

    def _feed_systemd(self) -> None:
        self.notify("WATCHDOG=1")
        self._loop.arm("watchdog-systemd", self._every, self._feed_systemd)

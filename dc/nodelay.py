# SPDX-FileCopyrightText: The aws-iot-device-client authors
# SPDX-License-Identifier: Apache-2.0
"""TCP_NODELAY on the agent's connection, when it runs from source.

awscrt for Python has no option for it and leaves Nagle's algorithm on, which costs 40 ms at each exchange (measured).
The binary's awscrt is patched (toolchains/patches/); the wheel's is not, so the sockets are found by hand, in the
milliseconds between their making and the end of the TLS handshake.
"""

from __future__ import annotations

import os

TYPE_CHECKING = False
if TYPE_CHECKING:
    from dc.loop import Loop

_LOOK_SECONDS = 0.002
_LOOKS = 50


def watch(loop: Loop, looks: int = _LOOKS) -> None:
    """Look for new sockets every few milliseconds, a limited number of times."""
    set_on_all()
    if looks:
        loop.arm("connection-nodelay", _LOOK_SECONDS, lambda: watch(loop, looks - 1))


def set_on_all() -> None:
    """TCP_NODELAY on every TCP socket of this process. Whatever fails only costs time."""
    import _socket

    try:
        names = os.listdir("/proc/self/fd")
    except OSError:
        return  # without /proc the connection is only slower
    for name in names:
        try:
            if not os.readlink(f"/proc/self/fd/{name}").startswith("socket:"):
                continue
            sock = _socket.socket(fileno=os.dup(int(name)))
            try:
                sock.setsockopt(_socket.IPPROTO_TCP, _socket.TCP_NODELAY, 1)
            finally:
                sock.close()
        except OSError:
            pass  # gone meanwhile, or no TCP socket

# SPDX-FileCopyrightText: The aws-iot-device-client authors
# SPDX-License-Identifier: Apache-2.0
"""Ports on loopback for servers that stop and start again on the same one."""

from __future__ import annotations

import random
import socket

# Below the range from which the kernel takes the ports of outgoing connections: none of those can take it meanwhile.
FIRST, LAST = 10_000, 32_000
_random = random.SystemRandom()


def free_port() -> int:
    """A port that nobody listens on now. Raises OSError when none is found."""
    for _ in range(200):
        port = _random.randint(FIRST, LAST)
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
    raise OSError(f"no free port from {FIRST} to {LAST} on loopback")

# SPDX-FileCopyrightText: The aws-iot-device-client authors
# SPDX-License-Identifier: Apache-2.0
"""Text for whoever started the program, on the standard descriptors."""

from __future__ import annotations

import os
import sys

from dc.mask import plain

STDOUT, STDERR = 1, 2


def write(descriptor: int, text: str) -> None:
    """Writes all of `text`; a closed or full descriptor is no reason to fail. No control character of a file that is
    quoted reaches the terminal."""
    rest = "\n".join(map(_line, text.split("\n"))).encode()
    try:
        while rest:
            rest = rest[os.write(descriptor, rest) :]
    except OSError:
        pass


def _line(text: str) -> str:
    return plain(text.encode("utf-8", "backslashreplace").decode())


def abort(reason: str, *details: str) -> int:
    """Says on standard error why the program can't go on, first in the C++ client's words; the exit status, 1."""
    if sys.stderr is not None:  # it was closed at start: its number may be that of another file by now
        lines = (f"AWS IoT Device Client must abort execution, reason: {reason}", *details)
        write(STDERR, "\n".join(map(_line, lines)) + "\n")
    return 1

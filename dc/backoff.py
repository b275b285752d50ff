# SPDX-FileCopyrightText: The aws-iot-device-client authors
# SPDX-License-Identifier: Apache-2.0
"""Pauses between attempts. Pure: chance comes from the caller."""

from __future__ import annotations


class Backoff:
    """Pauses that double: `first` seconds, then twice as many each time, at most `longest`. `count`: how many so far."""

    __slots__ = ("_first", "_longest", "count")

    def __init__(self, first: float, longest: float) -> None:
        self._first = first
        self._longest = longest
        self.count = 0

    def next(self) -> float:
        """The pause that is due now, in seconds; the one after it is longer."""
        self.count += 1
        return doubled(self._first, self.count - 1, self._longest)

    def reset(self) -> None:
        """It went well: begin with `first` again."""
        self.count = 0


def doubled(seconds: float, times: int, longest: float) -> float:
    """`seconds`, doubled so many `times`, at most `longest`."""
    while times > 0 and seconds < longest:
        seconds *= 2
        times -= 1
    return min(seconds, longest)


def jittered(seconds: float, random: bytes) -> float:
    """A random part of `seconds` (full jitter), at least a twentieth of them. `random`: four random bytes."""
    return seconds * (0.05 + 0.95 * int.from_bytes(random, "little") / 0xFFFFFFFF)

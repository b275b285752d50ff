# SPDX-FileCopyrightText: The aws-iot-device-client authors
# SPDX-License-Identifier: Apache-2.0
"""The end of a stream, in constant memory. Pure."""

from __future__ import annotations

TAIL_BYTES = 16384  # raw bytes kept of a stream: enough for 1024 characters after escapes are taken out


class Tail:
    """The last bytes of a stream, and how many lines went by. Constant memory, whatever is written."""

    __slots__ = ("_kept", "_lines", "_open_line", "total")

    def __init__(self) -> None:
        self._kept = b""
        self._lines = 0
        self._open_line = False
        self.total = 0  # bytes seen

    def feed(self, chunk: bytes) -> None:
        """Take the next bytes of the stream."""
        if not chunk:
            return
        self.total += len(chunk)
        self._lines += chunk.count(b"\n")
        self._open_line = chunk[-1:] != b"\n"
        self._kept = (self._kept + chunk)[-TAIL_BYTES:] if len(chunk) < TAIL_BYTES else chunk[-TAIL_BYTES:]

    def lines(self) -> int:
        """Lines written so far; a last line without a newline counts."""
        return self._lines + (1 if self._open_line else 0)

    def extend(self, other: Tail) -> None:
        """Let `other`, a later stream, follow. Lines then count those of both."""
        cut = other.total - len(other._kept)
        self.feed(other._kept)
        self.total += cut
        self._lines += other._lines - other._kept.count(b"\n")

    def raw(self) -> bytes:
        """The kept bytes. When the front was cut off inside a UTF-8 character, the rest of it is dropped."""
        kept = self._kept
        if self.total > len(kept):
            start = 0
            while start < 3 and start < len(kept) and 0x80 <= kept[start] < 0xC0:
                start += 1
            return kept[start:]
        return kept

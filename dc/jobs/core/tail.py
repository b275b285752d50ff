# SPDX-FileCopyrightText: The aws-iot-device-client authors
# SPDX-License-Identifier: Apache-2.0
"""The end of a stream, in constant memory. Pure."""

from __future__ import annotations

TAIL_BYTES = 16384  # raw bytes kept of a stream: enough for 1024 characters after escapes are taken out


class Tail:
    """The last bytes of a stream, and how many lines went by. Constant memory, whatever is written."""

    _kept = b""
    _ends = 0  # newlines seen
    total = 0  # bytes seen
    lines = 0  # a last line without a newline counts

    def feed(self, chunk: bytes) -> None:
        """Take the next bytes of the stream."""
        if not chunk:
            return
        self.total += len(chunk)
        self._ends += chunk.count(b"\n")
        self.lines = self._ends + (chunk[-1:] != b"\n")
        self._kept = (self._kept + chunk)[-TAIL_BYTES:] if len(chunk) < TAIL_BYTES else chunk[-TAIL_BYTES:]

    def extend(self, other: Tail) -> None:
        """Let `other`, a later stream, follow. Lines then count those of both."""
        cut = other.total - len(other._kept)
        self.feed(other._kept)
        self.total += cut
        cut_ends = other._ends - other._kept.count(b"\n")
        self._ends += cut_ends
        self.lines += cut_ends

    def raw(self) -> bytes:
        """The kept bytes. When the front was cut off inside a UTF-8 character, the rest of it is dropped."""
        kept = self._kept
        if self.total > len(kept):
            start = 0
            while start < 3 and start < len(kept) and 0x80 <= kept[start] < 0xC0:
                start += 1
            return kept[start:]
        return kept

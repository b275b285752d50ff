# SPDX-FileCopyrightText: The aws-iot-device-client authors
# SPDX-License-Identifier: Apache-2.0
"""A disk in memory that forgets what was not synced, tears writes, fills up, and turns read-only."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable

from dc.jobs.journal import Disk

# SHORT: full after half a write; IN_MEMORY: empty after a power cut or a reboot.
FULL, READ_ONLY, UNREADABLE, SHORT, IN_MEMORY = "full", "read-only", "unreadable", "short", "in memory"

LOST, TORN, KEPT, ZEROS = "lost", "torn", "kept", "zeros"  # what becomes of bytes that were not synced


def remains(data: bytes, fate: str) -> bytes:
    """What is found of `data` after an end that came before it was synced."""
    if fate == TORN:
        return data[: len(data) // 2]
    if fate == ZEROS:  # the file's new length was written, its blocks were not
        return b"\0" * len(data)
    return data if fate == KEPT else b""


class SimDisk(Disk):
    """`synced` outlives a power cut, `written` outlives the process. One file: the journal is all there is.

    `point(label)` is called in the midst of each write, where the agent may end. `wrote(data, sync)`: a write that
    the agent may rely on. `fault`: one of the constants above, or "".
    """

    def __init__(self, point: Callable[[str], None], wrote: Callable[[bytes, bool], None]) -> None:
        self.synced = b""
        self.written = b""
        self.fault = ""
        self.faulted = False  # a fault was met at least once
        self._point = point
        self._wrote = wrote
        self._appending = b""
        self._replacing: bytes | None = None

    def fails(self, fault: str) -> None:
        """From now on; with "" it is whole again."""
        self.fault = fault

    def whole(self) -> SimDisk:
        """What it holds, for who need not ask the faulty hardware."""
        copy = SimDisk(self._point, self._wrote)
        copy.written = self.written
        return copy

    def unreliable(self) -> bool:
        """Whether a fault was met, or a reboot will be one."""
        return self.faulted or self.fault == IN_MEMORY

    def read(self, path: str) -> bytes:
        """As `Disk.read`."""
        if self.fault == UNREADABLE:
            self._fail(errno.EIO)
        return self.written

    def take_over(self, old: str, path: str) -> None:
        """As `Disk.take_over`: there is no old one."""

    def append(self, path: str, data: bytes, sync: bool) -> None:
        """As `Disk.append`."""
        self._check(data)
        self._appending = data
        self._point("append, not yet on the disk")
        self._appending = b""
        self.written += data
        if sync:
            self.synced = self.written
        self._wrote(data, sync)

    def replace(self, path: str, data: bytes) -> None:
        """As `Disk.replace`."""
        self._check(b"")
        self._replacing = data
        self._point("replace, not yet on the disk")
        self._replacing = None
        self.written = self.synced = data
        self._wrote(data, True)

    def unfinished(self) -> bytes:
        """What a write that is going on would leave."""
        return self._appending if self._replacing is None else self._replacing

    def end(self, power: bool, fate: str) -> None:
        """The process is gone, in the midst of a write perhaps; with `power`, so is the page cache."""
        if power and self.fault == IN_MEMORY:
            self._forget()
            return
        appending, self._appending = self._appending, b""
        replacing, self._replacing = self._replacing, None
        if replacing is not None and fate in (KEPT, TORN):
            self.written = self.synced = replacing  # a rename happens or does not, it is never half done
            return
        if power:
            self.synced += remains(self.written[len(self.synced) :] + appending, fate)
            self.written = self.synced
        else:
            self.written += remains(appending, TORN if fate == ZEROS else fate)

    def flush(self) -> None:
        """An orderly shutdown."""
        if self.fault == IN_MEMORY:
            self._forget()
        self.synced = self.written

    def _forget(self) -> None:
        self._appending, self._replacing = b"", None
        self.synced = self.written = b""
        self.faulted = True

    def _check(self, data: bytes) -> None:
        if self.fault == FULL:
            self._fail(errno.ENOSPC)
        if self.fault == READ_ONLY:
            self._fail(errno.EROFS)
        if self.fault == SHORT:
            self.written += data[: len(data) // 2]
            self._fail(errno.ENOSPC)

    def _fail(self, code: int) -> None:
        self.faulted = True
        raise OSError(code, os.strerror(code))

# SPDX-FileCopyrightText: The aws-iot-device-client authors
# SPDX-License-Identifier: Apache-2.0
"""What must outlive a crash, a power cut or a reboot: one record about the execution in hand.

The file is a sequence of lines `CRC32 JSON`; the last good one counts, so a torn write costs nothing but itself.
Each record says everything; `{}` means that no execution is in hand. A write is on the disk when `write` returns
(unless told otherwise), and the file is replaced by its last record before it grows over MAX_BYTES.

A disk that can't be written never stops a job: `degraded` then says why, and the log once.
"""

from __future__ import annotations

import os
from binascii import crc32

from dc.jsonlib import JSONDecodeError, dumps, loads

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import TypeGuard

    from dc.jobs.core.snapshot import Snapshot
    from dc.log import Log

MAX_BYTES = 65536
OLD_NAME = "jobs.journal"  # of versions that kept one journal for all things of a board
PART = "jobs"


class Disk:
    """The few things a journal asks of a file system; a test can put a worse one in its place. All raise OSError."""

    def read(self, path: str) -> bytes:
        """The whole file; b"" if there is none."""
        try:
            with open(path, "rb") as file:
                return file.read(4 * MAX_BYTES)
        except FileNotFoundError:
            return b""

    def take_over(self, old: str, path: str) -> None:
        """Let `path` be the file that was `old`, if there is one and `path` is not there yet."""
        if not os.path.lexists(path) and os.path.lexists(old):
            os.rename(old, path)

    def append(self, path: str, data: bytes, sync: bool) -> None:
        """Add `data` to the end of the file, which exists."""
        fd = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CLOEXEC | os.O_NOFOLLOW)
        try:
            _write_all(fd, data)
            if sync:
                os.fsync(fd)
        finally:
            os.close(fd)

    def replace(self, path: str, data: bytes) -> None:
        """Let the file hold `data` and nothing else, at once or not at all; made with its folder if missing."""
        new = f"{path}.new"
        os.makedirs(os.path.dirname(path), 0o700, exist_ok=True)
        fd = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
        try:
            _write_all(fd, data)
            os.fsync(fd)
        finally:
            os.close(fd)
        os.rename(new, path)
        folder = os.open(os.path.dirname(path), os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)


def file_name(thing: str) -> str:
    """The journal of a thing: two agents of one board, each with a thing of its own, may share a state folder."""
    return f"jobs-{thing}.journal"


def _write_all(fd: int, data: bytes) -> None:
    while data:
        data = data[os.write(fd, data) :]


class Journal:
    """`degraded`: "" or why the last write failed. `blank`: `load` found no record, not even `{}`."""

    def __init__(self, folder: str, thing: str, disk: Disk, log: Log) -> None:
        self.path = os.path.join(folder, file_name(thing))
        self.degraded = ""
        self.blank = True
        self._log = log
        self._logged = ""  # as long as it does not change, it is said once
        self._disk = disk
        self._size = MAX_BYTES  # unknown: the first write replaces what is there

    def load(self) -> Snapshot:
        """The last good record; `{}` if there is none, or the file can't be read."""
        try:
            self._disk.take_over(os.path.join(os.path.dirname(self.path), OLD_NAME), self.path)
            text = self._disk.read(self.path)
        except OSError as error:
            self.degraded = self._why(error)
            return {}
        for line in reversed(text.split(b"\n")):
            record = _record(line)
            if record is not None:
                self.blank = False
                return record
        return {}

    def write(self, record: Snapshot, sync: bool = True) -> bool:
        """Keep `record`; whether it was kept. With `sync` False it outlives the process, but maybe not a power cut."""
        text = dumps(record)
        # The newline in front ends a line that an earlier write left torn.
        data = b"\n%08x %s\n" % (crc32(text), text)
        try:
            if self._size + len(data) > MAX_BYTES:
                self._disk.replace(self.path, data)
                self._size = len(data)
            else:
                self._disk.append(self.path, data, sync)
                self._size += len(data)
        except OSError as error:
            self._size = MAX_BYTES
            self.degraded = self._why(error)
            if self.degraded != self._logged:
                self._log.warn(
                    PART, f"a job may not resume after a restart, its journal can't be kept: {self.degraded}"
                )
            self._logged = self.degraded
            return False
        self.degraded = self._logged = ""
        return True

    def _why(self, error: OSError) -> str:
        return f"{error.filename or self.path}: {error.strerror}"


def _record(line: bytes) -> Snapshot | None:
    digits, _, text = line.partition(b" ")
    try:
        if len(digits) != 8 or int(digits, 16) != crc32(text):
            return None
        record = loads(text)
    except (ValueError, JSONDecodeError):
        return None
    return record if _is_snapshot(record) else None


def _is_snapshot(record: object) -> TypeGuard[Snapshot]:
    return isinstance(record, dict)

# SPDX-FileCopyrightText: The aws-iot-device-client authors
# SPDX-License-Identifier: Apache-2.0
"""One agent per thing on a device: an flock, which the kernel releases when the process ends, however it ends."""

from __future__ import annotations

import errno
import fcntl
import os

TYPE_CHECKING = False
if TYPE_CHECKING:
    from dc.log import Log

PART = "lock"


class Locked(Exception):
    """Another agent for the same thing runs; the text names its process."""


def acquire(folder: str, thing: str, log: Log) -> None:
    """Lock `devicecl-THING.lock` in `folder` until the process ends. Raises `Locked`.

    A folder that can't be used is no reason not to run (boards without a writable /run/lock exist): it is logged.
    An empty `folder` means no lock.
    """
    if not folder:
        return
    path = os.path.join(folder, f"devicecl-{thing}.lock")
    try:
        fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o644)
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        if error.errno in (errno.EAGAIN, errno.EACCES) and _holder(path):
            raise Locked(
                f'An agent for thing "{thing}" is already running: process {_holder(path)} holds {path}'
            ) from None
        log.warn(PART, f"no lock is held, since {path} can't be locked: {error.strerror}; set LOCK_FILE_PATH")
        return
    os.ftruncate(fd, 0)
    os.write(fd, f"{thing}\n{os.getpid()}\n".encode())  # the descriptor stays open on purpose


def _holder(path: str) -> str:
    """The process number in a lock file that is locked by somebody; "" if it is not."""
    try:
        fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW)
    except OSError:
        return ""
    try:
        fcntl.flock(fd, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except OSError:
        return os.read(fd, 256).decode("utf-8", "replace").strip().rpartition("\n")[2] or "unknown"
    finally:
        os.close(fd)
    return ""

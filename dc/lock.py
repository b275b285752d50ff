# SPDX-FileCopyrightText: The aws-iot-device-client authors
# SPDX-License-Identifier: Apache-2.0
"""One agent per thing on a device.

The lock is an flock on a file in the state folder, held by the process, so that it can't go stale. Only the agent's own
user can open that file: a lock in a folder that others can write to would let any of them keep the agent from starting.

The C++ client has a file instead, `devicecl.lock`, with the thing's name and the process: it is read, so that the two
never run beside each other, and written where nothing is in the way.
"""

from __future__ import annotations

import fcntl
import os
import stat

TYPE_CHECKING = False
if TYPE_CHECKING:
    from dc.log import Log

PART = "lock"
CPP_NAME = "devicecl.lock"
CPP_PROGRAM = b"aws-iot-device-client"
_OPEN = os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK  # a FIFO in its place must not hold the start


class Locked(Exception):
    """Another agent for the same thing runs; the text names its process."""


def acquire(state_dir: str, cpp_dir: str, thing: str, log: Log) -> None:
    """Lock `thing` in `state_dir` until the process ends, and take note of the C++ client's file in `cpp_dir`; with ""
    for that folder there is no lock at all.

    Raises `Locked`. A folder that can't be used is no reason not to run (boards without a writable one exist): it is
    logged.
    """
    if not cpp_dir:
        return
    path = os.path.join(state_dir, f"agent-{thing}.lock")
    try:
        fd = _opened(state_dir, path)
    except OSError as error:
        log.warn(PART, f"no lock is held, since {path} can't be used: {error.strerror}")
    else:
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise Locked(f'An agent for thing "{thing}" runs already: process {_number(fd)} holds {path}') from None
        try:  # the descriptor stays open on purpose
            os.ftruncate(fd, 0)
            os.write(fd, b"%d\n" % os.getpid())
        except OSError:  # a full disk: the lock holds, and the number is for people
            pass
    _heed_cpp_client(os.path.join(cpp_dir, CPP_NAME), thing, log)


def _opened(folder: str, path: str) -> int:
    """The lock file, made if it is missing. Raises OSError, also for one that others can open."""
    os.makedirs(folder, 0o700, exist_ok=True)
    fd = os.open(path, os.O_RDWR | os.O_CREAT | _OPEN, 0o600)
    found = os.fstat(fd)
    own = stat.S_ISREG(found.st_mode) and found.st_uid == os.geteuid() and found.st_nlink == 1
    if not own or found.st_mode & 0o077:
        os.close(fd)
        raise PermissionError(1, f"it must be a regular file of uid {os.geteuid()} with mode 600; remove it")
    return fd


def _number(fd: int) -> str:
    text = os.pread(fd, 32, 0).strip()
    return text.decode() if text.isdigit() else "unknown"


def _heed_cpp_client(path: str, thing: str, log: Log) -> None:
    """Raises `Locked` if the C++ client runs for `thing`; else let its file say that this agent does."""
    named, holder = _cpp_holder(path)
    if holder and named == thing:
        raise Locked(f'A client for thing "{thing}" runs already: process {holder}, as {path} says; stop it first')
    if holder:
        return  # it runs for another thing, and there is one such file only
    try:
        if os.lstat(path).st_uid != os.geteuid():
            return  # another user's: the C++ client will not mind it either
        os.unlink(path)
    except FileNotFoundError:
        pass
    except OSError:
        return
    try:
        fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | _OPEN, 0o644)
        try:
            os.write(fd, f"{thing}\n{os.getpid()}\n".encode())
        finally:
            os.close(fd)
    except OSError as error:
        log.debug(PART, f"the C++ client is not kept from starting, since {path} can't be made: {error.strerror}")


def _cpp_holder(path: str) -> tuple[str, str]:
    """The thing and the living process that the C++ client's file names; ("", "") if there is none. Believes only files
    of the agent's user or of root."""
    try:
        fd = os.open(path, os.O_RDONLY | _OPEN)
    except OSError:
        return "", ""
    try:
        found = os.fstat(fd)
        if not stat.S_ISREG(found.st_mode) or found.st_uid not in (0, os.geteuid()):
            return "", ""
        name, _, number = os.read(fd, 1024).decode("utf-8", "replace").strip().partition("\n")
    finally:
        os.close(fd)
    name, number = name.strip(), number.strip()
    if not number.isdecimal() or int(number) == os.getpid():
        return "", ""
    try:
        with open(f"/proc/{int(number)}/cmdline", "rb") as file:
            return (name, number) if CPP_PROGRAM in file.read(4096) else ("", "")
    except OSError:
        return "", ""

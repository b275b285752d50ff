# SPDX-FileCopyrightText: The aws-iot-device-client authors
# SPDX-License-Identifier: Apache-2.0
"""One `os.posix_spawn`, and what the child gets by it.

posix_spawn is vfork-like, so its cost does not depend on the agent's memory, and no Python runs in the child. The
child gets /dev/null as stdin, two pipes, no other descriptor (but the one for its progress, where the job document
asks for it), its own session and process group, default signal dispositions and an empty signal mask.
"""

from __future__ import annotations

import errno
import os

from dc.jobs.run.command import PROGRESS_FD
from dc.signals import CATCHABLE

TYPE_CHECKING = False
if TYPE_CHECKING:
    from dc.jobs.run.command import Command

_SLACK = 64  # descriptors that awscrt may open between the look at /proc/self/fd and the spawn
_NO_PROC_LIMIT = 256
_OOM = "/proc/self/oom_score_adj"

_SPAWN_HINTS = {
    errno.ENOENT: "not found, or its interpreter (the #! line) is missing",
    errno.EACCES: "not executable for the agent's user, or on a file system mounted noexec",
    errno.ENOEXEC: "not a program for this machine, and no script either",
    errno.E2BIG: "its arguments are longer than this system takes",
    errno.ETXTBSY: "the file is open for writing",
    errno.ENOMEM: "out of memory",
    errno.EAGAIN: "too many processes",
    errno.EMFILE: "the agent has too many files open",
    errno.ENFILE: "the system has too many files open",
}


def spawn_failure(program: str, code: int | None) -> str:
    """The reason to report when `program` could not be started with errno `code`."""
    why = (_interpreter_failure(program) if code == errno.ENOENT else "") or _SPAWN_HINTS.get(code or 0)
    return f"Cannot start {program}: {why or os.strerror(code or 0)}"


def _interpreter_failure(program: str) -> str:
    """What is wrong with the #! line of a script whose interpreter was not found; "" without such a line."""
    try:
        with open(program, "rb") as file:
            line = file.readline(256)
    except OSError:
        return ""
    if not line.startswith(b"#!"):
        return ""
    name = line[2:].strip().partition(b" ")[0].decode("utf-8", "replace")
    if line.rstrip(b"\n").endswith(b"\r"):
        return (
            f"its #! line ends in a carriage return (CR), as Windows writes it, so its interpreter {name} is not found; "
            f"fix: sed -i 's/\\r$//' {program}"
        )
    return f"its interpreter (the #! line) {name} is missing; fix: install it or name another"


def _open_descriptors_end() -> int:
    """No descriptor from here on is open now or will be in a moment. Closing an unused one does no harm.

    But glibc's posix_spawn refuses numbers from RLIMIT_NOFILE on (EBADF), and none of ours is there.
    """
    try:
        highest = max(int(name) for name in os.listdir("/proc/self/fd"))
    except (OSError, ValueError):
        highest = _NO_PROC_LIMIT
    limit = os.sysconf("SC_OPEN_MAX")
    return min(highest + _SLACK, limit) if limit > 0 else highest + _SLACK


def spawn(command: Command, stdin: int, stdout: int, stderr: int, progress: int | None) -> int:
    """The new process. `progress` becomes its descriptor 3. Raises OSError."""
    try:
        return _spawn(command, stdin, stdout, stderr, progress)
    except OSError as error:
        if error.errno != errno.ENOEXEC:
            raise
        from dc.jobs.run.command import SHELL, Command, by_shell

        words = by_shell(command.program, command.argv)
        if words is None or not os.access(SHELL, os.X_OK):
            raise
    return _spawn(Command(SHELL, words, command.env), stdin, stdout, stderr, progress)


def _spawn(command: Command, stdin: int, stdout: int, stderr: int, progress: int | None) -> int:
    # The first three lie above 2 (high), also when the agent was started with 0, 1 or 2 closed: no dup2 hits the next one.
    actions: list[tuple[int, int, int] | tuple[int, int]] = [
        (os.POSIX_SPAWN_DUP2, stdin, 0),
        (os.POSIX_SPAWN_DUP2, stdout, 1),
        (os.POSIX_SPAWN_DUP2, stderr, 2),
    ]
    first_closed = 3
    if progress is not None:
        actions.append((os.POSIX_SPAWN_DUP2, progress, PROGRESS_FD))
        first_closed = PROGRESS_FD + 1
    actions.extend((os.POSIX_SPAWN_CLOSE, fd) for fd in range(first_closed, _open_descriptors_end()))
    argv = [_bytes(word) for word in command.argv]
    env = {_bytes(name): _bytes(value) for name, value in command.env.items()}
    standing = _Standing()
    standing.take()
    try:
        return os.posix_spawn(
            _bytes(command.program),
            argv,
            env,
            file_actions=actions,
            setsid=True,  # or what runs as another user could type into the terminal of whoever started the agent
            setsigmask=(),
            setsigdef=CATCHABLE,
        )
    finally:
        standing.give_back()


class _Standing:
    """Between `take` and `give_back` a child starts with niceness 0 and without the agent's protection from the
    out-of-memory killer.

    It inherits both from the thread that forks it, so that no step can fork before they are right. An agent that was
    given neither, which is nearly every one, pays a look at both.
    """

    __slots__ = ("_nice", "_oom")

    def __init__(self) -> None:
        self._nice = 0
        self._oom = b""

    def take(self) -> None:
        """What can't be changed stays: the kernel asks for a privilege to lower a niceness."""
        self._nice = os.getpriority(os.PRIO_PROCESS, 0)
        if self._nice:
            _renice(0)
        found = _oom_score()
        self._oom = found if found.startswith(b"-") else b""
        if self._oom:
            _set_oom_score(b"0")

    def give_back(self) -> None:
        """What the agent had."""
        if self._nice:
            _renice(self._nice)
        if self._oom:
            _set_oom_score(self._oom)


def _renice(nice: int) -> None:
    try:
        os.setpriority(os.PRIO_PROCESS, 0, nice)
    except OSError:
        pass


def _oom_score() -> bytes:
    try:
        fd = os.open(_OOM, os.O_RDONLY | os.O_CLOEXEC)
    except OSError:  # a board without /proc
        return b""
    try:
        return os.read(fd, 16).strip()
    except OSError:
        return b""
    finally:
        os.close(fd)


def _set_oom_score(score: bytes) -> None:
    try:
        fd = os.open(_OOM, os.O_WRONLY | os.O_CLOEXEC)
    except OSError:
        return
    try:
        os.write(fd, score)
    except OSError:
        pass
    finally:
        os.close(fd)


def _bytes(text: str) -> bytes:
    """As the job document has it, whatever the locale."""
    return text.encode("utf-8", "surrogateescape")


def null_input() -> int:
    """A descriptor at its end: /dev/null, or where that is missing a pipe that nobody writes to."""
    try:
        return high(os.open("/dev/null", os.O_RDONLY | os.O_CLOEXEC))
    except FileNotFoundError:
        read, write = os.pipe2(os.O_CLOEXEC)
        os.close(write)
        return high(read)


def high(fd: int) -> int:
    """`fd`, moved above 2 if it is not already there."""
    if fd > 2:
        return fd
    import fcntl

    moved = fcntl.fcntl(fd, fcntl.F_DUPFD_CLOEXEC, 3)
    os.close(fd)
    return moved

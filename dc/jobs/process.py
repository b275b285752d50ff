# SPDX-FileCopyrightText: The aws-iot-device-client authors
# SPDX-License-Identifier: Apache-2.0
"""The one place that starts processes: spawn, drain both pipes, reap, end the whole group.

`os.posix_spawn` (vfork-like, so its cost does not depend on the agent's memory; no Python runs in the child). The
child gets /dev/null as stdin, two pipes, no other descriptor, its own process group, default signal dispositions and
an empty signal mask. Both pipes are drained by the agent's loop, and only their tails are kept, so a handler may
write without end. A background child that keeps a pipe open after the handler's exit holds the step no longer than
the output grace; then the pipes are closed.
"""

from __future__ import annotations

import _signal
import errno
import os

from dc.jobs.outcome import StepResult
from dc.jobs.report import Tail

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from dc.jobs.handlers import Command
    from dc.loop import Loop

CHUNK = 65536  # what a pipe holds: one read empties it
_SLACK = 64  # descriptors that awscrt may open between the look at /proc/self/fd and the spawn
_NO_PROC_LIMIT = 256
_DEAD_POLL_SECONDS = 0.01
_DEAD_WAIT_SECONDS = 2.0  # after SIGKILL; only a process stuck in the kernel outlives it

_DEFAULT_SIGNALS = (
    _signal.SIGPIPE, _signal.SIGXFSZ, _signal.SIGINT, _signal.SIGTERM, _signal.SIGCHLD, _signal.SIGHUP,
    _signal.SIGUSR1, _signal.SIGUSR2, _signal.SIGQUIT, _signal.SIGALRM,
)  # fmt: skip

_SPAWN_HINTS = {
    errno.ENOENT: "not found, or its interpreter (the #! line) is missing",
    errno.EACCES: "not executable for the agent's user, or on a file system mounted noexec",
    errno.ENOEXEC: "not a program for this machine, and without a #! line",
    errno.E2BIG: "its arguments are longer than this system takes",
    errno.ETXTBSY: "the file is open for writing",
    errno.ENOMEM: "out of memory",
    errno.EAGAIN: "too many processes",
    errno.EMFILE: "the agent has too many files open",
    errno.ENFILE: "the system has too many files open",
}


def spawn_failure(program: str, code: int | None) -> str:
    """The reason to report when `program` could not be started with errno `code`."""
    return f"Cannot start {program}: {_SPAWN_HINTS.get(code or 0) or os.strerror(code or 0)}"


def _open_descriptors() -> range:
    """Every number above stderr that may be open now or a moment later. Closing an unused one does no harm.

    But glibc's posix_spawn refuses numbers from RLIMIT_NOFILE on (EBADF), and none of ours is there.
    """
    try:
        highest = max(int(name) for name in os.listdir("/proc/self/fd"))
    except (OSError, ValueError):
        highest = _NO_PROC_LIMIT
    limit = os.sysconf("SC_OPEN_MAX")
    return range(3, min(highest + _SLACK, limit) if limit > 0 else highest + _SLACK)


def _spawn(command: Command, stdin: int, stdout: int, stderr: int) -> int:
    # All three lie above 2 (_high), also when the agent was started with 0, 1 or 2 closed: no dup2 hits the next one.
    actions: list[tuple[int, int, int] | tuple[int, int]] = [
        (os.POSIX_SPAWN_DUP2, stdin, 0),
        (os.POSIX_SPAWN_DUP2, stdout, 1),
        (os.POSIX_SPAWN_DUP2, stderr, 2),
    ]
    actions.extend((os.POSIX_SPAWN_CLOSE, fd) for fd in _open_descriptors())
    return os.posix_spawn(
        command.program,
        [word.encode("utf-8", "surrogateescape") for word in command.argv],
        command.env,
        file_actions=actions,
        setpgroup=0,
        setsigmask=(),
        setsigdef=_DEFAULT_SIGNALS,
    )


def _null_input() -> int:
    """A descriptor at its end: /dev/null, or where that is missing a pipe that nobody writes to."""
    try:
        return _high(os.open("/dev/null", os.O_RDONLY | os.O_CLOEXEC))
    except FileNotFoundError:
        read, write = os.pipe2(os.O_CLOEXEC)
        os.close(write)
        return _high(read)


def _high(fd: int) -> int:
    """`fd`, moved above 2 if it is not already there."""
    if fd > 2:
        return fd
    import fcntl

    moved = fcntl.fcntl(fd, fcntl.F_DUPFD_CLOEXEC, 3)
    os.close(fd)
    return moved


class Process:
    """One step's process and all of its group. `done(StepResult)` is called once, when nothing more will come.

    `lines(stream, chunk)` is shown every chunk of output, for the log; `stream` is "stdout" or "stderr". `mark`: variables
    (NAME=VALUE) of its environment, by which processes that left the group are found when the step is killed.
    """

    def __init__(
        self,
        loop: Loop,
        done: Callable[[StepResult], None],
        output_grace: float,
        lines: Callable[[str, bytes], None],
        mark: tuple[str, ...],
    ) -> None:
        self._loop = loop
        self._done = done
        self._output_grace = output_grace
        self._lines = lines
        self._mark = mark
        self.pid = 0
        self._pipes: dict[int, str] = {}
        self._tails = {"stdout": Tail(), "stderr": Tail()}
        self._status: int | None = None  # as of waitpid
        self._killing = False
        self._dead_tries = 0

    def start(self, command: Command) -> str:
        """Start; "" when it runs, else the reason why it can't. `done` is not called then."""
        opened: list[int] = []
        try:
            opened.append(_null_input())
            for _ in range(2):
                opened.extend(_high(fd) for fd in os.pipe2(os.O_CLOEXEC))
            stdin, out_read, out_write, err_read, err_write = opened
            self.pid = _spawn(command, stdin, out_write, err_write)
        except OSError as error:
            for fd in opened:
                os.close(fd)
            return spawn_failure(command.program, error.errno)
        for fd in (stdin, out_write, err_write):
            os.close(fd)
        for fd, stream in ((out_read, "stdout"), (err_read, "stderr")):
            os.set_blocking(fd, False)
            self._pipes[fd] = stream
            self._loop.watch(fd, self._reader(fd))
        return ""

    def last_line(self) -> bytes:
        """The last line on stdout so far, or on stderr if stdout is empty."""
        for stream in ("stdout", "stderr"):
            lines = self._tails[stream].raw().split(b"\n")
            for line in reversed(lines):
                if line.strip():
                    return line
        return b""

    def child_changed(self) -> None:
        """SIGCHLD came: look whether it was this process."""
        if self._status is None and self._exited():
            self._leader_ended()

    def kill(self, grace: float) -> None:
        """SIGTERM to the group now, SIGKILL after `grace` seconds or as soon as the group's leader and pipes are done."""
        if self._killing or not self.pid:
            return
        self._killing = True
        self._signal_group(_signal.SIGTERM)
        self._signal_strays(_signal.SIGTERM)
        self._signal_group(_signal.SIGCONT)  # a stopped process can't act on SIGTERM
        self._loop.arm((self, "kill"), grace, self._kill_now)
        if self._status is not None:
            self._kill_now()

    def _reader(self, fd: int) -> Callable[[], None]:
        return lambda: self._readable(fd)

    def _readable(self, fd: int) -> None:
        try:
            chunk = os.read(fd, CHUNK)
        except BlockingIOError:
            return
        except OSError:
            chunk = b""
        if not chunk:
            self._close(fd)
            self._check()
            return
        stream = self._pipes[fd]
        self._tails[stream].feed(chunk)
        self._lines(stream, chunk)

    def _close(self, fd: int) -> None:
        self._loop.unwatch(fd)
        self._pipes.pop(fd, None)
        os.close(fd)

    def _exited(self) -> bool:
        """Whether the leader has ended. It stays a zombie, so that its group's number can't be given away meanwhile."""
        try:
            info = os.waitid(os.P_PID, self.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT)
        except ChildProcessError:
            return True  # reaped by somebody else: its status is lost, see _reap
        return info is not None

    def _leader_ended(self) -> None:
        if self._killing:
            if not self._pipes:
                self._kill_now()
            return  # others of the group may still use their grace
        self._reap()
        self._loop.arm((self, "output"), self._output_grace, self._give_up_output)
        self._check()

    def _give_up_output(self) -> None:
        for fd in list(self._pipes):
            self._readable(fd)  # what is there already still counts
        for fd in list(self._pipes):
            self._close(fd)
        self._check()

    def _check(self) -> None:
        if self._pipes:
            return
        if self._killing:
            if self._exited():
                self._kill_now()
        elif self._status is not None:
            self._finish()

    def _signal_group(self, number: int) -> bool:
        try:
            os.killpg(self.pid, number)
        except ProcessLookupError:
            return False
        except PermissionError:
            pass  # a member that changed its user; the others got the signal
        return True

    def _signal_strays(self, number: int) -> bool:
        """The same for what left the group; whether there was any."""
        from dc.jobs.leftovers import signal_all

        return signal_all(self._mark, number)

    def _kill_now(self) -> None:
        self._loop.disarm((self, "kill"))
        self._signal_group(_signal.SIGKILL)
        self._wait_dead()

    def _wait_dead(self) -> None:
        """The step is over only when nothing of its group is alive."""
        if self._status is None and self._exited():
            self._reap()
        strays = self._signal_strays(_signal.SIGKILL)
        gone = self._status is not None and not self._signal_group(0) and not strays
        self._dead_tries += 1
        if gone or self._dead_tries * _DEAD_POLL_SECONDS > _DEAD_WAIT_SECONDS:
            for fd in list(self._pipes):
                self._close(fd)
            self._finish()
        else:
            self._loop.arm((self, "dead"), _DEAD_POLL_SECONDS, self._wait_dead)

    def _reap(self) -> None:
        try:
            _, self._status = os.waitpid(self.pid, 0)
        except ChildProcessError:
            self._status = -1

    def _finish(self) -> None:
        for timer in ("kill", "output", "dead"):
            self._loop.disarm((self, timer))
        done, self._done = self._done, _already
        tails = self._tails
        if self._status is None or self._status == -1:
            done(StepResult(error="The handler's exit status was lost", stdout=tails["stdout"], stderr=tails["stderr"]))
            return
        code = os.waitstatus_to_exitcode(self._status)
        done(
            StepResult(
                status=code if code >= 0 else None,
                signal=-code if code < 0 else None,
                stdout=tails["stdout"],
                stderr=tails["stderr"],
            )
        )


def _already(_: StepResult) -> None:
    """The result was delivered."""

# SPDX-FileCopyrightText: The aws-iot-device-client authors
# SPDX-License-Identifier: Apache-2.0
"""The life of a step's process: start it, drain both pipes, reap it, end the whole group.

Both pipes are drained by the agent's loop, and only their tails are kept, so a handler may write without end. A
background child that keeps a pipe open after the handler's exit holds the step no longer than the output grace; then
the pipes are closed.
"""

from __future__ import annotations

import _signal
import os

from dc.jobs.core.outcome import StepResult
from dc.jobs.core.tail import Tail
from dc.jobs.run import cgroup
from dc.jobs.run.spawn import high, null_input, spawn, spawn_failure

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from dc.jobs.run.command import Command
    from dc.loop import Loop

PROGRESS = "progress"  # the third pipe, where the job document asks for it
CHUNK = 65536  # what a pipe holds: one read empties it
_buffer = bytearray(CHUNK)  # one for all reads: a fresh 64 KiB each time wears out musl's allocator
_view = memoryview(_buffer)
_DEAD_POLL_SECONDS = 0.01
_DEAD_WAIT_SECONDS = 2.0  # after SIGKILL; only a process stuck in the kernel outlives it


class Process:
    """One step's process and all of its group. `done(StepResult)` is called once, when nothing more will come.

    `lines(stream, chunk)` is shown every chunk of output, for the log; `stream` is "stdout", "stderr" or PROGRESS. `marks`:
    variables (NAME=VALUE) of its environment, by which processes that left the group are found when the step is killed.
    """

    def __init__(
        self,
        loop: Loop,
        done: Callable[[StepResult], None],
        output_grace: float,
        lines: Callable[[str, bytes], None],
        marks: tuple[str, ...],
    ) -> None:
        self._loop = loop
        self._done = done
        self._output_grace = output_grace
        self._lines = lines
        self._marks = marks
        self.pid = 0
        self._pipes: dict[int, str] = {}
        self._tails = {"stdout": Tail(), "stderr": Tail()}
        self._status: int | None = None  # as of waitpid
        self._ended = False  # the leader; a zombie until `_finish`
        self._killing = False
        self._armed = False  # a timer, at least once
        self._dead_tries = 0

    def start(self, command: Command) -> str:
        """Start; "" when it runs, else the reason why it can't. `done` is not called then."""
        streams = ("stdout", "stderr", PROGRESS) if command.progress else ("stdout", "stderr")
        reads: list[int] = []
        given: list[int] = []
        failure = ""
        try:
            given.append(null_input())
            for _ in streams:
                read, write = os.pipe2(os.O_CLOEXEC)
                reads.append(high(read))
                given.append(high(write))
            self.pid = spawn(command, given[0], given[1], given[2], given[3] if command.progress else None)
            cgroup.enter(self._marks, self.pid)
        except OSError as error:
            failure = spawn_failure(command.program, error.errno)
        except ValueError as error:  # a lone surrogate, say, that no byte stands for
            failure = f"Cannot start {command.program!r}: {error}"
        for fd in given if not failure else given + reads:
            os.close(fd)
        if failure:
            return failure
        for fd, stream in zip(reads, streams, strict=True):
            os.set_blocking(fd, False)
            self._pipes[fd] = stream
            self._loop.watch(fd, self._readable, fd)
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
        if self.pid and not self._ended and self._exited():
            self._leader_ended()

    def kill(self, grace: float) -> None:
        """SIGTERM to the group now, SIGKILL after `grace` seconds or as soon as the group's leader and pipes are done."""
        if self._killing or not self.pid:
            return
        self._killing = True
        self._signal_group(_signal.SIGTERM)
        self._signal_strays(_signal.SIGTERM)
        self._signal_group(_signal.SIGCONT)  # a stopped process can't act on SIGTERM
        self._armed = True
        self._loop.arm("step-kill", grace, self._kill_now)
        if self._ended:
            self._kill_now()

    def _readable(self, fd: int) -> None:
        try:
            size = os.readv(fd, (_buffer,))
        except BlockingIOError:
            return
        except OSError:
            size = 0
        chunk = bytes(_view[:size])
        if not chunk:
            self._close(fd)
            if not self._pipes:
                self._drained()
            return
        stream = self._pipes[fd]
        if stream != PROGRESS:
            self._tails[stream].feed(chunk)
        self._lines(stream, chunk)

    def _close(self, fd: int) -> None:
        self._loop.unwatch(fd)
        self._pipes.pop(fd, None)
        os.close(fd)

    def _exited(self) -> bool:
        """Whether the leader has ended. It stays a zombie until the step is over: so its number, which is its group's,
        can't be given to a stranger that a later signal would hit."""
        try:
            info = os.waitid(os.P_PID, self.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT)
        except ChildProcessError:
            return True  # reaped by somebody else: its status is lost, see _reap
        return info is not None

    def _leader_ended(self) -> None:
        self._ended = True
        if self._killing:
            if not self._pipes:
                self._kill_now()
            return  # others of the group may still use their grace
        if not self._pipes:
            self._finish()
        for fd in list(self._pipes):
            self._readable(fd)  # as a rule both are at their end now
        if self._pipes:
            self._armed = True
            self._loop.arm("step-output", self._output_grace, self._give_up_output)

    def _give_up_output(self) -> None:
        for fd in list(self._pipes):
            self._readable(fd)  # what is there already still counts
        if self._pipes:
            for fd in list(self._pipes):
                self._close(fd)
            self._drained()

    def _drained(self) -> None:
        """Nobody holds the pipes any more."""
        if self._killing:
            if self._exited():
                self._kill_now()
        elif self._ended:
            self._finish()

    def _signal_group(self, number: int) -> None:
        try:
            os.killpg(self.pid, number)
        except (ProcessLookupError, PermissionError):
            pass  # PermissionError: a member that changed its user; the others got the signal

    def _group_lives(self) -> bool:
        """Zombies do not count: whoever adopted them may take its time to reap them. Without /proc SIGKILL is trusted."""
        from dc.jobs.run.strays import group_lives

        return os.path.isdir("/proc/self") and group_lives(self.pid)

    def _signal_strays(self, number: int) -> bool:
        """The same for what left the group; whether there was any."""
        from dc.jobs.run.strays import signal_all

        return signal_all(self._marks, number)

    def _kill_now(self) -> None:
        self._loop.disarm("step-kill")
        self._signal_group(_signal.SIGKILL)
        self._wait_dead()

    def _wait_dead(self) -> None:
        """The step is over only when nothing of its group is alive."""
        strays = self._signal_strays(_signal.SIGKILL)
        gone = self._exited() and not strays and not self._group_lives()
        self._dead_tries += 1
        if gone or self._dead_tries * _DEAD_POLL_SECONDS > _DEAD_WAIT_SECONDS:
            for fd in list(self._pipes):
                self._close(fd)
            self._finish()
        else:
            self._loop.arm("step-dead", _DEAD_POLL_SECONDS, self._wait_dead)

    def _reap(self) -> None:
        try:
            _, self._status = os.waitpid(self.pid, 0)
        except ChildProcessError:
            self._status = -1

    def _finish(self) -> None:
        for timer in ("step-kill", "step-output", "step-dead") if self._armed else ():
            self._loop.disarm(timer)
        if self._exited():  # else it is stuck in the kernel
            self._reap()
        cgroup.tidy(self._marks)
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

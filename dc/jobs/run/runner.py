# SPDX-FileCopyrightText: The aws-iot-device-client authors
# SPDX-License-Identifier: Apache-2.0
"""Runs one action at a time: finds its command, starts its process, logs a little of what it prints."""

from __future__ import annotations

import os

from dc.jobs.core.details import clean
from dc.jobs.core.key import VARIABLES
from dc.jobs.core.outcome import HandlerError, StepResult
from dc.jobs.run.handlers import Handlers
from dc.jobs.run.process import PROGRESS, Process

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from dc.jobs.core.document import Action
    from dc.log import Log
    from dc.loop import Loop

PART = "jobs"
# What ends the agent (a shutdown, say) often ends its children first: our own signal may be a moment behind.
STOP_SIGNALS, SETTLE_SECONDS = (1, 2, 15), 0.2
LOGGED_BYTES = 4096  # of each stream of a step: the log is for finding faults, the cloud gets the tail


class Runner:
    """Set both before `run`. `ended(StepResult)` is called on the loop, never from within `run`, once for every `run`;
    `on_progress(chunk)` with what the handler writes about its progress."""

    ended: Callable[[StepResult], None]
    on_progress: Callable[[bytes], None]

    def __init__(
        self,
        loop: Loop,
        log: Log,
        directory: str,
        environ: Mapping[str, str],
        output_grace: float,
        passed: Sequence[object] = (),
        passes_user: bool = False,
    ) -> None:
        """`passed`, `passes_user`: as for `Handlers`."""
        self._loop = loop
        self._log = log
        self._directory = directory
        self._environ = environ
        self._calling = (passed, passes_user)
        self._handlers: Handlers | None = None
        self._output_grace = output_grace
        self._process: Process | None = None
        self._logged: dict[str, int] = {}
        self._unfinished: dict[str, bytes] = {}

    def run(self, action: Action, job: Mapping[str, str]) -> None:
        """Start `action`; `job` holds the AWS_IOT_... variables for it."""
        self._logged = {"stdout": 0, "stderr": 0}
        self._unfinished = {"stdout": b"", "stderr": b""}
        marks = tuple(f"{name}={job[name]}" for name in VARIABLES)
        try:
            if self._handlers is None:
                self._handlers = Handlers(self._directory, self._environ, *self._calling)
                for why in self._handlers.left_out:
                    self._log.warn(PART, f"not searched for programs, and not in a handler's PATH: {why}")
            command = self._handlers.command(action, job)
        except (HandlerError, ValueError, OSError) as error:  # ValueError: a name that this locale can't write
            self._fail(str(error))
            return
        process = Process(self._loop, self._done, self._output_grace, self._show, marks)
        self._loop.on_child = self._reap if os.getpid() == 1 else process.child_changed
        failure = process.start(command)
        if failure:
            self._fail(failure)
            return
        self._process = process
        self._log.info(PART, f'step "{action.name}" runs as process {process.pid}: {command.program}')

    def kill(self, grace: float) -> None:
        """End the running step; `ended` follows."""
        if self._process is not None:
            self._process.kill(grace)

    def last_line(self) -> bytes:
        """The last line that the running step has written."""
        return self._process.last_line() if self._process is not None else b""

    def _reap(self) -> None:
        """SIGCHLD, as process 1 of a container: the agent inherits what handlers leave behind."""
        own = 0
        if self._process is not None:
            own = self._process.pid
            self._process.child_changed()
        try:
            while (info := os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT)) and info.si_pid != own:
                os.waitpid(info.si_pid, 0)
        except ChildProcessError:
            pass

    def _fail(self, reason: str) -> None:
        self._log.error(PART, reason)
        self._loop.post(self.ended, StepResult(error=reason))

    def _done(self, result: StepResult) -> None:
        self._process = None
        for stream, rest in self._unfinished.items():
            if rest:
                self._log_line(stream, rest)
        end = f"killed by signal {result.signal}" if result.signal is not None else f"exit status {result.status}"
        self._log.info(
            PART, f"step ended: {end}, {result.stdout.total} bytes on stdout, {result.stderr.total} on stderr"
        )
        if result.signal in STOP_SIGNALS:
            self._loop.arm("step-settle", SETTLE_SECONDS, lambda: self.ended(result))
        else:
            self.ended(result)

    def _show(self, stream: str, chunk: bytes) -> None:
        if stream == PROGRESS:
            self.on_progress(chunk)
            return
        left = LOGGED_BYTES - self._logged[stream]
        if left <= 0 or not self._log.verbose:
            return
        self._logged[stream] += len(chunk)
        *lines, self._unfinished[stream] = (self._unfinished[stream] + chunk[:left]).split(b"\n")
        for line in lines:  # whole ones only: a URL in two pieces would not be masked
            self._log_line(stream, line)
        if len(chunk) > left:
            self._log.debug(PART, f"{stream}: (more follows that is not logged)")
            self._unfinished[stream] = b""

    def _log_line(self, stream: str, line: bytes) -> None:
        self._log.debug(PART, f"{stream}: {clean(line.decode('utf-8', 'replace')).rstrip()}")

# SPDX-FileCopyrightText: The aws-iot-device-client authors
# SPDX-License-Identifier: Apache-2.0
"""Runs one action at a time: finds its command, starts its process, logs a little of what it prints."""

from __future__ import annotations

import os

from dc.jobs.core.details import clean, is_key
from dc.jobs.core.outcome import HandlerError, StepResult
from dc.jobs.run.process import PROGRESS, Process

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from dc.jobs.core.document import Action
    from dc.jobs.run.handlers import Handlers
    from dc.log import Log
    from dc.loop import Loop

PART = "jobs"
MARKS = ("AWS_IOT_THING_NAME", "AWS_IOT_JOB_ID", "AWS_IOT_JOB_EXECUTION_NUMBER")
PROGRESS_KEYS, PROGRESS_LINE = 5, 1024  # of AWS's 10 pairs, some are the agent's own
OWN_KEYS = ("progress", "step", "output", "journal", "resume", "reason", "stdout", "stderr")
# What ends the agent (a shutdown, say) often ends its children first: our own signal may be a moment behind.
STOP_SIGNALS, SETTLE_SECONDS = (1, 2, 15), 0.2
LOGGED_BYTES = 4096  # of each stream of a step: the log is for finding faults, the cloud gets the tail


class Runner:
    """Set `ended(StepResult)` before `run`: it is called on the loop, never from within `run`, once for every `run`."""

    ended: Callable[[StepResult], None]
    progressed: Callable[[], None]  # `progress` has changed

    def __init__(
        self,
        loop: Loop,
        log: Log,
        handlers: Handlers,
        output_grace: float,
    ) -> None:
        self._loop = loop
        self._log = log
        self._handlers = handlers
        self._output_grace = output_grace
        self._process: Process | None = None
        self._logged: dict[str, int] = {}
        self._unfinished: dict[str, bytes] = {}
        self._told = b""  # an unfinished line of progress
        self.progress: dict[str, str] = {}  # what the running step told of itself
        self.started = False  # something of the execution at hand was started; whoever ends the execution resets it

    def run(self, action: Action, job: Mapping[str, str]) -> None:
        """Start `action`; `job` holds the AWS_IOT_... variables for it."""
        self.started = True
        try:
            command = self._handlers.command(action, job)
        except (HandlerError, ValueError, OSError) as error:  # ValueError: a name that this locale can't write
            self._fail(str(error))
            return
        self._logged = {"stdout": 0, "stderr": 0}
        self._unfinished = {"stdout": b"", "stderr": b""}
        self._told = b""
        self.progress = {}
        mark = tuple(f"{name}={job[name]}" for name in MARKS)
        process = Process(self._loop, self._done, self._output_grace, self._show, mark)
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

    def child_changed(self) -> None:
        """SIGCHLD came."""
        if self._process is not None:
            self._process.child_changed()
        if os.getpid() == 1:
            self._reap_orphans()

    def _reap_orphans(self) -> None:
        """As process 1 of a container the agent inherits what handlers leave; its own child is not its business here."""
        own = self._process.pid if self._process is not None else 0
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
            self._loop.arm((self, "settle"), SETTLE_SECONDS, lambda: self.ended(result))
        else:
            self.ended(result)

    def _show(self, stream: str, chunk: bytes) -> None:
        if stream == PROGRESS:
            self._take_progress(chunk)
            return
        left = LOGGED_BYTES - self._logged[stream]
        if left <= 0 or not self._log.enabled("DEBUG"):
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

    def _take_progress(self, chunk: bytes) -> None:
        """Lines `key=value`; a key as AWS takes it. What does not fit is left out: it is the handler's own affair."""
        *lines, self._told = (self._told + chunk).split(b"\n")
        self._told = self._told[-PROGRESS_LINE:]
        for line in lines:
            key, equals, value = line[:PROGRESS_LINE].decode("utf-8", "replace").partition("=")
            known = key in self.progress or len(self.progress) < PROGRESS_KEYS
            if equals and known and key not in OWN_KEYS and is_key(key) and value.strip():
                self.progress[key] = clean(value)
        if lines:
            self.progressed()

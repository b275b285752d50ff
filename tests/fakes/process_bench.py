# SPDX-FileCopyrightText: The aws-iot-device-client authors
# SPDX-License-Identifier: Apache-2.0
"""A loop that runs real processes the way the agent does, and gives up on a hang."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from dc.jobs.core.outcome import StepResult
from dc.jobs.run.command import Command
from dc.jobs.run.process import Process
from dc.loop import Loop

DEADLINE = 30.0
ENV = {"PATH": "/usr/local/bin:/usr/bin:/bin", "AWS_IOT_JOB_ID": "unit-test", "AWS_IOT_JOB_EXECUTION_NUMBER": "7"}


class ProcessBench:
    """`run` and `start` a command; `seen` is what was shown for the log, stream and chunk, unless `keep` is false."""

    def __init__(self) -> None:
        self.errors: list[str] = []
        self.loop = Loop(self._note_error)
        self.process: Process | None = None
        self.results: list[StepResult] = []
        self.seen: list[tuple[str, bytes]] = []
        self.keep = True
        self.loop.watch_children()

    def _note_error(self) -> None:
        import traceback

        self.errors.append(traceback.format_exc())

    def _done(self, result: StepResult) -> None:
        self.results.append(result)

    def _show(self, stream: str, chunk: bytes) -> None:
        if self.keep:
            self.seen.append((stream, chunk))

    def start(self, command: Command, output_grace: float = 20.0) -> str:
        """Start `command`; the reason if it can't."""
        mark = tuple(f"{name}={ENV[name]}" for name in ("AWS_IOT_JOB_ID", "AWS_IOT_JOB_EXECUTION_NUMBER"))
        self.process = Process(self.loop, self._done, output_grace, self._show, mark)
        self.loop.on_child = self.process.child_changed
        return self.process.start(command)

    def run_until(self, condition: Callable[[], object], what: str) -> None:
        """Run the loop until the condition holds; fails after the deadline."""
        end = time.monotonic() + DEADLINE

        def look() -> None:
            if condition() or time.monotonic() > end:
                self.loop.stop()
            else:
                self.loop.arm("look", 0.002, look)

        look_now = not condition()
        if look_now:
            self.loop.arm("look", 0.0, look)
            self.loop.run()
        self.loop.disarm("look")
        assert not self.errors, self.errors[0]
        assert condition(), f"not within {DEADLINE} s: {what}"

    def finish(self) -> StepResult:
        """Wait for the one result; anything that would come later is a failure."""
        self.run_until(lambda: self.results, "the step's end")
        (result,) = self.results
        self.results.clear()
        return result

    def run(self, command: Command, output_grace: float = 20.0) -> StepResult:
        failure = self.start(command, output_grace)
        assert failure == ""
        return self.finish()


@contextmanager
def process_bench() -> Iterator[ProcessBench]:
    """A ProcessBench whose process and descriptors are gone afterwards."""
    before = signal.getsignal(signal.SIGCHLD)
    made = ProcessBench()
    try:
        yield made
    finally:
        if made.process is not None and made.process.pid:
            try:
                os.killpg(made.process.pid, signal.SIGKILL)
            except ProcessLookupError:
                pass
        signal.set_wakeup_fd(-1)
        signal.signal(signal.SIGCHLD, before)
        os.close(made.loop._wake_read)
        os.close(made.loop._wake_write)


def shell(script: str, *arguments: str, **env: str) -> Command:
    """`script` run by /bin/sh."""
    return Command("/bin/sh", ("sh", "-c", script, "sh", *arguments), {**ENV, **env})


def file_command(path: Path, *arguments: str) -> Command:
    return Command(str(path), (str(path), *arguments), dict(ENV))


def descriptors() -> set[str]:
    return set(os.listdir("/proc/self/fd"))

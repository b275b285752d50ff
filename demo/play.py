# SPDX-FileCopyrightText: The aws-iot-device-client authors
# SPDX-License-Identifier: Apache-2.0
"""One showing: the jobs are created, watched until they end, and judged."""

from __future__ import annotations

import json
import os
import shlex
import subprocess
import time
from collections.abc import Callable, Sequence

from dc.mask import plain
from demo.agent import STOP_SECONDS, AgentError, DemoAgent
from demo.interrupts import interrupts
from demo.jobs import FAILING, JOBS, SHOWN_CHARACTERS
from demo.screen import REDRAW_SECONDS, Row, Screen
from localcloud.cloud import TERMINAL, Cloud
from localcloud.process import CloudError
from localcloud.thing import Thing

CONNECT_SECONDS, AWS_SECONDS, JOBS_SECONDS = 30.0, 60.0, 60.0


class Demo:
    """One showing: the cloud, the device and its agent, and the jobs on their way."""

    def __init__(self, screen: Screen, cloud: Cloud, thing: Thing, agent: DemoAgent) -> None:
        self.screen, self.cloud, self.thing, self.agent = screen, cloud, thing, agent
        self.rows = [Row(job) for job in JOBS]
        self._connects = 0
        self._peak: float | None = None
        self._command: subprocess.Popen[str] | None = None

    def play(self) -> str:
        """Create all jobs, in order, and watch them until each has ended or too much time has gone by.

        Returns what the `aws` command tells of the failed execution.
        """
        for row in self.rows:
            if not row.job.offline:
                self._create(row)
        self._await_ends()
        self._peak = self.agent.peak_megabytes()
        self._switch_off()
        for row in self.rows:
            if row.job.offline:
                self._create(row)
                if row.status != "QUEUED":
                    row.wrong.append(f"status was {row.status} with the device off, expected QUEUED")
        self._switch_on()
        self._await_ends()
        failed = self.aws(*self.describe_words())
        for row in self.rows:
            row.wrong += row.job.differences(row.status, row.details)
        self.screen.table(self.rows, "")
        return failed

    def start_agent(self) -> None:
        """Start the agent; connected() tells when it has reached the cloud."""
        self._connects = len(self.cloud.events("connect", self.thing))
        self.agent.start()

    def connected(self) -> bool:
        """Whether the agent that was started last has connected. Raises AgentError when it has ended instead."""
        self.agent.check()
        return len(self.cloud.events("connect", self.thing)) > self._connects

    def aws(self, *words: str) -> str:
        """Run the `aws` command while the table goes on; return its output. Raises CloudError with its error."""
        command = [*self.cloud.aws_prefix(), *words]
        shown = shlex.join(("aws", *words))
        with interrupts.held():
            self._command = process = subprocess.Popen(
                command,
                env=os.environ | self.cloud.aws_env(),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                text=True,
                start_new_session=True,
            )
        try:
            if not self._watch(lambda: process.poll() is not None, shown, AWS_SECONDS):
                raise CloudError(f"{shown} does not end")
            out, err = process.communicate()
        finally:
            self.end_command()
        if process.returncode:
            raise CloudError(f"{shown} ended with status {process.returncode}: {err.strip()}")
        return out

    def end_command(self) -> None:
        """End the `aws` command if one runs."""
        process, self._command = self._command, None
        if process and process.poll() is None:
            process.kill()
            process.communicate()

    def _create(self, row: Row) -> None:
        job = row.job
        row.begun = time.monotonic()
        document = json.dumps(job.document)
        targets = ("--targets", self.thing.arn)
        self.aws("iot", "create-job", "--job-id", job.job_id, "--document", document, *targets)
        self._look()

    def _await_ends(self) -> None:
        self._watch(self._all_ended, "waiting for the agent", JOBS_SECONDS)

    def _all_ended(self) -> bool:
        return all(row.ended for row in self.rows if row.begun is not None)

    def _switch_off(self) -> None:
        self.agent.ask_to_stop()
        if not self._watch(self.agent.stopped, "switching the device off", STOP_SECONDS):
            raise AgentError(f"the agent did not end on SIGTERM; the end of its log:\n{self.agent.log_end()}")

    def _switch_on(self) -> None:
        self.start_agent()
        if not self._watch(self.connected, "switching the device on again", CONNECT_SECONDS):
            raise AgentError(f"the agent did not connect; the end of its log:\n{self.agent.log_end()}")

    def _watch(self, over: Callable[[], bool], activity: str, seconds: float) -> bool:
        """Follow the executions until `over()`, for at most `seconds`; return whether it came to that."""
        deadline = time.monotonic() + seconds
        while True:
            self.agent.check()
            self._look()
            self.screen.table(self.rows, activity)
            if over():
                return True
            if time.monotonic() > deadline:
                return False
            time.sleep(REDRAW_SECONDS)

    def _look(self) -> None:
        for row in self.rows:
            if row.begun is None or row.ended:
                continue
            try:
                execution = self.cloud.describe(row.job.job_id, self.thing)
            except self.cloud.iot.exceptions.ResourceNotFoundException:
                continue  # create-job is still on its way
            row.status, row.details = execution["status"], execution["statusDetails"]
            if row.status in TERMINAL:
                row.seconds = time.monotonic() - row.begun

    def report(self, failed: str) -> None:
        """Tell what the device reported, with `failed`, the description of a failed execution, in full."""
        say = self.screen.say
        say("\nWhat the device reported:")
        for row in self.rows:
            for key, value in row.details.items():
                text = value if len(value) <= SHOWN_CHARACTERS else f"... {value[-SHOWN_CHARACTERS:]}"
                say(f"  {row.job.job_id:<16} {key:<7} {plain(text).rstrip()}")
        say(f"\n$ {shlex.join(('aws', *self.describe_words()))}\n{failed.rstrip()}\n")
        if self._peak is not None:
            say(f"The agent never held more than {self._peak:.1f} MB of memory, the 100 MB talker included.\n")

    def describe_words(self) -> tuple[str, ...]:
        """The words after `aws` that describe the failed execution."""
        return ("iot", "describe-job-execution", "--job-id", FAILING, "--thing-name", self.thing.name)


def conclude(screen: Screen, rows: Sequence[Row], agent: DemoAgent) -> int:
    """Say how many outcomes are the expected ones, and what is wrong with the others; return the exit status."""
    wrong = [row for row in rows if row.wrong]
    if wrong:
        screen.say(f"The end of the agent's log:\n{agent.log_end()}\n")
    for row in wrong:
        screen.say(f"{row.job.job_id}: {'; '.join(row.wrong)}")
    screen.say(f"{len(rows) - len(wrong)} of {len(rows)} outcomes as expected, in {screen.elapsed:.1f} s")
    return 1 if wrong else 0

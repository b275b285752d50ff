# SPDX-FileCopyrightText: The aws-iot-device-client authors
# SPDX-License-Identifier: Apache-2.0
"""`make demo`: real AWS IoT jobs, created with the real `aws` command, run by the agent on this machine.

Exit status: 0 when every job had the outcome it must have, 1 when not or when the demo could not be played,
128 + N after signal N. Whatever happens, no process is left running.
"""

from __future__ import annotations

import argparse
import json
import os
import shlex
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from pathlib import Path

from dc.log import plain
from localcloud.cloud import TERMINAL, Cloud
from localcloud.demo_agent import STOP_SECONDS, AgentError, DemoAgent
from localcloud.demo_jobs import FAILING, JOBS, SHOWN_CHARACTERS, write_handlers
from localcloud.demo_signals import Stopped, interrupts
from localcloud.demo_table import REDRAW_SECONDS, Row, Screen
from localcloud.process import CloudError
from localcloud.thing import Thing
from localcloud.waiting import wait_until
from toolchains.agent import TARGETS, MissingTarget, agent_command, best_target
from toolchains.base import ROOT

ABOUT = "Run real AWS IoT jobs, created with the real aws command, against a local AWS IoT."
THING = "my-thing"
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


def main() -> int:
    """Play the demo; return the exit status."""
    options = _options()
    interrupts.install()
    screen = Screen(sys.stdout, rows=len(JOBS) + 4)
    try:
        command = agent_command(options.arch or best_target())
        with ExitStack() as stack:
            try:
                return _show(screen, stack, command, keep=options.keep)
            finally:
                interrupts.hold()
                with screen.step("ending everything"):
                    stack.close()
    except Stopped as stopped:
        return 128 + stopped.signum
    except (AgentError, CloudError, MissingTarget, TimeoutError) as error:
        sys.stderr.write(f"demo: {error}\n")
    except BrokenPipeError:
        # Nobody reads on (`| head`): the interpreter's own last flush must not complain either.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return 1


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m localcloud.demo", description=ABOUT)
    parser.add_argument(
        "--arch",
        choices=TARGETS,
        help="what runs as the agent: the source, or the binary of dist/ARCH, under qemu if it is foreign "
        "(default: this machine's binary if it is built, else the source)",
    )
    parser.add_argument("--keep", action="store_true", help="leave cloud and agent running until Ctrl-C")
    return parser.parse_args()


def _show(screen: Screen, stack: ExitStack, command: list[str], *, keep: bool) -> int:
    folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="aws-iot-demo-")))
    with screen.step("starting the local AWS IoT"):
        cloud = stack.enter_context(Cloud(folder=folder))
    with screen.step(f"making the thing {THING}, its certificate and its policy"):
        thing = cloud.make_thing(THING, folder / THING)
    # A short grace: Ctrl-C ends the demo soon, also while a handler runs.
    thing.configure(logging={"level": "INFO"}, jobs={"stop-grace-seconds": 1})
    write_handlers(thing.handlers)
    agent = DemoAgent(command, thing)
    stack.callback(agent.stop)
    demo = Demo(screen, cloud, thing, agent)
    stack.callback(demo.end_command)
    with screen.step(f"starting the agent, {_relative(command)}"):
        demo.start_agent()
        wait_until(demo.connected, CONNECT_SECONDS, lambda: f"the agent to connect; its log:\n{agent.log_end()}")
    screen.say()
    demo.report(demo.play())
    status = conclude(screen, demo.rows, agent)
    if keep:
        _keep_open(screen, demo)
    return status


def _relative(command: Sequence[str]) -> str:
    return shlex.join(word.removeprefix(f"{ROOT}/") for word in command)


def _keep_open(screen: Screen, demo: Demo) -> None:
    variables = [f"export {key}={shlex.quote(value)}" for key, value in demo.cloud.aws_env().items()]
    create = [*demo.cloud.aws_prefix(), "iot", "create-job", "--job-id", "mine"]
    create += ["--document", json.dumps({"operation": "echo", "args": ["Hello world!"]})]
    lines = [
        "",
        "Everything goes on until you press Ctrl-C. In another terminal:",
        *variables,
        shlex.join([*create, "--targets", demo.thing.arn]),
        f"Handlers: {demo.thing.handlers} (files of mode 700). The agent's log: {demo.agent.log_path}",
    ]
    screen.say("\n".join(lines))
    try:
        demo.cloud.server.wait()
    except Stopped:
        screen.say()


if __name__ == "__main__":
    sys.exit(main())

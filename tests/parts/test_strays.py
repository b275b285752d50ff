# SPDX-FileCopyrightText: The aws-iot-device-client authors
# SPDX-License-Identifier: Apache-2.0
"""Processes that an earlier agent left running are found by their environment, and ended."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from dc.jobs.run import strays
from localcloud.waiting import wait_until

MARKED = ("AWS_IOT_THING_NAME=stray-thing", f"AWS_IOT_JOB_ID=job-{os.getpid()}", "AWS_IOT_JOB_EXECUTION_NUMBER=1")
DEADLINE = 20.0
ENV = dict(variable.split("=", 1) for variable in MARKED)


class Left:
    """Starts processes that are marked, as the children of nobody in particular."""

    def __init__(self) -> None:
        self.processes: list[subprocess.Popen[bytes]] = []

    def start(self, script: str, **env: str) -> int:
        process = subprocess.Popen(
            ["/bin/sh", "-c", f"{script}"], env={"PATH": os.environ["PATH"], **ENV, **env}, start_new_session=True
        )
        self.processes.append(process)
        job = (f"AWS_IOT_JOB_ID={(ENV | env)['AWS_IOT_JOB_ID']}",)
        wait_until(lambda: process.pid in strays.find(job), DEADLINE, "the marked process")
        return process.pid

    def status(self, pid: int) -> int:
        return next(process for process in self.processes if process.pid == pid).wait(20)


@pytest.fixture
def left() -> Iterator[Left]:
    made = Left()
    yield made
    for process in made.processes:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def test_nothing_left_is_nothing_to_end() -> None:
    assert not strays.end(MARKED, 5.0)


def test_what_is_left_gets_sigterm_and_is_gone_afterwards(left: Left) -> None:
    pid = left.start("exec sleep 600")
    assert strays.end(MARKED, 20.0)
    assert left.status(pid) == -signal.SIGTERM


def test_an_hour_of_grace_does_not_hold_the_agent_for_an_hour(
    left: Left, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A watchdog would end it before it came to SIGKILL, and the next agent too."""
    monkeypatch.setattr(strays, "MAX_GRACE", 0.1)
    ready = tmp_path / "ready"
    pid = left.start(f"trap '' TERM; : > {ready}; while :; do sleep 0.01; done")
    wait_until(ready.exists, DEADLINE, "the handler to be ready")
    assert strays.end(MARKED, 3600.0)
    assert left.status(pid) == -signal.SIGKILL


def test_it_may_tidy_up_within_the_grace(left: Left, tmp_path: Path) -> None:
    ready = tmp_path / "ready"
    pid = left.start(f"trap 'sleep 0.1; exit 7' TERM; : > {ready}; while :; do sleep 0.01; done")
    wait_until(ready.exists, DEADLINE, "the handler to be ready")
    assert strays.end(MARKED, 20.0)
    assert left.status(pid) == 7


def test_what_ignores_sigterm_is_killed_after_the_grace(left: Left, tmp_path: Path) -> None:
    ready = tmp_path / "ready"
    pid = left.start(f"trap '' TERM; : > {ready}; while :; do sleep 0.01; done")
    wait_until(ready.exists, DEADLINE, "the handler to be ready")
    assert strays.end(MARKED, 0.1)
    assert left.status(pid) == -signal.SIGKILL


def test_a_stopped_one_is_ended_too(left: Left) -> None:
    pid = left.start("exec sleep 600")
    os.kill(pid, signal.SIGSTOP)
    assert strays.end(MARKED, 0.1)
    assert left.status(pid) in (-signal.SIGTERM, -signal.SIGKILL)


@pytest.mark.parametrize(
    "other",
    [
        {"AWS_IOT_JOB_ID": "another-job"},
        {"AWS_IOT_JOB_EXECUTION_NUMBER": "2"},
        {"AWS_IOT_THING_NAME": "another-thing"},
        {"AWS_IOT_JOB_EXECUTION_NUMBER": "11"},
    ],
    ids=["another job", "another execution", "another thing's agent", "a number that begins the same"],
)
def test_processes_of_others_are_left_alone(left: Left, other: dict[str, str]) -> None:
    pid = left.start("exec sleep 600", **other)
    assert not strays.end(MARKED, 0.0)
    assert Path(f"/proc/{pid}").exists() and left.processes[0].poll() is None


def test_a_zombie_is_nothing_that_lives(left: Left) -> None:
    """Its parent may never look; waiting for that would hold the start of the agent."""
    pid = left.start("exec sleep 600")
    os.kill(pid, signal.SIGKILL)
    wait_until(lambda: Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z", DEADLINE, "a zombie")
    assert strays.find(MARKED) == []
    assert not strays.group_lives(pid)


def test_without_proc_nothing_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(path: str) -> list[str]:
        raise FileNotFoundError(path)

    monkeypatch.setattr(os, "listdir", missing)
    assert strays.find(MARKED) == []
    assert not strays.end(MARKED, 5.0)

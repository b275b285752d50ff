# SPDX-FileCopyrightText: The aws-iot-device-client authors
# SPDX-License-Identifier: Apache-2.0
"""Ending a step: everything it started is gone before its end is told, and no sooner than the grace allows."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from dc.jobs.core.details import output
from tests.fakes.process_bench import World, alive, shell, world


@pytest.fixture
def w() -> Iterator[World]:
    with world() as made:
        yield made


def started(w: World, script: str, output_grace: float = 20.0) -> None:
    """Start a script that says "ready" and wait until it did."""
    assert w.start(shell(script), output_grace) == ""
    w.until(lambda: any(b"ready" in chunk for _, chunk in w.seen), "the handler's word that it is ready")


def kill(w: World, grace: float) -> None:
    assert w.process is not None
    w.process.kill(grace)


def numbers(path: Path) -> list[int]:
    return [int(word) for word in path.read_text().split()]


def test_sigterm_comes_first_and_what_the_handler_says_then_still_counts(w: World) -> None:
    started(w, 'trap "echo cleaned up; exit 9" TERM; echo ready; while :; do sleep 0.01; done')
    kill(w, 20.0)
    result = w.finish()
    assert (result.status, output(result.stdout)) == (9, "ready\ncleaned up\n")


def test_a_handler_that_ignores_sigterm_is_killed_after_the_grace_and_not_before(w: World) -> None:
    started(w, 'trap "" TERM; echo ready; while :; do sleep 0.01; done')
    begun = time.monotonic()
    kill(w, 0.2)
    assert w.finish().signal == signal.SIGKILL
    assert time.monotonic() - begun >= 0.2


def test_a_stopped_handler_is_woken_to_act_on_sigterm(w: World) -> None:
    started(w, "echo ready; kill -STOP $$; sleep 300")
    assert w.process is not None
    pid = w.process.pid
    w.until(lambda: Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "T", "a stopped handler")
    kill(w, 20.0)
    assert w.finish().signal == signal.SIGTERM


def test_grandchildren_are_gone_when_the_end_is_told(w: World, tmp_path: Path) -> None:
    pids = tmp_path / "pids"
    started(
        w,
        f'sh -c "sleep 301 & sleep 302 & echo \\$! >> {pids}; wait" & echo $! >> {pids}; sleep 0.05; echo ready; wait',
    )
    w.until(lambda: len(pids.read_text().split()) == 2, "the numbers of the grandchildren")
    family = numbers(pids)
    assert all(alive(pid) for pid in family)
    kill(w, 20.0)
    w.finish()
    assert not [pid for pid in family if alive(pid)]


def test_grandchildren_that_ignore_sigterm_are_killed_with_the_leader(w: World, tmp_path: Path) -> None:
    pids = tmp_path / "pids"
    started(w, f'trap "" TERM; sh -c "echo \\$\\$ > {pids}; echo ready; exec sleep 303" & trap - TERM; wait')
    kill(w, 0.1)
    w.finish()
    assert not [pid for pid in numbers(pids) if alive(pid)]


def test_a_daemon_that_left_the_group_is_found_by_its_environment(w: World, tmp_path: Path) -> None:
    pids = tmp_path / "pids"
    started(
        w,
        f'setsid sh -c "echo \\$\\$ > {pids}; exec sleep 304" & until [ -s {pids} ]; do sleep 0.01; done; echo ready; wait',
    )
    (daemon,) = numbers(pids)
    assert os.getpgid(daemon) != (w.process.pid if w.process else 0)
    kill(w, 0.2)
    w.finish()
    assert not alive(daemon)


def test_a_kill_between_the_handlers_end_and_that_of_its_background_child(w: World, tmp_path: Path) -> None:
    pids = tmp_path / "pids"
    started(w, f"sleep 305 & echo $! > {pids}; echo ready; exit 0")
    assert w.process is not None
    leader = w.process.pid
    w.until(lambda: not Path(f"/proc/{leader}").exists(), "the handler's end")
    kill(w, 20.0)
    assert w.finish().status == 0
    assert not [pid for pid in numbers(pids) if alive(pid)]


def test_a_second_kill_changes_nothing(w: World) -> None:
    started(w, "echo ready; sleep 300")
    kill(w, 20.0)
    kill(w, 0.0)
    assert w.finish().signal == signal.SIGTERM


def test_a_kill_after_the_end_changes_nothing(w: World) -> None:
    w.run(shell("exit 0"))
    kill(w, 0.0)
    w.loop.arm("end", 0.05, w.loop.stop)
    w.loop.run()
    assert w.results == []


def test_a_kill_of_a_step_that_never_started_changes_nothing(w: World, tmp_path: Path) -> None:
    from tests.fakes.process_bench import file_command

    assert w.start(file_command(tmp_path / "missing"))
    kill(w, 0.0)
    assert w.results == []


def test_a_status_that_somebody_else_took_is_a_failure_and_not_a_success(w: World) -> None:
    started(w, "echo ready; read x < /dev/stdin; exec sleep 0.05")
    assert w.process is not None
    os.waitpid(w.process.pid, 0)
    assert w.finish().error == "The handler's exit status was lost"

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
from localcloud import procfs
from localcloud.procfs import lives
from tests.fakes.process_bench import ProcessBench, process_bench, shell


@pytest.fixture
def bench() -> Iterator[ProcessBench]:
    with process_bench() as made:
        yield made


def started(bench: ProcessBench, script: str, output_grace: float = 20.0) -> None:
    """Start a script that says "ready" and wait until it did."""
    assert bench.start(shell(script), output_grace) == ""
    bench.run_until(lambda: any(b"ready" in chunk for _, chunk in bench.seen), "the handler's word that it is ready")


def kill(bench: ProcessBench, grace: float) -> None:
    assert bench.process is not None
    bench.process.kill(grace)


def numbers(path: Path) -> list[int]:
    return [int(word) for word in path.read_text().split()]


def test_sigterm_comes_first_and_what_the_handler_says_then_still_counts(bench: ProcessBench) -> None:
    started(bench, 'trap "echo cleaned up; exit 9" TERM; echo ready; while :; do sleep 0.01; done')
    kill(bench, 20.0)
    result = bench.finish()
    assert (result.status, output(result.stdout)) == (9, "ready\ncleaned up\n")


def test_a_handler_that_ignores_sigterm_is_killed_after_the_grace_and_not_before(bench: ProcessBench) -> None:
    started(bench, 'trap "" TERM; echo ready; while :; do sleep 0.01; done')
    begun = time.monotonic()
    kill(bench, 0.2)
    assert bench.finish().signal == signal.SIGKILL
    assert time.monotonic() - begun >= 0.2


def test_a_stopped_handler_is_woken_to_act_on_sigterm(bench: ProcessBench) -> None:
    started(bench, "echo ready; kill -STOP $$; sleep 300")
    assert bench.process is not None
    pid = bench.process.pid
    bench.run_until(
        lambda: Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "T", "a stopped handler"
    )
    kill(bench, 20.0)
    assert bench.finish().signal == signal.SIGTERM


def test_grandchildren_are_gone_when_the_end_is_told(bench: ProcessBench, tmp_path: Path) -> None:
    pids = tmp_path / "pids"
    started(
        bench,
        f'sh -c "sleep 301 & sleep 302 & echo \\$! >> {pids}; wait" & echo $! >> {pids}; sleep 0.05; echo ready; wait',
    )
    bench.run_until(lambda: len(pids.read_text().split()) == 2, "the numbers of the grandchildren")
    family = numbers(pids)
    assert all(lives(pid) for pid in family)
    kill(bench, 20.0)
    bench.finish()
    assert not [pid for pid in family if lives(pid)]


def test_grandchildren_that_ignore_sigterm_are_killed_with_the_leader(bench: ProcessBench, tmp_path: Path) -> None:
    pids = tmp_path / "pids"
    started(bench, f'trap "" TERM; sh -c "echo \\$\\$ > {pids}; echo ready; exec sleep 303" & trap - TERM; wait')
    kill(bench, 0.1)
    bench.finish()
    assert not [pid for pid in numbers(pids) if lives(pid)]


def test_a_daemon_that_left_the_group_is_found_by_its_environment(bench: ProcessBench, tmp_path: Path) -> None:
    pids = tmp_path / "pids"
    started(
        bench,
        f'setsid sh -c "echo \\$\\$ > {pids}; exec sleep 304" & until [ -s {pids} ]; do sleep 0.01; done; echo ready; wait',
    )
    (daemon,) = numbers(pids)
    assert os.getpgid(daemon) != (bench.process.pid if bench.process else 0)
    kill(bench, 0.2)
    bench.finish()
    assert not lives(daemon)


def test_a_kill_between_the_handlers_end_and_that_of_its_background_child(bench: ProcessBench, tmp_path: Path) -> None:
    pids = tmp_path / "pids"
    started(bench, f"sleep 305 & echo $! > {pids}; echo ready; exit 0")
    assert bench.process is not None
    leader = bench.process.pid
    bench.run_until(lambda: not lives(leader), "the handler's end")
    kill(bench, 20.0)
    assert bench.finish().status == 0
    assert not [pid for pid in numbers(pids) if lives(pid)]


def test_a_second_kill_changes_nothing(bench: ProcessBench) -> None:
    started(bench, "echo ready; sleep 300")
    kill(bench, 20.0)
    kill(bench, 0.0)
    assert bench.finish().signal == signal.SIGTERM


def test_a_kill_after_the_end_changes_nothing(bench: ProcessBench) -> None:
    bench.run(shell("exit 0"))
    kill(bench, 0.0)
    bench.loop.arm("end", 0.05, bench.loop.stop)
    bench.loop.run()
    assert bench.results == []


def test_a_kill_of_a_step_that_never_started_changes_nothing(bench: ProcessBench, tmp_path: Path) -> None:
    from tests.fakes.process_bench import file_command

    assert bench.start(file_command(tmp_path / "missing"))
    kill(bench, 0.0)
    assert bench.results == []


def test_a_status_that_somebody_else_took_is_a_failure_and_not_a_success(bench: ProcessBench) -> None:
    started(bench, "echo ready; read x < /dev/stdin; exec sleep 0.05")
    assert bench.process is not None
    os.waitpid(bench.process.pid, 0)
    assert bench.finish().error == "The handler's exit status was lost"


def test_a_steps_number_stays_its_own_until_the_step_is_over(bench: ProcessBench) -> None:
    """A background child holds the output: were the handler reaped by then, a stranger could get its number, and its
    group's, and a cancel would end that."""
    started(bench, "setsid sh -c 'echo ready; exec sleep 300' & exit 3")
    assert bench.process is not None
    pid = bench.process.pid
    bench.run_until(lambda: procfs.state(pid) == "Z", "the handler's end")
    bench.loop.arm("a while", 0.1, bench.loop.stop)
    bench.loop.run()
    assert (procfs.state(pid), bench.results) == ("Z", [])
    kill(bench, 0.1)
    assert bench.finish().status == 3
    assert procfs.state(pid) == ""


def test_a_handler_that_ends_by_itself_is_reaped(bench: ProcessBench) -> None:
    assert bench.run(shell("exit 0")).status == 0
    assert bench.process is not None
    assert procfs.state(bench.process.pid) == ""

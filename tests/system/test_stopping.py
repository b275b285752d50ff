# SPDX-FileCopyrightText: The aws-iot-device-client authors
# SPDX-License-Identifier: Apache-2.0
"""SIGTERM and SIGINT: exit within the bound, the handler's group ended, the status in the cloud truthful."""

from __future__ import annotations

import os
import signal
import time

import pytest

from localcloud.procfs import lives
from localcloud.waiting import wait_until
from tests.fakes.documents import operation, own, run_command, run_handler, steps
from tests.system.harness.processes import Waiting, Watched, wait_gone, wait_pids
from tests.system.harness.station import JOB_SECONDS, Station

# Seconds: what an idle agent may take to end, where no emulator slows it down.
IDLE_BOUND = 1.0


@pytest.mark.usefixtures("measured")
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT], ids=["SIGTERM", "SIGINT"])
def test_an_idle_agent_ends_at_once(fresh: Station, number: signal.Signals) -> None:
    fresh.start_online()
    fresh.agent.wait_log("no job execution is pending")
    before = time.monotonic()
    fresh.agent.signal(number)
    assert fresh.agent.wait() == 0
    assert time.monotonic() - before < IDLE_BOUND
    assert fresh.agent.wait_log(rf"{number.name}: stopping") and fresh.agent.wait_log("stopped")


def test_an_agent_that_never_got_a_connection_ends_too(fresh: Station) -> None:
    fresh.thing.configure(endpoint="localhost:1")
    fresh.start().wait_log("nothing listens there")
    assert fresh.agent.stop() == 0


def test_a_job_that_ends_within_the_grace_is_reported(fresh: Station) -> None:
    fresh.thing.configure(jobs={"stop-grace-seconds": 30})
    fresh.start_online()
    handler = Waiting(fresh, "short.sh")
    job = fresh.create(own("short.sh", includeStdOut=True))
    handler.pid()
    fresh.agent.signal(signal.SIGTERM)
    fresh.agent.wait_log("SIGTERM: stopping")
    handler.go_on()
    assert fresh.agent.wait() == 0
    result = fresh.result(job)
    assert (result.status, result.stdout) == ("SUCCEEDED", "went on\n")


def test_no_new_job_is_begun_while_the_agent_ends(fresh: Station) -> None:
    fresh.thing.configure(jobs={"stop-grace-seconds": 30})
    fresh.start_online()
    handler = Waiting(fresh, "short.sh")
    running = fresh.create(own("short.sh"))
    handler.pid()
    fresh.agent.signal(signal.SIGTERM)
    fresh.agent.wait_log("SIGTERM: stopping")
    queued = fresh.create(operation("true"))
    handler.go_on()
    assert fresh.agent.wait() == 0
    assert fresh.result(running).status == "SUCCEEDED"
    assert fresh.cloud.describe(queued, fresh.thing)["status"] == "QUEUED"


def test_a_job_that_outlasts_the_grace_is_ended_stays_in_progress_and_is_run_again(fresh: Station) -> None:
    """The whole group ends with it; the next agent says by AWS_IOT_JOB_ATTEMPT that it is the second time."""
    fresh.thing.configure(jobs={"stop-grace-seconds": 0.3})
    child_file = fresh.thing.folder / "child"
    again = '[ "$AWS_IOT_JOB_ATTEMPT" = 2 ] && { echo second; exit 0; }'
    body = f"{again}\nsleep 600 & echo $! > {child_file}.new; mv {child_file}.new {child_file}; wait"
    handler = Watched(fresh, "long.sh", body)
    fresh.start_online()
    job = fresh.create(own("long.sh", includeStdOut=True))
    pid = handler.pid()
    (child,) = wait_pids(child_file)
    assert fresh.agent.stop() == 0
    assert not lives(pid)
    wait_gone(child)
    assert fresh.cloud.describe(job, fresh.thing)["status"] == "IN_PROGRESS"
    fresh.start()
    result = fresh.result(job)
    assert (result.status, result.stdout, result.number) == ("SUCCEEDED", "second\n", 1)


def test_a_handler_may_tidy_up_when_the_agent_ends(fresh: Station) -> None:
    fresh.thing.configure(jobs={"stop-grace-seconds": 0.3})
    fresh.start_online()
    tidy = fresh.thing.folder / "tidy"
    loop = f"trap 'echo done > {tidy}; exit 1' TERM; while :; do sleep 0.05; done"
    handler = Watched(fresh, "tidy.sh", loop)
    fresh.create(own("tidy.sh"))
    pid = handler.pid()
    assert fresh.agent.stop() == 0
    assert not lives(pid) and tidy.read_text() == "done\n"


def test_a_handler_that_ignores_sigterm_does_not_keep_the_agent(fresh: Station) -> None:
    fresh.thing.configure(jobs={"stop-grace-seconds": 0})
    fresh.start_online()
    handler = Watched(fresh, "stubborn.sh", "trap '' TERM; while :; do sleep 0.05; done")
    fresh.create(own("stubborn.sh"))
    pid = handler.pid()
    assert fresh.agent.stop() == 0
    wait_gone(pid)


def test_on_interrupted_fail_reports_the_job_as_failed_before_the_agent_ends(fresh: Station) -> None:
    fresh.thing.configure(jobs={"stop-grace-seconds": 0, "on-interrupted": "fail"})
    fresh.start_online()
    handler = Watched(fresh, "long.sh", "echo so far; exec sleep 600")
    job = fresh.create(own("long.sh", includeStdOut=True))
    pid = handler.pid()
    fresh.agent.wait_log("stdout: so far")
    assert fresh.agent.stop() == 0
    assert not lives(pid)
    result = fresh.result(job)
    assert (result.status, result.reason, result.stdout) == ("FAILED", "Interrupted by restart", "so far\n")


def test_an_interrupted_job_goes_on_with_the_step_that_was_cut_off(fresh: Station) -> None:
    """Steps that had ended are not run again."""
    fresh.thing.configure(jobs={"stop-grace-seconds": 0})
    fresh.start_online()
    log = fresh.thing.folder / "steps"
    fresh.handlers.write("note.sh", f'echo "$2" >> {log}')
    body = f'echo "second, attempt $AWS_IOT_JOB_ATTEMPT" >> {log}; [ "$AWS_IOT_JOB_ATTEMPT" = 1 ] && exec sleep 600'
    handler = Watched(fresh, "cut.sh", f"{body}\nexit 0")
    job = fresh.create(
        steps(run_handler("note.sh", "first"), run_handler("cut.sh"), finalStep=run_handler("note.sh", "final"))
    )
    handler.pid()
    wait_until(lambda: "second" in log.read_text(), JOB_SECONDS, "the second step to run")
    assert fresh.agent.stop() == 0
    fresh.start()
    assert fresh.result(job).status == "SUCCEEDED"
    assert log.read_text() == "first\nsecond, attempt 1\nsecond, attempt 2\nfinal\n"


def test_a_killed_agent_leaves_no_second_copy_of_its_handler(fresh: Station) -> None:
    """SIGKILL: the handler lives on, and is ended before its step is started again."""
    fresh.thing.configure(jobs={"stop-grace-seconds": 0.3})
    fresh.start_online()
    handler = Watched(fresh, "long.sh", '[ "$AWS_IOT_JOB_ATTEMPT" = 2 ] || exec sleep 600')
    job = fresh.create(own("long.sh"))
    pid = handler.pid()
    fresh.agent.kill()
    assert lives(pid)
    try:
        fresh.start()
        assert fresh.result(job).status == "SUCCEEDED"
        assert not lives(pid)
    finally:
        if lives(pid):
            os.kill(pid, signal.SIGKILL)


def test_a_job_that_is_interrupted_too_often_is_failed(fresh: Station) -> None:
    """jobs.max-attempts counts the first run too."""
    fresh.thing.configure(jobs={"stop-grace-seconds": 0, "max-attempts": 2})
    handler = Watched(fresh, "long.sh", "exec sleep 600")
    job = fresh.create(own("long.sh"))
    for _ in range(2):
        fresh.start()
        handler.pid()
        fresh.agent.stop()
        handler.pid_file.unlink()
    fresh.start()
    result = fresh.result(job)
    assert result.status == "FAILED" and "Interrupted by restart 2 times" in result.reason
    assert not handler.pid_file.exists()


def test_a_second_signal_changes_nothing(fresh: Station) -> None:
    fresh.thing.configure(jobs={"stop-grace-seconds": 0.5})
    fresh.start_online()
    handler = Watched(fresh, "long.sh", "exec sleep 600")
    job = fresh.create(own("long.sh"))
    handler.pid()
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGTERM):
        fresh.agent.signal(number)
    assert fresh.agent.wait() == 0
    assert fresh.cloud.describe(job, fresh.thing)["status"] == "IN_PROGRESS"


def test_an_agent_without_a_connection_still_ends_its_handler(fresh: Station) -> None:
    fresh.thing.configure(jobs={"stop-grace-seconds": 0.3})
    fresh.start_online()
    handler = Watched(fresh, "long.sh", "exec sleep 600")
    fresh.create(own("long.sh"))
    pid = handler.pid()
    fresh.cloud.kick(fresh.thing)
    fresh.agent.wait_log("the connection was lost")
    assert fresh.agent.stop() == 0
    assert not lives(pid)


def test_the_steps_that_follow_a_stop_are_left_to_the_next_agent(fresh: Station) -> None:
    """The step that runs may end within the grace; the next one is not begun any more."""
    fresh.thing.configure(jobs={"stop-grace-seconds": 30})
    fresh.start_online()
    second = fresh.thing.folder / "second"
    handler = Waiting(fresh, "first.sh")
    job = fresh.create(steps(run_handler("first.sh"), run_command(f"touch,{second}")))
    handler.pid()
    fresh.agent.signal(signal.SIGTERM)
    fresh.agent.wait_log("SIGTERM: stopping")
    handler.go_on()
    assert fresh.agent.wait() == 0
    assert not second.exists()
    handler.pid_file.unlink()
    fresh.start()
    assert fresh.result(job).status == "SUCCEEDED"
    assert second.exists() and not handler.pid_file.exists()

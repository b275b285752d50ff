# SPDX-FileCopyrightText: The aws-iot-device-client authors
# SPDX-License-Identifier: Apache-2.0
"""SIGTERM, SIGINT and SIGQUIT: exit within the bound, the handler's group ended, the status in the cloud truthful."""

from __future__ import annotations

import os
import signal
import time

import pytest

from localcloud.procfs import lives
from localcloud.waiting import wait_until
from tests.fakes.documents import operation, own_handler, run_command, run_handler, steps
from tests.system.harness.processes import Waiting, Watched, wait_gone, wait_pids
from tests.system.harness.rig import JOB_SECONDS, Rig

# Seconds: what an idle agent may take to end, where no emulator slows it down.
IDLE_BOUND = 1.0


@pytest.mark.usefixtures("measured")
@pytest.mark.parametrize(
    "number", [signal.SIGTERM, signal.SIGINT, signal.SIGQUIT], ids=["SIGTERM", "SIGINT", "SIGQUIT"]
)
def test_an_idle_agent_ends_at_once(rig: Rig, number: signal.Signals) -> None:
    rig.start_online()
    rig.agent.wait_log("no job execution is pending")
    before = time.monotonic()
    rig.agent.signal(number)
    assert rig.agent.wait() == 0
    assert time.monotonic() - before < IDLE_BOUND
    assert rig.agent.wait_log(rf"{number.name}: stopping") and rig.agent.wait_log("stopped")


def test_an_agent_that_never_got_a_connection_ends_too(rig: Rig) -> None:
    rig.thing.configure(endpoint="localhost:1")
    rig.start().wait_log("nothing listens there")
    assert rig.agent.stop() == 0


def test_a_job_that_ends_within_the_grace_is_reported(rig: Rig) -> None:
    rig.thing.configure(jobs={"stop-grace-seconds": 30})
    rig.start_online()
    handler = Waiting(rig, "short.sh")
    job = rig.create(own_handler("short.sh", includeStdOut=True))
    handler.pid()
    rig.agent.signal(signal.SIGTERM)
    rig.agent.wait_log("SIGTERM: stopping")
    handler.go_on()
    assert rig.agent.wait() == 0
    result = rig.result(job)
    assert (result.status, result.stdout) == ("SUCCEEDED", "went on\n")


def test_no_new_job_is_begun_while_the_agent_ends(rig: Rig) -> None:
    rig.thing.configure(jobs={"stop-grace-seconds": 30})
    rig.start_online()
    handler = Waiting(rig, "short.sh")
    running = rig.create(own_handler("short.sh"))
    handler.pid()
    rig.agent.signal(signal.SIGTERM)
    rig.agent.wait_log("SIGTERM: stopping")
    queued = rig.create(operation("true"))
    handler.go_on()
    assert rig.agent.wait() == 0
    assert rig.result(running).status == "SUCCEEDED"
    assert rig.cloud.describe(queued, rig.thing)["status"] == "QUEUED"


def test_a_job_that_outlasts_the_grace_is_ended_stays_in_progress_and_is_run_again(rig: Rig) -> None:
    """The whole group ends with it; the next agent says by AWS_IOT_JOB_ATTEMPT that it is the second time."""
    rig.thing.configure(jobs={"stop-grace-seconds": 0.3})
    child_file = rig.thing.folder / "child"
    again = '[ "$AWS_IOT_JOB_ATTEMPT" = 2 ] && { echo second; exit 0; }'
    body = f"{again}\nsleep 600 & echo $! > {child_file}.new; mv {child_file}.new {child_file}; wait"
    handler = Watched(rig, "long.sh", body)
    rig.start_online()
    job = rig.create(own_handler("long.sh", includeStdOut=True))
    pid = handler.pid()
    (child,) = wait_pids(child_file)
    assert rig.agent.stop() == 0
    assert not lives(pid)
    wait_gone(child)
    assert rig.cloud.describe(job, rig.thing)["status"] == "IN_PROGRESS"
    rig.start()
    result = rig.result(job)
    assert (result.status, result.stdout, result.number) == ("SUCCEEDED", "second\n", 1)


def test_a_handler_may_tidy_up_when_the_agent_ends(rig: Rig) -> None:
    rig.thing.configure(jobs={"stop-grace-seconds": 0.3})
    rig.start_online()
    tidy = rig.thing.folder / "tidy"
    loop = f"trap 'echo done > {tidy}; exit 1' TERM; while :; do sleep 0.05; done"
    handler = Watched(rig, "tidy.sh", loop)
    rig.create(own_handler("tidy.sh"))
    pid = handler.pid()
    assert rig.agent.stop() == 0
    assert not lives(pid) and tidy.read_text() == "done\n"


def test_a_handler_that_ignores_sigterm_does_not_keep_the_agent(rig: Rig) -> None:
    rig.thing.configure(jobs={"stop-grace-seconds": 0})
    rig.start_online()
    handler = Watched(rig, "stubborn.sh", "trap '' TERM; while :; do sleep 0.05; done")
    rig.create(own_handler("stubborn.sh"))
    pid = handler.pid()
    assert rig.agent.stop() == 0
    wait_gone(pid)


def test_on_interrupted_fail_reports_the_job_as_failed_before_the_agent_ends(rig: Rig) -> None:
    rig.thing.configure(jobs={"stop-grace-seconds": 0, "on-interrupted": "fail"})
    rig.start_online()
    handler = Watched(rig, "long.sh", "echo so far; exec sleep 600")
    job = rig.create(own_handler("long.sh", includeStdOut=True))
    pid = handler.pid()
    rig.agent.wait_log("stdout: so far")
    assert rig.agent.stop() == 0
    assert not lives(pid)
    result = rig.result(job)
    assert (result.status, result.reason, result.stdout) == ("FAILED", "Interrupted by restart", "so far\n")


def test_an_interrupted_job_goes_on_with_the_step_that_was_cut_off(rig: Rig) -> None:
    """Steps that had ended are not run again."""
    rig.thing.configure(jobs={"stop-grace-seconds": 0})
    rig.start_online()
    log = rig.thing.folder / "steps"
    rig.handlers.write("note.sh", f'echo "$2" >> {log}')
    body = f'echo "second, attempt $AWS_IOT_JOB_ATTEMPT" >> {log}; [ "$AWS_IOT_JOB_ATTEMPT" = 1 ] && exec sleep 600'
    handler = Watched(rig, "cut.sh", f"{body}\nexit 0")
    job = rig.create(
        steps(run_handler("note.sh", "first"), run_handler("cut.sh"), finalStep=run_handler("note.sh", "final"))
    )
    handler.pid()
    wait_until(lambda: "second" in log.read_text(), JOB_SECONDS, "the second step to run")
    assert rig.agent.stop() == 0
    rig.start()
    assert rig.result(job).status == "SUCCEEDED"
    assert log.read_text() == "first\nsecond, attempt 1\nsecond, attempt 2\nfinal\n"


def test_a_killed_agent_leaves_no_second_copy_of_its_handler(rig: Rig) -> None:
    """SIGKILL: the handler lives on, and is ended before its step is started again."""
    rig.thing.configure(jobs={"stop-grace-seconds": 0.3})
    rig.start_online()
    handler = Watched(rig, "long.sh", '[ "$AWS_IOT_JOB_ATTEMPT" = 2 ] || exec sleep 600')
    job = rig.create(own_handler("long.sh"))
    pid = handler.pid()
    rig.agent.kill()
    assert lives(pid)
    try:
        rig.start()
        assert rig.result(job).status == "SUCCEEDED"
        assert not lives(pid)
    finally:
        if lives(pid):
            os.kill(pid, signal.SIGKILL)


def test_a_job_that_is_interrupted_too_often_is_failed(rig: Rig) -> None:
    """jobs.max-attempts counts the first run too."""
    rig.thing.configure(jobs={"stop-grace-seconds": 0, "max-attempts": 2})
    handler = Watched(rig, "long.sh", "exec sleep 600")
    job = rig.create(own_handler("long.sh"))
    for _ in range(2):
        rig.start()
        handler.pid()
        rig.agent.stop()
        handler.pid_file.unlink()
    rig.start()
    result = rig.result(job)
    assert result.status == "FAILED" and "Interrupted by restart 2 times" in result.reason
    assert not handler.pid_file.exists()


def test_a_second_signal_changes_nothing(rig: Rig) -> None:
    rig.thing.configure(jobs={"stop-grace-seconds": 0.5})
    rig.start_online()
    handler = Watched(rig, "long.sh", "exec sleep 600")
    job = rig.create(own_handler("long.sh"))
    handler.pid()
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGQUIT, signal.SIGHUP, signal.SIGTERM):
        rig.agent.signal(number)
    assert rig.agent.wait() == 0
    assert rig.cloud.describe(job, rig.thing)["status"] == "IN_PROGRESS"


def test_an_agent_without_a_connection_still_ends_its_handler(rig: Rig) -> None:
    rig.thing.configure(jobs={"stop-grace-seconds": 0.3})
    rig.start_online()
    handler = Watched(rig, "long.sh", "exec sleep 600")
    rig.create(own_handler("long.sh"))
    pid = handler.pid()
    rig.cloud.kick(rig.thing)
    rig.agent.wait_log("the connection was lost")
    assert rig.agent.stop() == 0
    assert not lives(pid)


def test_the_steps_that_follow_a_stop_are_left_to_the_next_agent(rig: Rig) -> None:
    """The step that runs may end within the grace; the next one is not begun any more."""
    rig.thing.configure(jobs={"stop-grace-seconds": 30})
    rig.start_online()
    second = rig.thing.folder / "second"
    handler = Waiting(rig, "first.sh")
    job = rig.create(steps(run_handler("first.sh"), run_command(f"touch,{second}")))
    handler.pid()
    rig.agent.signal(signal.SIGTERM)
    rig.agent.wait_log("SIGTERM: stopping")
    handler.go_on()
    assert rig.agent.wait() == 0
    assert not second.exists()
    handler.pid_file.unlink()
    rig.start()
    assert rig.result(job).status == "SUCCEEDED"
    assert second.exists() and not handler.pid_file.exists()

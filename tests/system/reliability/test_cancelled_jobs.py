# SPDX-FileCopyrightText: The aws-iot-device-client authors
# SPDX-License-Identifier: Apache-2.0
"""A job is cancelled at every stage of its life: it is ended whole and soon, and the next one starts only after it."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

import pytest

from localcloud.procfs import lives
from localcloud.scripted import Answers, Request
from localcloud.waiting import wait_until
from tests.fakes.documents import operation, own_handler, run_handler, steps
from tests.system.harness.cgroups import control_groups, needs_cgroup
from tests.system.harness.rig import JOB_SECONDS
from tests.system.reliability.own_broker import OwnBroker

GRACE = 1.0
# What the agent itself may take from the cancel to the last process gone, its grace not counted.
OWN_SECONDS = 1.0
NEVER_ENDS = "while :; do sleep 0.02; done"
# A family of every kind: in the group, out of it, deaf to SIGTERM, and without the terminal it never had.
FAMILY = f"""
trap '' TERM
(trap '' TERM; {NEVER_ENDS}) &
setsid sh -c "trap '' TERM; {NEVER_ENDS}" &
setsid sh -c 'sleep 600 < /dev/null > /dev/null 2>&1 & exec sleep 600' &
echo ready >> {{folder}}/ready
{NEVER_ENDS}
"""


def _start_family(own_broker: OwnBroker) -> str:
    own_broker.write_ledger_handler("family.sh", FAMILY.format(folder=own_broker.thing.folder))
    job = own_broker.add(own_handler("family.sh"))
    wait_until((own_broker.thing.folder / "ready").exists, JOB_SECONDS, "the family to be complete")
    wait_until(lambda: len(own_broker.family(job)) >= 5, JOB_SECONDS, "its processes")
    return job


def test_a_cancelled_job_is_gone_within_its_grace_and_a_second_with_all_its_children(own_broker: OwnBroker) -> None:
    """Also with those that ignore SIGTERM and those that moved to a session of their own."""
    own_broker.thing.configure(jobs={"stop-grace-seconds": GRACE})
    own_broker.start_online()
    job = _start_family(own_broker)
    own_broker.service.remove(own_broker.thing.name, job)
    began = time.monotonic()
    wait_until(lambda: not own_broker.family(job), JOB_SECONDS, "the last of the family to be gone")
    took = time.monotonic() - began
    assert took < GRACE + OWN_SECONDS, f"{took:.2f} s"
    own_broker.agent.wait_log("step ended")
    assert took > GRACE * 0.9, "the grace was given"
    assert own_broker.run(operation("true")).status == "SUCCEEDED"
    assert own_broker.service.requests("update", job)[1:], "the agent made sure that it was cancelled"
    assert {request.body["status"] for request in own_broker.service.requests("update", job)} == {"IN_PROGRESS"}


@pytest.fixture
def loner(own_broker: OwnBroker) -> Iterator[tuple[str, int]]:
    """A job that runs, and a process that it has started: without a mark, a group or a parent, and deaf to SIGTERM."""
    told = own_broker.thing.folder / "loner"
    own_broker.thing.configure(jobs={"stop-grace-seconds": GRACE})
    script = own_broker.thing.folder / "loner-script"
    script.write_text(f"trap '' TERM; echo $$ > {told}; {NEVER_ENDS}\n")
    # The pause is longer than the agent takes from the start of a process until it is in its control group.
    own_broker.write_ledger_handler("loner.sh", f"sleep 0.2; (setsid env -i /bin/sh {script} &); {NEVER_ENDS}")
    own_broker.start_online()
    job = own_broker.add(own_handler("loner.sh"))
    wait_until(lambda: told.exists() and told.read_text().strip(), JOB_SECONDS, "the loner to run")
    pid = int(told.read_text())
    yield job, pid
    with suppress(ProcessLookupError):
        os.kill(pid, signal.SIGKILL)


@needs_cgroup
def test_a_child_that_left_its_session_and_its_environment_is_ended_by_its_control_group(
    own_broker: OwnBroker, loner: tuple[str, int]
) -> None:
    job, pid = loner
    own_broker.service.remove(own_broker.thing.name, job)
    own_broker.agent.wait_log("step ended")
    assert not lives(pid)
    assert own_broker.run(operation("true")).status == "SUCCEEDED"
    assert not control_groups(own_broker.thing.name), "no empty group is left"


@needs_cgroup
def test_such_a_child_of_an_agent_that_was_killed_is_ended_before_its_step_runs_again(
    own_broker: OwnBroker, loner: tuple[str, int]
) -> None:
    job, pid = loner
    own_broker.agent.kill()
    assert lives(pid)
    own_broker.start_online()
    own_broker.wait_ledger(f"start {job} loner.sh 2")
    assert not lives(pid)


@needs_cgroup
def test_what_a_handler_leaves_running_on_purpose_outlives_its_job_and_the_next(own_broker: OwnBroker) -> None:
    told = own_broker.thing.folder / "daemon"
    own_broker.thing.configure(jobs={"stop-grace-seconds": GRACE})
    own_broker.write_ledger_handler("daemon.sh", f"setsid sleep 600 < /dev/null > /dev/null 2>&1 & echo $! > {told}")
    own_broker.start_online()
    assert own_broker.run(own_handler("daemon.sh")).status == "SUCCEEDED"
    job = _start_family(own_broker)
    own_broker.service.remove(own_broker.thing.name, job)
    own_broker.agent.wait_log(rf"job {job} #1: no report, dropped")
    pid = int(told.read_text())
    assert lives(pid)
    os.kill(pid, signal.SIGKILL)


def test_the_next_job_starts_only_when_nothing_of_the_cancelled_one_is_alive(own_broker: OwnBroker) -> None:
    own_broker.thing.configure(jobs={"stop-grace-seconds": GRACE})
    own_broker.start_online()
    job = _start_family(own_broker)
    own_broker.write_ledger_handler("next.sh", "")
    after = own_broker.add(own_handler("next.sh"))
    own_broker.service.remove(own_broker.thing.name, job)
    assert own_broker.result(after).status == "SUCCEEDED"
    assert [row for row in own_broker.ledger() if row.startswith("overlap")] == [], (
        "its processes hold the ledger's lock"
    )
    assert own_broker.ledger()[-2:] == [f"start {after} next.sh 1", f"end {after} next.sh 1"]


def test_a_job_cancelled_before_its_claim_is_never_started(own_broker: OwnBroker) -> None:
    """It is gone from the queue when the agent asks for it."""

    def cancelled(request: Request) -> Answers:
        assert request.job is not None
        own_broker.service.remove(own_broker.thing.name, request.job)
        return [("rejected", {"code": "ResourceNotFound", "message": "no such execution"})]

    own_broker.service.script("update", cancelled)
    own_broker.write_ledger_handler("note.sh", "")
    own_broker.start_online()
    job = own_broker.add(own_handler("note.sh"))
    own_broker.service.wait_requests("update", 1, job)
    after = own_broker.add(own_handler("note.sh"))
    assert own_broker.result(after).status == "SUCCEEDED"
    assert [row.split()[1] for row in own_broker.ledger()] == [after, after]


def test_a_job_cancelled_between_two_steps_gets_no_further(own_broker: OwnBroker) -> None:
    """The cancel comes as the first step ends: the second may have been started, but is ended at once."""
    gate = own_broker.thing.folder / "gate"
    gate.touch()
    own_broker.thing.configure(jobs={"stop-grace-seconds": GRACE})
    own_broker.write_ledger_handler("gated.sh", f"while [ -e {gate} ]; do sleep 0.01; done")
    own_broker.write_ledger_handler("endless.sh", NEVER_ENDS)
    own_broker.start_online()
    job = own_broker.add(steps(run_handler("gated.sh", name="one"), run_handler("endless.sh", name="two")))
    own_broker.wait_ledger(f"start {job} one 1")
    gate.unlink()
    own_broker.service.remove(own_broker.thing.name, job)
    own_broker.agent.wait_log(rf"job {job} #1: no report, dropped")
    assert not own_broker.family(job)
    assert not any(row.startswith(f"end {job} two") for row in own_broker.ledger())
    assert own_broker.run(operation("true")).status == "SUCCEEDED"


def _refused(code: str, status: str) -> dict[str, Any]:
    return {"code": code, "message": "too late", "executionState": {"status": status, "versionNumber": 9}}


@pytest.mark.parametrize("code", ["InvalidStateTransition", "TerminalStateReached"])
def test_a_job_cancelled_during_its_last_update_is_dropped(own_broker: OwnBroker, code: str) -> None:
    """The cloud has ended it meanwhile and refuses the report: that is said in the log, and the agent goes on."""

    def too_late(request: Request) -> Answers:
        assert request.job is not None
        own_broker.service.remove(own_broker.thing.name, request.job)
        return [("rejected", _refused(code, "CANCELED"))]

    own_broker.service.script("update", "accept", too_late)
    own_broker.write_ledger_handler("note.sh", "")
    own_broker.start_online()
    job = own_broker.add(own_handler("note.sh"))
    own_broker.agent.wait_log(
        rf"{job} #1: the cloud has already ended this execution \(CANCELED\); SUCCEEDED is not reported"
    )
    assert own_broker.run(operation("true")).status == "SUCCEEDED"
    assert own_broker.ledger() == [f"start {job} note.sh 1", f"end {job} note.sh 1"]


def test_a_job_cancelled_while_no_agent_runs_is_not_resumed(own_broker: OwnBroker) -> None:
    """Its handler was left behind by an agent that was killed, and is ended all the same."""
    own_broker.thing.configure(jobs={"stop-grace-seconds": GRACE})
    own_broker.start_online()
    job = _start_family(own_broker)
    own_broker.agent.kill()
    own_broker.service.remove(own_broker.thing.name, job)
    own_broker.start_online()
    own_broker.agent.wait_log(f"job {job}: begun before the restart, but no longer pending")
    assert not own_broker.family(job)
    assert own_broker.run(operation("true")).status == "SUCCEEDED"
    assert [row for row in own_broker.ledger() if job in row] == [f"start {job} family.sh 1"]

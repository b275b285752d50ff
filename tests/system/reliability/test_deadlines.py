# SPDX-FileCopyrightText: The aws-iot-device-client authors
# SPDX-License-Identifier: Apache-2.0
"""What runs too long is ended on the device, and the reason says which limit it was."""

from __future__ import annotations

import pytest

from tests.fakes.documents import operation, own_handler, run_handler, steps
from tests.system.harness.rig import JOB_SECONDS, Rig
from tests.system.reliability.own_broker import OwnBroker

ENDLESS = "trap 'echo tidied; exit 1' TERM; echo working; while :; do sleep 0.02; done"


@pytest.fixture
def endless(own_broker: OwnBroker) -> OwnBroker:
    """A handler that never ends by itself; the agent is online."""
    own_broker.write_ledger_handler("endless.sh", ENDLESS)
    own_broker.write_ledger_handler("note.sh", "")
    return own_broker


def test_a_step_that_outlasts_its_timeout_is_ended_and_the_rest_not_started(endless: OwnBroker) -> None:
    """`timeout` of an action: seconds, an extension of the document."""
    endless.start_online()
    document = steps(
        run_handler("endless.sh", name="slow", timeout=1), run_handler("note.sh", name="next"), includeStdOut=True
    )
    ended = endless.run(document)
    assert ended.status == "FAILED"
    assert ended.details["reason"] == "Timed out: the step's timeout of 1 s is over"
    assert ended.details["stdout"] == "working\ntidied\n"
    assert not any("next" in row for row in endless.ledger())


def test_a_job_that_outlasts_the_configured_limit_is_ended(endless: OwnBroker) -> None:
    """The limit counts from the first step on, over all steps."""
    endless.thing.configure(jobs={"max-run-seconds": 1})
    endless.start_online()
    ended = endless.run(steps(run_handler("note.sh", name="quick"), run_handler("endless.sh", name="slow")))
    assert ended.status == "FAILED"
    assert ended.details["reason"] == "Timed out: jobs.max-run-seconds of 1 s is over"


def test_a_job_that_outlasts_the_timer_of_aws_is_ended_on_the_device_too(endless: OwnBroker) -> None:
    """approximateSecondsBeforeTimedOut in what start-next says; the cloud refuses nothing before its own timer ends."""
    job = endless.add(own_handler("endless.sh"), timeout=1, lag=JOB_SECONDS)
    endless.agent.start()
    ended = endless.result(job)
    assert ended.status == "FAILED"
    assert ended.details["reason"] == "Timed out: the time that AWS IoT gave the execution is over"


def test_a_shorter_limit_of_the_device_comes_before_the_timer_of_aws(endless: OwnBroker) -> None:
    endless.thing.configure(jobs={"max-run-seconds": 1})
    job = endless.add(own_handler("endless.sh"), timeout=600)
    endless.agent.start()
    assert endless.result(job).details["reason"] == "Timed out: jobs.max-run-seconds of 1 s is over"


def test_the_limit_of_one_job_does_not_reach_into_the_next(endless: OwnBroker) -> None:
    endless.thing.configure(jobs={"max-run-seconds": 2})
    endless.handlers.write("second.sh", "sleep 1.2")
    endless.start_online()
    jobs = [endless.add(own_handler("second.sh")) for _ in range(3)]
    assert [endless.result(job).status for job in jobs] == ["SUCCEEDED"] * 3


def test_an_execution_that_the_cloud_has_timed_out_is_ended_and_the_next_one_run(rig: Rig) -> None:
    """The real timer of the (local) cloud: whoever is first, nothing runs on and the status is a truthful one."""
    rig.thing.configure(jobs={"stop-grace-seconds": 1})
    rig.handlers.write("endless.sh", ENDLESS)
    job = rig.create(own_handler("endless.sh"), timeoutConfig={"inProgressTimeoutInMinutes": 1})
    rig.start()
    assert rig.result(job).status in ("TIMED_OUT", "FAILED")
    assert rig.run(operation("true")).status == "SUCCEEDED"
    assert rig.agent.children() == []

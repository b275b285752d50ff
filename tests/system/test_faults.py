# SPDX-FileCopyrightText: The aws-iot-device-client authors
# SPDX-License-Identifier: Apache-2.0
"""A cloud that throttles, fails, is silent or cuts the connection: every job still runs once and is reported once."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from localcloud.cloud import Cloud
from tests.fakes.documents import operation, own_handler
from tests.system.harness.agent import Agent
from tests.system.harness.processes import Waiting, Watched, wait_gone
from tests.system.harness.rig import QUICK_RECONNECT, Rig


@dataclass(frozen=True)
class Moment:
    """A message that a fault strikes: the topic's end, and how many of the kind pass before it."""

    topic: str
    skip: int = 0


REQUESTS = {"start-next": Moment("start-next"), "claim": Moment("*/update"), "report": Moment("*/update", 1)}
KINDS = ["throttle", "internal-error", "drop", "drop-after", "no-ack", "late-ack"]


def _strike(rig: Rig, kind: str, moment: Moment, *, count: int = 1, seconds: float = 0.0) -> None:
    match = f"$aws/things/{rig.thing.name}/jobs/{moment.topic}"
    rig.cloud.fault(kind, match, skip=moment.skip, count=count, seconds=seconds)


def _job(rig: Rig) -> str:
    runs = rig.thing.folder / "runs"
    rig.handlers.write("note.sh", f"echo run >> {runs}; echo done")
    rig.thing.configure(mqtt=QUICK_RECONNECT)
    return rig.create(own_handler("note.sh", includeStdOut=True))


def _ran_once_and_was_reported_once(rig: Rig, job: str) -> None:
    result = rig.result(job)
    assert (result.status, result.stdout) == ("SUCCEEDED", "done\n")
    assert (rig.thing.folder / "runs").read_text() == "run\n"


@pytest.mark.parametrize("moment", REQUESTS)
@pytest.mark.parametrize("kind", KINDS)
def test_a_job_runs_once_and_is_reported_when_a_request_meets(rig: Rig, kind: str, moment: str) -> None:
    job = _job(rig)
    _strike(rig, kind, REQUESTS[moment], seconds=1.0)
    rig.start()
    _ran_once_and_was_reported_once(rig, job)
    assert rig.run(operation("true")).status == "SUCCEEDED"
    assert rig.cloud.faults() == []


def test_a_cloud_that_throttles_several_times_in_a_row_is_asked_more_and_more_slowly(rig: Rig) -> None:
    job = _job(rig)
    _strike(rig, "throttle", REQUESTS["report"], count=3)
    rig.start()
    _ran_once_and_was_reported_once(rig, job)
    assert rig.reports(job) == ["IN_PROGRESS"] + ["SUCCEEDED"] * 4


SILENT = {
    "start-next is not answered": ("silence", REQUESTS["start-next"]),
    "the claim is not answered": ("silence", REQUESTS["claim"]),
    "the report is not answered": ("silence", REQUESTS["report"]),
    "the answer to the claim is lost": ("lose", Moment("*/update/accepted")),
    "the answer to the report is lost": ("lose", Moment("*/update/accepted", 1)),
    "the answer to start-next is lost": ("lose", Moment("start-next/accepted")),
}


def test_silence_is_answered_by_asking_again(cloud: Cloud, target: str, tmp_path: Path) -> None:
    """Silence costs ten seconds, so all its kinds are waited for together, each with an agent of its own."""
    agents, waiting = [], []
    try:
        for number, (kind, moment) in enumerate(SILENT.values()):
            thing = cloud.make_thing(f"silence-{number}", tmp_path / str(number))
            agents.append(Agent(target, thing))
            rig = Rig(cloud, thing, _starter(agents[-1]))
            job = _job(rig)
            _strike(rig, kind, moment)
            rig.start()
            waiting.append((rig, job))
        for rig, job in waiting:
            _ran_once_and_was_reported_once(rig, job)
        assert cloud.faults() == []
    finally:
        for agent in agents:
            agent.finish()


def _starter(agent: Agent) -> Callable[..., Agent]:
    return lambda *flags, of: agent.start(*flags)


@pytest.mark.parametrize("topic", ["notify-next", "*/update/accepted", "start-next/accepted"])
def test_messages_that_overtake_each_other_confuse_nothing(rig: Rig, topic: str) -> None:
    job = _job(rig)
    _strike(rig, "late-delivery", Moment(topic), count=2, seconds=0.5)
    rig.start()
    _ran_once_and_was_reported_once(rig, job)
    assert rig.run(operation("true")).status == "SUCCEEDED"


def test_a_connection_lost_while_a_handler_runs_does_not_touch_it(rig: Rig) -> None:
    rig.thing.configure(mqtt=QUICK_RECONNECT)
    rig.start_online()
    handler = Waiting(rig)
    job = rig.create(own_handler("wait.sh", includeStdOut=True))
    handler.pid()
    mark = rig.cloud.mark()
    assert rig.cloud.kick(rig.thing)
    assert [p.json()["status"] for p in rig.wait_published(f"/{job}/update", since=mark)] == ["IN_PROGRESS"]
    handler.go_on()
    result = rig.result(job)
    assert (result.status, result.stdout) == ("SUCCEEDED", "went on\n")


def test_a_handler_that_ends_while_the_connection_is_lost_is_reported_after_it(rig: Rig) -> None:
    rig.thing.configure(mqtt=QUICK_RECONNECT)
    rig.start_online()
    handler = Waiting(rig)
    job = rig.create(own_handler("wait.sh", includeStdOut=True))
    handler.pid()
    _strike(rig, "drop", Moment("*/update"), count=2)
    assert rig.cloud.kick(rig.thing)
    rig.agent.wait_log("the connection was lost")
    handler.go_on()
    rig.agent.wait_log("step ended: exit status 0")
    result = rig.result(job)
    assert (result.status, result.stdout) == ("SUCCEEDED", "went on\n")


def test_a_job_cancelled_while_the_connection_is_lost_is_ended_after_it(rig: Rig) -> None:
    """The notification went nowhere: the IN_PROGRESS update after the reconnect finds out."""
    rig.thing.configure(mqtt=QUICK_RECONNECT)
    rig.start_online()
    handler = Watched(rig, "long.sh", "exec sleep 600")
    job = rig.create(own_handler("long.sh"))
    pid = handler.pid()
    rig.cloud.fault("lose", f"$aws/things/{rig.thing.name}/jobs/notify-next")
    rig.cloud.cancel_execution(job, rig.thing, force=True)
    rig.cloud.kick(rig.thing)
    wait_gone(pid)
    assert rig.run(operation("true")).status == "SUCCEEDED"


def test_an_agent_outlives_a_restart_of_the_whole_cloud(target: str, tmp_path: Path) -> None:
    """The service keeps things and jobs; sessions and subscriptions are gone."""
    (tmp_path / "cloud").mkdir()
    with Cloud(folder=tmp_path / "cloud", keep_state=True) as cloud:
        thing = cloud.make_thing("restarted", tmp_path / "thing")
        thing.configure(mqtt=QUICK_RECONNECT)
        agent = Agent(target, thing)
        try:
            rig = Rig(cloud, thing, _starter(agent))
            rig.start_online()
            assert rig.run(operation("true")).status == "SUCCEEDED"
            cloud.stop()
            agent.wait_log("the connection was lost")
            cloud.start()
            assert rig.run(operation("true")).status == "SUCCEEDED"
        finally:
            agent.finish()


def test_what_takes_no_update_is_given_up_said_once_and_out_of_the_way_when_it_is_cancelled(rig: Rig) -> None:
    """The cloud names it first, again and again: nothing else can be done before."""
    rig.cloud.fault("invalid-request", f"$aws/things/{rig.thing.name}/jobs/*/update", count=2)
    stuck = rig.create(operation("true"))
    rig.start()
    told = rf"\[WARN\] .*{stuck} #1 was given up, but is pending: later jobs wait"
    rig.agent.wait_log(told)
    second = rig.create(operation("true"))
    rig.agent.wait_log(rf"{stuck} #1 was dealt with")
    rig.cloud.cancel_job(stuck, force=True)
    assert rig.result(second).status == "SUCCEEDED"
    assert len(re.findall(told, rig.agent.log())) == 1

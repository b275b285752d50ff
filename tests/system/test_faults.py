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
from tests.fakes.documents import operation, own
from tests.system.harness.agent import Agent
from tests.system.harness.processes import Waiting, Watched, wait_gone
from tests.system.harness.station import QUICK_RECONNECT, Station


@dataclass(frozen=True)
class Moment:
    """A message that a fault strikes: the topic's end, and how many of the kind pass before it."""

    topic: str
    skip: int = 0


REQUESTS = {"start-next": Moment("start-next"), "claim": Moment("*/update"), "report": Moment("*/update", 1)}
KINDS = ["throttle", "internal-error", "drop", "drop-after", "no-ack", "late-ack"]


def _strike(station: Station, kind: str, moment: Moment, *, count: int = 1, seconds: float = 0.0) -> None:
    match = f"$aws/things/{station.thing.name}/jobs/{moment.topic}"
    station.cloud.fault(kind, match, skip=moment.skip, count=count, seconds=seconds)


def _job(station: Station) -> str:
    runs = station.thing.folder / "runs"
    station.handlers.write("note.sh", f"echo run >> {runs}; echo done")
    station.thing.configure(mqtt=QUICK_RECONNECT)
    return station.create(own("note.sh", includeStdOut=True))


def _ran_once_and_was_reported_once(station: Station, job: str) -> None:
    result = station.result(job)
    assert (result.status, result.stdout) == ("SUCCEEDED", "done\n")
    assert (station.thing.folder / "runs").read_text() == "run\n"


@pytest.mark.parametrize("moment", REQUESTS)
@pytest.mark.parametrize("kind", KINDS)
def test_a_job_runs_once_and_is_reported_when_a_request_meets(fresh: Station, kind: str, moment: str) -> None:
    job = _job(fresh)
    _strike(fresh, kind, REQUESTS[moment], seconds=1.0)
    fresh.start()
    _ran_once_and_was_reported_once(fresh, job)
    assert fresh.run(operation("true")).status == "SUCCEEDED"
    assert fresh.cloud.faults() == []


def test_a_cloud_that_throttles_several_times_in_a_row_is_asked_more_and_more_slowly(fresh: Station) -> None:
    job = _job(fresh)
    _strike(fresh, "throttle", REQUESTS["report"], count=3)
    fresh.start()
    _ran_once_and_was_reported_once(fresh, job)
    assert fresh.reports(job) == ["IN_PROGRESS"] + ["SUCCEEDED"] * 4


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
            station = Station(cloud, thing, _starter(agents[-1]))
            job = _job(station)
            _strike(station, kind, moment)
            station.start()
            waiting.append((station, job))
        for station, job in waiting:
            _ran_once_and_was_reported_once(station, job)
        assert cloud.faults() == []
    finally:
        for agent in agents:
            agent.finish()


def _starter(agent: Agent) -> Callable[..., Agent]:
    return lambda *flags, of: agent.start(*flags)


@pytest.mark.parametrize("topic", ["notify-next", "*/update/accepted", "start-next/accepted"])
def test_messages_that_overtake_each_other_confuse_nothing(fresh: Station, topic: str) -> None:
    job = _job(fresh)
    _strike(fresh, "late-delivery", Moment(topic), count=2, seconds=0.5)
    fresh.start()
    _ran_once_and_was_reported_once(fresh, job)
    assert fresh.run(operation("true")).status == "SUCCEEDED"


def test_a_connection_lost_while_a_handler_runs_does_not_touch_it(fresh: Station) -> None:
    fresh.thing.configure(mqtt=QUICK_RECONNECT)
    fresh.start_online()
    handler = Waiting(fresh)
    job = fresh.create(own("wait.sh", includeStdOut=True))
    handler.pid()
    mark = fresh.cloud.mark()
    assert fresh.cloud.kick(fresh.thing)
    assert [p.json()["status"] for p in fresh.wait_published(f"/{job}/update", since=mark)] == ["IN_PROGRESS"]
    handler.go_on()
    result = fresh.result(job)
    assert (result.status, result.stdout) == ("SUCCEEDED", "went on\n")


def test_a_handler_that_ends_while_the_connection_is_lost_is_reported_after_it(fresh: Station) -> None:
    fresh.thing.configure(mqtt=QUICK_RECONNECT)
    fresh.start_online()
    handler = Waiting(fresh)
    job = fresh.create(own("wait.sh", includeStdOut=True))
    handler.pid()
    _strike(fresh, "drop", Moment("*/update"), count=2)
    assert fresh.cloud.kick(fresh.thing)
    fresh.agent.wait_log("the connection was lost")
    handler.go_on()
    fresh.agent.wait_log("step ended: exit status 0")
    result = fresh.result(job)
    assert (result.status, result.stdout) == ("SUCCEEDED", "went on\n")


def test_a_job_cancelled_while_the_connection_is_lost_is_ended_after_it(fresh: Station) -> None:
    """The notification went nowhere: the IN_PROGRESS update after the reconnect finds out."""
    fresh.thing.configure(mqtt=QUICK_RECONNECT)
    fresh.start_online()
    handler = Watched(fresh, "long.sh", "exec sleep 600")
    job = fresh.create(own("long.sh"))
    pid = handler.pid()
    fresh.cloud.fault("lose", f"$aws/things/{fresh.thing.name}/jobs/notify-next")
    fresh.cloud.cancel_execution(job, fresh.thing, force=True)
    fresh.cloud.kick(fresh.thing)
    wait_gone(pid)
    assert fresh.run(operation("true")).status == "SUCCEEDED"


def test_an_agent_outlives_a_restart_of_the_whole_cloud(target: str, tmp_path: Path) -> None:
    """The service keeps things and jobs; sessions and subscriptions are gone."""
    (tmp_path / "cloud").mkdir()
    with Cloud(folder=tmp_path / "cloud", keep_state=True) as cloud:
        thing = cloud.make_thing("restarted", tmp_path / "thing")
        thing.configure(mqtt=QUICK_RECONNECT)
        agent = Agent(target, thing)
        try:
            station = Station(cloud, thing, _starter(agent))
            station.start_online()
            assert station.run(operation("true")).status == "SUCCEEDED"
            cloud.stop()
            agent.wait_log("the connection was lost")
            cloud.start()
            assert station.run(operation("true")).status == "SUCCEEDED"
        finally:
            agent.finish()


def test_what_takes_no_update_is_given_up_said_once_and_out_of_the_way_when_it_is_cancelled(fresh: Station) -> None:
    """The cloud names it first, again and again: nothing else can be done before."""
    fresh.cloud.fault("invalid-request", f"$aws/things/{fresh.thing.name}/jobs/*/update", count=2)
    stuck = fresh.create(operation("true"))
    fresh.start()
    told = rf"\[WARN\] .*{stuck} #1 was given up, but is pending: later jobs wait"
    fresh.agent.wait_log(told)
    second = fresh.create(operation("true"))
    fresh.agent.wait_log(rf"{stuck} #1 was dealt with")
    fresh.cloud.cancel_job(stuck, force=True)
    assert fresh.result(second).status == "SUCCEEDED"
    assert len(re.findall(told, fresh.agent.log())) == 1

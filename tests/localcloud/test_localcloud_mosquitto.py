# SPDX-FileCopyrightText: The aws-iot-device-client authors
# SPDX-License-Identifier: Apache-2.0
"""The second broker and the scripted Jobs service over it behave as transport tests need them to."""

from __future__ import annotations

import datetime
from collections.abc import Iterator
from pathlib import Path

import pytest

from localcloud.device import ANSWERS, Device
from localcloud.mosquitto import Mosquitto, MosquittoError
from localcloud.scripted import SILENCE, ScriptedJobs
from localcloud.thing import Thing
from localcloud.waiting import wait_until

ECHO = {"operation": "echo"}
HOUR = 3600


@pytest.fixture
def broker() -> Iterator[Mosquitto]:
    with Mosquitto() as running:
        yield running


@pytest.fixture
def service(broker: Mosquitto) -> Iterator[ScriptedJobs]:
    with ScriptedJobs(broker.make_service()) as connected:
        yield connected


@pytest.fixture
def thing(broker: Mosquitto, tmp_path: Path) -> Thing:
    return broker.make_thing("my-thing", tmp_path)


def test_a_job_is_handed_out_and_reported(service: ScriptedJobs, thing: Thing) -> None:
    with Device(thing) as device:
        service.add(thing.name, "j1", ECHO)
        execution = device.start()
        assert (execution["jobId"], execution["status"], execution["versionNumber"]) == (
            "j1",
            "IN_PROGRESS",
            2,
        )
        body = {"status": "SUCCEEDED", "expectedVersion": 2, "includeJobExecutionState": True}
        assert device.ask("j1/update", body)["executionState"] == {"status": "SUCCEEDED", "versionNumber": 3}
        assert device.next_jobs(2) == [("j1", 1), None]
        assert "execution" not in device.ask("start-next")
    assert [(e.job, e.status, e.version) for e in service.wait_finished(1)] == [("j1", "SUCCEEDED", 3)]
    assert [r.verb for r in service.requests()] == ["start-next", "update", "start-next"]


def test_answers_follow_the_script_then_are_right_again(service: ScriptedJobs, thing: Thing) -> None:
    service.script("update", SILENCE, "RequestThrottled", lambda _: [("accepted", {"odd": 1}), ("rejected", {})])
    service.add(thing.name, "j1", ECHO)
    with Device(thing) as device:
        device.request("j1/update", {"status": "IN_PROGRESS"})
        assert device.ask("j1/update", {"status": "IN_PROGRESS", "clientToken": "t"})["code"] == "RequestThrottled"
        assert device.ask("j1/update", {"status": "IN_PROGRESS"})["odd"] == 1
        device.wait_messages("update/rejected", 2)
        stale = {"status": "FAILED", "expectedVersion": 7}
        assert device.ask("j1/update", stale)["code"] == "VersionMismatch"
        assert device.ask("j1/update", {"status": "FAILED"})["answer"] == "accepted"
        assert device.ask("j1/update", {"status": "FAILED"})["code"] == "ResourceNotFound"


def test_a_job_that_is_removed_is_gone_and_the_next_one_is_notified(service: ScriptedJobs, thing: Thing) -> None:
    with Device(thing) as device:
        service.add(thing.name, "j1", ECHO)
        service.add(thing.name, "j2", ECHO)
        assert service.waiting(thing.name) == 2
        service.remove(thing.name, "j1")
        assert device.next_jobs(2) == [("j1", 1), ("j2", 1)]
        assert device.ask("j1/update", {"status": "SUCCEEDED"})["code"] == "ResourceNotFound"
    assert service.waiting(thing.name) == 1
    assert service.finished == []


def test_the_timer_of_a_job_ends_it_in_real_time(service: ScriptedJobs, thing: Thing) -> None:
    service.add(thing.name, "j1", ECHO, timeout=0.2, lag=0.1)
    service.add(thing.name, "j2", ECHO, timeout=600)
    with Device(thing) as device:
        assert device.start()["approximateSecondsBeforeTimedOut"] == 0
        assert device.next_jobs(1) == [("j2", 1)]
        assert device.start()["approximateSecondsBeforeTimedOut"] == 600
    assert service.finished == [], "no device has ended it"


def test_what_has_happened_can_be_forgotten_and_is_counted_anew(service: ScriptedJobs, thing: Thing) -> None:
    with Device(thing) as device:
        for job in ("j1", "j2"):
            service.add(thing.name, job, ECHO)
            device.ask(f"{job}/update", {"status": "SUCCEEDED"})
            assert [ended.job for ended in service.wait_finished(1)] == [job]
            assert len(service.requests()) == len(service.received) == 1
            service.forget()
    assert (service.requests(), list(service.received), service.finished) == ([], [], [])


def test_a_thing_reaches_its_own_topics_only(broker: Mosquitto, service: ScriptedJobs, thing: Thing) -> None:
    with Device(thing) as device:
        assert device.publish("$aws/things/another/jobs/start-next", b"") == 135
        assert device.request("start-next") == 0
        service.wait_requests("start-next")
    assert [request.thing for request in service.requests()] == [thing.name]


@pytest.mark.parametrize("flaw", ["expired", "not yet valid", "of another CA"])
def test_a_bad_certificate_is_refused(broker: Mosquitto, tmp_path: Path, flaw: str) -> None:
    thing = broker.make_thing("bad", tmp_path)
    day = datetime.timedelta(days=1)
    if flaw == "of another CA":
        with Mosquitto() as another:
            pair = another.authority.client("bad")
    else:
        since, until = (2 * day, -day) if flaw == "expired" else (-day, 2 * day)
        pair = broker.authority.client("bad", since=since, until=until)
    thing.write(*pair, broker.authority.pem)
    with pytest.raises(ConnectionError):
        Device(thing).connect()


@pytest.mark.parametrize("keep", [True, False])
def test_a_restart_keeps_sessions_only_when_asked(broker: Mosquitto, thing: Thing, keep: bool) -> None:
    with Device(thing, session_seconds=HOUR) as device:
        broker.restart(keep_sessions=keep)
        wait_until(lambda: broker.log().count("as my-thing") == 2, 20, "the device to reconnect")
        with ScriptedJobs(broker.make_service()) as service:
            service.add(thing.name, "j1", ECHO)
            if not keep:
                device.subscribe_jobs(ANSWERS[0])
                device.ask("start-next")
            assert len(device.wait_messages("notify-next", int(keep))) == int(keep)


def test_a_killed_broker_and_a_frozen_one(broker: Mosquitto, thing: Thing) -> None:
    with Device(thing, session_seconds=HOUR) as device:
        broker.freeze()
        pending = device.send("$aws/things/my-thing/jobs/start-next", b"")
        with pytest.raises(TimeoutError):
            pending.result(0.3)
        broker.thaw()
        pending.result(20)
        broker.kill()
        with pytest.raises(MosquittoError, match="not running"):
            broker.freeze()
        broker.start()
        wait_until(lambda: broker.log().count("as my-thing") == 2, 20, "the device to reconnect")

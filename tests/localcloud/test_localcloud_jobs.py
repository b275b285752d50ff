# SPDX-FileCopyrightText: The aws-iot-device-client authors
# SPDX-License-Identifier: Apache-2.0
"""The local cloud keeps AWS's Jobs rules, seen by a real MQTT client and the real `aws` command."""

from __future__ import annotations

import json
import re
import shlex
import socket
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from localcloud.cloud import Cloud
from localcloud.device import ANSWERS, Device
from localcloud.process import CloudError
from localcloud.thing import Thing

# A timer "minute" of this cloud: long enough for a loaded machine to send an update in between.
MINUTE = 1.5
ECHO = {"operation": "echo", "args": ["Hello world!"]}


@pytest.fixture(scope="module")
def cloud(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cloud]:
    with Cloud(minute=MINUTE, folder=tmp_path_factory.mktemp("cloud")) as running:
        yield running


@pytest.fixture
def thing(cloud: Cloud, tmp_path: Path, request: pytest.FixtureRequest) -> Thing:
    name = re.sub(r"\W", "-", request.node.name)[-100:]
    return cloud.make_thing(name, tmp_path / name)


@pytest.fixture
def device(thing: Thing) -> Iterator[Device]:
    with Device(thing) as connected:
        yield connected


def test_the_seed_pages_create_and_describe_commands_work(cloud: Cloud, tmp_path: Path) -> None:
    my_thing = cloud.make_thing("my-thing", tmp_path)
    create = (
        r'iot create-job --job-id run-foo --document "{\"operation\": \"Foo.py\", \"path\": \"default\"}" '
        r"--targets arn:aws:iot:us-west-2:XXXXXXXXXX:thing/my-thing"
    )
    cloud.aws(*shlex.split(create.replace("XXXXXXXXXX", "000000000000")))
    with Device(my_thing) as device:
        assert device.start()["jobDocument"] == {"operation": "Foo.py", "path": "default"}
        details = {"reason": "Exited with status: 1", "stderr": "mv: cannot stat\n"}
        device.ask("run-foo/update", {"status": "FAILED", "statusDetails": details})
    describe = "iot describe-job-execution --region us-west-2 --job-id run-foo --thing-name my-thing"
    execution = json.loads(cloud.aws(*describe.split()))["execution"]
    assert execution["status"] == "FAILED"
    assert execution["statusDetails"] == {"detailsMap": details}
    assert execution["thingArn"] == "arn:aws:iot:us-west-2:000000000000:thing/my-thing"
    assert (execution["executionNumber"], execution["versionNumber"]) == (1, 3)
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d.*", execution["startedAt"])


def test_every_listener_is_on_loopback_only(cloud: Cloud) -> None:
    listening = Path("/proc/net/tcp").read_text().splitlines()[1:]
    addresses: dict[int, set[str]] = {}
    for line in listening:
        address, port = line.split()[1].split(":")
        if line.split()[3] == "0A":
            addresses.setdefault(int(port, 16), set()).add(socket.inet_ntoa(bytes.fromhex(address)[::-1]))
    assert addresses[cloud.server.http_port] == addresses[cloud.mqtt_port] == {"127.0.0.1"}


def test_the_files_of_a_thing_have_the_modes_the_agent_asks_for(thing: Thing) -> None:
    paths = [thing.folder, thing.cert.parent, thing.handlers, thing.cert, thing.key, thing.ca]
    assert [oct(path.stat().st_mode & 0o777) for path in paths] == [
        *["0o700"] * 3,
        *["0o644", "0o600", "0o644"],
    ]


def test_the_minimal_policy_refuses_every_other_topic(cloud: Cloud, thing: Thing, device: Device) -> None:
    refused = device.subscribe_jobs("notify", "get/accepted", "start-next/+") + device.subscribe(["other"])
    assert refused == [135] * 4
    assert device.request("get") == 135
    assert device.publish("$aws/things/another/jobs/start-next", {}) == 135
    denied = [event["action"] for event in cloud.events("denied", thing)]
    assert denied == ["iot:Subscribe"] * 4 + ["iot:Publish"] * 2


def test_a_client_id_that_is_not_the_thing_is_refused(thing: Thing) -> None:
    with pytest.raises(ConnectionError, match="can't connect"):
        Device(replace(thing, name="another")).connect()


@pytest.mark.parametrize("name", ["start-next", "echo-details/update"])
def test_status_details_aws_would_refuse_are_rejected(cloud: Cloud, thing: Thing, device: Device, name: str) -> None:
    cloud.create_job("echo-details", ECHO, thing)
    body = {"status": "IN_PROGRESS", "statusDetails": {"bad key": "v"}, "clientToken": "t1"}
    answer = device.ask(name, body)
    assert (answer["answer"], answer["code"], answer["clientToken"]) == ("rejected", "InvalidRequest", "t1")
    assert "bad key" in answer["message"]
    cloud.delete_job("echo-details")


def test_strict_mode_refuses_a_newline(tmp_path: Path) -> None:
    with Cloud(details="strict") as cloud:
        thing = cloud.make_thing("strict", tmp_path)
        cloud.create_job("j", ECHO, thing)
        with Device(thing) as device:
            device.start()
            answer = device.ask("j/update", {"status": "FAILED", "statusDetails": {"stderr": "x\n"}})
            assert (answer["answer"], answer["code"]) == ("rejected", "InvalidRequest")


def test_a_running_job_comes_before_an_older_queued_one(cloud: Cloud, thing: Thing, device: Device) -> None:
    cloud.create_job("older", ECHO, thing)
    cloud.create_job("newer", ECHO, thing)
    device.ask("newer/update", {"status": "IN_PROGRESS"})
    assert device.start()["jobId"] == "newer"
    assert device.next_jobs(2) == [("older", 1), ("newer", 1)]


def test_a_failed_execution_is_retried_with_the_next_number(cloud: Cloud, thing: Thing, device: Device) -> None:
    retry = {"criteriaList": [{"failureType": "FAILED", "numberOfRetries": 1}]}
    cloud.create_job("flaky", ECHO, thing, jobExecutionsRetryConfig=retry)
    for number in (1, 2):
        assert device.start()["executionNumber"] == number
        device.ask("flaky/update", {"status": "FAILED"})
    assert device.next_jobs(3) == [("flaky", 1), ("flaky", 2), None]
    assert cloud.describe("flaky", thing, 1)["status"] == cloud.describe("flaky", thing)["status"] == "FAILED"
    assert cloud.iot.describe_job(jobId="flaky")["job"]["status"] == "COMPLETED"


def test_a_rejected_execution_is_never_retried(cloud: Cloud, thing: Thing, device: Device) -> None:
    retry = {"criteriaList": [{"failureType": "ALL", "numberOfRetries": 3}]}
    cloud.create_job("broken", ECHO, thing, jobExecutionsRetryConfig=retry)
    device.ask("broken/update", {"status": "REJECTED"})
    assert cloud.describe("broken", thing)["executionNumber"] == 1
    assert "execution" not in device.ask("start-next")


def test_the_job_timer_fires_by_itself_and_is_retried(cloud: Cloud, thing: Thing, device: Device) -> None:
    retry = {"criteriaList": [{"failureType": "ALL", "numberOfRetries": 1}]}
    limit = {"inProgressTimeoutInMinutes": 1}
    cloud.create_job("slow", ECHO, thing, timeoutConfig=limit, jobExecutionsRetryConfig=retry)
    assert device.start()["approximateSecondsBeforeTimedOut"] <= MINUTE
    assert device.next_jobs(2) == [("slow", 1), ("slow", 2)]
    assert cloud.describe("slow", thing, 1)["status"] == "TIMED_OUT"


@pytest.mark.parametrize("request_name", ["start-next", "stepped/update"])
def test_a_step_timer_set_over_mqtt_fires(cloud: Cloud, thing: Thing, device: Device, request_name: str) -> None:
    cloud.create_job("stepped", ECHO, thing)
    device.ask(request_name, {"status": "IN_PROGRESS", "stepTimeoutInMinutes": 1})
    assert device.next_jobs(2)[-1] is None
    late = device.ask("stepped/update", {"status": "SUCCEEDED"})
    assert (late["code"], late["executionState"]["status"]) == ("InvalidStateTransition", "TIMED_OUT")
    cloud.delete_job("stepped")


def test_a_step_timer_can_be_discarded_but_never_outlives_the_jobs_own(
    cloud: Cloud, thing: Thing, device: Device
) -> None:
    cloud.create_job("capped", ECHO, thing, timeoutConfig={"inProgressTimeoutInMinutes": 3})
    device.start(stepTimeoutInMinutes=1)
    device.ask("capped/update", {"status": "IN_PROGRESS", "stepTimeoutInMinutes": -1})
    left = device.start()["approximateSecondsBeforeTimedOut"]
    assert MINUTE < left <= 3 * MINUTE
    device.ask("capped/update", {"status": "IN_PROGRESS", "stepTimeoutInMinutes": 100})
    assert device.start()["approximateSecondsBeforeTimedOut"] <= left
    cloud.wait_status("capped", thing, "TIMED_OUT", timeout=30)


@pytest.mark.parametrize("minutes", [0, -2, 10081, "1"])
def test_an_impossible_step_timer_is_rejected(cloud: Cloud, thing: Thing, device: Device, minutes: Any) -> None:
    cloud.create_job("timer", ECHO, thing)
    body = {"status": "IN_PROGRESS", "stepTimeoutInMinutes": minutes}
    assert device.ask("timer/update", body)["code"] == "InvalidRequest"
    cloud.delete_job("timer")


def test_subscribing_again_replaces_the_subscription(cloud: Cloud, thing: Thing, device: Device) -> None:
    device.subscribe_jobs(*ANSWERS)
    cloud.create_job("once", ECHO, thing)
    device.start()
    device.ask("once/update", {"status": "SUCCEEDED"})
    assert device.next_jobs(2) == [("once", 1), None]
    assert [len(device.messages(name)) for name in ("start-next/accepted", "update/accepted")] == [1, 1]


def test_waiting_for_a_status_that_can_no_longer_come_fails_at_once(cloud: Cloud, thing: Thing, device: Device) -> None:
    cloud.create_job("doomed", ECHO, thing)
    device.ask("doomed/update", {"status": "FAILED", "statusDetails": {"reason": "why"}})
    with pytest.raises(CloudError, match="ended as FAILED.*why"):
        cloud.wait_status("doomed", thing, "SUCCEEDED", timeout=600)


def test_cancel_and_delete_reach_the_device_as_notify_next(cloud: Cloud, thing: Thing, device: Device) -> None:
    for job in ("first", "second"):
        cloud.create_job(job, ECHO, thing)
    device.start()
    cloud.cancel_execution("first", thing, force=True)
    cloud.delete_job("second")
    assert device.next_jobs(3) == [("first", 1), ("second", 1), None]
    assert device.ask("first/update", {"status": "SUCCEEDED"})["code"] == "InvalidStateTransition"
    assert device.ask("second/update", {"status": "SUCCEEDED"})["code"] == "ResourceNotFound"


def test_things_and_jobs_outlive_a_restart_when_asked(tmp_path: Path) -> None:
    with Cloud(keep_state=True, folder=tmp_path) as cloud:
        thing = cloud.make_thing("keeper", tmp_path / "thing")
        cloud.create_job("kept", ECHO, thing)
        cloud.stop()
        cloud.start()
        with Device(thing) as device:
            assert device.start()["jobId"] == "kept"

# SPDX-FileCopyrightText: The aws-iot-device-client authors
# SPDX-License-Identifier: Apache-2.0
"""The local cloud breaks what it is asked to break, as often as asked, and then works again."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from localcloud.cloud import Cloud
from localcloud.device import Device
from localcloud.process import CloudError
from localcloud.thing import Thing
from localcloud.waiting import wait_until

ECHO = {"operation": "echo"}
UPDATES = "*/update"
ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def cloud(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cloud]:
    with Cloud(folder=tmp_path_factory.mktemp("cloud")) as running:
        yield running


@pytest.fixture
def thing(cloud: Cloud, tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Thing]:
    name = re.sub(r"\W", "-", request.node.name)[-100:]
    yield cloud.make_thing(name, tmp_path / name)
    cloud.clear_faults()


@pytest.fixture
def device(thing: Thing) -> Iterator[Device]:
    with Device(thing, session_seconds=3600) as connected:
        yield connected


def update(device: Device, job: str) -> dict[str, object]:
    return device.ask(f"{job}/update", {"status": "IN_PROGRESS", "clientToken": "token"})


@pytest.mark.parametrize(("kind", "code"), [("throttle", "RequestThrottled"), ("internal-error", "InternalError")])
def test_a_refusing_service_refuses_the_next_updates_only(
    cloud: Cloud, thing: Thing, device: Device, kind: str, code: str
) -> None:
    cloud.create_job(kind, ECHO, thing)
    cloud.fault(kind, UPDATES, count=2)
    assert device.start()["jobId"] == kind
    answers = [update(device, kind) for _ in range(3)]
    assert [answer.get("code") for answer in answers] == [code, code, None]
    assert answers[0]["clientToken"] == "token"
    assert cloud.faults() == []


def test_a_silent_service_does_nothing_and_answers_nothing(cloud: Cloud, thing: Thing, device: Device) -> None:
    cloud.create_job("unheard", ECHO, thing)
    cloud.fault("silence", "*/start-next", skip=1)
    before = device.start()["versionNumber"]
    assert device.request("start-next") == 0
    assert device.start()["versionNumber"] == before
    assert len(device.messages("start-next/accepted")) == 2


def test_a_late_answer_is_overtaken_by_the_next_one(cloud: Cloud, thing: Thing, device: Device) -> None:
    cloud.create_job("slow-answer", ECHO, thing)
    device.start()
    cloud.fault("late", UPDATES, seconds=0.5)
    device.request("slow-answer/update", {"status": "IN_PROGRESS", "clientToken": "late"})
    device.request("slow-answer/update", {"status": "IN_PROGRESS", "clientToken": "prompt"})
    answers = device.wait_messages("update/accepted", 2)
    assert [answer.json()["clientToken"] for answer in answers] == ["prompt", "late"]


def test_a_lost_answer_leaves_the_update_done(cloud: Cloud, thing: Thing, device: Device) -> None:
    cloud.create_job("answer-lost", ECHO, thing)
    device.start()
    cloud.fault("lose", "*/update/accepted")
    device.request("answer-lost/update", {"status": "SUCCEEDED"})
    cloud.wait_status("answer-lost", thing, "SUCCEEDED")
    assert device.next_jobs(2) == [("answer-lost", 1), None]
    assert device.messages("update/accepted") == []


def test_messages_can_be_delivered_twice(cloud: Cloud, thing: Thing, device: Device) -> None:
    cloud.fault("duplicate", "*/notify-next")
    cloud.create_job("twice", ECHO, thing)
    assert device.next_jobs(2) == [("twice", 1), ("twice", 1)]


def test_messages_can_arrive_out_of_order(cloud: Cloud, thing: Thing, device: Device) -> None:
    cloud.fault("late-delivery", "*/notify-next", seconds=0.5)
    cloud.create_job("overtaken", ECHO, thing)
    device.request("overtaken/update", {"status": "SUCCEEDED"})
    assert device.next_jobs(2) == [None, ("overtaken", 1)]


@pytest.mark.parametrize("kind", ["drop", "drop-after"])
def test_a_connection_cut_at_a_publish_comes_back_and_the_publish_is_sent_again(
    cloud: Cloud, thing: Thing, device: Device, kind: str
) -> None:
    cloud.create_job(kind, ECHO, thing)
    device.start()
    cloud.fault(kind, UPDATES)
    device.request(f"{kind}/update", {"status": "SUCCEEDED"})
    cloud.wait_status(kind, thing, "SUCCEEDED")
    assert [event["kind"] for event in cloud.events(thing=thing) if event["kind"] != "publish"] == [
        "connect",
        "disconnect",
        "connect",
    ]
    published = [p.json() for p in cloud.publishes(thing) if p.topic.endswith("/update")]
    assert published == [{"status": "SUCCEEDED"}] * {"drop": 1, "drop-after": 2}[kind]


def test_an_acknowledgement_can_come_late(cloud: Cloud, thing: Thing, device: Device) -> None:
    cloud.create_job("ack", ECHO, thing)
    cloud.fault("late-ack", UPDATES, seconds=0.5)
    pending = device.send(f"$aws/things/{thing.name}/jobs/ack/update", {"status": "SUCCEEDED"})
    device.wait_messages("update/accepted")
    assert not pending.done()
    pending.result(20)


def test_a_kicked_device_comes_back_to_its_session_unless_that_is_forgotten(
    cloud: Cloud, thing: Thing, device: Device
) -> None:
    def connects() -> int:
        return len(cloud.events("connect", thing))

    assert cloud.kick(thing)
    wait_until(lambda: connects() == 2, 20, "the device to reconnect")
    cloud.create_job("seen", ECHO, thing)
    assert device.next_jobs(1) == [("seen", 1)]
    assert cloud.kick(thing, forget=True)
    wait_until(lambda: connects() == 3, 20, "the device to reconnect")
    cloud.cancel_job("seen")
    device.subscribe_jobs("start-next/accepted")
    device.ask("start-next")
    assert device.next_jobs(1) == [("seen", 1)]


def test_the_record_shows_what_was_published_byte_for_byte(cloud: Cloud, thing: Thing, device: Device) -> None:
    device.request("start-next", b"\xff\x00 not JSON")
    (published,) = cloud.publishes(thing)
    assert (published.client, published.topic) == (thing.name, f"$aws/things/{thing.name}/jobs/start-next")
    assert published.payload == b"\xff\x00 not JSON"
    assert published.seq == cloud.mark()
    assert cloud.publishes(thing, since=published.seq) == []


def test_an_unknown_fault_is_refused_with_the_known_ones(cloud: Cloud) -> None:
    with pytest.raises(CloudError, match="no fault is called 'trottle'; there are: throttle"):
        cloud.fault("trottle")


def test_a_frozen_cloud_answers_nothing_until_it_is_thawed(cloud: Cloud, thing: Thing, device: Device) -> None:
    cloud.server.freeze()
    try:
        pending = device.send(f"$aws/things/{thing.name}/jobs/start-next", b"")
        with pytest.raises(TimeoutError):
            pending.result(0.3)
    finally:
        cloud.server.thaw()
    pending.result(20)


def test_a_busy_port_is_named_in_the_error(cloud: Cloud) -> None:
    with pytest.raises(CloudError, match=f"port {cloud.mqtt_port} on 127.0.0.1 can't be used"):
        Cloud(mqtt_port=cloud.mqtt_port).start()


def test_the_server_ends_when_its_starter_dies(tmp_path: Path) -> None:
    code = (
        "import os, pathlib, sys; from localcloud.cloud import Cloud; "
        "c = Cloud(folder=pathlib.Path(sys.argv[1])); c.start(); "
        "print(c.server.pid, flush=True); os.kill(os.getpid(), 9)"
    )
    starter = subprocess.run([sys.executable, "-c", code, tmp_path], cwd=ROOT, capture_output=True, text=True)
    server = Path("/proc", starter.stdout.strip())
    assert starter.returncode == -9, starter.stderr
    wait_until(lambda: not server.exists(), 20, f"process {server.name} to end")


def test_make_cloud_prints_what_a_person_needs_and_stops_on_ctrl_c(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "localcloud", "--folder", str(tmp_path)]
    process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        lines = iter(process.stdout.readline, "")
        text = "".join(line for line in _until(lines, "describe-job-execution"))
        exports = dict(re.findall(r"export (\w+)=(.*)", text))
        assert (tmp_path / "my-thing/aws-iot-device-client.conf").exists()
        create, describe = re.findall(r"^  (\S+ --endpoint-url .*)$", text, re.MULTILINE)
        shell = subprocess.run(["sh", "-ec", f"{create}\n{describe}"], env=exports, capture_output=True, text=True)
        assert '"status": "QUEUED"' in shell.stdout, shell.stderr
    finally:
        process.send_signal(2)
        try:
            process.communicate(timeout=20)
        finally:
            process.kill()
    assert process.returncode == 0


def _until(lines: Iterator[str], ending: str) -> Iterator[str]:
    for line in lines:
        yield line
        if ending in line:
            return

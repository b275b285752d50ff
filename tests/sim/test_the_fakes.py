# SPDX-FileCopyrightText: The aws-iot-device-client authors
# SPDX-License-Identifier: Apache-2.0
"""The fakes themselves: a simulation is worth as much as its service and its disk."""

from __future__ import annotations

import pytest

from dc.jobs.journal import Journal
from localcloud.jobs_model import Job, JobsModel
from tests.fakes.clock import KeptLog
from tests.sim.simulator.disk import FULL, KEPT, LOST, SHORT, TORN, UNREADABLE, ZEROS, SimDisk
from tests.sim.simulator.events import EPOCH, Events
from tests.sim.simulator.network import THING
from tests.sim.simulator.scenario import operation

Sent = list[tuple[str, dict[str, object]]]


@pytest.fixture
def sent() -> Sent:
    return []


@pytest.fixture
def service(sent: Sent) -> JobsModel:
    return JobsModel(Events(), lambda topic, message: sent.append((topic, message)), lambda execution: None, EPOCH)


def _topics(sent: Sent) -> list[str]:
    return [topic for topic, _ in sent]


def _disk() -> SimDisk:
    return SimDisk(lambda label: None, lambda data, sync: None)


def test_only_a_new_front_of_the_queue_is_notified(service: JobsModel, sent: Sent) -> None:
    service.create(Job("one", operation()))
    service.create(Job("two", operation()))
    service.start_next({})
    assert _topics(sent) == ["notify-next", "start-next/accepted"]
    service.update("one", {"status": "SUCCEEDED"})
    assert _topics(sent)[2:] == ["one/update/accepted", "notify-next"]
    service.update("two", {"status": "SUCCEEDED"})
    assert "execution" not in sent[-1][1]


def test_an_update_with_an_old_version_is_refused_with_the_true_one(service: JobsModel, sent: Sent) -> None:
    service.create(Job("one", operation()))
    service.update("one", {"status": "IN_PROGRESS", "expectedVersion": 1})
    service.update("one", {"status": "IN_PROGRESS", "expectedVersion": 1, "clientToken": "t"})
    topic, message = sent[-1]
    assert (topic, message["code"], message["clientToken"]) == ("one/update/rejected", "VersionMismatch", "t")
    assert message["executionState"] == {"status": "IN_PROGRESS", "versionNumber": 2}


def test_a_terminal_status_is_final(service: JobsModel, sent: Sent) -> None:
    service.create(Job("one", operation()))
    service.cancel("one")
    assert service.update("one", {"status": "SUCCEEDED"}) is None
    service.delete("one")
    assert service.update("one", {"status": "SUCCEEDED"}) is None
    codes = [message["code"] for topic, message in sent if topic == "one/update/rejected"]
    assert codes == ["InvalidStateTransition", "ResourceNotFound"]


def test_a_failure_is_retried_as_another_execution(service: JobsModel) -> None:
    service.create(Job("one", operation(), retries=1))
    for number in (1, 2):
        assert service.update("one", {"status": "FAILED", "executionNumber": number}) is not None
    assert [each.number for each in service.executions] == [1, 2]
    assert service.pending() == []


@pytest.mark.parametrize(
    ("fate", "left"), [(LOST, b"kept"), (TORN, b"keptlo"), (KEPT, b"keptlost"), (ZEROS, b"kept\0\0\0\0")]
)
def test_a_power_cut_takes_what_was_not_synced(fate: str, left: bytes) -> None:
    disk = _disk()
    disk.append("journal", b"kept", True)
    disk.append("journal", b"lost", False)
    disk.end(True, fate)
    assert disk.read("journal") == left


def test_a_killed_process_loses_nothing_it_wrote() -> None:
    disk = _disk()
    disk.append("journal", b"lost", False)
    disk.end(False, LOST)
    assert disk.read("journal") == b"lost"


@pytest.mark.parametrize("fault", [FULL, SHORT])
def test_a_full_disk_degrades_the_journal_and_keeps_its_last_record(fault: str) -> None:
    disk = _disk()
    journal = Journal("/state", THING, disk, KeptLog())
    assert journal.write({"job": "one"})
    disk.fails(fault)
    assert not journal.write({"job": "two"})
    assert "No space left" in journal.degraded
    assert Journal("/state", THING, disk, KeptLog()).load() == {"job": "one"}
    disk.fails("")
    assert journal.write({"job": "three"})
    assert (journal.degraded, Journal("/state", THING, disk, KeptLog()).load()) == ("", {"job": "three"})


def test_an_unreadable_journal_is_said_to_be_degraded() -> None:
    disk = _disk()
    disk.fails(UNREADABLE)
    journal = Journal("/state", THING, disk, KeptLog())
    assert journal.load() == {}
    assert "Input/output error" in journal.degraded

# SPDX-FileCopyrightText: The aws-iot-device-client authors
# SPDX-License-Identifier: Apache-2.0
"""What the cloud is told of an execution, and what is made of it after a restart that found no journal."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from dc.jobs.core import events as ev
from dc.jobs.core.details import MAX_PAIRS
from dc.jobs.core.messages import START_NEXT, Offer, decode
from dc.jobs.core.snapshot import furthest
from dc.jobs.journal import Journal
from dc.jobs.memory import Memory
from dc.jobs.progress import MAX_KEYS, SECONDS
from dc.jobs.worker import Worker
from dc.jsonlib import dumps
from tests.fakes.clock import KeptLog, defaults
from tests.fakes.executions import STEPS, command, ended, happen, offered, running
from tests.fakes.machine import BOOT, FakeDisk, FakeHost, FakeMachine

if TYPE_CHECKING:
    from dc.jobs.core.snapshot import Snapshot

OPERATION = {"operation": "echo"}
TWO = {"version": "1.0", "steps": [command("one")], "finalStep": command("two")}
REBOOT = {"version": "1.0", "steps": [command("one"), command("reboot")], "finalStep": command("two")}
INTERRUPTED = {"resume": f"step 1 attempt 1 boot {BOOT}"}
BEFORE_THE_REBOOT = {"resume": "step 2 attempt 1 boot another"}
NO_JOURNAL = {"journal": "may not resume"}


class StartedAgent:
    """An agent that was just started. `journalled`: what an earlier one has written down. `order`: what it did since."""

    def __init__(self, journalled: Snapshot | None = None, broken: bool = False, **config: object) -> None:
        disk = FakeDisk()
        if journalled is not None:
            Journal("/state", "thing", disk, KeptLog()).write(journalled)
        disk.broken = broken
        self.order: list[str] = []
        self.machine = FakeMachine(disk)
        self.machine.steps.on_run = lambda action, job: self._run(action.name, job)
        self.environments: list[Any] = []
        self.host = FakeHost(defaults(state_dir="/state", **config))
        self.memory = Memory(self.host, self.machine)
        self.found = self.memory.recall()
        self.worker = Worker(self.host, self.machine, self.memory, "n", lambda key, outcome: None, lambda: None)
        self.machine.performed = lambda effect: self._note_updates()
        self._noted = 0

    @property
    def updates(self) -> list[dict[str, Any]]:
        return [body for _, body in self.host.published]

    def take(self, document: object, details: dict[str, str] | None = None) -> None:
        offer = Offer(START_NEXT, "", "job", 1, 3, "IN_PROGRESS", document, 1, details=details)
        self.worker.take(offer, self.found, True)

    def accept(self) -> None:
        self.worker.happen(ev.Accepted())

    def _run(self, name: str, job: Any) -> None:
        self.order.append(f"run {name}")
        self.environments.append(job)

    def _note_updates(self) -> None:
        for update in self.updates[self._noted :]:
            self.order.append(f"{update['status']} {update.get('statusDetails', {}).get('resume', '')}".rstrip())
        self._noted = len(self.updates)


def test_what_was_told_is_understood() -> None:
    e = running(STEPS)
    e.boot = "b"
    happen(e, ended())
    assert furthest({}, e.position()) == {"running": True, "step": 1, "attempt": 1, "boot": "b"}
    assert furthest({}, offered().position()) == {"running": True, "step": 0, "attempt": 1, "boot": ""}


def test_a_reboot_is_remembered_by_all_later_attempts() -> None:
    e = running(STEPS)
    e.boot = "b"
    e.rebooted = True
    assert furthest({}, e.position()).get("boot") != "b"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "step",
        "step 1 attempt 1 boot",
        "step 1 attempt 1 boot b c",
        "step -1 attempt 1 boot b",
        "step 1 attempt one boot b",
        "step 0x1 attempt 1 boot b",
        "step ² attempt 1 boot b",
        f"step {'9' * 1000} attempt 1 boot b",
        "attempt 1 step 1 boot b",
        "\u0000",
    ],
)
def test_any_other_text_is_no_news(text: str) -> None:
    assert furthest({}, text) == {}


def test_only_what_is_further_on_counts() -> None:
    record: Snapshot = {"step": 2, "attempt": 2, "boot": "b", "stdout": "kept"}
    for text in ("step 3 attempt 1 boot b", "step 3 attempt 2 boot b", "step 2 attempt 9 boot b"):
        assert furthest(record, text) is record
    assert furthest(record, "step 3 attempt 3 boot c") == {**record, "attempt": 3, "boot": "c", "running": True}
    assert furthest({**record, "status": "FAILED"}, "step 9 attempt 9 boot b").get("step") == 2


def test_status_details_of_any_form_are_taken() -> None:
    for details, wanted in (({"a": "b", "c": 1}, {"a": "b"}), (None, {}), ("text", {}), ([1], {})):
        execution = {"jobId": "j", "statusDetails": details}
        offer = decode("thing", "$aws/things/thing/jobs/notify-next", dumps({"execution": execution}))
        assert isinstance(offer, Offer)
        assert offer.details == wanted


@pytest.mark.parametrize(
    ("journalled", "broken", "details"),
    [
        (None, False, INTERRUPTED),
        (None, True, INTERRUPTED),
        ({}, True, INTERRUPTED),
        ({}, False, {**INTERRUPTED, **NO_JOURNAL}),
    ],
    ids=["the journal is gone", "there never was one", "it can't be written now", "it could not be written then"],
)
def test_the_cloud_is_believed_where(journalled: Snapshot | None, broken: bool, details: dict[str, str]) -> None:
    agent = StartedAgent(journalled, broken)
    agent.take(OPERATION, details)
    agent.accept()
    assert agent.environments[0]["AWS_IOT_JOB_ATTEMPT"] == "2"


def test_a_journal_that_was_kept_is_believed_rather_than_the_cloud() -> None:
    """The claim was accepted, and the agent ended before it started anything."""
    agent = StartedAgent({})
    agent.take(OPERATION, INTERRUPTED)
    agent.accept()
    assert agent.environments[0]["AWS_IOT_JOB_ATTEMPT"] == "1"


def test_without_a_journal_interrupted_jobs_fail_where_that_is_wanted() -> None:
    agent = StartedAgent(broken=True, jobs_on_interrupted="fail")
    agent.take(OPERATION, INTERRUPTED)
    assert (agent.updates[0]["status"], agent.updates[0]["statusDetails"]["reason"]) == (
        "FAILED",
        "Interrupted by restart",
    )


def test_without_a_journal_attempts_have_their_bound() -> None:
    agent = StartedAgent(broken=True)
    agent.take(OPERATION, {"resume": f"step 1 attempt 3 boot {BOOT}"})
    assert [update["status"] for update in agent.updates] == ["FAILED"]


def test_without_a_journal_a_reboot_is_done_when_the_board_is_back() -> None:
    agent = StartedAgent(broken=True)
    agent.take(REBOOT, BEFORE_THE_REBOOT)
    agent.accept()
    assert agent.order == [f"IN_PROGRESS step 3 attempt 1 boot {BOOT}", "run two"]


def test_a_step_that_reboots_is_told_before_it_starts() -> None:
    agent = StartedAgent({})
    agent.take(REBOOT)
    agent.accept()
    agent.worker.happen(ended())
    boot = BOOT
    assert agent.order == [
        f"IN_PROGRESS step 1 attempt 1 boot {boot}",
        "run one",
        f"IN_PROGRESS step 2 attempt 1 boot {boot}",
        "run reboot",
    ]


@pytest.mark.parametrize(("broken", "updates"), [(False, 1), (True, 2)])
def test_each_step_is_told_only_where_the_journal_can_not_be_written(broken: bool, updates: int) -> None:
    agent = StartedAgent({}, broken=broken)
    agent.take(TWO)
    agent.accept()
    agent.worker.happen(ended())
    assert len(agent.updates) == updates


def test_all_that_can_be_told_at_once_is_not_more_than_the_cloud_takes() -> None:
    agent = StartedAgent({}, broken=True)
    agent.machine.steps.line = b"a line"
    agent.take(TWO)
    agent.accept()
    agent.machine.steps.on_progress(b"".join(b"key-%d=v\n" % number for number in range(MAX_KEYS)))
    agent.host.loop.pass_time(SECONDS)
    assert len(agent.updates[-1]["statusDetails"]) == MAX_PAIRS


@pytest.mark.parametrize(("journalled", "ended_first"), [(None, True), ({}, False)])
def test_what_the_cloud_knows_of_may_have_left_processes(journalled: Snapshot | None, ended_first: bool) -> None:
    """Also where no step runs again; with a journal, that was done when the agent started."""
    agent = StartedAgent(journalled, jobs_on_interrupted="fail")
    agent.take(OPERATION, INTERRUPTED)
    assert any("AWS_IOT_JOB_ID=job" in marks for marks in agent.machine.ended) == ended_first


def test_a_state_folder_whose_name_is_no_text_stops_no_job() -> None:
    """As it comes from HOME or a flag in another encoding."""
    agent = StartedAgent({}, broken=True)
    agent.memory.journal.path = "/state-\udcff/jobs.journal"
    agent.take(OPERATION)
    assert "/state- /jobs.journal" in agent.updates[0]["statusDetails"]["journal"]

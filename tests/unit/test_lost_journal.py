# SPDX-FileCopyrightText: The aws-iot-device-client authors
# SPDX-License-Identifier: Apache-2.0
"""What the cloud is told of an execution, and what is made of it after a restart that found no journal."""

from __future__ import annotations

import errno
from types import SimpleNamespace
from typing import Any, cast

import pytest

from dc.jobs.core import events as fx
from dc.jobs.core.details import MAX_PAIRS
from dc.jobs.core.messages import START_NEXT, Offer, decode
from dc.jobs.core.state import further, told
from dc.jobs.deeds import PROGRESS_SECONDS, boot_id
from dc.jobs.desk import Desk
from dc.jobs.journal import Disk, Journal
from dc.jobs.run import strays
from dc.jobs.run.runner import PROGRESS_KEYS
from dc.jsonlib import dumps, loads
from tests.fakes.clock import FakeLoop, KeptLog, defaults
from tests.fakes.executions import STEPS, command, ended, offered, running

OPERATION = {"operation": "echo"}
TWO = {"version": "1.0", "steps": [command("one")], "finalStep": command("two")}
REBOOT = {"version": "1.0", "steps": [command("one"), command("reboot")], "finalStep": command("two")}
INTERRUPTED = {"resume": f"step 1 attempt 1 boot {boot_id()}"}
BEFORE_THE_REBOOT = {"resume": "step 2 attempt 1 boot another"}
NO_JOURNAL = {"journal": "no promise"}


class FakeDisk(Disk):
    """One file; `broken`: can't be written."""

    def __init__(self, content: bytes, broken: bool) -> None:
        self.content = content
        self.broken = broken

    def read(self, path: str) -> bytes:
        return self.content

    def append(self, path: str, data: bytes, sync: bool) -> None:
        self.replace(path, self.content + data)

    def replace(self, path: str, data: bytes) -> None:
        if self.broken:
            raise OSError(errno.EROFS, "Read-only file system")
        self.content = data


class StartedAgent:
    """An agent that was just started. `journalled`: what an earlier one has written down."""

    def __init__(self, journalled: dict[str, object] | None = None, broken: bool = False, **config: object) -> None:
        self.disk = FakeDisk(b"", broken=False)
        if journalled is not None:
            Journal("/state", self.disk).write(journalled)
        self.disk.broken = broken
        self.journal = Journal("/state", self.disk)
        self.record = self.journal.load()
        self.updates: list[dict[str, Any]] = []
        self.order: list[str] = []
        self.environments: list[dict[str, str]] = []
        self.loop = FakeLoop()
        self.runner = SimpleNamespace(
            started=True, progress={}, last_line=lambda: b"", run=self._run, kill=lambda _: None
        )
        client = SimpleNamespace(
            loop=self.loop, log=KeptLog(), config=defaults(state_dir="/state", **config), publish=self._publish
        )
        self.desk = Desk(
            cast(Any, client), cast(Any, self.runner), self.journal, lambda key, outcome: None, lambda: None
        )

    def take(self, document: object, details: dict[str, str] | None = None) -> None:
        offer = Offer(START_NEXT, "", "job", 1, 3, "IN_PROGRESS", document, 1, details=details)
        self.desk.take(offer, self.record, True)

    def accept(self) -> None:
        self.desk.event(fx.ACCEPTED)

    def _run(self, action: Any, job: dict[str, str]) -> None:
        self.order.append(f"run {action.name}")
        self.environments.append(job)

    def _publish(self, topic: str, payload: bytes) -> None:
        update = cast("dict[str, Any]", loads(payload))
        self.updates.append(update)
        self.order.append(f"{update['status']} {update.get('statusDetails', {}).get('resume', '')}".rstrip())


def test_what_was_told_is_understood() -> None:
    e = running(STEPS)
    e.handle(fx.STEP_ENDED, ended())
    assert further({}, told(e, "b")) == {"running": True, "step": 1, "attempt": 1, "boot": "b"}
    assert further({}, told(offered(), "")) == {"running": True, "step": 0, "attempt": 1, "boot": ""}


def test_a_reboot_is_remembered_by_all_later_attempts() -> None:
    e = running(STEPS)
    e.rebooted = True
    assert further({}, told(e, "b"))["boot"] != "b"


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
    assert further({}, text) == {}


def test_only_what_is_further_on_counts() -> None:
    record: dict[str, object] = {"step": 2, "attempt": 2, "boot": "b", "stdout": "kept"}
    for text in ("step 3 attempt 1 boot b", "step 3 attempt 2 boot b", "step 2 attempt 9 boot b"):
        assert further(record, text) is record
    assert further(record, "step 3 attempt 3 boot c") == {**record, "attempt": 3, "boot": "c", "running": True}
    assert further({**record, "status": "FAILED"}, "step 9 attempt 9 boot b")["step"] == 2


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
def test_the_cloud_is_believed_where(
    journalled: dict[str, object] | None, broken: bool, details: dict[str, str]
) -> None:
    world = StartedAgent(journalled, broken)
    world.take(OPERATION, details)
    world.accept()
    assert world.environments[0]["AWS_IOT_JOB_ATTEMPT"] == "2"


def test_a_journal_that_was_kept_is_believed_rather_than_the_cloud() -> None:
    """The claim was accepted, and the agent ended before it started anything."""
    world = StartedAgent({})
    world.take(OPERATION, INTERRUPTED)
    world.accept()
    assert world.environments[0]["AWS_IOT_JOB_ATTEMPT"] == "1"


def test_without_a_journal_interrupted_jobs_fail_where_that_is_wanted() -> None:
    world = StartedAgent(broken=True, jobs_on_interrupted="fail")
    world.take(OPERATION, INTERRUPTED)
    assert (world.updates[0]["status"], world.updates[0]["statusDetails"]["reason"]) == (
        "FAILED",
        "Interrupted by restart",
    )


def test_without_a_journal_attempts_have_their_bound() -> None:
    world = StartedAgent(broken=True)
    world.take(OPERATION, {"resume": f"step 1 attempt 3 boot {boot_id()}"})
    assert [update["status"] for update in world.updates] == ["FAILED"]


def test_without_a_journal_a_reboot_is_done_when_the_board_is_back() -> None:
    world = StartedAgent(broken=True)
    world.take(REBOOT, BEFORE_THE_REBOOT)
    world.accept()
    assert world.order == [f"IN_PROGRESS step 3 attempt 1 boot {boot_id()}", "run two"]


def test_a_step_that_reboots_is_told_before_it_starts() -> None:
    world = StartedAgent({})
    world.take(REBOOT)
    world.accept()
    world.desk.event(fx.STEP_ENDED, ended())
    boot = boot_id()
    assert world.order == [
        f"IN_PROGRESS step 1 attempt 1 boot {boot}",
        "run one",
        f"IN_PROGRESS step 2 attempt 1 boot {boot}",
        "run reboot",
    ]


@pytest.mark.parametrize(("broken", "updates"), [(False, 1), (True, 2)])
def test_each_step_is_told_only_where_the_journal_can_not_be_written(broken: bool, updates: int) -> None:
    world = StartedAgent({}, broken=broken)
    world.take(TWO)
    world.accept()
    world.desk.event(fx.STEP_ENDED, ended())
    assert len(world.updates) == updates


def test_all_that_can_be_told_at_once_is_not_more_than_the_cloud_takes() -> None:
    world = StartedAgent({}, broken=True)
    world.runner.progress = {f"key-{number}": "v" for number in range(PROGRESS_KEYS)}
    world.runner.last_line = lambda: b"a line"
    world.take(TWO)
    world.accept()
    world.loop.pass_time(PROGRESS_SECONDS)
    assert len(world.updates[-1]["statusDetails"]) == MAX_PAIRS


@pytest.mark.parametrize(("journalled", "ended_first"), [(None, True), ({}, False)])
def test_what_the_cloud_knows_of_may_have_left_processes(
    journalled: dict[str, object] | None, ended_first: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also where no step runs again; with a journal, that was done when the agent started."""
    marked: list[tuple[str, ...]] = []

    def end(marks: tuple[str, ...], grace: float) -> bool:
        marked.append(marks)
        return False

    monkeypatch.setattr(strays, "end", end)
    StartedAgent(journalled, jobs_on_interrupted="fail").take(OPERATION, INTERRUPTED)
    assert any("AWS_IOT_JOB_ID=job" in marks for marks in marked) == ended_first


def test_a_state_folder_whose_name_is_no_text_stops_no_job() -> None:
    """As it comes from HOME or a flag in another encoding."""
    world = StartedAgent({}, broken=True)
    world.journal.path = "/state-\udcff/jobs.journal"
    world.take(OPERATION)
    assert "/state- /jobs.journal" in world.updates[0]["statusDetails"]["journal"]

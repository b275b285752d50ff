# SPDX-FileCopyrightText: The aws-iot-device-client authors
# SPDX-License-Identifier: Apache-2.0
"""IN_PROGRESS updates of a long step: every 30 s, more often if the handler tells something, never in another's way."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, cast

from dc.jobs.core import events as fx
from dc.jobs.core.messages import START_NEXT, Offer
from dc.jobs.deeds import PROGRESS_SECONDS, TOLD_SECONDS, boot_id
from dc.jobs.desk import Desk
from dc.jobs.journal import Disk, Journal
from dc.jsonlib import loads
from tests.fakes.clock import FakeLoop, KeptLog, defaults
from tests.fakes.executions import command, ended

DOCUMENT = {"version": "1.0", "steps": [command("one"), command("two"), command("three")], "finalStep": command("last")}


class NoDisk(Disk):
    """Keeps nothing."""

    def replace(self, path: str, data: bytes) -> None:
        return

    def append(self, path: str, data: bytes, sync: bool) -> None:
        return


class RunningExecution:
    """An execution of several steps whose first is running; `published` are the updates in order."""

    def __init__(self) -> None:
        self.loop = FakeLoop()
        self.published: list[dict[str, Any]] = []
        self.times: list[float] = []
        self.runner = SimpleNamespace(
            started=False, progress={}, last_line=lambda: b"copied 4 of 9\n", run=self._run, kill=lambda grace: None
        )
        client = SimpleNamespace(loop=self.loop, log=KeptLog(), config=defaults(state_dir="/s"), publish=self._publish)
        journal = Journal("/nowhere", NoDisk())
        self.desk = Desk(cast(Any, client), cast(Any, self.runner), journal, lambda key, outcome: None, lambda: None)
        self.desk.take(Offer(START_NEXT, "", "job", 1, 1, "QUEUED", DOCUMENT, 1), {}, True)
        self.desk.event(fx.ACCEPTED)
        self.published.clear()
        self.times.clear()
        self.start = self.loop.time

    def _run(self, action: object, job: object) -> None:
        self.runner.started = True

    def _publish(self, topic: str, payload: bytes) -> None:
        self.published.append(cast("dict[str, Any]", loads(payload)))
        self.times.append(self.loop.time)

    def answer_all(self, seconds: float) -> None:
        """Let time pass; every update is accepted within a second."""
        seen = len(self.published)
        for _ in range(int(seconds)):
            self.loop.pass_time(1.0)
            if len(self.published) > seen:
                seen = len(self.published)
                self.desk.event(fx.ACCEPTED)


def test_a_short_step_sends_none() -> None:
    world = RunningExecution()
    world.answer_all(PROGRESS_SECONDS - 1)
    assert world.published == []


def test_a_long_step_says_every_30_seconds_how_far_it_is() -> None:
    world = RunningExecution()
    world.desk.event(fx.STEP_ENDED, ended(0))
    world.published.clear()
    world.answer_all(100)
    assert [update["status"] for update in world.published] == ["IN_PROGRESS"] * 3
    # "two" is the second of three steps and a final step.
    assert world.published[0]["statusDetails"] == {
        "progress": "step 2 of 4",
        "step": "two",
        "output": "copied 4 of 9\n",
        "resume": f"step 2 attempt 1 boot {boot_id()}",
    }


def test_what_a_handler_tells_is_shown_soon_but_not_line_by_line() -> None:
    world = RunningExecution()
    for percent in range(60):
        world.runner.progress = {"percent": str(percent)}
        world.runner.progressed()
        world.answer_all(1)
    gaps = [after - before for before, after in zip(world.times, world.times[1:], strict=False)]
    assert len(world.times) >= 60 / TOLD_SECONDS - 2, "it is shown soon"
    assert min(gaps) >= TOLD_SECONDS, "and not at each line"
    assert world.published[-1]["statusDetails"]["percent"] == str(int(world.times[-1] - world.start) - 1)


def test_a_progress_update_never_overtakes_one_that_waits_for_its_answer() -> None:
    """Else the versions of the two would clash."""
    world = RunningExecution()
    world.loop.pass_time(PROGRESS_SECONDS)
    assert len(world.published) == 1
    world.loop.pass_time(5)
    world.runner.progressed()
    world.loop.pass_time(TOLD_SECONDS - 1)
    assert len(world.published) == 1, "the first is not answered yet, nor is its patience over"


def test_the_final_report_does_not_wait_for_progress() -> None:
    world = RunningExecution()
    world.loop.pass_time(PROGRESS_SECONDS)
    world.desk.event(fx.STEP_ENDED, ended(1, err="bad\n"))
    assert [update["status"] for update in world.published] == ["IN_PROGRESS", "FAILED"]


def test_no_progress_is_sent_after_the_end() -> None:
    world = RunningExecution()
    world.desk.event(fx.STEP_ENDED, ended(1))
    world.desk.event(fx.ACCEPTED)
    world.published.clear()
    world.loop.pass_time(10 * PROGRESS_SECONDS)
    assert world.published == []

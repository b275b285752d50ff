# SPDX-FileCopyrightText: The aws-iot-device-client authors
# SPDX-License-Identifier: Apache-2.0
"""IN_PROGRESS updates of a long step: every 30 s, more often if the handler tells something, never in another's way."""

from __future__ import annotations

from typing import Any

from dc.jobs.core import events as ev
from dc.jobs.core.messages import START_NEXT, Offer
from dc.jobs.memory import Memory
from dc.jobs.progress import HANDLER_SECONDS, SECONDS
from dc.jobs.worker import Worker
from tests.fakes.clock import defaults
from tests.fakes.executions import command, ended
from tests.fakes.machine import BOOT, FakeHost, FakeMachine

DOCUMENT = {"version": "1.0", "steps": [command("one"), command("two"), command("three")], "finalStep": command("last")}


class TimedHost(FakeHost):
    """`times`: when each update was published."""

    def __init__(self) -> None:
        super().__init__(defaults(state_dir="/s"))
        self.times: list[float] = []

    def publish(self, topic: str, payload: bytes) -> None:
        super().publish(topic, payload)
        self.times.append(self.loop.time)


class RunningExecution:
    """An execution of several steps whose first is running; `published` are the updates in order."""

    def __init__(self) -> None:
        self.host = TimedHost()
        self.loop = self.host.loop
        self.times = self.host.times
        machine = FakeMachine()
        self.runner = machine.steps
        self.runner.line = b"copied 4 of 9\n"
        memory = Memory(self.host, machine)
        self.worker = Worker(self.host, machine, memory, "n", lambda key, outcome: None, lambda: None)
        self.worker.take(Offer(START_NEXT, "", "job", 1, 1, "QUEUED", DOCUMENT, 1), {}, True)
        self.worker.happen(ev.Accepted())
        self.clear()
        self.start = self.loop.time

    @property
    def published(self) -> list[dict[str, Any]]:
        return [body for _, body in self.host.published]

    def clear(self) -> None:
        self.host.published.clear()
        self.times.clear()

    def answer_all(self, seconds: float) -> None:
        """Let time pass; every update is accepted within a second."""
        seen = len(self.published)
        for _ in range(int(seconds)):
            self.loop.pass_time(1.0)
            if len(self.published) > seen:
                seen = len(self.published)
                self.worker.happen(ev.Accepted())


def test_a_short_step_sends_none() -> None:
    running = RunningExecution()
    running.answer_all(SECONDS - 1)
    assert running.published == []


def test_a_long_step_says_every_30_seconds_how_far_it_is() -> None:
    running = RunningExecution()
    running.worker.happen(ended(0))
    running.clear()
    running.answer_all(100)
    assert [update["status"] for update in running.published] == ["IN_PROGRESS"] * 3
    # "two" is the second of three steps and a final step.
    assert running.published[0]["statusDetails"] == {
        "progress": "step 2 of 4",
        "step": "two",
        "output": "copied 4 of 9\n",
        "resume": f"step 2 attempt 1 boot {BOOT}",
    }


def test_what_a_handler_tells_is_shown_soon_but_not_line_by_line() -> None:
    running = RunningExecution()
    for percent in range(60):
        running.runner.on_progress(b"percent=%d\n" % percent)
        running.answer_all(1)
    gaps = [after - before for before, after in zip(running.times, running.times[1:], strict=False)]
    assert len(running.times) >= 60 / HANDLER_SECONDS - 2, "it is shown soon"
    assert min(gaps) >= HANDLER_SECONDS, "and not at each line"
    assert running.published[-1]["statusDetails"]["percent"] == str(int(running.times[-1] - running.start) - 1)


def test_a_progress_update_never_overtakes_one_that_waits_for_its_answer() -> None:
    """Else the versions of the two would clash."""
    running = RunningExecution()
    running.loop.pass_time(SECONDS)
    assert len(running.published) == 1
    running.loop.pass_time(5)
    running.runner.on_progress(b"percent=1\n")
    running.loop.pass_time(HANDLER_SECONDS - 1)
    assert len(running.published) == 1, "the first is not answered yet, nor is its patience over"


def test_the_final_report_does_not_wait_for_progress() -> None:
    running = RunningExecution()
    running.loop.pass_time(SECONDS)
    running.worker.happen(ended(1, err="bad\n"))
    assert [update["status"] for update in running.published] == ["IN_PROGRESS", "FAILED"]


def test_no_progress_is_sent_after_the_end() -> None:
    running = RunningExecution()
    running.worker.happen(ended(1))
    running.worker.happen(ev.Accepted())
    running.clear()
    running.loop.pass_time(10 * SECONDS)
    assert running.published == []

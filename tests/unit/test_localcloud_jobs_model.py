# SPDX-FileCopyrightText: The aws-iot-device-client authors
# SPDX-License-Identifier: Apache-2.0
"""The model of the Jobs service that needs neither a broker nor real time; tests/sim/test_the_fakes.py has more."""

from __future__ import annotations

import ast
from collections.abc import Callable
from pathlib import Path

import pytest

from localcloud import jobs_model
from localcloud.jobs_model import Execution, Job, JobsModel

EPOCH = 1_700_000_000
Message = dict[str, object]


class Clock:
    """Time that a test lets pass."""

    def __init__(self) -> None:
        self.now = 0.0
        self._timers: list[Timer] = []

    def after(self, seconds: float, what: Callable[[], None], /) -> Timer:
        self._timers.append(Timer(self.now + seconds, what))
        return self._timers[-1]

    def advance(self, seconds: float) -> None:
        self.now += seconds
        for timer in [each for each in self._timers if each.when <= self.now]:
            self._timers.remove(timer)
            timer.what()


class Timer:
    def __init__(self, when: float, what: Callable[[], None]) -> None:
        self.when, self.what = when, what

    def cancel(self) -> None:
        self.what = lambda: None


class Thing:
    """A queue, and what the device has received of it, oldest first; statuses as the service saw them change."""

    def __init__(self) -> None:
        self.clock = Clock()
        self.sent: list[tuple[str, Message]] = []
        self.statuses: list[str] = []
        self.jobs = JobsModel(self.clock, lambda topic, message: self.sent.append((topic, message)), self._note, EPOCH)

    def _note(self, execution: Execution) -> None:
        self.statuses.append("deleted" if execution.deleted else execution.status)

    def last(self) -> Message:
        return self.sent[-1][1]

    def front(self) -> object:
        """The job of the last message, or None."""
        execution = self.last().get("execution")
        return execution["jobId"] if isinstance(execution, dict) else None

    def refusals(self) -> list[object]:
        return [message["code"] for topic, message in self.sent if topic.endswith("rejected")]


@pytest.fixture
def thing() -> Thing:
    return Thing()


def test_the_model_imports_nothing_that_could_do_io() -> None:
    assert jobs_model.__file__ is not None
    tree = ast.parse(Path(jobs_model.__file__).read_text())
    imports = [ast.unparse(node) for node in ast.walk(tree) if isinstance(node, ast.Import | ast.ImportFrom)]
    assert imports == [
        "from __future__ import annotations",
        "from collections.abc import Callable",
        "from typing import Protocol",
    ]


def test_a_job_that_is_started_out_of_turn_comes_to_the_front_and_is_notified(thing: Thing) -> None:
    thing.jobs.create(Job("older", {}))
    thing.jobs.create(Job("newer", {}))
    thing.jobs.update("newer", {"status": "IN_PROGRESS"})
    assert [topic for topic, _ in thing.sent] == ["notify-next", "newer/update/accepted", "notify-next"]
    assert thing.front() == "newer"
    assert [each.job.job_id for each in thing.jobs.pending()] == ["newer", "older"]


def test_a_timer_says_what_is_left_and_ends_the_execution_when_aws_notices(thing: Thing) -> None:
    thing.jobs.create(Job("slow", {}, timeout=60.0, lag=5.0))
    thing.clock.advance(30.0)
    thing.jobs.start_next({})
    execution = thing.last()["execution"]
    assert isinstance(execution, dict) and execution["approximateSecondsBeforeTimedOut"] == 60
    thing.clock.advance(64.0)
    assert thing.statuses == ["IN_PROGRESS"], "time is over, but AWS has not looked yet"
    thing.clock.advance(1.0)
    assert thing.statuses == ["IN_PROGRESS", "TIMED_OUT"]
    assert (thing.sent[-1][0], thing.front()) == ("notify-next", None)
    thing.jobs.update("slow", {"status": "SUCCEEDED"})
    assert thing.refusals() == ["InvalidStateTransition"]


def test_the_timer_of_a_job_that_has_ended_does_nothing(thing: Thing) -> None:
    thing.jobs.create(Job("quick", {}, timeout=60.0))
    thing.jobs.start_next({})
    thing.jobs.update("quick", {"status": "SUCCEEDED"})
    thing.clock.advance(100.0)
    assert thing.statuses == ["IN_PROGRESS", "SUCCEEDED"]


def test_what_is_forgotten_is_unknown_to_the_device_and_what_waits_is_kept(thing: Thing) -> None:
    for name in ("one", "two"):
        thing.jobs.create(Job(name, {}))
    thing.jobs.update("one", {"status": "SUCCEEDED"})
    thing.jobs.forget_ended()
    thing.jobs.update("one", {"status": "SUCCEEDED"})
    assert thing.refusals() == ["ResourceNotFound"]
    assert [each.job.job_id for each in thing.jobs.executions] == ["two"]


def test_the_state_is_in_the_answer_when_the_device_asks_for_it(thing: Thing) -> None:
    thing.jobs.create(Job("one", {}))
    thing.jobs.update("one", {"status": "IN_PROGRESS", "includeJobExecutionState": True, "clientToken": "t"})
    state = {"status": "IN_PROGRESS", "versionNumber": 2}
    assert thing.last() == {"timestamp": EPOCH, "executionState": state, "clientToken": "t"}


def test_a_status_that_no_device_may_set_is_refused(thing: Thing) -> None:
    thing.jobs.create(Job("one", {}))
    for status in ("QUEUED", "CANCELED", "TIMED_OUT", None):
        thing.jobs.update("one", {"status": status})
    assert thing.refusals() == ["InvalidRequest"] * 4
    assert thing.statuses == []


def test_an_announcement_tells_of_the_front_though_it_is_no_news(thing: Thing) -> None:
    thing.jobs.announce()
    assert (thing.sent[-1][0], thing.front()) == ("notify-next", None)
    thing.jobs.create(Job("one", {}))
    thing.jobs.announce()
    assert [topic for topic, _ in thing.sent] == ["notify-next"] * 3
    assert thing.front() == "one"

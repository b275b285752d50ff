# SPDX-FileCopyrightText: The aws-iot-device-client authors
# SPDX-License-Identifier: Apache-2.0
"""The feature's dialogue with the cloud about what is next, without a loop, a broker or a process."""

from __future__ import annotations

import orjson
import pytest

from dc.jobs.core import messages
from dc.jobs.feature import JobsFeature
from tests.fakes.clock import defaults
from tests.fakes.machine import FakeHost, FakeMachine

THING = "board-7"
PREFIX = f"$aws/things/{THING}/jobs/"


def execution(job: str, **more: object) -> dict[str, object]:
    """As the cloud describes it."""
    return {"jobId": job, "executionNumber": 1, "versionNumber": 1, "jobDocument": {"operation": "echo"}, **more}


class Bench:
    """A feature whose timers fire by hand, and whose journal is empty."""

    def __init__(self) -> None:
        self.config = defaults(handler_directory="/nonexistent/jobs")
        self.config.thing_name = THING
        self.host = FakeHost(self.config)
        self.published = self.host.published
        self.feature = JobsFeature(self.host, FakeMachine())

    @property
    def lines(self) -> list[str]:
        return [text for _, text in self.host.log.lines]

    def receive(self, topic: str, body: dict[str, object]) -> None:
        self.feature.message(PREFIX + topic, orjson.dumps(body))

    def asks(self) -> list[str]:
        """The tokens of the start-next requests so far."""
        return [body["clientToken"] for topic, body in self.published if topic == messages.start_next_topic(THING)]

    def armed(self, name: str) -> float | None:
        """In how many seconds a timer fires; None: it is not armed."""
        return self.host.loop.armed.get(name)

    def fire(self, name: str) -> float:
        """Let a timer fire; the seconds it was armed for."""
        seconds = self.host.loop.armed[name]
        self.host.loop.pass_time(seconds)
        return seconds

    def offer(self, job: str = "run-foo", **more: object) -> None:
        """An answer to the latest start-next."""
        self.receive("start-next/accepted", {"clientToken": self.asks()[-1], "execution": execution(job, **more)})

    def answer(self, outcome: str, **body: object) -> None:
        """An answer to the latest update."""
        topic, request = self.published[-1]
        self.receive(f"{topic.split('/')[-2]}/update/{outcome}", {"clientToken": request["clientToken"], **body})


@pytest.fixture
def bench() -> Bench:
    made = Bench()
    made.feature.online()
    return made


def test_it_asks_after_every_connect(bench: Bench) -> None:
    bench.feature.offline()
    bench.feature.online()
    assert len(bench.asks()) == 2


def test_silence_is_answered_by_asking_again_with_longer_waits(bench: Bench) -> None:
    assert [bench.fire("jobs-ask") for _ in range(5)] == [10.0, 20.0, 40.0, 64.0, 64.0]
    assert len(bench.asks()) == 6


def test_an_empty_queue_is_looked_at_again_within_some_hour(bench: Bench) -> None:
    bench.receive("start-next/accepted", {"clientToken": bench.asks()[-1]})
    assert 2700 <= (bench.armed("jobs-ask") or 0) <= 4500


def test_an_offer_is_claimed_and_the_next_one_waits_for_its_end(bench: Bench) -> None:
    bench.offer()
    topic, claim = bench.published[-1]
    assert (topic, claim["status"]) == (f"{PREFIX}run-foo/update", "IN_PROGRESS")
    bench.receive("notify-next", {"execution": {"jobId": "second", "executionNumber": 1, "jobDocument": {}}})
    assert bench.published[-1][1] == claim
    bench.answer("rejected", code="InvalidStateTransition", message="m", executionState={"status": "CANCELED"})
    assert len(bench.asks()) == 2, "at once"
    bench.offer("second", jobDocument={})
    topic, report = bench.published[-1]
    assert (topic, report["status"]) == (f"{PREFIX}second/update", "REJECTED")


def test_an_answer_to_an_earlier_request_and_one_of_another_client_are_ignored(bench: Bench) -> None:
    bench.offer()
    before = list(bench.published)
    bench.receive("run-foo/update/accepted", {"clientToken": "somebody else's"})
    bench.receive("run-foo/update/accepted", {})
    bench.receive("run-bar/update/accepted", {"clientToken": before[-1][1]["clientToken"]})
    assert bench.published == before
    assert bench.feature._current() is not None


# --- what may be forged


@pytest.mark.parametrize("token", [{}, {"clientToken": ""}, {"clientToken": 7}, {"clientToken": "another's"}])
@pytest.mark.parametrize("topic", ["start-next/accepted", "start-next/rejected"])
def test_an_answer_without_the_token_of_the_question_changes_nothing(
    bench: Bench, topic: str, token: dict[str, object]
) -> None:
    """Neither a document under the pending job's name nor an empty queue that hides it."""
    before, timer = list(bench.published), bench.armed("jobs-ask")
    bench.receive(topic, {**token, "execution": execution("run-foo", jobDocument={"operation": "forged"})})
    bench.receive(topic, token)
    assert (bench.published, bench.armed("jobs-ask")) == (before, timer)
    assert any("start-next" in line and "is ignored" in line for line in bench.lines)
    bench.offer()
    assert bench.published[-1][0] == f"{PREFIX}run-foo/update"


def test_an_answer_counts_once(bench: Bench) -> None:
    """Its token is on the wire for everybody to see, so it is worth nothing once the question is closed."""
    bench.receive("start-next/accepted", {"clientToken": bench.asks()[-1]})
    before, timer = list(bench.published), bench.armed("jobs-ask")
    bench.offer("forged")
    bench.receive("start-next/rejected", {"clientToken": bench.asks()[-1], "code": "RequestThrottled"})
    assert (bench.published, bench.armed("jobs-ask")) == (before, timer)


def test_what_notify_next_names_is_asked_for_and_the_document_is_that_of_the_answer(bench: Bench) -> None:
    bench.receive("start-next/accepted", {"clientToken": bench.asks()[-1]})
    bench.receive("notify-next", {"execution": execution("run-foo", jobDocument={})})
    assert len(bench.asks()) == 2 and len(bench.published) == 2
    bench.offer()
    topic, claim = bench.published[-1]
    assert (topic, claim["status"]) == (f"{PREFIX}run-foo/update", "IN_PROGRESS"), "the forged one would be REJECTED"


def test_an_empty_notify_next_hides_no_pending_job(bench: Bench) -> None:
    bench.receive("start-next/accepted", {"clientToken": bench.asks()[-1]})
    bench.receive("notify-next", {"execution": execution("run-foo")})
    timer = bench.armed("jobs-ask")
    bench.receive("notify-next", {"execution": {}})
    assert bench.armed("jobs-ask") == timer
    bench.offer()
    assert bench.published[-1][0] == f"{PREFIX}run-foo/update"


def test_a_job_that_is_queued_while_an_empty_answer_is_under_way_is_asked_for(bench: Bench) -> None:
    bench.receive("notify-next", {"execution": execution("run-foo")})
    assert len(bench.asks()) == 1, "one question at a time, however many hints there are"
    bench.receive("start-next/accepted", {"clientToken": bench.asks()[-1]})
    assert len(bench.asks()) == 2
    bench.receive("start-next/accepted", {"clientToken": bench.asks()[-1]})
    assert len(bench.asks()) == 2


def test_a_malformed_message_is_logged_and_the_next_job_begins(bench: Bench) -> None:
    for payload in (b"", b"{", b"[]", b"\xff", b'{"execution":7}', b'{"execution":{"jobId":"../x"}}'):
        for topic in ("start-next/accepted", "start-next/rejected", "notify-next", "x/update/accepted", "nonsense"):
            bench.feature.message(PREFIX + topic, payload)
    bench.feature.message("$aws/things/other/jobs/notify-next", b"{}")
    assert any("is ignored" in line for line in bench.lines)
    bench.offer("good")
    assert bench.published[-1][0] == f"{PREFIX}good/update"


def test_a_day_of_refused_start_next_is_survived(bench: Bench) -> None:
    for _ in range(1500):
        bench.receive("start-next/rejected", {"clientToken": bench.asks()[-1], "code": "RequestThrottled"})
        assert bench.fire("jobs-ask") <= 64.0


def test_no_two_start_next_requests_have_the_same_token(bench: Bench) -> None:
    for _ in range(5):
        bench.receive("start-next/accepted", {"clientToken": bench.asks()[-1]})
        bench.fire("jobs-ask")
    assert len(set(bench.asks())) == len(bench.asks())


def test_an_execution_that_was_dropped_but_stays_pending_is_asked_for_less_and_less(bench: Bench) -> None:
    bench.offer()
    for _ in range(2):
        bench.answer("rejected", code="InvalidRequest", message="m")
    pauses = []
    for _ in range(10):
        pauses.append(bench.fire("jobs-ask"))
        bench.offer()
    assert pauses[-1] > 10.0
    assert len([line for line in bench.lines if "later jobs wait until it is cancelled" in line]) == 1


def test_a_claim_whose_details_are_refused_is_made_without(bench: Bench) -> None:
    bench.offer()
    assert "statusDetails" in bench.published[-1][1]
    bench.answer("rejected", code="InvalidRequest", message="m")
    assert "statusDetails" not in bench.published[-1][1]
    bench.answer("accepted")
    assert bench.feature._current() is not None


@pytest.mark.parametrize(
    ("version", "left", "deadline"),
    [(2, 100, True), (5, 100, False), (5, 700, True)],
    ids=["AWS's timer", "maybe the step timer of an earlier agent", "longer than that timer"],
)
def test_a_timer_that_each_update_starts_anew_is_no_deadline(
    bench: Bench, version: int, left: int, deadline: bool
) -> None:
    bench.config.jobs_step_timeout = 10
    bench.offer("one", versionNumber=version, approximateSecondsBeforeTimedOut=left)
    bench.answer("accepted")
    assert bench.published[-1][1]["stepTimeoutInMinutes"] == 10
    assert (bench.armed("jobs-job") is not None) == deadline

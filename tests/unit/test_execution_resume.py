# SPDX-FileCopyrightText: The aws-iot-device-client authors
# SPDX-License-Identifier: Apache-2.0
"""An execution that a restart interrupted: what is written down, and what is made of it."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

import pytest

from dc import jsonlib
from dc.jobs.core import effects as fx
from dc.jobs.core import events as ev
from dc.jobs.core.document import Document
from dc.jobs.core.execution import Execution
from dc.jobs.core.key import REPORTED
from dc.jobs.core.parser import parse
from dc.jobs.core.snapshot import key_of
from dc.jobs.core.state import CLAIMING, REPORTING
from tests.fakes.executions import (
    OPERATION,
    REBOOT,
    STEPS,
    Rules,
    command,
    ended,
    happen,
    has,
    offered,
    outcomes,
    reporting,
    running,
    runs,
    sends,
)

if TYPE_CHECKING:
    from dc.jobs.core.snapshot import Snapshot


def written(e: Execution) -> Snapshot:
    """The snapshot as the journal gives it back."""
    record: Snapshot = jsonlib.loads(jsonlib.dumps(e.snapshot()))
    return record


def resumed(
    record: Snapshot, document: Document = OPERATION, rebooted: bool = False, rerun: bool = True, most: int = 3
) -> tuple[Execution, list[fx.Effect]]:
    e = offered(document, version=7, rules=Rules("rerun" if rerun else "fail", most))
    return e, happen(e, ev.Resume(record, rebooted))


def test_the_record_names_the_execution_it_is_about() -> None:
    e = running()
    assert key_of(written(e)) == e.key
    assert key_of({}) is None
    assert key_of(cast("Snapshot", {"job": 7})) is None


def test_a_report_that_may_have_been_sent_is_sent_again_and_nothing_is_run() -> None:
    before = reporting(result=ended(1, err="bad\n"))
    e, effects = resumed(written(before))
    (report,) = sends(effects)
    assert (report.status, report.details) == ("FAILED", {"reason": "Exited with status: 1", "stderr": "bad\n"})
    assert not runs(effects)
    assert outcomes(happen(e, ev.Gone("FAILED"))) == [REPORTED]


def test_a_claim_comes_before_the_interrupted_step_runs_again() -> None:
    e, effects = resumed(written(running()))
    assert [send.status for send in sends(effects)] == ["IN_PROGRESS"]
    assert not runs(effects)
    (run,) = runs(happen(e, ev.Accepted()))
    assert (run.index, run.attempt, run.rebooted) == (0, 2, False)


def test_steps_that_were_done_are_not_run_again_and_their_output_is_kept() -> None:
    before = running(STEPS)
    happen(before, ended(0, out="one\n"))
    e, _ = resumed(written(before), STEPS)
    (run,) = runs(happen(e, ev.Accepted()))
    assert (run.index, run.attempt) == (1, 2)
    for _ in range(2):
        happen(e, ended(0, out="more\n"))
    (report,) = sends(happen(e, ended(0, out="last\n")))
    assert report.details["stdout"] == "one\nmore\nmore\nlast\n"


def test_a_stop_between_steps_goes_on_with_the_next_step_as_its_first_attempt() -> None:
    before = running(STEPS)
    happen(before, ev.Stop())
    effects = happen(before, ended())
    assert has(effects, fx.Persist)
    e, _ = resumed(written(before), STEPS)
    (run,) = runs(happen(e, ev.Accepted()))
    assert (run.index, run.attempt) == (1, 1)


@pytest.mark.parametrize(
    ("words", "down"),
    [
        ("reboot", True),
        ("/sbin/reboot,-f", True),
        ("sudo,-n,reboot", True),
        ("busybox,reboot", True),
        ("poweroff", True),
        ("halt,-p", True),
        ("shutdown,-r,now", True),
        ("shutdown,-h,+1", True),
        ("shutdown,-c", False),
        ("systemctl,--no-wall,poweroff", True),
        ("systemctl,restart,reboot.service", False),
        ("init,6", True),
        ("telinit,3", False),
        ("sudo", False),
        ("echo,reboot", False),
        ("my-reboot", False),
    ],
)
def test_a_step_that_took_the_board_down_is_done_when_the_board_is_back(words: str, down: bool) -> None:
    document = parse({"version": "1.0", "steps": [command(words)], "finalStep": command("after")})
    before = running(document)
    e, effects = resumed(written(before), document, rebooted=True)
    assert (e.step, e.attempt) == ((1, 1) if down else (0, 2)), words
    assert sends(effects)[0].status == "IN_PROGRESS"


def test_attempts_have_a_bound() -> None:
    record = written(running())
    for attempt in (2, 3):
        e, _ = resumed(record, most=3)
        assert e.attempt == attempt
        happen(e, ev.Accepted())
        record = written(e)
    _, effects = resumed(record, most=3)
    (report,) = sends(effects)
    assert report.status == "FAILED"
    assert report.details["reason"].startswith("Interrupted by restart 3 times")


def test_by_configuration_an_interrupted_step_is_failed_instead() -> None:
    _, effects = resumed(written(running()), rerun=False)
    (report,) = sends(effects)
    assert (report.status, report.details) == ("FAILED", {"reason": "Interrupted by restart"})


def test_a_step_that_is_a_reboot_is_done_when_the_board_was_rebooted() -> None:
    e, effects = resumed(written(running(REBOOT)), REBOOT, rebooted=True)
    assert [send.status for send in sends(effects)] == ["IN_PROGRESS"]
    (run,) = runs(happen(e, ev.Accepted()))
    assert (run.index, run.attempt) == (1, 1)


def test_a_step_that_is_a_reboot_runs_again_when_the_board_was_not_rebooted() -> None:
    e, _ = resumed(written(running(REBOOT)), REBOOT, rebooted=False)
    (run,) = runs(happen(e, ev.Accepted()))
    assert (run.index, run.attempt) == (0, 2)


def test_a_reboot_is_told_to_later_attempts_too() -> None:
    """The agent may have ended after it wrote the second attempt down, and before the handler was started."""
    e, _ = resumed(written(running()), rebooted=True)
    happen(e, ev.Accepted())
    e, _ = resumed(written(e), rebooted=False)
    (run,) = runs(happen(e, ev.Accepted()))
    assert (run.attempt, run.rebooted) == (3, True)


def test_a_reboot_in_one_step_is_nothing_to_the_next() -> None:
    e, _ = resumed(written(running(STEPS)), STEPS, rebooted=True)
    happen(e, ev.Accepted())
    (run,) = runs(happen(e, ended(0)))
    assert (run.index, run.rebooted) == (1, False)
    e, _ = resumed(written(e), STEPS)
    (run,) = runs(happen(e, ev.Accepted()))
    assert (run.index, run.attempt, run.rebooted) == (1, 2, False)


def test_another_step_is_told_that_the_board_was_rebooted() -> None:
    e, _ = resumed(written(running()), rebooted=True)
    (run,) = runs(happen(e, ev.Accepted()))
    assert (run.attempt, run.rebooted) == (2, True)


def test_a_document_that_shrank_meanwhile_is_a_failure() -> None:
    before = running(STEPS)
    happen(before, ended())
    _, effects = resumed(written(before), OPERATION)
    assert [send.status for send in sends(effects)] == ["FAILED"]


@pytest.mark.parametrize("value", [None, -1, 1.5, "x", [], {}, 10**6])
@pytest.mark.parametrize("key", ["step", "attempt", "status", "details", "stdout", "stderr", "running"])
def test_a_record_with_a_value_of_any_kind_is_survived(key: str, value: object) -> None:
    e, effects = resumed(cast("Snapshot", {**written(running()), key: value}))
    assert e.state in (CLAIMING, REPORTING)
    assert len(sends(effects)) == 1

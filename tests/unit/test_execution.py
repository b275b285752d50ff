# SPDX-FileCopyrightText: The aws-iot-device-client authors
# SPDX-License-Identifier: Apache-2.0
"""The life of one execution, story by story."""

from __future__ import annotations

import pytest

from dc.jobs.core import effects as fx
from dc.jobs.core import events as ev
from dc.jobs.core.events import NoTransition
from dc.jobs.core.execution import Execution
from dc.jobs.core.key import DROPPED, INTERRUPTED, REPORTED, STUCK
from dc.jobs.core.outcome import StepResult
from dc.jobs.core.state import ENDED, OFFERED, RUNNING, STOPPING
from tests.fakes.executions import (
    OPERATION,
    STEPS,
    claiming,
    ended,
    happen,
    has,
    notes,
    offered,
    outcomes,
    reporting,
    running,
    runs,
    sends,
)


def begun_before() -> Execution:
    """Claimed anew after a restart in the midst of its first step."""
    e = offered()
    happen(e, ev.Resume(running().snapshot(), rebooted=False))
    return e


def only_send(effects: list[fx.Effect]) -> fx.Send:
    (found,) = sends(effects)
    return found


def step(e: Execution, result: StepResult) -> list[fx.Effect]:
    return happen(e, result)


def test_nothing_runs_before_in_progress_is_accepted() -> None:
    e = offered(version=4)
    effects = happen(e, ev.Begin())
    claim = only_send(effects)
    assert (claim.status, claim.details, claim.version) == ("IN_PROGRESS", {}, 4)
    assert not runs(effects)
    effects = happen(e, ev.Accepted())
    (run,) = runs(effects)
    assert (run.index, run.attempt, run.action) == (0, 1, OPERATION.steps[0])
    assert e.update.version == 5


def test_the_run_is_written_down_before_it_begins() -> None:
    effects = happen(claiming(), ev.Accepted())
    kinds = [type(effect) for effect in effects]
    assert kinds.index(fx.Prepare) < kinds.index(fx.Run)


def test_a_success_is_reported_with_the_version_after_the_claim() -> None:
    e = running(version=4)
    report = only_send(step(e, ended(0, out="hi\n")))
    assert (report.status, report.version) == ("SUCCEEDED", 5)
    assert report.details == {"reason": "Exited with status: 0"}  # stdout was not asked for
    effects = happen(e, ev.Accepted())
    assert (e.state, outcomes(effects)) == (ENDED, [REPORTED])


def test_a_failure_is_reported_as_on_the_seed_page() -> None:
    text = "mv: cannot stat '/sbin/reboot-invalid': No such file or directory\n"
    report = only_send(step(running(), ended(1, err=text)))
    assert (report.status, report.details) == ("FAILED", {"reason": "Exited with status: 1", "stderr": text})


def test_stderr_beyond_what_is_allowed_fails_a_step_that_exits_with_0() -> None:
    report = only_send(step(running(), ended(0, err="one\n")))
    assert report.status == "FAILED"
    assert "1 lines on stderr where allowStdErr is 0" in report.details["reason"]


def test_a_step_that_a_signal_ended_has_failed() -> None:
    report = only_send(step(running(), ended(signal=9)))
    assert (report.status, report.details["reason"]) == ("FAILED", "Killed by signal: 9")


def test_a_step_that_can_not_start_has_failed() -> None:
    report = only_send(step(running(), ended(error="Cannot start x: not found")))
    assert (report.status, report.details) == ("FAILED", {"reason": "Cannot start x: not found"})


def test_steps_run_in_order_one_at_a_time_and_the_last_one_decides() -> None:
    e = running(STEPS)
    order = [0]
    for _ in range(3):
        effects = step(e, ended(0, out="x\n"))
        assert not sends(effects)
        order += [run.index for run in runs(effects)]
    report = only_send(step(e, ended(0, out="y\n")))
    assert order == [0, 1, 2, 3]
    assert (report.status, report.details["stdout"]) == ("SUCCEEDED", "x\nx\nx\ny\n")


def test_a_failed_step_names_itself_and_nothing_after_it_runs() -> None:
    e = running(STEPS)
    effects = step(e, ended(3))
    report = only_send(effects)
    assert (report.status, report.details) == ("FAILED", {"reason": "Exited with status: 3", "step": "one"})
    assert not runs(effects)


def test_a_step_whose_failure_is_to_be_ignored_is_followed_by_the_next() -> None:
    e = running(STEPS)
    step(e, ended())
    effects = step(e, ended(3, err="bad\n"))
    assert [run.index for run in runs(effects)] == [2]
    assert any("failed and is ignored" in text for text in notes(effects))


def test_a_document_that_can_not_work_is_rejected_and_never_run() -> None:
    e = offered()
    report = only_send(happen(e, ev.Refuse("Invalid job document: $.operation: must be a string")))
    assert (report.status, list(report.details)) == ("REJECTED", ["reason"])
    assert outcomes(happen(e, ev.Accepted())) == [REPORTED]


def test_silence_is_answered_by_sending_again_under_a_new_name_and_waiting_longer() -> None:
    e = reporting()
    serials, waits = [e.update.serial], []
    for _ in range(5):
        effects = happen(e, ev.Retry())
        serials.append(only_send(effects).serial)
        waits += [effect.seconds for effect in effects if isinstance(effect, fx.Arm)]
    assert serials == sorted(set(serials))
    assert waits == [20.0, 40.0, 64.0, 64.0, 64.0]


def test_a_busy_cloud_gets_growing_random_pauses() -> None:
    e = reporting()
    pauses = []
    for _ in range(8):
        (arm,) = [effect for effect in happen(e, ev.Busy()) if isinstance(effect, fx.Arm)]
        assert arm.jitter
        pauses.append(arm.seconds)
        happen(e, ev.Retry())
    assert pauses == [2.0, 4.0, 8.0, 16.0, 32.0, 64.0, 64.0, 64.0]


def test_offline_nothing_is_sent_and_online_it_is_sent_at_once() -> None:
    e = running()
    happen(e, ev.Offline())
    assert not sends(step(e, ended()))
    assert only_send(happen(e, ev.Online())).status == "SUCCEEDED"


def test_after_a_reconnect_a_running_execution_asks_whether_it_is_still_wanted() -> None:
    e = running()
    happen(e, ev.Offline())
    assert only_send(happen(e, ev.Online())).status == "IN_PROGRESS"
    effects = happen(e, ev.Gone("CANCELED"))
    assert e.state == STOPPING
    assert has(effects, fx.Kill)
    effects = step(e, ended(signal=15))
    assert (outcomes(effects), sends(effects)) == ([DROPPED], [])


def test_another_execution_at_the_front_of_the_queue_leads_to_one_question() -> None:
    e = running()
    assert only_send(happen(e, ev.Doubt())).status == "IN_PROGRESS"
    assert not sends(happen(e, ev.Doubt()))
    assert not sends(happen(e, ev.Accepted()))
    assert e.state == RUNNING


def test_a_version_mismatch_after_a_lost_answer_is_our_own_doing() -> None:
    e = reporting(version=4)
    happen(e, ev.Retry())
    again = only_send(happen(e, ev.Stale(6)))
    assert (again.status, again.version) == ("FAILED", 6)


def test_a_version_mismatch_out_of_the_blue_is_looked_into_first() -> None:
    e = reporting(version=4)
    effects = happen(e, ev.Stale(9))
    assert has(effects, fx.AskNext)
    assert not sends(effects)
    assert only_send(happen(e, ev.Redelivered(9))).version == 9


def test_an_execution_that_somebody_else_ended_is_dropped() -> None:
    e = reporting(version=4)
    happen(e, ev.Stale(9))
    assert outcomes(happen(e, ev.Absent())) == [STUCK]


def test_a_claim_that_is_not_ours_to_make_may_be_made_later_but_not_what_was_begun() -> None:
    for e, outcome in ((claiming(), DROPPED), (begun_before(), STUCK)):
        happen(e, ev.Stale(9))
        assert outcomes(happen(e, ev.Absent())) == [outcome]


def test_a_report_that_counted_but_whose_answer_was_lost_is_reported() -> None:
    e = reporting()
    happen(e, ev.Retry())
    assert outcomes(happen(e, ev.Gone("FAILED"))) == [REPORTED]


@pytest.mark.parametrize("status", ["", "CANCELED", "TIMED_OUT", "SUCCEEDED"])
def test_a_report_about_an_execution_the_cloud_ended_is_dropped(status: str) -> None:
    assert outcomes(happen(reporting(), ev.Gone(status))) == [DROPPED]


def test_details_that_are_refused_are_sent_flat_then_not_at_all() -> None:
    e = reporting(result=ended(1, err="a\nb\n"))
    assert only_send(happen(e, ev.Unfit("m"))).details == {"reason": "Exited with status: 1", "stderr": "a b "}
    last = only_send(happen(e, ev.Unfit("m")))
    assert (last.status, last.details) == ("FAILED", {})
    assert outcomes(happen(e, ev.Unfit("m"))) == [STUCK]


def test_an_overdue_step_is_killed_and_reported_failed_with_what_it_printed() -> None:
    e = running()
    assert has(happen(e, ev.Overdue("Timed out: 9 s")), fx.Kill)
    report = only_send(step(e, ended(signal=15, err="half\n")))
    assert (report.status, report.details) == ("FAILED", {"reason": "Timed out: 9 s", "stderr": "half\n"})


def test_a_cancel_while_an_overdue_step_dies_leaves_nothing_to_report() -> None:
    e = running()
    happen(e, ev.Overdue("Timed out: 9 s"))
    happen(e, ev.Gone("CANCELED"))
    effects = step(e, ended(signal=15))
    assert (outcomes(effects), sends(effects)) == ([DROPPED], [])


def test_a_step_timeout_is_armed_with_the_step_and_disarmed_with_its_end() -> None:
    e = claiming(STEPS)
    armed = [effect for effect in happen(e, ev.Accepted()) if isinstance(effect, fx.Arm)]
    assert [(arm.timer, arm.seconds) for arm in armed] == [(fx.STEP_TIMER, 5)]
    effects = step(e, ended())
    assert [effect.timer for effect in effects if isinstance(effect, fx.Disarm)] == [fx.STEP_TIMER]
    assert not [effect for effect in effects if isinstance(effect, fx.Arm)]


def test_a_stop_lets_the_step_end_and_its_failure_is_its_own() -> None:
    e = running()
    assert happen(e, ev.Stop()) == []
    assert only_send(step(e, ended(1))).status == "FAILED"


def test_a_stop_between_steps_leaves_the_rest_for_the_next_start() -> None:
    e = running(STEPS)
    happen(e, ev.Stop())
    effects = step(e, ended())
    assert (runs(effects), sends(effects), outcomes(effects)) == ([], [], [INTERRUPTED])
    assert has(effects, fx.Persist)


def test_a_step_that_the_shutdown_killed_is_interrupted_and_not_failed() -> None:
    e = running()
    happen(e, ev.Stop())
    effects = step(e, ended(signal=15))
    assert (sends(effects), outcomes(effects)) == ([], [INTERRUPTED])


def test_a_step_that_outlives_the_grace_is_killed_and_stays_in_progress_in_the_cloud() -> None:
    e = running()
    happen(e, ev.Stop())
    assert has(happen(e, ev.CutOff()), fx.Kill)
    effects = step(e, ended(signal=9))
    assert (sends(effects), outcomes(effects)) == ([], [INTERRUPTED])


def test_a_claim_that_is_not_answered_yet_is_given_up_at_a_stop() -> None:
    assert outcomes(happen(claiming(), ev.Stop())) == [INTERRUPTED]


@pytest.mark.parametrize("status", ["CANCELED", ""])
def test_a_claim_that_comes_too_late_runs_nothing(status: str) -> None:
    effects = happen(claiming(), ev.Gone(status))
    assert (runs(effects), outcomes(effects)) == ([], [DROPPED])
    assert status in notes(effects)[0] if status else "deleted" in notes(effects)[0]


def test_an_event_that_can_not_be_is_an_error_and_changes_nothing() -> None:
    e = offered()
    with pytest.raises(NoTransition, match="event Accepted came in state OFFERED"):
        happen(e, ev.Accepted())
    assert (e.state, e.update.serial, e.update.version) == (OFFERED, 0, 1)

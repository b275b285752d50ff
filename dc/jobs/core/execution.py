# SPDX-FileCopyrightText: The aws-iot-device-client authors
# SPDX-License-Identifier: Apache-2.0
"""The life of one job execution, as a table. Pure: no clock, no file, no socket, no randomness.

Everything that decides what becomes of an execution lives here and in `update.py`: `Execution.handle(event)` answers with
effects, which the worker performs in order. There are two machines, each with its table. The life, below, goes from the offer over the claim and the steps to the
report. The update under way is the other one: it is sent, answered, lost, sent again, in whatever state the life is. An
event that concerns the update goes through that table first, and its row there says what the life learns of it: that
the claim was accepted, say, or that the cloud has ended the execution. The life in turn asks for an update by `_say`.

A pair of state and event that a table lacks is the error `NoTransition`.
"""

from __future__ import annotations

from dc.jobs.core import details, update
from dc.jobs.core import effects as fx
from dc.jobs.core import events as ev
from dc.jobs.core.key import DROPPED, INTERRUPTED, REPORTED, STUCK
from dc.jobs.core.outcome import StepResult, asks_for_reboot, judge
from dc.jobs.core.snapshot import EARLIER
from dc.jobs.core.state import CLAIMING, ENDED, FIRST_BEGUN, OFFERED, REPORTING, RUNNING, STOPPING, State

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from dc.jobs.core.document import Action
    from dc.jobs.core.snapshot import Snapshot

    Next = tuple[str, list[fx.Effect]]

INTERRUPTED_REASON = "Interrupted by restart"
FAIL = "fail"  # jobs.on-interrupted: what a restart interrupted is not run again


class Execution(State):
    """One execution, from the offer to its end: what is known, and what becomes of it."""

    __slots__ = ()

    def handle(self, event: ev.Event) -> list[fx.Effect]:
        """What to do now, in order. Raises `NoTransition`, and leaves the execution as it was."""
        kind = type(event)
        of_update = kind in update.EVENTS
        row = update.TABLE.get((self.update.state, kind))
        learnt: type[Any] | None = row[2] if row else kind
        if (of_update and row is None) or (learnt is not None and (self.state, learnt) not in TABLE):
            raise ev.NoTransition(f"event {kind.__name__} came in state {self.state}, update {self.update.state}")
        effects = self.update.handle(event, self.content) if of_update else []
        if learnt is None:
            return effects
        act, targets = TABLE[self.state, learnt]
        state, more = act(self, event if learnt is kind else learnt())
        if state not in targets:
            raise ev.NoTransition(f"event {kind.__name__} led from {self.state} to {state}, against the table")
        self.state = state
        # What the update leaves to do is to stop its timer: needless at the end, and if the timer was armed anew.
        return more if state == ENDED or self.update.state in (update.SENT, update.PAUSED) else more + effects

    def position(self) -> str:
        """How far it is, for a restart that finds no journal: steps and attempts count from 1."""
        return f"step {self.step + 1} attempt {self.attempt} boot {EARLIER if self.rebooted else self.boot}"

    def content(self) -> fx.Send | None:
        """The update that this state calls for; None: nothing is to be said."""
        if self.state == REPORTING:
            return fx.Send(self.status, details.reduced(self.details, self.stage))
        if self.state in (CLAIMING, RUNNING):
            return fx.Send(details.IN_PROGRESS, self.progress, self.position() if self.stage != details.BARE else "")
        return None

    def snapshot(self) -> Snapshot:
        """For the journal. The document is left out: the cloud sends it again, with presigned URLs that are fresh."""
        decided = self.state == REPORTING
        return {
            "job": self.job_id,
            "number": self.number,
            "queued": self.key[2],
            "version": self.update.version,
            "running": self.state in (RUNNING, STOPPING),
            "step": self.step,
            "attempt": self.attempt,
            "rebooted": self.rebooted,
            "status": self.status if decided else "",
            "details": self.details,
            "stdout": ""
            if decided or not self.stdout.total
            else details.output(self.stdout),  # else it is in the details
            "stderr": "" if decided or not self.stderr.total else details.output(self.stderr),
            "boot": self.boot,
        }


def _say(e: Execution, state: str) -> Next:
    """Go to `state`, and send what it calls for."""
    e.state = state
    return state, e.update.handle(ev.Say(), e.content)


def _probe(e: Execution) -> list[fx.Effect]:
    """Ask by an IN_PROGRESS update whether the execution is still wanted: there is no "cancelled" message."""
    return e.update.handle(ev.Probe(), e.content)


def _end(e: Execution, outcome: str, *notes: fx.Effect) -> Next:
    """Lay the execution aside."""
    e.outcome = outcome
    return ENDED, [*notes, fx.ENDS[outcome]]


def _decide(e: Execution, status: str, pairs: dict[str, str]) -> Next:
    """The terminal status is settled: write it down, then report it."""
    e.status = status
    e.details = pairs
    e.stage = details.AS_IS
    e.update.retries = 0
    state, effects = _say(e, REPORTING)
    return state, [fx.Persist(), *effects]


def _after(effects: list[fx.Effect], rest: Next) -> Next:
    return rest[0], effects + rest[1]


def _ignore(e: Execution, _: ev.Event) -> Next:
    return e.state, []


# --- from the offer to the first step


def _claim(e: Execution, _: ev.Begin) -> Next:
    return _say(e, CLAIMING)


def _refuse(e: Execution, event: ev.Refuse) -> Next:
    return _decide(e, details.REJECTED, details.pairs(event.reason))


def _resume(e: Execution, event: ev.Resume) -> Next:
    e.restore(event.snapshot)
    if e.status:  # decided before the restart; whether it was reported is unknown
        e.update.unanswered = True
        return _say(e, REPORTING)
    if e.step >= len(e.actions):
        reason = f"{INTERRUPTED_REASON}, and the job document no longer has that step"
        return _decide(e, details.FAILED, details.pairs(reason))
    if not event.snapshot.get("running"):
        return _say(e, CLAIMING)
    action = e.actions[e.step]
    e.rebooted = e.rebooted or event.rebooted
    if e.rebooted and asks_for_reboot(action):
        return _after([fx.Note("INFO", f'step "{action.name}" rebooted the board: done')], _next_step(e, "Rebooted"))
    if e.rules.jobs_on_interrupted == FAIL:
        return _decide(e, details.FAILED, _details(e, INTERRUPTED_REASON))
    if e.attempt >= e.rules.jobs_max_attempts:
        reason = f"{INTERRUPTED_REASON} {e.attempt} times; jobs.max-attempts allows no further attempt"
        return _decide(e, details.FAILED, _details(e, reason))
    e.attempt += 1
    return _after([fx.Note("INFO", f'step "{action.name}" was interrupted: attempt {e.attempt}')], _say(e, CLAIMING))


def _claimed(e: Execution, _: ev.Accepted) -> Next:
    return RUNNING, [fx.Prepare()]


def _claim_unfit(e: Execution, event: ev.Unfit) -> Next:
    if e.stage != details.BARE:  # its details may be what the cloud does not take
        e.stage = details.BARE
        return _say(e, CLAIMING)
    return _end(
        e, STUCK, fx.Note("ERROR", f"the cloud refuses details.IN_PROGRESS for this execution: {event.message}")
    )


def _claim_gone(e: Execution, event: ev.Gone) -> Next:
    text = f"the execution is no longer pending ({event.status or 'deleted'}); not started"
    return _end(e, DROPPED, fx.Note("INFO", text))


def _interrupt(e: Execution, _: ev.Stop) -> Next:
    return _end(e, INTERRUPTED)


def _disowned(e: Execution, _: ev.Disowned) -> Next:
    # start-next may name it again later: what was never started can be begun anew then.
    outcome = DROPPED if not e.status and (e.step, e.attempt) == (0, 1) else STUCK
    return _end(e, outcome, fx.Note("WARN", "the cloud no longer counts this execution as pending; dropped"))


# --- steps


def _start(e: Execution, _: ev.Kept) -> Next:
    return _run(e, asks_for_reboot)


def _start_unkept(e: Execution, _: ev.Unkept) -> Next:
    return _run(e, lambda action: True)


def _run(e: Execution, announced: Callable[[Action], bool]) -> Next:
    """`announced`: whether the cloud must know of the step before it starts, since the journal may be gone later."""
    action = e.actions[e.step]
    effects: list[fx.Effect] = []
    if not e.started:
        e.started = True
        # Another agent may have had it, and left its handler running, unless this claim was the first that ever counted.
        effects += [] if e.update.version == FIRST_BEGUN else [fx.EndStrays()]
        effects += _job_deadline(e)
    if e.update.resume != e.position() and announced(action):
        effects += _show(e, {})
    effects.append(fx.Run(action, e.step, e.attempt, e.rebooted))
    if action.timeout:
        why = f"Timed out: the step's timeout of {action.timeout:g} s is over"
        effects.append(fx.Arm(fx.STEP_TIMER, action.timeout, ev.Overdue(why)))
    return RUNNING, effects


def _job_deadline(e: Execution) -> list[fx.Effect]:
    """The end of all steps together: the configuration's or AWS's own, whichever comes first."""
    seconds: float = e.rules.jobs_max_run_seconds
    why = f"jobs.max-run-seconds of {seconds:g} s is over"
    left = e.seconds_left
    if left and (not seconds or left < seconds):
        seconds, why = left, "the time that AWS IoT gave the execution is over"
    return [fx.Arm(fx.JOB_TIMER, seconds, ev.Overdue(f"Timed out: {why}"))] if seconds else []


def _show(e: Execution, pairs: dict[str, str]) -> list[fx.Effect]:
    known = {details.PROGRESS: f"step {e.step + 1} of {len(e.actions)}", details.STEP: e.actions[e.step].name}
    e.progress = details.pairs("", extra={**known, **pairs})
    return _probe(e)


def _step_ended(e: Execution, event: StepResult) -> Next:
    action = e.actions[e.step]
    e.collect(event)
    good, reason = judge(event, action)
    effects: list[fx.Effect] = [fx.NO_STEP_DEADLINE]
    if not good and e.stopping and event.signal is not None:
        # Whatever stops the agent (a reboot, say) usually stops its children too: not the handler's own failure.
        return _end(e, INTERRUPTED)
    if good or action.ignore_failure:
        if not good:
            effects.append(fx.Note("WARN", f'step "{action.name}" failed and is ignored: {reason}'))
        state, more = _next_step(e, reason)
    else:
        extra = {} if action.operation else {details.STEP: action.name}
        state, more = _decide(e, details.FAILED, _details(e, reason, extra))
        effects += fx.NO_DEADLINES
    return state, effects + more


def _next_step(e: Execution, reason: str) -> Next:
    """The step is done: on to the next one, or the end. A claim comes first where this process made none yet."""
    e.step += 1
    e.attempt = 1
    e.rebooted = False
    if e.step == len(e.actions):
        state, effects = _decide(e, details.SUCCEEDED, _details(e, reason))
        return state, [*fx.NO_DEADLINES, *effects]
    if e.state == OFFERED:
        return _say(e, CLAIMING)
    if e.stopping:
        return _end(e, INTERRUPTED, fx.Persist())
    return RUNNING, [fx.Prepare()]


def _details(e: Execution, reason: str, extra: dict[str, str] | None = None) -> dict[str, str]:
    include = e.document is not None and e.document.include_std_out
    stdout = details.output(e.stdout) if include and e.stdout.total else ""
    return details.pairs(reason, stdout, details.output(e.stderr) if e.stderr.total else "", extra)


def _doubt(e: Execution, _: ev.Doubt) -> Next:
    return RUNNING, _probe(e)


def _not_named(e: Execution, _: ev.Disowned) -> Next:
    """Perhaps cancelled: an update without a version finds out, after a pause, since the versions were at odds."""
    e.update.version = 0
    return RUNNING, e.update.handle(ev.Postpone(), e.content)


def _show_progress(e: Execution, event: ev.Progress) -> Next:
    return RUNNING, _show(e, event.pairs)


def _probe_unfit(e: Execution, event: ev.Unfit) -> Next:
    e.progress = {}  # what it shows may be the reason; that it runs is worth more
    return RUNNING, [fx.Note("WARN", f"the cloud refuses an details.IN_PROGRESS update: {event.message}")]


# --- ending a step before its time


def _kill(e: Execution, note: str) -> Next:
    note = f"{note}: stopping the handler"
    return STOPPING, [*fx.NO_DEADLINES, fx.Note("WARN", note), fx.Kill(e.stopping)]


def _cancelled(e: Execution, event: ev.Gone) -> Next:
    return _kill(e, f"the cloud has ended this execution ({event.status or 'deleted'})")


def _overdue(e: Execution, event: ev.Overdue) -> Next:
    e.status = details.FAILED
    e.details = {details.REASON: event.reason}
    return _kill(e, event.reason)


def _stop(e: Execution, _: ev.Stop) -> Next:
    e.stopping = True
    return e.state, []


def _cut_off(e: Execution, _: ev.CutOff) -> Next:
    e.stopping = True
    if e.rules.jobs_on_interrupted == FAIL:
        return _overdue(e, ev.Overdue(INTERRUPTED_REASON))
    return _kill(e, "the agent is ending")


def _stopped(e: Execution, event: StepResult) -> Next:
    e.collect(event)
    if e.status:
        return _decide(e, e.status, _details(e, e.details[details.REASON]))
    return _end(e, INTERRUPTED if e.stopping else DROPPED)


def _stopping_gone(e: Execution, _: ev.Gone) -> Next:
    e.status = ""
    e.stopping = False
    return STOPPING, []


# --- the terminal report


def _reported(e: Execution, _: ev.Accepted) -> Next:
    return _end(e, REPORTED)


def _report_gone(e: Execution, event: ev.Gone) -> Next:
    if event.status == e.status:  # an earlier send of the same report counted, only its answer was lost
        return _end(e, REPORTED)
    text = f"the cloud has already ended this execution ({event.status or 'deleted'}); {e.status} is not reported"
    return _end(e, DROPPED, fx.Note("WARN", text))


def _report_unfit(e: Execution, event: ev.Unfit) -> Next:
    if e.stage == details.BARE:
        return _end(e, STUCK, fx.Note("ERROR", f"the cloud refuses {e.status} even without details: {event.message}"))
    e.stage += 1
    note = fx.Note("WARN", f"the cloud refuses the details ({event.message}); sending them reduced")
    return _after([note], _say(e, REPORTING))


# Every pair of state and event that can happen: what is done, and where it may lead.
TABLE: dict[tuple[str, type], tuple[Callable[[Execution, Any], Next], tuple[str, ...]]] = {
    (OFFERED, ev.Begin): (_claim, (CLAIMING,)),
    (OFFERED, ev.Refuse): (_refuse, (REPORTING,)),
    (OFFERED, ev.Resume): (_resume, (CLAIMING, REPORTING)),
    (CLAIMING, ev.Accepted): (_claimed, (RUNNING,)),
    (CLAIMING, ev.Gone): (_claim_gone, (ENDED,)),
    (CLAIMING, ev.Unfit): (_claim_unfit, (CLAIMING, ENDED)),
    (CLAIMING, ev.Doubt): (_ignore, (CLAIMING,)),  # the claim's own answer says it
    (CLAIMING, ev.Disowned): (_disowned, (ENDED,)),
    (CLAIMING, ev.Stop): (_interrupt, (ENDED,)),
    (RUNNING, ev.Kept): (_start, (RUNNING,)),
    (RUNNING, ev.Unkept): (_start_unkept, (RUNNING,)),
    (RUNNING, StepResult): (_step_ended, (RUNNING, REPORTING, ENDED)),
    (RUNNING, ev.Accepted): (_ignore, (RUNNING,)),  # it is still wanted
    (RUNNING, ev.Gone): (_cancelled, (STOPPING,)),
    (RUNNING, ev.Unfit): (_probe_unfit, (RUNNING,)),
    (RUNNING, ev.Doubt): (_doubt, (RUNNING,)),
    (RUNNING, ev.Disowned): (_not_named, (RUNNING,)),
    (RUNNING, ev.Progress): (_show_progress, (RUNNING,)),
    (RUNNING, ev.Overdue): (_overdue, (STOPPING,)),
    (RUNNING, ev.Stop): (_stop, (RUNNING,)),
    (RUNNING, ev.CutOff): (_cut_off, (STOPPING,)),
    (STOPPING, StepResult): (_stopped, (REPORTING, ENDED)),
    (STOPPING, ev.Accepted): (_ignore, (STOPPING,)),  # an update that was under way
    (STOPPING, ev.Unfit): (_ignore, (STOPPING,)),
    (STOPPING, ev.Gone): (_stopping_gone, (STOPPING,)),
    (STOPPING, ev.Doubt): (_ignore, (STOPPING,)),  # the report's answer says it, or nothing is to be reported
    (STOPPING, ev.Disowned): (_ignore, (STOPPING,)),
    (STOPPING, ev.Stop): (_stop, (STOPPING,)),
    (REPORTING, ev.Accepted): (_reported, (ENDED,)),
    (REPORTING, ev.Gone): (_report_gone, (ENDED,)),
    (REPORTING, ev.Unfit): (_report_unfit, (REPORTING, ENDED)),
    (REPORTING, ev.Doubt): (_ignore, (REPORTING,)),  # the report's own answer says it
    (REPORTING, ev.Disowned): (_disowned, (ENDED,)),
    (REPORTING, ev.Stop): (_ignore, (REPORTING,)),  # it may still be answered before the agent ends
}

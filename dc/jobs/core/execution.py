# SPDX-FileCopyrightText: The aws-iot-device-client authors
# SPDX-License-Identifier: Apache-2.0
"""The life of one job execution, as a table. Pure: no clock, no file, no socket, no randomness.

Two rules. Everything that decides what becomes of an execution lives here, and nothing here knows how a message
travels or a process is started: `Execution.handle(event, argument)` answers with effects, which the shell
(`feature.py`) performs in order. A pair of state and event that `TABLE` lacks is the error `NoTransition`.
How an update travels and what its answers mean is the same in every state: `update.py`.
"""

from __future__ import annotations

from dc.jobs.core import events as fx
from dc.jobs.core import update
from dc.jobs.core.details import AS_IS, BARE, FAILED, REJECTED, SUCCEEDED, details, output
from dc.jobs.core.outcome import StepResult, asks_for_reboot, judge
from dc.jobs.core.state import CLAIMING, ENDED, OFFERED, REPORTING, RUNNING, STOPPING, ExecutionRecord

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable


class NoTransition(RuntimeError):
    """An event came in a state that the table does not pair with it: a defect of the agent, never of a message."""


class Execution(ExecutionRecord):
    """One execution, from the offer to its end: what is known, and what becomes of it."""

    __slots__ = ()

    def handle(self, event: str, argument: object = None) -> list[object]:
        """What to do now, in order. Raises `NoTransition`, and leaves the execution as it was."""
        rule = TABLE.get((self.state, event))
        if rule is None:
            raise NoTransition(f"event {event} came in state {self.state}")
        act, targets = rule
        state, effects = act(self, argument)
        if state not in targets:
            raise NoTransition(f"event {event} in state {self.state} led to {state}, which the table does not name")
        self.state = state
        return effects


# --- from the offer to the first step


def _claim(e: Execution, _: object) -> tuple[str, list[object]]:
    return CLAIMING, update.send(e)


def _resume(e: Execution, argument: object) -> tuple[str, list[object]]:
    assert isinstance(argument, fx.Resumption)
    record = argument.record
    e.restore(record)
    if e.status:  # decided before the restart; whether it was reported is unknown
        e.unanswered = True
        return REPORTING, update.send(e)
    if e.step >= len(e.actions()):
        return _decide(e, FAILED, details("Interrupted by restart, and the job document no longer has that step"))
    if not record.get("running"):
        return CLAIMING, update.send(e)
    action = e.actions()[e.step]
    e.rebooted = e.rebooted or argument.rebooted
    if e.rebooted and asks_for_reboot(action):
        return _after([fx.Note("INFO", f'step "{action.name}" rebooted the board: done')], _next_step(e, "Rebooted"))
    if not argument.rerun:
        return _decide(e, FAILED, _details(e, "Interrupted by restart"))
    if e.attempt >= argument.max_attempts:
        return _decide(e, FAILED, _details(e, f"Interrupted by restart {e.attempt} times, which is all it may be"))
    e.attempt += 1
    return CLAIMING, [fx.Note("INFO", f'step "{action.name}" was interrupted: attempt {e.attempt}'), *update.send(e)]


def _refuse(e: Execution, reason: object) -> tuple[str, list[object]]:
    return _decide(e, REJECTED, details(str(reason)))


def _claimed(e: Execution, _: object) -> tuple[str, list[object]]:
    return RUNNING, update.taken(e) + _run(e)


def _claim_unfit(e: Execution, message: object) -> tuple[str, list[object]]:
    if e.stage != BARE:  # its details may be what the cloud does not take
        e.stage = BARE
        update.answered(e)
        return e.state, update.send(e)
    return update.end(e, fx.STUCK, fx.Note("ERROR", f"the cloud refuses IN_PROGRESS for this execution: {message}"))


def _claim_gone(e: Execution, status: object) -> tuple[str, list[object]]:
    return update.end(
        e, fx.DROPPED, fx.Note("INFO", f"the execution is no longer pending ({status or 'deleted'}); not started")
    )


def _interrupt(e: Execution, _: object) -> tuple[str, list[object]]:
    return update.end(e, fx.INTERRUPTED)


# --- steps


def _run(e: Execution) -> list[object]:
    action = e.actions()[e.step]
    effects: list[object] = [fx.Persist(), fx.Run(action, e.step, e.attempt, e.rebooted)]
    if action.timeout:
        effects.append(fx.Arm(fx.STEP_TIMER, action.timeout))
    return effects


def _step_ended(e: Execution, argument: object) -> tuple[str, list[object]]:
    result = argument if isinstance(argument, StepResult) else StepResult(error="the step's result was lost")
    action = e.actions()[e.step]
    e.stdout.extend(result.stdout)
    e.stderr.extend(result.stderr)
    good, reason = judge(result, action)
    effects: list[object] = [fx.Disarm(fx.STEP_TIMER)]
    if not good and e.stopping and result.signal is not None:
        # Whatever stops the agent (a reboot, say) usually stops its children too: not the handler's own failure.
        return update.end(e, fx.INTERRUPTED, *effects)
    if not good and action.ignore_failure:
        effects.append(fx.Note("WARN", f'step "{action.name}" failed and is ignored: {reason}'))
    elif not good:
        extra = {} if action.operation else {"step": action.name}
        return _after(effects, _decide(e, FAILED, _details(e, reason, extra)))
    return _after(effects, _next_step(e, reason))


def _next_step(e: Execution, reason: str) -> tuple[str, list[object]]:
    """The step is done: on to the next one, or the end. A claim comes first where this process made none yet."""
    e.step += 1
    e.attempt = 1
    e.rebooted = False
    if e.step == len(e.actions()):
        return _decide(e, SUCCEEDED, _details(e, reason))
    if e.state == OFFERED:
        return CLAIMING, update.send(e)
    if e.stopping:
        return update.end(e, fx.INTERRUPTED, fx.Persist())
    return RUNNING, _run(e)


def _details(e: Execution, reason: str, extra: dict[str, str] | None = None) -> dict[str, str]:
    include = e.document is not None and e.document.include_std_out
    return details(reason, output(e.stdout) if include else "", output(e.stderr), extra)


def _after(effects: list[object], rest: tuple[str, list[object]]) -> tuple[str, list[object]]:
    return rest[0], effects + rest[1]


def _probe(e: Execution, _: object) -> tuple[str, list[object]]:
    """Ask by an IN_PROGRESS update whether the execution is still wanted: there is no "cancelled" message."""
    return e.state, [] if e.awaiting else update.send(e)


def _not_named(e: Execution, _: object) -> tuple[str, list[object]]:
    """start-next names another: cancelled? An update without a version asks, after a pause if versions were at odds."""
    if not e.resyncing:
        return _probe(e, None)
    e.resyncing = False
    e.version = 0
    return update.pause(e, None)


def _show_progress(e: Execution, pairs: object) -> tuple[str, list[object]]:
    """Now and then, and never in the way of another update."""
    if isinstance(pairs, dict):
        e.progress = details("", extra={"progress": f"step {e.step + 1} of {len(e.actions())}", **pairs})
    return e.state, [] if e.awaiting else update.send(e)


def _still_wanted(e: Execution, _: object) -> tuple[str, list[object]]:
    return e.state, update.taken(e)


def _probe_unfit(e: Execution, message: object) -> tuple[str, list[object]]:
    e.progress = {}  # what it shows may be the reason; that it runs is worth more
    return e.state, [*update.answered(e), fx.Note("WARN", f"the cloud refuses an IN_PROGRESS update: {message}")]


def _cancelled(e: Execution, status: object) -> tuple[str, list[object]]:
    text = f"the cloud has ended this execution ({status or 'deleted'}): stopping the handler"
    return STOPPING, [*update.answered(e), fx.Disarm(fx.STEP_TIMER), fx.Note("WARN", text), fx.Kill()]


def _overdue(e: Execution, reason: object) -> tuple[str, list[object]]:
    e.status = FAILED
    e.details = {"reason": str(reason)}
    return STOPPING, [fx.Disarm(fx.STEP_TIMER), fx.Note("WARN", f"{reason}: stopping the handler"), fx.Kill()]


def _stop(e: Execution, _: object) -> tuple[str, list[object]]:
    e.stopping = True
    return e.state, []


def _cut_off(e: Execution, _: object) -> tuple[str, list[object]]:
    e.stopping = True
    return STOPPING, [fx.Disarm(fx.STEP_TIMER), fx.Note("WARN", "the agent is ending: stopping the handler"), fx.Kill()]


def _stopped(e: Execution, argument: object) -> tuple[str, list[object]]:
    if isinstance(argument, StepResult):
        e.stdout.extend(argument.stdout)
        e.stderr.extend(argument.stderr)
    if e.status:
        return _decide(e, e.status, _details(e, e.details["reason"]))
    return update.end(e, fx.INTERRUPTED if e.stopping else fx.DROPPED)


def _stopping_online(e: Execution, _: object) -> tuple[str, list[object]]:
    e.online = True
    return e.state, []


def _stopping_redelivered(e: Execution, version: object) -> tuple[str, list[object]]:
    e.resyncing = False
    return update.redelivered(e, version)


def _stopping_gone(e: Execution, _: object) -> tuple[str, list[object]]:
    e.status = ""
    e.stopping = False
    return e.state, update.answered(e)


# --- the terminal report


def _decide(e: Execution, status: str, pairs: dict[str, str]) -> tuple[str, list[object]]:
    e.status = status
    e.details = pairs
    e.stage = AS_IS
    e.retries = 0
    return REPORTING, [fx.Persist(), *update.send(e)]


def _reported(e: Execution, _: object) -> tuple[str, list[object]]:
    update.taken(e)
    return update.end(e, fx.REPORTED)


def _report_gone(e: Execution, status: object) -> tuple[str, list[object]]:
    if status == e.status:  # an earlier send of the same report counted, only its answer was lost
        return update.end(e, fx.REPORTED)
    text = f"the cloud has already ended this execution ({status or 'deleted'}); {e.status} is not reported"
    return update.end(e, fx.DROPPED, fx.Note("WARN", text))


def _report_unfit(e: Execution, message: object) -> tuple[str, list[object]]:
    update.answered(e)
    if e.stage == BARE:
        return update.end(
            e, fx.STUCK, fx.Note("ERROR", f"the cloud refuses {e.status} even without details: {message}")
        )
    e.stage += 1
    return e.state, [
        fx.Note("WARN", f"the cloud refuses the details ({message}); sending them reduced"),
        *update.send(e),
    ]


# Every pair of state and event that can happen: what is done, and where it may lead.
TABLE: dict[tuple[str, str], tuple[Callable[[Execution, object], tuple[str, list[object]]], tuple[str, ...]]] = {
    (OFFERED, fx.BEGIN): (_claim, (CLAIMING,)),
    (OFFERED, fx.REFUSE): (_refuse, (REPORTING,)),
    (OFFERED, fx.RESUME): (_resume, (CLAIMING, REPORTING)),
    (CLAIMING, fx.ACCEPTED): (_claimed, (RUNNING,)),
    (CLAIMING, fx.GONE): (_claim_gone, (ENDED,)),
    (CLAIMING, fx.STALE): (update.stale, (CLAIMING,)),
    (CLAIMING, fx.UNFIT): (_claim_unfit, (CLAIMING, ENDED)),
    (CLAIMING, fx.BUSY): (update.pause, (CLAIMING,)),
    (CLAIMING, fx.RETRY): (update.resend, (CLAIMING,)),
    (CLAIMING, fx.ONLINE): (update.online, (CLAIMING,)),
    (CLAIMING, fx.OFFLINE): (update.offline, (CLAIMING,)),
    (CLAIMING, fx.DOUBT): (update.ignore, (CLAIMING,)),  # the claim's own answer will tell
    (CLAIMING, fx.STOP): (_interrupt, (ENDED,)),
    (CLAIMING, fx.CUT_OFF): (_interrupt, (ENDED,)),
    (CLAIMING, fx.REDELIVERED): (update.redelivered, (CLAIMING,)),
    (CLAIMING, fx.ABSENT): (update.absent, (CLAIMING, ENDED)),
    (RUNNING, fx.STEP_ENDED): (_step_ended, (RUNNING, REPORTING, ENDED)),
    (RUNNING, fx.ACCEPTED): (_still_wanted, (RUNNING,)),
    (RUNNING, fx.GONE): (_cancelled, (STOPPING,)),
    (RUNNING, fx.STALE): (update.stale, (RUNNING,)),
    (RUNNING, fx.UNFIT): (_probe_unfit, (RUNNING,)),
    (RUNNING, fx.BUSY): (update.pause, (RUNNING,)),
    (RUNNING, fx.RETRY): (update.resend, (RUNNING,)),
    (RUNNING, fx.ONLINE): (update.online, (RUNNING,)),
    (RUNNING, fx.OFFLINE): (update.offline, (RUNNING,)),
    (RUNNING, fx.DOUBT): (_probe, (RUNNING,)),
    (RUNNING, fx.PROGRESS): (_show_progress, (RUNNING,)),
    (RUNNING, fx.OVERDUE): (_overdue, (STOPPING,)),
    (RUNNING, fx.STOP): (_stop, (RUNNING,)),
    (RUNNING, fx.CUT_OFF): (_cut_off, (STOPPING,)),
    (RUNNING, fx.REDELIVERED): (update.redelivered, (RUNNING,)),
    (RUNNING, fx.ABSENT): (_not_named, (RUNNING,)),
    (STOPPING, fx.STEP_ENDED): (_stopped, (REPORTING, ENDED)),
    (STOPPING, fx.ACCEPTED): (_still_wanted, (STOPPING,)),
    (STOPPING, fx.GONE): (_stopping_gone, (STOPPING,)),
    (STOPPING, fx.STALE): (update.ignore, (STOPPING,)),
    (STOPPING, fx.UNFIT): (update.ignore, (STOPPING,)),
    (STOPPING, fx.BUSY): (update.ignore, (STOPPING,)),
    (STOPPING, fx.RETRY): (update.ignore, (STOPPING,)),
    (STOPPING, fx.ONLINE): (_stopping_online, (STOPPING,)),
    (STOPPING, fx.OFFLINE): (update.offline, (STOPPING,)),
    (STOPPING, fx.DOUBT): (update.ignore, (STOPPING,)),
    (STOPPING, fx.PROGRESS): (update.ignore, (STOPPING,)),
    (STOPPING, fx.OVERDUE): (update.ignore, (STOPPING,)),
    (STOPPING, fx.STOP): (_stop, (STOPPING,)),
    (STOPPING, fx.CUT_OFF): (_stop, (STOPPING,)),
    (STOPPING, fx.REDELIVERED): (_stopping_redelivered, (STOPPING,)),
    (STOPPING, fx.ABSENT): (update.ignore, (STOPPING,)),
    (REPORTING, fx.ACCEPTED): (_reported, (ENDED,)),
    (REPORTING, fx.GONE): (_report_gone, (ENDED,)),
    (REPORTING, fx.STALE): (update.stale, (REPORTING,)),
    (REPORTING, fx.UNFIT): (_report_unfit, (REPORTING, ENDED)),
    (REPORTING, fx.BUSY): (update.pause, (REPORTING,)),
    (REPORTING, fx.RETRY): (update.resend, (REPORTING,)),
    (REPORTING, fx.ONLINE): (update.online, (REPORTING,)),
    (REPORTING, fx.OFFLINE): (update.offline, (REPORTING,)),
    (REPORTING, fx.DOUBT): (update.ignore, (REPORTING,)),  # the report's own answer will tell
    (REPORTING, fx.PROGRESS): (update.ignore, (REPORTING,)),
    (REPORTING, fx.OVERDUE): (update.ignore, (REPORTING,)),
    (REPORTING, fx.STOP): (_stop, (REPORTING,)),
    (REPORTING, fx.CUT_OFF): (_interrupt, (ENDED,)),
    (REPORTING, fx.REDELIVERED): (update.redelivered, (REPORTING,)),
    (REPORTING, fx.ABSENT): (update.absent, (REPORTING, ENDED)),
}

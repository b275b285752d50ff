# SPDX-FileCopyrightText: The aws-iot-device-client authors
# SPDX-License-Identifier: Apache-2.0
"""The life of one job execution, as a table. Pure: no clock, no file, no socket, no randomness.

Two rules. Everything that decides what becomes of an execution lives here, and nothing here knows how a message
travels or a process is started: `Execution.handle(event, argument)` answers with effects, which the shell
(`feature.py`) performs in order. A pair of state and event that `TABLE` lacks is the error `NoTransition`.

`version` is the cloud's versionNumber as far as it is known: every accepted update adds one. An update whose answer
never came may or may not have counted (`unanswered`); a VersionMismatch is then ours, and the version is taken from
it. A VersionMismatch out of the blue means that somebody else acts for this thing: the agent asks start-next whether
the execution is still its own before it says anything more.
"""

from __future__ import annotations

from dc.jobs.effects import (
    ABSENT,
    ACCEPTED,
    BEGIN,
    BUSY,
    CUT_OFF,
    DOUBT,
    DROPPED,
    GONE,
    INTERRUPTED,
    MAX_PAUSE_SECONDS,
    OFFLINE,
    ONLINE,
    OVERDUE,
    REDELIVERED,
    REFUSE,
    REPLY_SECONDS,
    REPLY_TIMER,
    REPORTED,
    RETRY,
    STALE,
    STEP_ENDED,
    STEP_TIMER,
    STOP,
    UNFIT,
    Arm,
    Disarm,
    End,
    Kill,
    Note,
    Persist,
    Resync,
    Run,
    Send,
)
from dc.jobs.outcome import StepResult, judge
from dc.jobs.report import (
    AS_IS,
    BARE,
    FAILED,
    IN_PROGRESS,
    REJECTED,
    SUCCEEDED,
    Tail,
    details,
    output,
    reduced,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from dc.jobs.document import Action, Document

# States
OFFERED = "OFFERED"  # the cloud named it; nothing is said or done yet
CLAIMING = "CLAIMING"  # IN_PROGRESS is being reported; no handler runs before it is accepted
RUNNING = "RUNNING"  # a step's process is alive
STOPPING = "STOPPING"  # the process group was told to end and is not gone yet
REPORTING = "REPORTING"  # the terminal status is decided and being reported
ENDED = "ENDED"  # accepted, or no longer ours


class NoTransition(RuntimeError):
    """An event came in a state that the table does not pair with it: a defect of the agent, never of a message."""


class Execution:
    """One execution, from the offer to its end. `state` and `outcome` tell where it is."""

    __slots__ = (
        "job_id",
        "number",
        "queued_at",
        "version",
        "document",
        "state",
        "step",
        "attempt",
        "online",
        "unanswered",
        "awaiting",
        "resyncing",
        "stopping",
        "retries",
        "serial",
        "status",
        "details",
        "stage",
        "outcome",
        "stdout",
        "stderr",
    )

    def __init__(
        self,
        job_id: str,
        number: int,
        version: int,
        document: Document | None,
        *,
        queued_at: int | float = 0,
        online: bool = True,
    ) -> None:
        self.job_id = job_id
        self.number = number
        self.queued_at = queued_at
        self.version = version
        self.document = document
        self.state = OFFERED
        self.step = 0
        self.attempt = 1
        self.online = online
        self.unanswered = False  # an update's answer was never seen
        self.awaiting = False  # an answer to the last update may still come
        self.resyncing = False
        self.stopping = False
        self.retries = 0
        self.serial = 0
        self.status = ""  # the terminal status, once decided
        self.details: dict[str, str] = {}
        self.stage = AS_IS
        self.outcome = ""
        self.stdout = Tail()
        self.stderr = Tail()

    def key(self) -> tuple[str, int, int | float]:
        """As `Offer.key`."""
        return (self.job_id, self.number, self.queued_at)

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

    def actions(self) -> tuple[Action, ...]:
        """The document's steps, in order."""
        return self.document.actions() if self.document else ()


# --- sending, in whatever state


def _send(e: Execution) -> list[object]:
    """(Re)send what the state calls for, if a connection is there; ONLINE sends it otherwise."""
    if not e.online:
        return []
    e.unanswered = e.unanswered or e.awaiting
    e.awaiting = True
    e.serial += 1
    wait = min(REPLY_SECONDS * 2**e.retries, MAX_PAUSE_SECONDS)
    if e.status:
        return [Send(e.status, reduced(e.details, e.stage), e.version, e.serial), Arm(REPLY_TIMER, wait)]
    return [Send(IN_PROGRESS, {}, e.version, e.serial), Arm(REPLY_TIMER, wait)]


def _answered(e: Execution) -> list[object]:
    e.awaiting = False
    return [Disarm(REPLY_TIMER)]


def _taken(e: Execution) -> list[object]:
    e.version += 1 if e.version else 0
    e.unanswered = False
    e.retries = 0
    return _answered(e)


def _resend(e: Execution, _: object) -> tuple[str, list[object]]:
    e.retries += 1 if e.awaiting else 0  # silence; after a pause it was counted already
    return e.state, _send(e)


def _pause(e: Execution, _: object) -> tuple[str, list[object]]:
    e.awaiting = False
    e.unanswered = True  # an internal error may have come after the update counted
    e.retries += 1
    return e.state, [Arm(REPLY_TIMER, min(2.0**e.retries, MAX_PAUSE_SECONDS), jitter=True)]


def _online(e: Execution, _: object) -> tuple[str, list[object]]:
    e.online = True
    e.retries = 0
    return e.state, _send(e)


def _offline(e: Execution, _: object) -> tuple[str, list[object]]:
    e.online = False
    e.resyncing = False
    return e.state, [Disarm(REPLY_TIMER)]


def _stale(e: Execution, version: object) -> tuple[str, list[object]]:
    effects = _answered(e)
    if e.unanswered and isinstance(version, int) and version:
        e.unanswered = False
        e.version = version
        return e.state, effects + _send(e)
    e.resyncing = True
    return e.state, [
        *effects,
        Note("WARN", "another client updated this execution; asking whose it is"),
        Resync(),
    ]


def _redelivered(e: Execution, version: object) -> tuple[str, list[object]]:
    if isinstance(version, int) and version > e.version:
        e.version = version
    if not e.resyncing:
        return e.state, []
    e.resyncing = False
    return e.state, _send(e)


def _absent(e: Execution, _: object) -> tuple[str, list[object]]:
    if not e.resyncing:
        return e.state, []
    return _end(e, DROPPED, Note("WARN", "the cloud no longer counts this execution as pending; dropped"))


def _ignore(e: Execution, _: object) -> tuple[str, list[object]]:
    return e.state, []


def _end(e: Execution, outcome: str, *notes: object) -> tuple[str, list[object]]:
    e.outcome = outcome
    return ENDED, [Disarm(REPLY_TIMER), Disarm(STEP_TIMER), *notes, End(outcome)]


# --- from the offer to the first step


def _claim(e: Execution, _: object) -> tuple[str, list[object]]:
    if e.status:  # decided before a restart, but not yet reported
        return REPORTING, _send(e)
    return CLAIMING, [Persist(), *_send(e)]


def _refuse(e: Execution, reason: object) -> tuple[str, list[object]]:
    return _decide(e, REJECTED, details(str(reason)))


def _claimed(e: Execution, _: object) -> tuple[str, list[object]]:
    return RUNNING, _taken(e) + _run(e)


def _claim_unfit(e: Execution, message: object) -> tuple[str, list[object]]:
    return _end(e, DROPPED, Note("ERROR", f"the cloud refuses IN_PROGRESS for this execution: {message}"))


def _claim_gone(e: Execution, status: object) -> tuple[str, list[object]]:
    return _end(e, DROPPED, Note("INFO", f"the execution is no longer pending ({status or 'deleted'}); not started"))


def _interrupt(e: Execution, _: object) -> tuple[str, list[object]]:
    return _end(e, INTERRUPTED)


# --- steps


def _run(e: Execution) -> list[object]:
    action = e.actions()[e.step]
    effects: list[object] = [Persist(), Run(action, e.step, e.attempt)]
    if action.timeout:
        effects.append(Arm(STEP_TIMER, action.timeout))
    return effects


def _step_ended(e: Execution, argument: object) -> tuple[str, list[object]]:
    result = argument if isinstance(argument, StepResult) else StepResult(error="the step's result was lost")
    action = e.actions()[e.step]
    e.stdout.extend(result.stdout)
    e.stderr.extend(result.stderr)
    good, reason = judge(result, action)
    effects: list[object] = [Disarm(STEP_TIMER)]
    if not good and e.stopping and result.signal is not None:
        # Whatever stops the agent (a reboot, say) usually stops its children too: not the handler's own failure.
        return _end(e, INTERRUPTED, *effects)
    if not good and action.ignore_failure:
        effects.append(Note("WARN", f'step "{action.name}" failed and is ignored: {reason}'))
    elif not good:
        extra = {} if action.operation else {"step": action.name}
        return _after(effects, _decide(e, FAILED, _details(e, reason, extra)))
    e.step += 1
    e.attempt = 1
    if e.step == len(e.actions()):
        return _after(effects, _decide(e, SUCCEEDED, _details(e, reason)))
    if e.stopping:
        return _end(e, INTERRUPTED, *effects, Persist())
    return RUNNING, effects + _run(e)


def _details(e: Execution, reason: str, extra: dict[str, str] | None = None) -> dict[str, str]:
    include = e.document is not None and e.document.include_std_out
    return details(reason, output(e.stdout) if include else "", output(e.stderr), extra)


def _after(effects: list[object], rest: tuple[str, list[object]]) -> tuple[str, list[object]]:
    return rest[0], effects + rest[1]


def _probe(e: Execution, _: object) -> tuple[str, list[object]]:
    """Ask by an IN_PROGRESS update whether the execution is still wanted: there is no "cancelled" message."""
    return e.state, [] if e.awaiting else _send(e)


def _still_wanted(e: Execution, _: object) -> tuple[str, list[object]]:
    return e.state, _taken(e)


def _probe_unfit(e: Execution, message: object) -> tuple[str, list[object]]:
    return e.state, [*_answered(e), Note("WARN", f"the cloud refuses an IN_PROGRESS update: {message}")]


def _cancelled(e: Execution, status: object) -> tuple[str, list[object]]:
    text = f"the cloud has ended this execution ({status or 'deleted'}): stopping the handler"
    return STOPPING, [*_answered(e), Disarm(STEP_TIMER), Note("WARN", text), Kill()]


def _overdue(e: Execution, reason: object) -> tuple[str, list[object]]:
    e.status = FAILED
    e.details = {"reason": str(reason)}
    return STOPPING, [Disarm(STEP_TIMER), Note("WARN", f"{reason}: stopping the handler"), Kill()]


def _stop(e: Execution, _: object) -> tuple[str, list[object]]:
    e.stopping = True
    return e.state, []


def _cut_off(e: Execution, _: object) -> tuple[str, list[object]]:
    e.stopping = True
    return STOPPING, [Disarm(STEP_TIMER), Note("WARN", "the agent is ending: stopping the handler"), Kill()]


def _stopped(e: Execution, argument: object) -> tuple[str, list[object]]:
    if isinstance(argument, StepResult):
        e.stdout.extend(argument.stdout)
        e.stderr.extend(argument.stderr)
    if e.status:
        return _decide(e, e.status, _details(e, e.details["reason"]))
    return _end(e, INTERRUPTED if e.stopping else DROPPED)


def _stopping_online(e: Execution, _: object) -> tuple[str, list[object]]:
    e.online = True
    return e.state, []


def _stopping_redelivered(e: Execution, version: object) -> tuple[str, list[object]]:
    e.resyncing = False
    return _redelivered(e, version)


def _stopping_gone(e: Execution, _: object) -> tuple[str, list[object]]:
    e.status = ""
    e.stopping = False
    return e.state, _answered(e)


# --- the terminal report


def _decide(e: Execution, status: str, pairs: dict[str, str]) -> tuple[str, list[object]]:
    e.status = status
    e.details = pairs
    e.stage = AS_IS
    e.retries = 0
    return REPORTING, [Persist(), *_send(e)]


def _reported(e: Execution, _: object) -> tuple[str, list[object]]:
    _taken(e)
    return _end(e, REPORTED)


def _report_gone(e: Execution, status: object) -> tuple[str, list[object]]:
    if status == e.status:  # an earlier send of the same report counted, only its answer was lost
        return _end(e, REPORTED)
    text = f"the cloud has already ended this execution ({status or 'deleted'}); {e.status} is not reported"
    return _end(e, DROPPED, Note("WARN", text))


def _report_unfit(e: Execution, message: object) -> tuple[str, list[object]]:
    _answered(e)
    if e.stage == BARE:
        return _end(e, DROPPED, Note("ERROR", f"the cloud refuses {e.status} even without details: {message}"))
    e.stage += 1
    return e.state, [
        Note("WARN", f"the cloud refuses the details ({message}); sending them reduced"),
        *_send(e),
    ]


# Every pair of state and event that can happen: what is done, and where it may lead.
TABLE: dict[tuple[str, str], tuple[Callable[[Execution, object], tuple[str, list[object]]], tuple[str, ...]]] = {
    (OFFERED, BEGIN): (_claim, (CLAIMING, REPORTING)),
    (OFFERED, REFUSE): (_refuse, (REPORTING,)),
    (CLAIMING, ACCEPTED): (_claimed, (RUNNING,)),
    (CLAIMING, GONE): (_claim_gone, (ENDED,)),
    (CLAIMING, STALE): (_stale, (CLAIMING,)),
    (CLAIMING, UNFIT): (_claim_unfit, (ENDED,)),
    (CLAIMING, BUSY): (_pause, (CLAIMING,)),
    (CLAIMING, RETRY): (_resend, (CLAIMING,)),
    (CLAIMING, ONLINE): (_online, (CLAIMING,)),
    (CLAIMING, OFFLINE): (_offline, (CLAIMING,)),
    (CLAIMING, DOUBT): (_ignore, (CLAIMING,)),  # the claim's own answer will tell
    (CLAIMING, STOP): (_interrupt, (ENDED,)),
    (CLAIMING, CUT_OFF): (_interrupt, (ENDED,)),
    (CLAIMING, REDELIVERED): (_redelivered, (CLAIMING,)),
    (CLAIMING, ABSENT): (_absent, (CLAIMING, ENDED)),
    (RUNNING, STEP_ENDED): (_step_ended, (RUNNING, REPORTING, ENDED)),
    (RUNNING, ACCEPTED): (_still_wanted, (RUNNING,)),
    (RUNNING, GONE): (_cancelled, (STOPPING,)),
    (RUNNING, STALE): (_stale, (RUNNING,)),
    (RUNNING, UNFIT): (_probe_unfit, (RUNNING,)),
    (RUNNING, BUSY): (_pause, (RUNNING,)),
    (RUNNING, RETRY): (_resend, (RUNNING,)),
    (RUNNING, ONLINE): (_online, (RUNNING,)),
    (RUNNING, OFFLINE): (_offline, (RUNNING,)),
    (RUNNING, DOUBT): (_probe, (RUNNING,)),
    (RUNNING, OVERDUE): (_overdue, (STOPPING,)),
    (RUNNING, STOP): (_stop, (RUNNING,)),
    (RUNNING, CUT_OFF): (_cut_off, (STOPPING,)),
    (RUNNING, REDELIVERED): (_redelivered, (RUNNING,)),
    (RUNNING, ABSENT): (_probe, (RUNNING,)),
    (STOPPING, STEP_ENDED): (_stopped, (REPORTING, ENDED)),
    (STOPPING, ACCEPTED): (_still_wanted, (STOPPING,)),
    (STOPPING, GONE): (_stopping_gone, (STOPPING,)),
    (STOPPING, STALE): (_ignore, (STOPPING,)),
    (STOPPING, UNFIT): (_ignore, (STOPPING,)),
    (STOPPING, BUSY): (_ignore, (STOPPING,)),
    (STOPPING, RETRY): (_ignore, (STOPPING,)),
    (STOPPING, ONLINE): (_stopping_online, (STOPPING,)),
    (STOPPING, OFFLINE): (_offline, (STOPPING,)),
    (STOPPING, DOUBT): (_ignore, (STOPPING,)),
    (STOPPING, OVERDUE): (_ignore, (STOPPING,)),
    (STOPPING, STOP): (_stop, (STOPPING,)),
    (STOPPING, CUT_OFF): (_stop, (STOPPING,)),
    (STOPPING, REDELIVERED): (_stopping_redelivered, (STOPPING,)),
    (STOPPING, ABSENT): (_ignore, (STOPPING,)),
    (REPORTING, ACCEPTED): (_reported, (ENDED,)),
    (REPORTING, GONE): (_report_gone, (ENDED,)),
    (REPORTING, STALE): (_stale, (REPORTING,)),
    (REPORTING, UNFIT): (_report_unfit, (REPORTING, ENDED)),
    (REPORTING, BUSY): (_pause, (REPORTING,)),
    (REPORTING, RETRY): (_resend, (REPORTING,)),
    (REPORTING, ONLINE): (_online, (REPORTING,)),
    (REPORTING, OFFLINE): (_offline, (REPORTING,)),
    (REPORTING, DOUBT): (_ignore, (REPORTING,)),  # the report's own answer will tell
    (REPORTING, STOP): (_stop, (REPORTING,)),
    (REPORTING, CUT_OFF): (_interrupt, (ENDED,)),
    (REPORTING, REDELIVERED): (_redelivered, (REPORTING,)),
    (REPORTING, ABSENT): (_absent, (REPORTING, ENDED)),
}

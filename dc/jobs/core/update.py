# SPDX-FileCopyrightText: The aws-iot-device-client authors
# SPDX-License-Identifier: Apache-2.0
"""The update that is under way: sending it, what its answer or silence means, and whose execution it is. Pure.

The same in every state: which status goes out follows from the execution itself. Functions that take an event's
argument and answer with (next state, effects) are entries of `execution.TABLE`.

`version` is the cloud's versionNumber as far as it is known: every accepted update adds one. An update whose answer
never came may or may not have counted (`unanswered`); a VersionMismatch is then ours, and the version is taken from
it. A VersionMismatch out of the blue means that somebody else acts for this thing: the agent asks start-next whether
the execution is still its own before it says anything more.
"""

from __future__ import annotations

from dc.jobs.core import events as fx
from dc.jobs.core.details import IN_PROGRESS, reduced
from dc.jobs.core.state import ENDED

TYPE_CHECKING = False
if TYPE_CHECKING:
    from dc.jobs.core.state import ExecutionRecord

MAX_DOUBLINGS = 10  # of a pause; far beyond its bound


def send(e: ExecutionRecord) -> list[object]:
    """(Re)send what the state calls for, if a connection is there; ONLINE sends it otherwise."""
    if not e.online:
        return []
    e.unanswered = e.unanswered or e.awaiting
    e.awaiting = True
    e.serial += 1
    wait = min(fx.REPLY_SECONDS * 2 ** min(e.retries, MAX_DOUBLINGS), fx.MAX_PAUSE_SECONDS)
    if e.status:
        return [fx.Send(e.status, reduced(e.details, e.stage), e.version, e.serial), fx.Arm(fx.REPLY_TIMER, wait)]
    return [fx.Send(IN_PROGRESS, e.progress, e.version, e.serial), fx.Arm(fx.REPLY_TIMER, wait)]


def answered(e: ExecutionRecord) -> list[object]:
    """Whatever the answer was: none is awaited any more."""
    e.awaiting = False
    return [fx.Disarm(fx.REPLY_TIMER)]


def taken(e: ExecutionRecord) -> list[object]:
    """The update counted."""
    if e.awaiting and e.version:  # an answer that is delivered twice counts once
        e.version += 1
    e.unanswered = False
    e.retries = 0
    return answered(e)


def resend(e: ExecutionRecord, _: object) -> tuple[str, list[object]]:
    """No answer came in time, or a pause is over."""
    e.retries += 1 if e.awaiting else 0  # silence; after a pause it was counted already
    return e.state, send(e)


def pause(e: ExecutionRecord, _: object) -> tuple[str, list[object]]:
    """The cloud is busy: again after a pause that doubles each time."""
    e.awaiting = False
    e.unanswered = True  # an internal error may have come after the update counted
    e.retries += 1
    return e.state, [
        fx.Arm(fx.REPLY_TIMER, min(2.0 ** min(e.retries, MAX_DOUBLINGS), fx.MAX_PAUSE_SECONDS), jitter=True)
    ]


def online(e: ExecutionRecord, _: object) -> tuple[str, list[object]]:
    """Connected: say again what is not known to have arrived."""
    e.online = True
    e.retries = 0
    return e.state, send(e)


def offline(e: ExecutionRecord, _: object) -> tuple[str, list[object]]:
    """Not connected: nothing to wait for."""
    e.online = False
    e.resyncing = False
    return e.state, [fx.Disarm(fx.REPLY_TIMER)]


def stale(e: ExecutionRecord, version: object) -> tuple[str, list[object]]:
    """VersionMismatch: an update of ours that counted unseen, or somebody else's."""
    effects = answered(e)
    # A higher one comes of our unanswered update; the same, start-next told while the update was under way. A lower
    # one is that of another execution with the same name, made after ours was deleted.
    if isinstance(version, int) and (version == e.version or (e.unanswered and version > e.version)):
        e.unanswered = False
        e.version = version
        return e.state, effects + send(e)
    e.resyncing = True
    return e.state, [
        *effects,
        fx.Note("WARN", "another client updated this execution; asking whose it is"),
        fx.Resync(),
    ]


def redelivered(e: ExecutionRecord, version: object) -> tuple[str, list[object]]:
    """start-next named this execution: it is still this agent's."""
    if isinstance(version, int) and (version > e.version or e.resyncing):
        e.version = version
    if not e.resyncing:
        return e.state, []
    e.resyncing = False
    return e.state, send(e)


def absent(e: ExecutionRecord, _: object) -> tuple[str, list[object]]:
    """start-next named another execution, or none."""
    if not e.resyncing:
        return e.state, []
    # Should it be named again after all: what was never started may be begun anew.
    outcome = fx.DROPPED if not e.status and (e.step, e.attempt) == (0, 1) else fx.STUCK
    return end(e, outcome, fx.Note("WARN", "the cloud no longer counts this execution as pending; dropped"))


def ignore(e: ExecutionRecord, _: object) -> tuple[str, list[object]]:
    """Nothing to do in this state."""
    return e.state, []


def end(e: ExecutionRecord, outcome: str, *notes: object) -> tuple[str, list[object]]:
    """Lay the execution aside with `outcome`."""
    e.outcome = outcome
    return ENDED, [fx.Disarm(fx.REPLY_TIMER), fx.Disarm(fx.STEP_TIMER), *notes, fx.End(outcome)]

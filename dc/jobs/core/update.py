# SPDX-FileCopyrightText: The aws-iot-device-client authors
# SPDX-License-Identifier: Apache-2.0
"""The update under way, as a table: what was sent to the cloud, and what its answer or silence means. Pure.

The same in every state of the execution, which only says what to send (`content`). An event of the cloud, the connection
or the reply timer comes here first; a row of `TABLE` names what the execution is to learn of it.

`version` is the cloud's versionNumber as far as it is known: every accepted update adds one. An update whose answer
never came may or may not have counted (`unanswered`); a VersionMismatch is then ours, and the version is taken from
it. A VersionMismatch out of the blue means that somebody else acts for this thing: the agent asks start-next whether
the execution is still its own before it says anything more.
"""

from __future__ import annotations

from dc.backoff import doubled
from dc.jobs.core import events as ev
from dc.jobs.core.effects import NO_REPLY, REPLY_TIMER, Arm, AskNext, Note

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from dc.jobs.core.effects import Effect, Send

    Content = Callable[[], Send | None]  # what the execution's state calls for; None: nothing is to be said
    Next = tuple[str, list[Effect]]
    # What is done, where it may lead, and what the execution learns of it.
    Row = tuple[Callable[["Update", Any, Content], Next], tuple[str, ...], type[Any] | None]

# States
QUIET = "QUIET"  # nothing is under way
SENT = "SENT"  # the answer to an update is awaited
PAUSED = "PAUSED"  # the update is sent again when a pause is over
ASKED = "ASKED"  # start-next was asked whose execution this is; nothing is sent meanwhile
OFFLINE = "OFFLINE"  # what is to be said waits for the connection

MAX_PAUSE_SECONDS = 64.0
REPLY_SECONDS = 10.0  # silence for so long means that the update or its answer was lost (as the C++ client waits)
PAUSE_SECONDS = 2.0


class Update:
    """What is known about the execution's updates."""

    state = QUIET
    version = 0
    serial = 0  # of the last one
    resume = ""  # what it said of how far the execution is
    unanswered = False  # an update's answer was never seen
    retries = 0  # since an answer came last

    def handle(self, event: ev.Event, content: Content) -> list[Effect]:
        """What to do now, in order. Raises `NoTransition`; nothing has changed then."""
        row = TABLE.get((self.state, type(event)))
        if row is None:
            raise ev.NoTransition(f"event {type(event).__name__} came in state {self.state} of the update")
        act, targets, _ = row
        state, effects = act(self, event, content)
        if state not in targets:
            raise ev.NoTransition(f"event {type(event).__name__} led from {self.state} to {state}, against the table")
        self.state = state
        return effects


def _send(u: Update, _: ev.Event, content: Content) -> Next:
    send = content()
    if send is None:
        return QUIET, []
    u.serial += 1
    u.resume = send.resume or u.resume
    send.version = u.version
    send.serial = u.serial
    wait = doubled(REPLY_SECONDS, u.retries, MAX_PAUSE_SECONDS) if u.retries else REPLY_SECONDS
    return SENT, [send, Arm(REPLY_TIMER, wait, ev.Retry())]


def _send_anew(u: Update, event: ev.Say, content: Content) -> Next:
    u.unanswered = True
    return _send(u, event, content)


def _stay(u: Update, _: ev.Event, __: Content) -> Next:
    return u.state, []


def _taken(u: Update, _: ev.Accepted, __: Content) -> Next:
    if u.version:
        u.version += 1
    u.unanswered = False
    u.retries = 0
    return QUIET, [NO_REPLY]


def _over(u: Update, _: ev.Event, __: Content) -> Next:
    return QUIET, [NO_REPLY]


def _stale(u: Update, event: ev.Stale, content: Content) -> Next:
    version = event.version
    # A higher one comes of our unanswered update; the same one, start-next named while the update was under way. A lower
    # one is that of another execution with the same name, made after ours was deleted.
    if version == u.version or (u.unanswered and version > u.version):
        u.unanswered = False
        u.version = version
        state, effects = _send(u, event, content)
        return state, effects or [NO_REPLY]
    if content() is None:
        u.unanswered = True
        return QUIET, [NO_REPLY]
    note = Note("WARN", "another client updated this execution; asking whose it is")
    return ASKED, [NO_REPLY, note, AskNext()]


def _busy(u: Update, _: ev.Event, content: Content) -> Next:
    u.unanswered = True  # an internal error may have come after the update counted
    if content() is None:
        return QUIET, [NO_REPLY]
    u.retries += 1
    pause = doubled(PAUSE_SECONDS, u.retries - 1, MAX_PAUSE_SECONDS)
    return PAUSED, [Arm(REPLY_TIMER, pause, ev.Retry(), jitter=True)]


def _silence(u: Update, event: ev.Retry, content: Content) -> Next:
    u.unanswered = True
    u.retries += 1
    return _send(u, event, content)


def _online(u: Update, event: ev.Online, content: Content) -> Next:
    u.retries = 0
    return _send(u, event, content)


def _offline(u: Update, _: ev.Offline, __: Content) -> Next:
    u.unanswered = u.unanswered or u.state == SENT
    return OFFLINE, [NO_REPLY]


def _named(u: Update, event: ev.Redelivered, _: Content) -> Next:
    u.version = max(u.version, event.version)
    return u.state, []


def _named_as_asked(u: Update, event: ev.Redelivered, content: Content) -> Next:
    """It is still this agent's."""
    u.version = event.version
    return _send(u, event, content)


# Every pair of state and event that can happen.
TABLE: dict[tuple[str, type], Row] = {
    (QUIET, ev.Say): (_send, (SENT,), None),
    (QUIET, ev.Probe): (_send, (SENT,), None),
    (QUIET, ev.Postpone): (_busy, (PAUSED,), None),
    (QUIET, ev.Offline): (_offline, (OFFLINE,), None),
    (QUIET, ev.Gone): (_over, (QUIET,), ev.Gone),
    (QUIET, ev.Redelivered): (_named, (QUIET,), None),
    (SENT, ev.Say): (_send_anew, (SENT,), None),
    (SENT, ev.Probe): (_stay, (SENT,), None),
    (SENT, ev.Accepted): (_taken, (QUIET,), ev.Accepted),
    (SENT, ev.Gone): (_over, (QUIET,), ev.Gone),
    (SENT, ev.Unfit): (_over, (QUIET,), ev.Unfit),
    (SENT, ev.Stale): (_stale, (SENT, ASKED, QUIET), None),
    (SENT, ev.Busy): (_busy, (PAUSED, QUIET), None),
    (SENT, ev.Retry): (_silence, (SENT, QUIET), None),
    (SENT, ev.Offline): (_offline, (OFFLINE,), None),
    (SENT, ev.Redelivered): (_named, (SENT,), None),
    (PAUSED, ev.Say): (_send, (SENT,), None),
    (PAUSED, ev.Probe): (_send, (SENT,), None),
    (PAUSED, ev.Retry): (_send, (SENT, QUIET), None),
    (PAUSED, ev.Offline): (_offline, (OFFLINE,), None),
    (PAUSED, ev.Gone): (_over, (QUIET,), ev.Gone),
    (PAUSED, ev.Redelivered): (_named, (PAUSED,), None),
    (ASKED, ev.Say): (_stay, (ASKED,), None),
    (ASKED, ev.Probe): (_stay, (ASKED,), None),
    (ASKED, ev.Redelivered): (_named_as_asked, (SENT, QUIET), None),
    (ASKED, ev.Absent): (_over, (QUIET,), ev.Disowned),
    (ASKED, ev.Offline): (_offline, (OFFLINE,), None),
    (ASKED, ev.Gone): (_over, (QUIET,), ev.Gone),
    (OFFLINE, ev.Say): (_stay, (OFFLINE,), None),
    (OFFLINE, ev.Probe): (_stay, (OFFLINE,), None),
    (OFFLINE, ev.Online): (_online, (SENT, QUIET), None),
}
EVENTS = set(list(zip(*TABLE, strict=True))[1]) - {ev.Say, ev.Probe, ev.Postpone}  # that come from outside

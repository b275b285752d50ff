# SPDX-FileCopyrightText: The aws-iot-device-client authors
# SPDX-License-Identifier: Apache-2.0
"""The transition table, whole: every state with every event, over a family of executions in that state."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from functools import cache
from typing import TYPE_CHECKING

import pytest

from dc.jobs.core import effects as fx
from dc.jobs.core import events as ev
from dc.jobs.core import execution, update
from dc.jobs.core.document import Document
from dc.jobs.core.events import NoTransition
from dc.jobs.core.execution import TABLE, Execution
from dc.jobs.core.key import DROPPED, INTERRUPTED, REPORTED, STUCK
from dc.jobs.core.outcome import StepResult
from dc.jobs.core.state import CLAIMING, ENDED, REPORTING, RUNNING, STOPPING, State
from dc.jobs.core.update import Update
from tests.fakes.executions import DOCUMENTS, EVENTS, RESULTS, STATES, UPDATE_STATES, Rules, has, offered, runs, sends

SNAPSHOTS: tuple[Snapshot, ...] = (
    {},
    {"step": 0, "attempt": 1, "running": True},
    {"step": 0, "attempt": 3, "running": True},
    {"step": 1, "attempt": 1, "running": False},
    {"step": 9, "attempt": 1, "running": True},
    {"step": 0, "status": "FAILED", "details": {"reason": "r"}},
)

if TYPE_CHECKING:
    from dc.jobs.core.snapshot import Snapshot
# Of each event that says something: all the different things that it can say.
SAID: dict[type, tuple[ev.Event, ...]] = {
    ev.Resume: tuple(ev.Resume(*each) for each in itertools.product(SNAPSHOTS, (False, True))),
    ev.Refuse: (ev.Refuse("$: must be an object"),),
    ev.Gone: tuple(map(ev.Gone, ("", "CANCELED", "FAILED"))),
    ev.Stale: tuple(map(ev.Stale, (0, 5, 7))),
    ev.Redelivered: tuple(map(ev.Redelivered, (0, 2, 7))),
    ev.Unfit: (ev.Unfit("InvalidRequest: m"),),
    StepResult: RESULTS,
    ev.Overdue: (ev.Overdue("Timed out"),),
    ev.Progress: (ev.Progress({"line": "half"}), ev.Progress({})),
}
# What the execution and its update say to each other; nobody else does.
WITHIN = {ev.Disowned, ev.Say, ev.Probe, ev.Postpone}
BOTH = (False, True)
# Where the execution waits for an update's answer, its update is never quiet.
RESTLESS = {CLAIMING: UPDATE_STATES[1:], REPORTING: UPDATE_STATES[1:]}


def events(kind: type) -> tuple[ev.Event, ...]:
    return SAID.get(kind) or (kind(),)


def family(state: str) -> Iterator[Execution]:
    """Executions that are in `state`: every combination of what an execution can remember there."""
    statuses = {STOPPING: ("", "FAILED"), REPORTING: ("FAILED", "SUCCEEDED")}.get(state, ("",))
    stages: tuple[int, ...] = {REPORTING: (0, 1, 2), CLAIMING: (0, 2)}.get(state, (0,))
    for document in DOCUMENTS:
        steps = {0, len(document.actions) - 1}
        for step, status, stage in itertools.product(steps, statuses, stages):
            for flags in itertools.product(RESTLESS.get(state, UPDATE_STATES), BOTH, BOTH, BOTH):
                for version in (0, 5):
                    yield made(state, document, step, status, stage, flags, version)


def made(
    state: str,
    document: Document,
    step: int,
    status: str,
    stage: int,
    flags: tuple[str, bool, bool, bool],
    version: int,
) -> Execution:
    e = offered(document, version, rules=Rules("rerun" if flags[3] else "fail"))
    e.state, e.step, e.status, e.stage = state, step, status, stage
    e.details = {"reason": "r\n"} if status else {}
    e.update.state, e.update.unanswered, e.stopping, _ = flags
    return e


def assert_sane(e: Execution, effects: list[fx.Effect]) -> None:
    """What holds after any transition."""
    where = f"{e.state}: {[type(effect).__name__ for effect in effects]}"
    for send in sends(effects):
        assert e.update.state == update.SENT, where
        assert (send.status == "IN_PROGRESS") == (e.state in (CLAIMING, RUNNING)), where
        assert send.status == "IN_PROGRESS" or e.state == REPORTING, where
        assert send.serial == e.update.serial, where
        assert has(effects[effects.index(send) :], fx.Arm), where
    assert len(sends(effects)) <= 1, where
    assert len(runs(effects)) <= 1, where
    if runs(effects):
        assert e.state == RUNNING, where
    assert has(effects, fx.End) == (e.state == ENDED), where
    assert not has(effects, fx.Kill) or e.state == STOPPING, where
    if e.state == ENDED:
        assert isinstance(effects[-1], fx.End), where
        assert e.outcome in (REPORTED, DROPPED, STUCK, INTERRUPTED), where


def everything(e: Execution) -> tuple[dict[str, object], dict[str, object]]:
    """All that an execution remembers."""
    return {name: getattr(e, name) for name in State.__slots__}, vars(e.update).copy()


def set_back(e: Execution, before: tuple[dict[str, object], dict[str, object]]) -> None:
    for name, value in before[0].items():
        setattr(e, name, value)
    vars(e.update).clear()
    vars(e.update).update(before[1])


def learnt(e: Execution, kind: type) -> type | None:
    """What the life itself hears of an event; None: nothing."""
    row = update.TABLE.get((e.update.state, kind))
    return row[2] if row else None if kind in update.EVENTS else kind


@cache
def reached(state: str, event: type) -> frozenset[str]:
    """The states that `event` leads to from all of the family; each transition is checked on the way."""
    found = set()
    for e in family(state):
        for kind in update.EVENTS | {event} - WITHIN:
            if learnt(e, kind) is not event:
                continue
            before = everything(e)
            for each in events(kind):
                effects = e.handle(each)
                found.add(e.state)
                assert_sane(e, effects)
                set_back(e, before)
    return frozenset(found)


PAIRS = sorted(TABLE, key=str)


def name_of(value: object) -> str:
    return value.__name__ if isinstance(value, type) else str(value)


@pytest.mark.parametrize(("state", "event"), PAIRS, ids=name_of)
def test_every_transition_leads_where_the_table_says_and_nowhere_else(state: str, event: type) -> None:
    targets = TABLE[state, event][1]
    assert reached(state, event) == set(targets)
    assert len(set(targets)) == len(targets)


@pytest.mark.parametrize("state", STATES)
def test_every_other_pair_is_the_error_no_transition(state: str) -> None:
    for event in set(EVENTS) - WITHIN:
        for e in family(state):
            heard = learnt(e, event)
            if (state, heard) in TABLE or (heard is None and (e.update.state, event) in update.TABLE):
                continue
            before = everything(e)
            with pytest.raises(NoTransition, match=f"event {event.__name__} came in state {state}"):
                e.handle(events(event)[0])
            assert everything(e) == before


def test_the_table_speaks_of_known_states_and_events_and_misses_none() -> None:
    spoken_of = {event for table in (TABLE, update.TABLE) for _, event in table}
    assert spoken_of | {row[2] for row in update.TABLE.values() if row[2]} == set(EVENTS)
    named = {state for state, _ in TABLE} | {target for _, targets in TABLE.values() for target in targets}
    assert named == set(STATES)


def test_nothing_follows_the_end() -> None:
    assert not [event for state, event in TABLE if state == ENDED]


def test_news_of_the_connection_can_come_in_every_state_of_the_update() -> None:
    assert {state for state in UPDATE_STATES if (state, ev.Offline) in update.TABLE} == set(UPDATE_STATES) - {
        update.OFFLINE
    }
    assert (update.OFFLINE, ev.Online) in update.TABLE


def test_a_doubt_and_a_stop_can_come_in_every_state_that_lasts() -> None:
    for state, event in itertools.product(STATES[1:-1], (ev.Doubt, ev.Disowned, ev.Stop)):
        assert (state, event) in TABLE


@pytest.mark.parametrize("state", [STOPPING, REPORTING, ENDED])
def test_no_timer_of_a_running_step_is_left_when_no_step_runs(state: str) -> None:
    """So the deadlines and the progress need no rows there."""
    for e in family(RUNNING):
        for event in {event for row, event in TABLE if row == RUNNING} - WITHIN:
            before = everything(e)
            for each in events(event):
                effects = e.handle(each) if event not in update.EVENTS or learnt(e, event) is event else []
                if e.state == state:
                    gone = {effect.timer for effect in effects if isinstance(effect, fx.Disarm)}
                    assert gone >= {fx.STEP_TIMER, fx.JOB_TIMER, fx.PROGRESS_TIMER} or has(effects, fx.End)
                set_back(e, before)


# --- the update's own table


def updates(state: str) -> Iterator[Update]:
    """Updates in `state`: every combination of what one can remember there."""
    for unanswered, version, retries in itertools.product(BOTH, (0, 5), (0, 3)):
        u = Update()
        u.state, u.unanswered, u.version, u.retries = state, unanswered, version, retries
        yield u


CONTENTS = (lambda: fx.Send("IN_PROGRESS", {}), lambda: None)
UPDATE_PAIRS = sorted(update.TABLE, key=str)


@pytest.mark.parametrize(("state", "event"), UPDATE_PAIRS, ids=name_of)
def test_every_transition_of_the_update_leads_where_its_table_says(state: str, event: type) -> None:
    said = CONTENTS[:1] if event in (ev.Say, ev.Probe, ev.Postpone) else CONTENTS  # asked for where there is something
    found = set()
    for content, each in itertools.product(said, events(event)):
        for u in updates(state):
            effects = u.handle(each, content)
            found.add(u.state)
            assert bool(sends(effects)) <= (u.state == update.SENT)
            armed = [effect for effect in effects if isinstance(effect, fx.Arm)]
            silenced = has(effects, fx.Disarm)
            waits = u.state in (update.SENT, update.PAUSED)
            if state in (update.SENT, update.PAUSED) and not waits and event is not ev.Retry:
                assert silenced, "a timer that nobody waits for"
            assert bool(armed) <= waits
            assert has(effects, fx.AskNext) == (u.state == update.ASKED != state)
    assert found == set(update.TABLE[state, event][1])


def test_every_other_pair_of_the_update_is_the_error_no_transition() -> None:
    for state, event in itertools.product(UPDATE_STATES, EVENTS):
        if (state, event) not in update.TABLE:
            for u in updates(state):
                before = vars(u).copy()
                with pytest.raises(NoTransition, match=f"event {event.__name__} came in state {state}"):
                    u.handle(events(event)[0], CONTENTS[0])
                assert vars(u) == before


# --- what flows is what is declared


def declared(act: object) -> str:
    """The class that a function of a table says it takes, as it is written."""
    annotations = getattr(act, "__annotations__", {})
    event = [name for name in annotations if name not in ("e", "u", "return")][0]
    return str(annotations[event]).removeprefix("ev.")


@pytest.mark.parametrize("table", [execution.TABLE, update.TABLE], ids=["execution", "update"])
def test_each_row_is_given_the_event_that_its_function_declares(
    table: dict[tuple[str, type], tuple[object, ...]],
) -> None:
    wrong = [
        (state, event.__name__, declared(row[0]))
        for (state, event), row in table.items()
        if declared(row[0]) not in (event.__name__, "Event")
    ]
    assert wrong == []

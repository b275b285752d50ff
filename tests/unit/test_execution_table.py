# SPDX-FileCopyrightText: The aws-iot-device-client authors
# SPDX-License-Identifier: Apache-2.0
"""The transition table, whole: every state with every event, over a family of executions in that state."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from functools import cache

import pytest

from dc.jobs.core import events as fx
from dc.jobs.core.document import Document
from dc.jobs.core.execution import TABLE, Execution, NoTransition
from dc.jobs.core.state import CLAIMING, ENDED, REPORTING, RUNNING, STOPPING, ExecutionRecord
from tests.fakes.executions import DOCUMENTS, EVENTS, RESULTS, STATES, has, runs, sends

RECORDS: tuple[dict[str, object], ...] = (
    {},
    {"step": 0, "attempt": 1, "running": True},
    {"step": 0, "attempt": 3, "running": True},
    {"step": 1, "attempt": 1, "running": False},
    {"step": 9, "attempt": 1, "running": True},
    {"step": 0, "status": "FAILED", "details": {"reason": "r"}},
)
RESUMPTIONS = tuple(
    fx.Resumption(record, rebooted, rerun, 3)
    for record, rebooted, rerun in itertools.product(RECORDS, (False, True), (False, True))
)
ARGUMENTS: dict[str, tuple[object, ...]] = {
    fx.RESUME: RESUMPTIONS,
    fx.REFUSE: ("$: must be an object",),
    fx.GONE: ("", "CANCELED", "FAILED"),
    fx.STALE: (0, 7),
    fx.REDELIVERED: (0, 2, 7),
    fx.UNFIT: ("InvalidRequest: m",),
    fx.STEP_ENDED: (*RESULTS, None),
    fx.OVERDUE: ("Timed out",),
    fx.PROGRESS: ({"line": "half"}, {}),
}
BOTH = (False, True)


def family(state: str) -> Iterator[Execution]:
    """Executions that are in `state`: every combination of what an execution can remember there."""
    statuses = {STOPPING: ("", "FAILED"), REPORTING: ("FAILED", "SUCCEEDED")}.get(state, ("",))
    stages: tuple[int, ...] = {REPORTING: (0, 1, 2), CLAIMING: (0, 2)}.get(state, (0,))
    for document in DOCUMENTS:
        steps = {0, len(document.actions) - 1}
        for step, status, stage in itertools.product(steps, statuses, stages):
            for flags in itertools.product(BOTH, repeat=5):
                for version in (0, 5):
                    yield made(state, document, step, status, stage, flags, version)


def made(
    state: str, document: Document, step: int, status: str, stage: int, flags: tuple[bool, ...], version: int
) -> Execution:
    e = Execution("run-foo", 1, version, document)
    e.state, e.step, e.status, e.stage = state, step, status, stage
    e.details = {"reason": "r\n"} if status else {}
    e.online, e.awaiting, e.unanswered, e.resyncing, e.stopping = flags
    return e


def assert_sane(e: Execution, effects: list[object]) -> None:
    """What holds after any transition."""
    where = f"{e.state}: {[type(effect).__name__ for effect in effects]}"
    for send in sends(effects):
        assert e.online, where
        assert (send.status == "IN_PROGRESS") == (e.state in (CLAIMING, RUNNING)), where
        assert send.status == "IN_PROGRESS" or e.state == REPORTING, where
        assert send.serial == e.serial, where
        assert e.awaiting, where
        assert has(effects[effects.index(send) :], fx.Arm), where
    assert len(sends(effects)) <= 1, where
    assert len(runs(effects)) <= 1, where
    if runs(effects):
        assert e.state == RUNNING, where
        assert not sends(effects), where
        assert has(effects[: effects.index(runs(effects)[0])], fx.Persist), where
    assert has(effects, fx.End) == (e.state == ENDED), where
    assert not has(effects, fx.Kill) or e.state == STOPPING, where
    if e.state == ENDED:
        assert isinstance(effects[-1], fx.End), where
        assert e.outcome in (fx.REPORTED, fx.DROPPED, fx.STUCK, fx.INTERRUPTED), where


@cache
def reached(state: str, event: str) -> frozenset[str]:
    """The states that `event` leads to from all of the family; each transition is checked on the way."""
    found = set()
    for e in family(state):
        for argument in ARGUMENTS.get(event, (None,)):
            before = {name: getattr(e, name) for name in ExecutionRecord.__slots__}
            effects = e.handle(event, argument)
            found.add(e.state)
            assert_sane(e, effects)
            for name, value in before.items():
                setattr(e, name, value)
    return frozenset(found)


PAIRS = sorted(TABLE)


@pytest.mark.parametrize(("state", "event"), PAIRS)
def test_every_transition_leads_where_the_table_says_and_nowhere_else(state: str, event: str) -> None:
    targets = TABLE[state, event][1]
    assert reached(state, event) == set(targets)
    assert len(set(targets)) == len(targets)


@pytest.mark.parametrize("state", STATES)
def test_every_other_pair_is_the_error_no_transition(state: str) -> None:
    for event in EVENTS:
        if (state, event) not in TABLE:
            e = next(family(state))
            with pytest.raises(NoTransition, match=f"event {event} came in state {state}"):
                e.handle(event, ARGUMENTS.get(event, (None,))[0])
            assert e.state == state


def test_the_table_speaks_of_known_states_and_events_and_misses_none() -> None:
    assert {event for _, event in TABLE} == set(EVENTS)
    named = {state for state, _ in TABLE} | {target for _, targets in TABLE.values() for target in targets}
    assert named == set(STATES)


def test_nothing_follows_the_end() -> None:
    assert not [event for state, event in TABLE if state == ENDED]


def test_news_of_the_connection_can_come_in_every_state_that_lasts() -> None:
    for state, event in itertools.product(STATES[1:-1], (fx.ONLINE, fx.OFFLINE, fx.DOUBT, fx.ABSENT, fx.STOP)):
        assert (state, event) in TABLE


def test_a_timer_of_the_whole_job_can_fire_until_its_end() -> None:
    """The shell arms the job's deadline and its progress with the first step and disarms them at the end."""
    for state, event in itertools.product((STOPPING, REPORTING), (fx.OVERDUE, fx.PROGRESS)):
        assert (state, event) in TABLE

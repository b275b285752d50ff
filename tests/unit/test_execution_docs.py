# SPDX-FileCopyrightText: The aws-iot-device-client authors
# SPDX-License-Identifier: Apache-2.0
"""docs/states.md is what the transition table says today."""

from __future__ import annotations

from dc.jobs.core import update
from dc.jobs.core.execution import TABLE
from docs import states
from tests.fakes.executions import EVENTS, STATES, UPDATE_STATES


def test_the_page_is_not_stale() -> None:
    assert states.TARGET.read_text(encoding="utf-8") == states.render(), f"run: {states.COMMAND}"


def test_the_page_explains_every_state_and_event_and_lists_every_transition() -> None:
    page = states.render()
    for name in (*STATES, *UPDATE_STATES, *(event.__name__ for event in EVENTS)):
        assert f"\n| {name} | " in page
    for state, event in (*TABLE, *update.TABLE):
        assert f"\n| {state} | {event.__name__} | " in page

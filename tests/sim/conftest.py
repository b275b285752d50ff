# SPDX-FileCopyrightText: The aws-iot-device-client authors
# SPDX-License-Identifier: Apache-2.0
"""The agent's system calls go to the simulated world, and the summary says how much was simulated."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.sim.simulator.agent import install
from tests.sim.simulator.explore import COUNT


@pytest.fixture(autouse=True)
def simulated(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """For every test of this folder."""
    install(monkeypatch)
    yield
    monkeypatch.undo()


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """How many ends of the agent were simulated."""
    if COUNT.crashes:
        terminalreporter.write_line(
            f"simulated: {COUNT.scenarios} scenarios, {COUNT.points} points where the agent may end, "
            f"{COUNT.crashes} ends there (kill -9 and power cut)"
        )
    if COUNT.schedules:
        terminalreporter.write_line(
            f"simulated: {COUNT.schedules} random schedules with {COUNT.schedule_crashes} ends of the agent"
        )
    if COUNT.courses:
        terminalreporter.write_line(
            f"simulated: {COUNT.courses} courses of events by hypothesis with {COUNT.course_crashes} ends of the agent"
        )

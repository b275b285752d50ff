# SPDX-FileCopyrightText: The aws-iot-device-client authors
# SPDX-License-Identifier: Apache-2.0
"""The summary says how much was simulated."""

from __future__ import annotations

import pytest

from tests.sim.simulator.explore import COUNT


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

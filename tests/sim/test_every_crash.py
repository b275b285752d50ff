# SPDX-FileCopyrightText: The aws-iot-device-client authors
# SPDX-License-Identifier: Apache-2.0
"""The agent is ended after every single thing it does in every scenario, and must come back and finish.

A failure names its place: with DC_SIM_CRASH=SCENARIO:POINT:VARIANT that
scenario is ended there only.
"""

from __future__ import annotations

import os

import pytest

from tests.sim.simulator.explore import COUNT, REPLAY, crash_at, every_crash, plain
from tests.sim.simulator.scenario import Scenario
from tests.sim.simulator.scenarios import ALL
from tests.sim.simulator.world import VARIANT_BY_NAME

ONE = os.environ.get(REPLAY)


@pytest.mark.parametrize("scenario", ALL, ids=lambda scenario: scenario.name)
def test_goes_as_the_scenario_says(scenario: Scenario) -> None:
    plain(scenario)


@pytest.mark.parametrize("scenario", ALL, ids=lambda scenario: scenario.name)
def test_ended_at_every_point(scenario: Scenario) -> None:
    if ONE and ONE.startswith(f"{scenario.name}:"):
        _, point, variant = ONE.split(":")
        assert crash_at(scenario, int(point), VARIANT_BY_NAME[variant]).crashes
        return
    points, crashes = every_crash(scenario)
    COUNT.scenarios += 1
    COUNT.points += points
    COUNT.crashes += crashes
    assert points > 10

# SPDX-FileCopyrightText: The aws-iot-device-client authors
# SPDX-License-Identifier: Apache-2.0
"""Ends the agent after every single thing it does in a scenario, in every way, and lets it come back each time."""

from __future__ import annotations

from collections.abc import Sequence

from localcloud.jobs_model import Execution
from tests.sim.simulator.events import Violation
from tests.sim.simulator.scenario import Scenario
from tests.sim.simulator.world import VARIANTS, CrashWorld, Variant

REPLAY = "DC_SIM_CRASH"  # SCENARIO:POINT:VARIANT in the environment runs that one alone


class Count:
    """What was done in this run of the tests, for the summary."""

    def __init__(self) -> None:
        self.scenarios = 0
        self.points = 0
        self.crashes = 0
        self.schedules = 0
        self.schedule_crashes = 0
        self.courses = 0
        self.course_crashes = 0


COUNT = Count()


def plain(scenario: Scenario) -> CrashWorld:
    """The scenario without an end of the agent but those it holds itself; the outcomes are as it says."""
    world = CrashWorld(scenario)
    world.run()
    _check(world, scenario, "")
    return world


def crash_at(scenario: Scenario, point: int, variant: Variant) -> CrashWorld:
    """The scenario, with the agent ended at one point."""
    world = CrashWorld(scenario, ends=lambda each: variant if each == point else None)
    where = f"{REPLAY}={scenario.name}:{point}:{variant.name}"
    try:
        world.run()
    except Violation as error:
        raise Violation(f"{where}\n{error}") from None
    if scenario.steady:
        _check(world, scenario, where)
    return world


def every_crash(scenario: Scenario, variants: Sequence[Variant] = VARIANTS) -> tuple[int, int]:
    """How many points there are, and how many ends were tried. Raises `Violation` for the first that went wrong."""
    points = plain(scenario).points
    crashes = 0
    for point in range(1, points + 1):
        for variant in variants:
            crash_at(scenario, point, variant)
            crashes += 1
    return points, crashes


def statuses(world: CrashWorld) -> list[str]:
    """Of every execution, in the order of creation."""
    return [_status(each) for each in world.service.executions]


def _status(execution: Execution) -> str:
    return "DELETED" if execution.deleted else execution.status


def _check(world: CrashWorld, scenario: Scenario, where: str) -> None:
    found = statuses(world)
    if scenario.outcomes and found != scenario.outcomes:
        raise Violation(f"{where}\n{scenario.name} ended as {found}, wanted {scenario.outcomes}\n{world.trace()}")

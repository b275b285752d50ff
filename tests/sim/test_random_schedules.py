# SPDX-FileCopyrightText: The aws-iot-device-client authors
# SPDX-License-Identifier: Apache-2.0
"""Random courses of events, the same for the same seed.

A failure names its seed: DC_SIM_SEED=N runs that one alone. DC_SIM_SCHEDULES=N runs so many instead of the usual ones.
"""

from __future__ import annotations

import os

import pytest

from tests.sim.simulator import schedules
from tests.sim.simulator.explore import COUNT

BLOCK = 500
SCHEDULES = int(os.environ.get("DC_SIM_SCHEDULES", "4000"))
ONE = os.environ.get(schedules.REPLAY)
BLOCKS = [range(int(ONE), int(ONE) + 1)] if ONE else [range(at, at + BLOCK) for at in range(0, SCHEDULES, BLOCK)]


@pytest.mark.parametrize("seeds", BLOCKS, ids=lambda seeds: f"{seeds.start}-{seeds.stop - 1}")
def test_random_schedule(seeds: range) -> None:
    for seed in seeds:
        world = schedules.run(seed)
        COUNT.schedules += 1
        COUNT.schedule_crashes += world.crashes


def test_the_same_seed_gives_the_same_course_of_events() -> None:
    traces = set()
    for _ in range(2):
        world = schedules.make(11)
        world.run()
        traces.add(world.trace())
    assert len(traces) == 1

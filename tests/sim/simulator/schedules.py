# SPDX-FileCopyrightText: The aws-iot-device-client authors
# SPDX-License-Identifier: Apache-2.0
"""Random courses of events: jobs, handlers, faults and ends of the agent, all drawn from one seed."""

from __future__ import annotations

from collections.abc import Callable
from random import Random

from localcloud.jobs_model import Job
from tests.sim.simulator.board import CUT, KILL_AGENT, REBOOT, STOP_AGENT, Behaviour
from tests.sim.simulator.disk import FULL, IN_MEMORY, READ_ONLY, SHORT, UNREADABLE
from tests.sim.simulator.events import Violation
from tests.sim.simulator.network import Faults
from tests.sim.simulator.scenario import Scenario, operation, steps
from tests.sim.simulator.world import VARIANTS, CrashWorld, Variant

REPLAY = "DC_SIM_SEED"  # this seed alone, with its trace
SPAN = 90.0  # seconds in which things happen
NAMES = ("one", "two", "three")

Happening = tuple[float, Callable[[CrashWorld], None]]


def run(seed: int) -> CrashWorld:
    """The schedule of `seed`, to its end. Raises `Violation` with the seed."""
    world = make(seed)
    try:
        world.run()
    except Violation as error:
        raise Violation(f"{REPLAY}={seed}\n{error}") from None
    return world


def make(seed: int) -> CrashWorld:
    """The same world for the same seed."""
    rng = Random(seed)
    jobs = [(rng.uniform(0.0, SPAN / 3), _job(rng, name)) for name in NAMES[: rng.randint(1, 3)]]
    happenings: list[Happening] = []
    for _ in range(rng.randint(0, 4)):
        happenings += rng.choice(_KINDS)(rng, rng.choice(jobs)[1].job_id)
    scenario = Scenario(
        f"seed {seed}",
        jobs,
        handlers={f"{name}{number}": _behaviours(rng) for name in NAMES for number in range(3)},
        happenings=happenings,
        config={
            "jobs_max_attempts": rng.randint(1, 4),
            "jobs_on_interrupted": rng.choice(("rerun", "rerun", "fail")),
            "jobs_max_run_seconds": rng.choice((0, 0, 0, 15)),
        },
        session=rng.random() < 0.7,
        steady=False,
    )
    faults = Faults(rng=rng, rate=rng.choice((0.0, 0.05, 0.15, 0.35)))
    faults.until = SPAN * 1.5
    world = CrashWorld(scenario, ends=_ends(rng), rng=rng, faults=faults)
    world.service.version_first = rng.random() < 0.3
    return world


def _ends(rng: Random) -> Callable[[int], Variant | None]:
    """Up to three points at which the agent ends."""
    at = {rng.randint(1, 150): rng.choice(VARIANTS) for _ in range(rng.choice((0, 1, 1, 2, 3)))}
    return at.get


def _job(rng: Random, name: str) -> Job:
    kind = rng.random()
    count = rng.randint(1, 3)
    names = [f"{name}{number}" for number in range(count)]
    if kind < 0.1:
        document: dict[str, object] = {"version": "nonsense"}
    elif kind < 0.4:
        document = operation(names[0])
    else:
        ignored = [each for each in names if rng.random() < 0.2]
        timeouts = {each: rng.randint(2, 12) for each in names if rng.random() < 0.15}
        reboot = ["reboot"] if rng.random() < 0.1 else []
        document = steps(*names[:-1], *reboot, names[-1], ignored=ignored, timeouts=timeouts)
    timeout = rng.choice((0.0, 0.0, 0.0, 20.0, 40.0))
    return Job(name, document, timeout=timeout, lag=rng.choice((0.0, 30.0)), retries=rng.choice((0, 0, 1, 2)))


def _behaviours(rng: Random) -> list[Behaviour]:
    return [_behaviour(rng) for _ in range(rng.randint(1, 2))]


def _behaviour(rng: Random) -> Behaviour:
    kind = rng.random()
    seconds = rng.choice((0.0, 0.3, 2.0, 5.0, 40.0))
    if kind < 0.04:
        return Behaviour(error="no such handler")
    if kind < 0.14:
        return Behaviour(seconds, status=rng.randint(1, 3))
    if kind < 0.18:
        return Behaviour(seconds, signal=11)
    if kind < 0.26:
        return Behaviour(seconds, stubborn=rng.random() < 0.5, on_term=rng.choice((None, 0, 1)))
    if kind < 0.34:
        return Behaviour(seconds + 2.0, deed=rng.choice((REBOOT, CUT, KILL_AGENT, STOP_AGENT)))
    return Behaviour(seconds)


def _outage(rng: Random, job: str) -> list[Happening]:
    down = rng.uniform(0.0, SPAN)
    up = down + rng.choice((0.1, 1.0, 8.0, 40.0))
    return [(down, lambda world: world.link(False)), (up, lambda world: world.link(True))]


def _silence(rng: Random, job: str) -> list[Happening]:
    seconds = rng.choice((1.0, 12.0, 30.0))
    return [(rng.uniform(0.0, SPAN), lambda world: world.silence(seconds))]


def _cancel(rng: Random, job: str) -> list[Happening]:
    return [(rng.uniform(0.0, SPAN), lambda world: world.service.cancel(job))]


def _delete(rng: Random, job: str) -> list[Happening]:
    when = rng.uniform(0.0, SPAN)
    deleted: list[Happening] = [(when, lambda world: world.service.delete(job))]
    if rng.random() < 0.5:
        deleted.append((when + rng.uniform(1.0, 10.0), lambda world: _create_again(world, job)))
    return deleted


def _create_again(world: CrashWorld, job: str) -> None:
    execution = world.service.find(job)
    if execution is not None and execution.deleted:
        world.service.create(execution.job)


def _meddle(rng: Random, job: str) -> list[Happening]:
    return [(rng.uniform(0.0, SPAN), lambda world: world.service.meddle(job))]


def _stop(rng: Random, job: str) -> list[Happening]:
    return [(rng.uniform(0.0, SPAN), lambda world: world.stop_agent())]


def _reboot(rng: Random, job: str) -> list[Happening]:
    return [(rng.uniform(0.0, SPAN), lambda world: world.shut_down())]


def _disk(rng: Random, job: str) -> list[Happening]:
    fault = rng.choice((FULL, READ_ONLY, SHORT, UNREADABLE, IN_MEMORY))
    when = rng.uniform(0.0, SPAN)
    return [
        (when, lambda world: world.disk.fails(fault)),
        (when + rng.choice((3.0, 30.0, 300.0)), lambda world: world.disk.fails("")),
    ]


_KINDS = (_outage, _outage, _silence, _cancel, _cancel, _delete, _meddle, _stop, _stop, _reboot, _disk)

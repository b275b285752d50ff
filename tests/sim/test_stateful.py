# SPDX-FileCopyrightText: The aws-iot-device-client authors
# SPDX-License-Identifier: Apache-2.0
"""Courses of events that hypothesis makes up, and makes short when one breaks a promise.

A failure prints its steps, to be pasted into a test, and a line to replay it. DC_SIM_COURSES=N tries so many.
"""

from __future__ import annotations

import os

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule, run_state_machine_as_test

from localcloud.jobs_model import Job
from tests.sim.simulator.board import CUT, KILL_AGENT, REBOOT, STOP_AGENT, Behaviour
from tests.sim.simulator.disk import FULL, IN_MEMORY, READ_ONLY, SHORT, UNREADABLE
from tests.sim.simulator.events import EPOCH
from tests.sim.simulator.explore import COUNT
from tests.sim.simulator.scenario import Scenario, operation, steps
from tests.sim.simulator.world import VARIANTS, CrashWorld, Variant

COURSES = int(os.environ.get("DC_SIM_COURSES", "1000"))
JOBS = ("one", "two", "three")
STEPS = ("a", "b", "c")
SECONDS = st.sampled_from((0.01, 0.06, 0.3, 1.0, 3.0, 11.0, 40.0))

JOB = st.sampled_from(JOBS)
VARIANT = st.sampled_from(VARIANTS)
BEHAVIOUR = st.builds(
    Behaviour,
    st.sampled_from((0.0, 0.3, 2.0, 40.0)),
    st.sampled_from((0, 0, 0, 1)),
    stubborn=st.booleans(),
    on_term=st.sampled_from((None, 0, 1)),
    deed=st.sampled_from(("", "", "", REBOOT, CUT, KILL_AGENT, STOP_AGENT)),
)
DOCUMENT = st.sampled_from(
    (
        operation("a"),
        operation("reboot"),
        steps(*STEPS),
        steps("a", "b", ignored=("a",)),
        steps("a", "reboot", "b"),
        steps("a", "b", timeouts={"b": 3}),
        {"version": "nonsense"},
    )
)


class Courses(RuleBasedStateMachine):
    """What may come from outside, in any order."""

    def __init__(self) -> None:
        super().__init__()
        self._handlers: dict[str, list[Behaviour]] = {"reboot": [Behaviour(30.0, deed=REBOOT)]}
        self._end: tuple[int, Variant] | None = None
        self._world = CrashWorld(Scenario("stateful", [], handlers=self._handlers, steady=False), ends=self._ends)

    def _ends(self, point: int) -> Variant | None:
        if self._end is None or point < self._end[0]:
            return None
        variant, self._end = self._end[1], None
        return variant

    @initialize(behaviours=st.lists(st.lists(BEHAVIOUR, min_size=1, max_size=2), min_size=3, max_size=3))
    def switch_on(self, behaviours: list[list[Behaviour]]) -> None:
        """What handlers do is settled before the board starts."""
        self._handlers.update(zip(STEPS, behaviours, strict=True))
        self._world.begin()

    @rule(seconds=SECONDS)
    def wait(self, seconds: float) -> None:
        self._world.advance(seconds)

    @rule(job=JOB, document=DOCUMENT, retries=st.sampled_from((0, 0, 1)))
    def create(self, job: str, document: dict[str, object], retries: int) -> None:
        found = self._world.service.find(job)
        with self._world.watched():
            if found is None:
                self._world.service.create(Job(job, document, retries=retries))
            elif found.deleted and found.queued_at < EPOCH + int(self._world.events.now):  # queuedAt tells them apart
                self._world.service.create(found.job)

    @rule(job=JOB)
    def cancel(self, job: str) -> None:
        with self._world.watched():
            self._world.service.cancel(job)

    @rule(job=JOB)
    def delete(self, job: str) -> None:
        with self._world.watched():
            self._world.service.delete(job)

    @rule(job=JOB)
    def another_client_updates(self, job: str) -> None:
        self._world.service.meddle(job)

    @rule(up=st.booleans())
    def link(self, up: bool) -> None:
        with self._world.watched():
            self._world.link(up)

    @rule(seconds=SECONDS)
    def silence(self, seconds: float) -> None:
        self._world.silence(seconds)

    @rule(points=st.integers(1, 12), variant=VARIANT)
    def end_the_agent_soon(self, points: int, variant: Variant) -> None:
        """So many of its deeds from now."""
        self._end = (self._world.points + points, variant)

    @precondition(lambda self: self._world.agent is not None)
    @rule(variant=VARIANT)
    def end_the_agent(self, variant: Variant) -> None:
        with self._world.watched():
            self._world.crash(variant)

    @rule()
    def stop_the_agent(self) -> None:
        with self._world.watched():
            self._world.stop_agent()

    @rule()
    def reboot(self) -> None:
        with self._world.watched():
            self._world.shut_down()

    @rule(fault=st.sampled_from(("", "", FULL, READ_ONLY, SHORT, UNREADABLE, IN_MEMORY)))
    def disk(self, fault: str) -> None:
        self._world.disk.fails(fault)

    def teardown(self) -> None:
        """The faults go, and all must come to its end."""
        if self._world.broken:
            return
        self._end = None
        self._world.disk.fails("")
        with self._world.watched():
            self._world.link(True)
        self._world.settle()
        COUNT.courses += 1
        COUNT.course_crashes += self._world.crashes


def test_whatever_comes_in_any_order_every_promise_is_kept() -> None:
    quick = settings(
        max_examples=COURSES,
        stateful_step_count=30,
        deadline=None,
        print_blob=True,
        suppress_health_check=(HealthCheck.too_slow,),
    )
    run_state_machine_as_test(Courses, settings=quick)

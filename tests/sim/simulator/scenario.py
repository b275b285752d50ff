# SPDX-FileCopyrightText: The aws-iot-device-client authors
# SPDX-License-Identifier: Apache-2.0
"""What happens in a simulation: jobs, what their handlers do, faults, and what comes from outside, each at its time."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from localcloud.jobs_model import Job
from tests.fakes import documents
from tests.sim.simulator.board import Behaviour
from tests.sim.simulator.network import Rule

if TYPE_CHECKING:
    from tests.sim.simulator.world import CrashWorld


def operation(name: str = "work", **more: object) -> dict[str, object]:
    """A document of the operation schema."""
    return documents.own_handler(name, "one", **more)


def steps(
    *names: str, final: str = "", ignored: Sequence[str] = (), timeouts: Mapping[str, int] | None = None
) -> dict[str, object]:
    """A document of version "1.0"; a step named "reboot" is the command of that name."""
    given = [_step(name, name in ignored, (timeouts or {}).get(name, 0)) for name in names]
    return documents.steps(*given, **({"finalStep": _step(final, False, 0)} if final else {}))


def _step(name: str, ignored: bool, timeout: int) -> dict[str, object]:
    more: dict[str, Any] = {
        **({"ignoreStepFailure": True} if ignored else {}),
        **({"timeout": timeout} if timeout else {}),
    }
    if name == "reboot":
        return documents.run_command(name, name=name, **more)
    return documents.run_handler(name, name=name, **more)


class Scenario:
    """`jobs`: (when, job). `handlers`: by step name, or "step#number" for a retry, what each run does; the last one
    counts for all that follow; a step that is not named takes 2 s and is good. `happenings`: (when, what).

    `outcomes`: the statuses in the end, in the order of creation; `steady`: also if the agent ends in between.
    """

    def __init__(
        self,
        name: str,
        jobs: Sequence[tuple[float, Job]],
        outcomes: Sequence[str] = (),
        *,
        handlers: Mapping[str, Sequence[Behaviour]] | None = None,
        happenings: Sequence[tuple[float, Callable[[CrashWorld], None]]] = (),
        rules: tuple[Rule, ...] = (),
        config: Mapping[str, object] | None = None,
        session: bool = True,
        steady: bool = True,
        set_up: Callable[[CrashWorld], None] | None = None,
    ) -> None:
        self.name = name
        self.jobs = jobs
        self.outcomes = list(outcomes)
        self.rules = rules
        self.config = dict(config or {})
        self.session = session
        self.steady = steady
        self._handlers = {} if handlers is None else handlers
        self._happenings = happenings
        self._set_up = set_up

    def set_up(self, world: CrashWorld) -> None:
        """Let everything come in `world`."""
        if self._set_up is not None:
            self._set_up(world)
        for when, job in self.jobs:
            world.events.at(when, _creates(world, job))
        for when, happening in self._happenings:
            world.events.at(when, _happens(world, happening))

    def last_event(self) -> float:
        """When nothing more comes from outside."""
        times = [when for when, _ in self.jobs] + [when for when, _ in self._happenings]
        return max(times, default=0.0)

    def behaviour(self, step: str, number: int, before: int) -> Behaviour:
        """What a step does that was run `before` times for this execution."""
        runs = self._handlers.get(f"{step}#{number}") or self._handlers.get(step) or [Behaviour()]
        return runs[min(before, len(runs) - 1)]


def _creates(world: CrashWorld, job: Job) -> Callable[[], None]:
    return lambda: world.service.create(job)


def _happens(world: CrashWorld, happening: Callable[[CrashWorld], None]) -> Callable[[], None]:
    return lambda: happening(world)

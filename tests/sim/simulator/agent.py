# SPDX-FileCopyrightText: The aws-iot-device-client authors
# SPDX-License-Identifier: Apache-2.0
"""One life of the agent's process: the real Jobs feature, with fakes for all it touches."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, cast

import pytest

from dc.config.model import SETTINGS, Config
from dc.jobs import deeds, desk, feature
from dc.jobs.core.document import Action
from dc.jobs.core.execution import Execution
from dc.jobs.core.outcome import StepResult
from dc.jobs.journal import Journal
from dc.jobs.run import strays
from dc.jobs.run.runner import Runner
from tests.fakes.clock import HandedLog
from tests.sim.simulator.board import Process
from tests.sim.simulator.loop import SimLoop
from tests.sim.simulator.network import THING

if TYPE_CHECKING:
    from dc.client import Client
    from tests.sim.simulator.world import World

STATE = "/state"


def make_config(overrides: Mapping[str, object]) -> Config:
    """The defaults, and what a scenario wants otherwise, by attribute."""
    config = Config({setting.name: setting.default for setting in SETTINGS}, {})
    config.thing_name = THING
    config.state_dir = STATE
    for name, value in overrides.items():
        setattr(config, name, value)
    return config


class SimRunner(Runner):
    """Starts processes on the simulated board."""

    def __init__(self, world: World, loop: SimLoop, life: int) -> None:
        self.started = False
        self.progress: dict[str, str] = {}
        self._world = world
        self._loop = loop
        self._life = life
        self._running: Process | None = None
        self._killing = False

    def run(self, action: Action, job: Mapping[str, str]) -> None:
        """As `Runner.run`."""
        self.started = True
        run, behaviour = self._world.started(action.name, job, self._life)
        if behaviour.error:
            run.good, run.told = False, True
            self._loop.post(self.ended, StepResult(error=behaviour.error))
            return
        self._killing = False
        self.progress = {}
        self._running = self._world.board.start(run, behaviour, job)

    def kill(self, grace: float) -> None:
        """As `Runner.kill`: a second call changes nothing."""
        if self._running is not None and not self._killing:
            self._killing = True
            self._world.board.kill(self._running, grace)

    def last_line(self) -> bytes:
        """As `Runner.last_line`."""
        return b"still at it"

    def child_changed(self) -> None:
        """The board tells by `gone`."""

    def told(self, process: Process) -> None:
        """The handler wrote a line of progress."""
        if process is self._running:
            self.progress["lines"] = str(int(self.progress.get("lines", "0")) + 1)
            self.progressed()

    def gone(self, process: Process, result: StepResult) -> None:
        """SIGCHLD, reaped and drained."""
        if process is self._running:
            self._running = None
            process.run.told = True
            self.ended(result)


class SimClient:
    """What the feature sees of the base client."""

    def __init__(self, world: World, loop: SimLoop, log: HandedLog) -> None:
        self.config = world.config
        self.loop = loop
        self.log = log
        self._world = world

    def publish(self, topic: str, payload: bytes) -> None:
        """As `Client.publish`: lost when not connected."""
        self._world.publish(topic, payload)


class SimDeeds(deeds.Deeds):
    """The real deeds, with a point after each where the agent may end."""

    def perform(self, execution: Execution, effect: object) -> None:
        """As `Deeds.perform`."""
        super().perform(execution, effect)
        current().point(f"effect {type(effect).__name__}")


class Agent:
    """A process from its start to its end. `online`: connected and subscribed."""

    def __init__(self, world: World, life: int) -> None:
        self.life = life
        self.online = False
        self.stopping = False
        self.loop = SimLoop(world.events)
        self.runner = SimRunner(world, self.loop, life)
        client = SimClient(world, self.loop, HandedLog(world.logged))
        journal = Journal(STATE, world.disk)
        self.feature = feature.JobsFeature(cast("Client", client), runner=self.runner, journal=journal)


_worlds: list[World] = []


def current() -> World:
    """The world that is being simulated."""
    return _worlds[-1]


@contextlib.contextmanager
def inhabited(world: World) -> Iterator[None]:
    """`world` is the one that the agent's system calls go to."""
    _worlds.append(world)
    try:
        yield
    finally:
        _worlds.pop()


def install(patch: pytest.MonkeyPatch) -> None:
    """Let the agent's few direct system calls go to the current world."""
    patch.setattr(desk, "Deeds", SimDeeds)
    patch.setattr(feature, "jittered", lambda seconds: current().jittered(seconds))
    patch.setattr(deeds, "jittered", lambda seconds: current().jittered(seconds))
    patch.setattr(deeds, "boot_id", lambda: f"boot-{current().board.boot}")
    patch.setattr(strays, "end", lambda marks, grace: current().board.end_marked(marks))
    patch.setattr("os.urandom", lambda size: current().random_bytes(size))

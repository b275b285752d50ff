# SPDX-FileCopyrightText: The aws-iot-device-client authors
# SPDX-License-Identifier: Apache-2.0
"""One life of the agent's process: the real Jobs feature, with fakes for all it touches."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from dc.config.model import SETTINGS, Config
from dc.jobs.core.document import Action
from dc.jobs.core.outcome import StepResult
from dc.jobs.feature import JobsFeature
from dc.jobs.machine import Machine
from dc.jobs.run.runner import Runner
from tests.fakes.clock import HandedLog
from tests.sim.simulator.board import Process
from tests.sim.simulator.loop import SimLoop
from tests.sim.simulator.network import THING

if TYPE_CHECKING:
    from tests.sim.simulator.world import CrashWorld

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

    def __init__(self, world: CrashWorld, loop: SimLoop, life: int) -> None:
        self._world = world
        self._loop = loop
        self._life = life
        self._running: Process | None = None
        self._killing = False
        self._lines = 0

    def run(self, action: Action, job: Mapping[str, str]) -> None:
        """As `Runner.run`."""
        run, behaviour = self._world.started(action.name, job, self._life)
        if behaviour.error:
            run.good, run.noticed = False, True
            self._loop.post(self.ended, StepResult(error=behaviour.error))
            return
        self._killing = False
        self._lines = 0
        self._running = self._world.board.start(run, behaviour, job)

    def kill(self, grace: float) -> None:
        """As `Runner.kill`: a second call changes nothing."""
        if self._running is not None and not self._killing:
            self._killing = True
            self._world.board.kill(self._running, grace)

    def last_line(self) -> bytes:
        """As `Runner.last_line`."""
        return b"still at it"

    def wrote(self, process: Process) -> None:
        """The handler wrote a line of progress."""
        if process is self._running:
            self._lines += 1
            self.on_progress(b"lines=%d\n" % self._lines)

    def gone(self, process: Process, result: StepResult) -> None:
        """SIGCHLD, reaped and drained."""
        if process is self._running:
            self._running = None
            process.run.noticed = True
            self.ended(result)


class SimHost:
    """What the feature sees of the base client."""

    def __init__(self, world: CrashWorld, loop: SimLoop, log: HandedLog) -> None:
        self.config = world.config
        self.loop = loop
        self.log = log
        self._world = world

    def publish(self, topic: str, payload: bytes) -> None:
        """As `Client.publish`: lost when not connected."""
        self._world.publish(topic, payload)


class SimMachine(Machine):
    """The simulated board, to the agent."""

    def __init__(self, world: CrashWorld, runner: SimRunner) -> None:
        self.disk = world.disk
        self.performed = lambda effect: world.point(f"effect {type(effect).__name__}")
        self._world = world
        self.runner = runner

    def boot_id(self) -> str:
        """As `Machine.boot_id`."""
        return f"boot-{self._world.board.boot}"

    def random(self, size: int) -> bytes:
        """As `Machine.random`."""
        return self._world.random_bytes(size)

    def jittered(self, seconds: float) -> float:
        """As `Machine.jittered`."""
        return self._world.jittered(seconds)

    def end_strays(self, marks: tuple[str, ...], grace: float) -> bool:
        """As `Machine.end_strays`."""
        return self._world.board.end_marked(marks)


class Agent:
    """A process from its start to its end. `online`: connected and subscribed."""

    def __init__(self, world: CrashWorld, life: int) -> None:
        self.life = life
        self.online = False
        self.stopping = False
        self.loop = SimLoop(world.events)
        self.runner = SimRunner(world, self.loop, life)
        host = SimHost(world, self.loop, HandedLog(world.logged))
        self.feature = JobsFeature(host, SimMachine(world, self.runner))

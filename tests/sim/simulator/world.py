# SPDX-FileCopyrightText: The aws-iot-device-client authors
# SPDX-License-Identifier: Apache-2.0
"""The whole simulation: runs one scenario, ends the agent where it is told to, and watches the promises."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Mapping
from random import Random

from dc.jobs.core.outcome import StepResult
from localcloud.jobs_model import Job, JobsModel
from tests.sim.simulator.agent import Agent, make_config
from tests.sim.simulator.board import CUT, KILL_AGENT, REBOOT, TO_DIE, Behaviour, Board, Process, Run
from tests.sim.simulator.disk import KEPT, LOST, TORN, ZEROS, SimDisk
from tests.sim.simulator.events import EPOCH, Crash, Events, Violation
from tests.sim.simulator.network import DOWN, PREFIX, UP, Faults, Network, load
from tests.sim.simulator.oracle import Oracle
from tests.sim.simulator.scenario import Scenario

MAX_STEPS = 8000
MAX_SECONDS = 6 * 3600.0  # after the last thing that happened by itself: the agent's slowest poll is under 1.5 h
QUIET_SECONDS = 130.0
QUIET_MESSAGES = 8  # what an agent without work may send in that time
STORM_SECONDS, STORM_MESSAGES = 10.0, 40
CONNECT_SECONDS, RECONNECT_SECONDS = 0.2, 0.5
RESTART_SECONDS, BOOT_SECONDS, SHUTDOWN_SECONDS, EXIT_SECONDS = 1.0, 20.0, 10.0, 0.1


class Variant:
    """How the agent ends. `power`: the board with it. `fate`: of bytes that are not synced. `sent`: what it has just
    published still arrives. `session`: the broker keeps messages for it."""

    def __init__(self, name: str, power: bool, fate: str, sent: bool, session: bool) -> None:
        self.name = name
        self.power = power
        self.fate = fate
        self.sent = sent
        self.session = session


VARIANTS = (
    Variant("kill", False, KEPT, True, True),
    Variant("kill-lost", False, TORN, False, False),
    Variant("cut", True, LOST, True, True),
    Variant("cut-torn", True, TORN, False, False),
    Variant("cut-kept", True, KEPT, False, True),
    Variant("cut-zeros", True, ZEROS, True, False),
)
VARIANT_BY_NAME = {variant.name: variant for variant in VARIANTS}


class CrashWorld:
    """One course of events. `ends(point)`: in which way the agent ends at this one of its `points`, None: it goes on.
    `rng`: chance, None for a world without."""

    def __init__(
        self,
        scenario: Scenario,
        *,
        ends: Callable[[int], Variant | None] = lambda point: None,
        rng: Random | None = None,
        faults: Faults | None = None,
    ) -> None:
        self.events = Events()
        self.points = 0
        self.crashes = 0
        self.broken = False  # a promise was
        self.life = 0
        self.agent: Agent | None = None
        self.config = make_config(scenario.config)
        self.oracle = Oracle(self)
        self.disk = SimDisk(lambda label: self.point(f"disk {label}"), self.oracle.wrote)
        self.network = Network(self.events, faults or Faults(scenario.rules), self.deliver, self.say)
        self.service = JobsModel(self.events, self.network.down, self.oracle.changed, EPOCH)
        self.network.service = self.service
        self.board = Board(self.events, self._process_ended, self._process_wrote, self.deed)
        self._scenario = scenario
        self._ends = ends
        self._ending = VARIANTS[0]
        self._rng = rng
        self._bytes = 0
        self._stored: list[tuple[str, bytes]] = []
        self._going_down = False
        self._sent = 0
        self._window = self._in_window = 0
        self._trace: list[tuple[float, str]] = []

    # --- running

    def run(self) -> None:
        """From the first start until everything has settled. This and its parts raise `Violation`, with the trace."""
        self.begin()
        self.settle()

    def begin(self) -> None:
        """Switch the board on."""
        with self.watched():
            self._scenario.set_up(self)
            self.start_agent()

    def advance(self, seconds: float) -> None:
        """Let time pass."""
        with self.watched():
            until = self.events.now + seconds
            while (when := self._next_time()) is not None and when <= until:
                self._step(when)
            self.events.now = until

    def settle(self) -> None:
        """Nothing more comes from outside: what was begun comes to its end."""
        with self.watched():
            self._run()
            self.oracle.finished()

    @contextlib.contextmanager
    def watched(self) -> Iterator[None]:
        """Whatever happens in it happens in this world."""
        try:
            yield
        except Violation as error:
            self.broken = True
            raise Violation(f"{error}\n{self.trace()}") from None

    def _run(self) -> None:
        busy_until, quiet_from, sent = max(self._scenario.last_event(), self.events.now), 0.0, 0
        for _ in range(MAX_STEPS):
            if self.events.waiting or self.service.pending() or self.agent is None:
                quiet_from = 0.0
            elif not quiet_from:
                quiet_from, sent = self.events.now, self._sent
            when = self._next_time()
            if when is None or (quiet_from and when > quiet_from + QUIET_SECONDS):
                break
            if when > busy_until + MAX_SECONDS:
                raise Violation(f"stuck: {[each.key() for each in self.service.pending()]} wait for ever")
            self._step(when)
        else:
            raise Violation(f"stuck: {MAX_STEPS} things happened, and there is no end")
        if self._sent - sent > QUIET_MESSAGES and quiet_from:
            raise Violation(f"an idle agent sent {self._sent - sent} messages in {QUIET_SECONDS:g} s")

    def _next_time(self) -> float | None:
        times = [self.events.next_time(), self.agent.loop.next_time() if self.agent else None]
        return min((time for time in times if time is not None), default=None)

    def _step(self, when: float) -> None:
        if self.events.next_time() == when and not (self._chance(0.5) and self._loop_is_due(when)):
            self.events.happen()
        elif self.agent is not None:
            self.into_agent("timer", self.agent.loop.take())

    def _loop_is_due(self, when: float) -> bool:
        return self.agent is not None and self.agent.loop.next_time() == when

    def into_agent(self, label: str, call: Callable[[], None]) -> None:
        """Let the agent do something, and perhaps end there."""
        try:
            call()
            self.point(label)
        except Crash:
            self.crash(self._ending)

    def point(self, label: str) -> None:
        """The agent has done one more thing."""
        if self.agent is None:
            return
        self.points += 1
        variant = self._ends(self.points)
        if variant is not None:
            self.say(f"*** point {self.points}: {label}")
            self._ending = variant
            raise Crash

    # --- the agent's life

    def start_agent(self) -> None:
        """A new process, unless one is there or the board is off."""
        if self.agent is None and not self._going_down:
            self.life += 1
            self.say(f"=== agent {self.life} starts, boot {self.board.boot}")
            self.oracle.begins()
            agent = self.agent = Agent(self, self.life)
            self.into_agent("start", lambda: None)
            self.events.after(CONNECT_SECONDS, lambda: self._connect(agent))

    def crash(self, variant: Variant) -> None:
        """The agent ends, and with it the board perhaps; it comes back."""
        self.say(f"*** {variant.name}")
        self.crashes += 1
        self.agent = None
        if not variant.sent:
            self.network.lose(UP)
        if not variant.session:
            self.network.lose(DOWN)
            self._stored.clear()
        unfinished = self.disk.unfinished()
        self.disk.end(variant.power, variant.fate)
        if variant.power:
            self.board.power_off()
        self.oracle.found(variant.power, unfinished)
        self.events.after(BOOT_SECONDS if variant.power else RESTART_SECONDS, self.start_agent)

    def stop_agent(self) -> None:
        """SIGTERM to the agent; init starts it again."""
        agent = self.agent
        if agent is not None and not agent.stopping:
            self.say("SIGTERM to the agent")
            agent.stopping = True
            self.into_agent("stop", lambda: agent.feature.stop(lambda: self._stopped(agent)))

    def _stopped(self, agent: Agent) -> None:
        self.events.after(EXIT_SECONDS, lambda: self._exited(agent))

    def is_stopping(self) -> bool:
        """Whether the agent was told to end."""
        return self.agent is not None and self.agent.stopping

    def _exited(self, agent: Agent) -> None:
        if self.agent is not agent:
            return
        self.say("=== the agent has ended")
        self.agent = None
        self.oracle.found(False, b"")
        self.oracle.exited(agent.life)
        self.events.after(RESTART_SECONDS, self.start_agent)

    def shut_down(self) -> None:
        """An orderly reboot: everyone gets SIGTERM, the disk is flushed, the board comes back."""
        if self._going_down:
            return
        self.say("the board is shut down")
        self._going_down = True
        self.stop_agent()
        self.events.after(TO_DIE, self._end_all)
        self.events.after(SHUTDOWN_SECONDS, self._off)

    def _end_all(self) -> None:
        for process in list(self.board.processes):
            self.board.kill(process, SHUTDOWN_SECONDS / 2)

    def _off(self) -> None:
        self.agent = None
        self.disk.flush()
        self.board.power_off()
        self._going_down = False
        self.oracle.found(False, b"")
        self.events.after(BOOT_SECONDS, self.start_agent)

    def deed(self, name: str) -> None:
        """What a handler brings about."""
        self.say(f"a handler's deed: {name}")
        if name == REBOOT:
            self.shut_down()
        elif name in (CUT, KILL_AGENT):
            self.crash(VARIANT_BY_NAME["cut" if name == CUT else "kill"])
        else:
            self.stop_agent()

    # --- the agent's connection

    def link(self, up: bool) -> None:
        """The network comes or goes."""
        self.say(f"the network is {'up' if up else 'down'}")
        self.network.link = up
        agent = self.agent
        if agent is None:
            return
        if up:
            self.events.after(RECONNECT_SECONDS, lambda: self._connect(agent))
        elif agent.online:
            agent.online = False
            self.into_agent("offline", agent.feature.offline)

    def silence(self, seconds: float) -> None:
        """The connection looks alive, but nothing gets through."""
        self.network.silent_until = self.events.now + seconds

    def _connect(self, agent: Agent) -> None:
        if agent is not self.agent or agent.online or not self.network.link:
            return
        while self._stored and agent is self.agent:
            self._into_feature(agent, *self._stored.pop(0))
        if agent is self.agent:
            agent.online = True
            self.say("connected")
            self.into_agent("online", agent.feature.online)

    def deliver(self, topic: str, payload: bytes) -> None:
        """A message of the service is there."""
        agent = self.agent
        if agent is not None and agent.online:
            self._into_feature(agent, topic, payload)
        elif self._scenario.session:
            self._stored.append((topic, payload))

    def _into_feature(self, agent: Agent, topic: str, payload: bytes) -> None:
        name = topic.removeprefix(PREFIX)
        self.say(f"<- {name} {payload.decode()}")
        if name.endswith("/update/accepted"):
            self.oracle.answered(agent.life, str(load(payload).get("clientToken")))
        self.into_agent(f"message {name}", lambda: agent.feature.message(topic, payload))

    def publish(self, topic: str, payload: bytes) -> None:
        """The agent's message; lost when it is not connected."""
        if self.agent is None or not self.agent.online:
            return
        self._count_message()
        if topic.endswith("/update"):
            self.oracle.sent(self.agent.life, topic.removeprefix(PREFIX).removesuffix("/update"), load(payload))
        self.network.publish(topic, payload)
        self.point("publish")

    def _count_message(self) -> None:
        self._sent += 1
        window = int(self.events.now / STORM_SECONDS)
        self._window, self._in_window = window, self._in_window + 1 if window == self._window else 1
        if self._in_window > STORM_MESSAGES:
            raise Violation(f"a storm: more than {STORM_MESSAGES} messages in {STORM_SECONDS:g} s")

    # --- the agent's processes

    def started(self, step: str, variables: Mapping[str, str], life: int) -> tuple[Run, Behaviour]:
        """The agent starts a step: what is known of it from now on, and what it will do."""
        number, attempt = int(variables["AWS_IOT_JOB_EXECUTION_NUMBER"]), int(variables["AWS_IOT_JOB_ATTEMPT"])
        run = Run(variables["AWS_IOT_JOB_ID"], number, step, attempt, life, self.board.boot)
        self.say(f"run {step} of {run.job_id} #{number}, attempt {attempt}")
        before = self.oracle.starting(run, variables, [process.run for process in self.board.processes])
        return run, self._scenario.behaviour(step, number, before)

    def _process_ended(self, process: Process, result: StepResult) -> None:
        self.say(f"{process.run.step} ends: status {result.status}, signal {result.signal}")
        agent = self.agent
        if agent is not None and process.run.life == agent.life:
            self.into_agent("step ended", lambda: agent.runner.gone(process, result))

    def _process_wrote(self, process: Process) -> None:
        agent = self.agent
        if agent is not None and process.run.life == agent.life:
            self.into_agent("progress", lambda: agent.runner.wrote(process))

    # --- small things

    def job(self, job_id: str) -> Job:
        """As it was created."""
        return next(each.job for each in self.service.executions if each.job.job_id == job_id)

    def jittered(self, seconds: float) -> float:
        """A part of `seconds`."""
        return seconds * (0.5 if self._rng is None else 0.05 + 0.95 * self._rng.random())

    def random_bytes(self, size: int) -> bytes:
        """Never the same twice."""
        self._bytes += 1
        return self._bytes.to_bytes(size, "big")

    def _chance(self, part: float) -> bool:
        return self._rng is not None and self._rng.random() < part

    def logged(self, level: str, text: str) -> None:
        """The agent's log."""
        self.say(f"   [{level}] {text}")
        if "please report this" in text:
            raise Violation(f"the agent met an event that it has no rule for: {text}")

    def say(self, text: str) -> None:
        """One line of the trace."""
        self._trace.append((self.events.now, text))

    def trace(self) -> str:
        """What happened, a line each."""
        return "\n".join(f"{when:10.3f} {text}" for when, text in self._trace)

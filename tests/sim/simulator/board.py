# SPDX-FileCopyrightText: The aws-iot-device-client authors
# SPDX-License-Identifier: Apache-2.0
"""The board: its boots, and the processes of handlers, which outlive the agent that started them."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping

from dc.jobs.core.outcome import StepResult
from dc.jobs.core.tail import Tail
from tests.sim.simulator.events import Event, Events

SIGTERM, SIGKILL = 15, 9
REBOOT, CUT, KILL_AGENT, STOP_AGENT = "reboot", "cut", "kill-agent", "stop-agent"  # what a handler may bring about
TO_DIE = 0.02  # seconds from a signal to the process's end


class Behaviour:
    """What a handler does: `seconds` long, then exit `status` or death by `signal`; or it can't be started: `error`.

    `stubborn`: SIGTERM does not end it. `on_term`: its exit status after SIGTERM. `deed`: one of the constants above,
    `deed_at` seconds after its start. `writes`: when it writes a line of progress.
    """

    def __init__(
        self,
        seconds: float = 2.0,
        status: int = 0,
        *,
        signal: int | None = None,
        error: str = "",
        stubborn: bool = False,
        on_term: int | None = None,
        deed: str = "",
        deed_at: float = 1.0,
        writes: tuple[float, ...] = (),
    ) -> None:
        self.seconds = seconds
        self.status = status
        self.signal = signal
        self.error = error
        self.stubborn = stubborn
        self.on_term = on_term
        self.deed = deed
        self.deed_at = deed_at
        self.writes = writes


class Run:
    """One start of a step, in process `life` of the agent and boot `boot`. `good`: how it ended, None if it did not
    or nobody knows. `noticed`: the agent has noticed it."""

    def __init__(self, job_id: str, number: int, step: str, attempt: int, life: int, boot: int) -> None:
        self.job_id = job_id
        self.number = number
        self.step = step
        self.attempt = attempt
        self.life = life
        self.boot = boot
        self.good: bool | None = None
        self.noticed = False


class Process:
    """A handler that is alive, or was."""

    def __init__(self, run: Run, behaviour: Behaviour, variables: Mapping[str, str]) -> None:
        self.run = run
        self.environment = {f"{name}={value}" for name, value in variables.items()}
        self.behaviour = behaviour
        self.events: list[Event] = []


class Board:
    """`ended(process, result)`: a process is gone. `wrote(process)`: it wrote progress. `deed(name)`: it brought something
    about."""

    def __init__(
        self,
        events: Events,
        ended: Callable[[Process, StepResult], None],
        wrote: Callable[[Process], None],
        deed: Callable[[str], None],
    ) -> None:
        self.boot = 1
        self.processes: list[Process] = []
        self._events = events
        self._ended = ended
        self._wrote = wrote
        self._deed = deed

    def start(self, run: Run, behaviour: Behaviour, variables: Mapping[str, str]) -> Process:
        """A handler's process begins."""
        process = Process(run, behaviour, variables)
        self.processes.append(process)
        status, signal = behaviour.status, behaviour.signal
        ends = self._events.after(
            behaviour.seconds,
            lambda: self._end(process, StepResult(status=None if signal else status, signal=signal)),
        )
        process.events.append(ends)
        for seconds in behaviour.writes:
            process.events.append(self._events.after(seconds, lambda: self._wrote(process)))
        if behaviour.deed:
            process.events.append(self._events.after(behaviour.deed_at, lambda: self._deed(behaviour.deed)))
        return process

    def kill(self, process: Process, grace: float) -> None:
        """SIGTERM, and SIGKILL after the grace."""
        behaviour = process.behaviour
        if behaviour.stubborn:
            late = self._events.after(grace, lambda: self._end(process, StepResult(signal=SIGKILL)))
            process.events.append(late)
            return
        result = StepResult(signal=SIGTERM) if behaviour.on_term is None else StepResult(status=behaviour.on_term)
        process.events.append(self._events.after(TO_DIE, lambda: self._end(process, result)))

    def end_marked(self, marks: Collection[str]) -> bool:
        """What has all of `marks` in its environment is gone when this returns; whether there was anything."""
        left = [each for each in self.processes if all(mark in each.environment for mark in marks)]
        for process in left:
            self._forget(process)
        return bool(left)

    def power_off(self) -> None:
        """Nothing is alive, and the next boot is another one."""
        for process in list(self.processes):
            self._forget(process)
        self.boot += 1

    def _forget(self, process: Process) -> None:
        self.processes.remove(process)
        for event in process.events:
            event.cancel()

    def _end(self, process: Process, result: StepResult) -> None:
        self._forget(process)
        result.stdout = Tail()
        result.stdout.feed(f"{process.run.step} was here\n".encode())
        process.run.good = result.signal is None and result.status == 0
        self._ended(process, result)

# SPDX-FileCopyrightText: The aws-iot-device-client authors
# SPDX-License-Identifier: Apache-2.0
"""What the shell does for each effect of the execution at hand: publish, start, kill, write down, set a timer."""

from __future__ import annotations

import os

from dc.connection import jittered
from dc.jobs.core import events as fx
from dc.jobs.core import messages
from dc.jobs.core.details import BARE, IN_PROGRESS, clean, last_units
from dc.jobs.core.outcome import asks_for_reboot
from dc.jobs.core.state import further, told

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from dc.client import Client
    from dc.jobs.core.execution import Execution
    from dc.jobs.journal import Journal
    from dc.jobs.run.runner import Runner

PART = "jobs"
PROGRESS_SECONDS = 30.0
TOLD_SECONDS = 5.0  # between two reports of what a handler tells
KILL_GRACE_AT_STOP = 1.0
BOOT_ID = "/proc/sys/kernel/random/boot_id"
_JOB, _PROGRESS = (PART, "job"), (PART, "progress")


def boot_id() -> str:
    """The kernel's name for this boot; "" where /proc does not tell. No clock is right on every board, this is."""
    try:
        with open(BOOT_ID, "rb") as file:
            return file.read(64).decode("ascii", "replace").strip()
    except OSError:
        return ""


def mark(thing: str, job_id: str, number: int) -> dict[str, str]:
    """The variables that tell the processes of one execution from all others, also from those of a second thing's."""
    return {
        "AWS_IOT_THING_NAME": thing,
        "AWS_IOT_JOB_ID": job_id,
        "AWS_IOT_JOB_EXECUTION_NUMBER": str(number),
    }


class Deeds:
    """`perform(execution, effect)`. `event(name, argument)` is how timers and answers come back; `ended(execution,
    outcome)` is called at the end, `ask()` when start-next is to be asked."""

    def __init__(
        self,
        client: Client,
        runner: Runner,
        journal: Journal,
        event: Callable[[str, object], None],
        ended: Callable[[Execution, str], None],
        ask: Callable[[], None],
    ) -> None:
        self._client = client
        self._loop = client.loop
        self._log = client.log
        self._config = client.config
        self._thing = client.config.thing_name
        self._runner = runner
        self._journal = journal
        self._event = event
        self._ended = ended
        self._ask = ask
        self._nonce = os.urandom(6).hex()
        self._boot = boot_id()
        self._degraded = ""
        self._told = ""  # to the cloud, in case the journal is lost
        self._running: fx.Run | None = None
        self._shown = 0.0  # when progress was last reported
        runner.progressed = self._progressed
        self.stopping = False
        self.seconds_left: int | None = None  # of AWS's own timer, as of the offer

    def token(self, serial: int) -> str:
        """The clientToken of request `serial`: unlike any other of this or another process."""
        return f"{self._nonce}-{serial}"

    def same_boot(self, record: dict[str, object]) -> bool:
        """Whether `record` was written since the board was started. Where the kernel can't tell, it was."""
        return record.get("boot") == self._boot

    def end_leftovers(self, job_id: str, number: int) -> None:
        """A handler whose agent was killed lives on: it must be gone before its step is started again. Blocks."""
        from dc.jobs.run.strays import end

        variables = mark(self._thing, job_id, number)
        if end(tuple(f"{name}={value}" for name, value in variables.items()), self._config.jobs_stop_grace):
            self._log.warn(PART, f"job {job_id} #{number}: ended processes that an earlier agent had left running")

    def left_running(self) -> None:
        """No step runs any more: the job's deadline and its progress have no meaning now."""
        self._loop.disarm(_JOB)
        self._loop.disarm(_PROGRESS)
        self._running = None

    def forget(self) -> None:
        """No execution is at hand. Lost in a power cut, this costs one report that the cloud refuses."""
        self._write({}, sync=False)

    def known(self, record: dict[str, object], details: dict[str, str]) -> dict[str, object]:
        """What was begun before a restart: the journal's `record`; or what the cloud was told (`details`), if that is
        further on and the journal was lost, or can't be written, or could not when the cloud was told."""
        doubtful = self._journal.blank or "journal" in details
        self._write(record, sync=False)  # what it can't keep shows before anything relies on it
        return further(record, details.get("resume", "")) if doubtful or self._journal.degraded else record

    def perform(self, execution: Execution, effect: object) -> None:
        """Do what `effect` says."""
        _DEEDS[type(effect)](self, execution, effect)

    def _send(self, e: Execution, effect: fx.Send) -> None:
        pairs = effect.details
        if effect.status == IN_PROGRESS and e.stage != BARE:
            self._told = told(e, self._boot)
            pairs = {**pairs, "resume": self._told}
            if self._journal.degraded:
                pairs["journal"] = last_units(clean(f"no promise to resume after a restart: {self._journal.degraded}"))
        token = self.token(effect.serial)
        timeout = self._config.jobs_step_timeout if effect.status == IN_PROGRESS else 0
        payload = messages.update_request(effect.status, pairs, effect.version, e.number, token, timeout)
        self._client.publish(messages.update_topic(self._thing, e.job_id), payload)

    def _arm(self, e: Execution, effect: fx.Arm) -> None:
        seconds = jittered(effect.seconds) if effect.jitter else effect.seconds
        if effect.timer == fx.STEP_TIMER:
            self._overdue((PART, effect.timer), seconds, f"the step's timeout of {effect.seconds:g} s is over")
        else:
            self._loop.arm((PART, effect.timer), seconds, lambda: self._event(fx.RETRY, None))

    def _overdue(self, timer: tuple[str, str], seconds: float, why: str) -> None:
        self._loop.arm(timer, seconds, lambda: self._event(fx.OVERDUE, f"Timed out: {why}"))

    def _disarm(self, e: Execution, effect: fx.Disarm) -> None:
        self._loop.disarm((PART, effect.timer))

    def _run(self, e: Execution, effect: fx.Run) -> None:
        if not self._runner.started:
            if e.version != 2:  # not the first claim ever: an earlier agent may have left its handler, unjournalled
                self.end_leftovers(e.job_id, e.number)
            self._arm_job_deadline()
        job = {
            **mark(self._thing, e.job_id, e.number),
            "AWS_IOT_JOB_STATE_DIR": self._config.state_dir,
            "AWS_IOT_JOB_ATTEMPT": str(effect.attempt),
            "AWS_IOT_JOB_STEP_NAME": effect.action.name,
            "AWS_IOT_JOB_REBOOTED": "true" if effect.rebooted else "false",
        }
        self._running = effect
        if self._told != told(e, self._boot) and (self._journal.degraded or asks_for_reboot(effect.action)):
            self._event(fx.PROGRESS, {"step": effect.action.name})  # the journal may not be there after a restart
        self._runner.run(effect.action, job)
        self._shown = self._loop.now()
        self._loop.arm(_PROGRESS, PROGRESS_SECONDS, self._progress)

    def _arm_job_deadline(self) -> None:
        limit = self._config.jobs_max_run_seconds
        if limit:
            self._overdue(_JOB, limit, f"jobs.max-run-seconds of {limit:g} s is over")
        if self.seconds_left and (not limit or self.seconds_left < limit):
            self._overdue(_JOB, self.seconds_left, "the time that AWS IoT gave the execution is over")

    def _progressed(self) -> None:
        """The handler told something: shown soon, but not at each line."""
        self._loop.arm(_PROGRESS, max(0.0, self._shown + TOLD_SECONDS - self._loop.now()), self._progress)

    def _progress(self) -> None:
        if self._running is None:
            return
        self._shown = self._loop.now()
        self._loop.arm(_PROGRESS, PROGRESS_SECONDS, self._progress)
        pairs = {"step": self._running.action.name, **self._runner.progress}
        line = clean(self._runner.last_line().decode("utf-8", "replace"))
        if line.strip():
            pairs["output"] = last_units(line)
        self._event(fx.PROGRESS, pairs)

    def _kill(self, e: Execution, effect: fx.Kill) -> None:
        self._runner.kill(KILL_GRACE_AT_STOP if self.stopping else self._config.jobs_stop_grace)

    def _persist(self, e: Execution, effect: fx.Persist) -> None:
        self._write({**e.snapshot(), "boot": self._boot}, sync=True)

    def _write(self, record: dict[str, object], sync: bool) -> None:
        if not self._journal.write(record, sync) and self._journal.degraded != self._degraded:
            self._log.warn(PART, f"no promise to resume a job after a restart: {self._journal.degraded}")
        self._degraded = self._journal.degraded

    def _resync(self, e: Execution, effect: fx.Resync) -> None:
        self._ask()

    def _note(self, e: Execution, effect: fx.Note) -> None:
        self._log.write(effect.level, PART, f"{e.job_id} #{e.number}: {effect.text}")

    def _end(self, e: Execution, effect: fx.End) -> None:
        self._runner.started = False
        self._log.info(PART, f"job {e.job_id} #{e.number}: {e.status or 'no report'}, {effect.outcome}")
        if effect.outcome != fx.INTERRUPTED:
            self.forget()
        self._ended(e, effect.outcome)


_DEEDS: dict[type, Callable[[Deeds, Execution, Any], None]] = {
    fx.Send: Deeds._send,
    fx.Arm: Deeds._arm,
    fx.Disarm: Deeds._disarm,
    fx.Run: Deeds._run,
    fx.Kill: Deeds._kill,
    fx.Persist: Deeds._persist,
    fx.Resync: Deeds._resync,
    fx.Note: Deeds._note,
    fx.End: Deeds._end,
}

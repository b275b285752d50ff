# SPDX-FileCopyrightText: The aws-iot-device-client authors
# SPDX-License-Identifier: Apache-2.0
"""The execution in hand: what happens to it goes through the table, and the effects are performed, in order.

Loaded when the first execution is offered, so that an idle agent neither waits for nor holds this half of the feature.
"""

from __future__ import annotations

import os

from dc.jobs import progress
from dc.jobs.core import effects as fx
from dc.jobs.core import events as ev
from dc.jobs.core import messages
from dc.jobs.core.details import IN_PROGRESS, JOURNAL, OUTPUT, RESUME, clean, last_units
from dc.jobs.core.document import DocumentError, unmet_condition
from dc.jobs.core.execution import Execution
from dc.jobs.core.key import INTERRUPTED, VARIABLES, is_namesake
from dc.jobs.core.parser import parse
from dc.jobs.core.state import RUNNING, STOPPING
from dc.jobs.core.update import ASKED, SENT
from dc.jobs.run.runner import Runner

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from dc.client import Host
    from dc.jobs.core.key import Key
    from dc.jobs.core.snapshot import Snapshot
    from dc.jobs.machine import Machine
    from dc.jobs.memory import Memory

PART = "jobs"
KILL_GRACE_AT_STOP = 1.0


class Worker:
    """`current` is None when no execution is in hand. `ended(key, outcome)` is called when it is laid aside, `ask()`
    when start-next is to be asked. `nonce`: what makes this process's request tokens unlike all others."""

    def __init__(
        self,
        host: Host,
        machine: Machine,
        memory: Memory,
        nonce: str,
        ended: Callable[[Key, str], None],
        ask: Callable[[], None],
    ) -> None:
        config = host.config
        self._host = host
        self._loop = host.loop
        self._log = host.log
        self._config = config
        self._machine = machine
        self._memory = memory
        self._journal = memory.journal
        self._nonce = nonce
        self._ended = ended
        self._ask = ask
        self._runner: Runner | None = None
        self._stale = False  # the runner was made with an earlier configuration
        self._progress: progress.Progress | None = None
        self.current: Execution | None = None
        self._serial = 0  # goes on from one execution to the next, so that no token comes twice

    # --- what the feature calls

    def take(self, offer: messages.Offer, snapshot: Snapshot, online: bool) -> None:
        """Begin with `offer`; `snapshot` is what the journal held of it before a restart, {} if nothing."""
        self._log.info(PART, f"job {offer.job_id} #{offer.number} ({offer.status or 'status unknown'})")
        kept = self._journal.write(snapshot, sync=False)  # a journal that can't be written shows now
        begun = self._memory.last_known(offer, snapshot, kept) if RESUME in offer.details else snapshot
        document, refusal = None, None
        try:
            document = parse(offer.document)
            for note in document.notes:
                self._log.warn(PART, f"job {offer.job_id}: {note}")
            if document.conditions:
                from dc.jobs.facts import gather

                refusal = unmet_condition(document, gather(self._config.thing_name))
        except DocumentError as error:
            refusal = error
        self.current = Execution(
            offer, document, self._config, online=online, serial=self._serial, boot=self._memory.boot
        )
        if refusal is not None:
            self._log.error(PART, f"job {offer.job_id} is rejected: {refusal}")
            event: ev.Event = ev.Refuse(f"Invalid job document: {refusal}")
        elif begun:
            event = ev.Resume(begun, not self._memory.is_of_this_boot(begun))
        else:
            event = ev.Begin()
        self.happen(event)

    def hear(self, message: messages.Offer | messages.Nothing) -> None:
        """start-next or notify-next named an execution, or none, while one is in hand."""
        current = self.current
        if current is None:
            return
        if isinstance(message, messages.Offer):
            if message.key == current.key:
                self.happen(ev.Redelivered(message.version))
                return
            if is_namesake(message.key, current.key):
                self.happen(ev.Gone(""))  # ours was deleted, and a new one made under its name
                return
        answered = message.source == messages.START_NEXT and current.update.state == ASKED
        self.happen(ev.Absent() if answered else ev.Doubt())

    def answer(self, message: messages.Accepted | messages.Refused) -> None:
        """What the cloud said to an update."""
        e = self.current
        if (
            e is None
            or e.update.state != SENT
            or message.job_id != e.job_id
            or message.token != f"{self._nonce}-{e.update.serial}"
        ):
            self._log.debug(PART, f"a late or foreign answer about {message.job_id} is ignored")
        elif isinstance(message, messages.Accepted):
            self.happen(ev.Accepted())
        else:
            self._log.debug(PART, f"update of {message.job_id} refused ({message.code}): {message.message}")
            self.happen(_meaning(message))

    def renew(self) -> None:
        """The configuration was read again; a step that runs goes on as it was begun."""
        self._stale = True

    def online(self) -> None:
        """Connected and subscribed."""
        self.happen(ev.Online())

    def offline(self) -> None:
        """The connection is lost."""
        self.happen(ev.Offline())

    def stop(self) -> float:
        """The agent ends. How many seconds the execution in hand may still take."""
        self.happen(ev.Stop())
        alive = self.current is not None and self.current.state in (RUNNING, STOPPING)
        return self._config.jobs_stop_grace if alive else 0.0

    def cut_off(self) -> float:
        """The grace is over. How many seconds it takes at most to end what still runs."""
        if self.current is not None and self.current.state == RUNNING:
            self.happen(ev.CutOff())
        return KILL_GRACE_AT_STOP

    # --- the table, and what is done

    def happen(self, event: ev.Event) -> None:
        """Let `event` happen to the execution in hand, and do what follows."""
        e = self.current
        if e is None:
            return
        before = e.state
        try:
            effects = e.handle(event)
        except ev.NoTransition as error:
            self._log.error(PART, f"{error} (job {e.job_id}); the event is ignored, please report this")
            return
        if self._log.verbose:
            self._log.debug(PART, f"{e.job_id} #{e.number}: {type(event).__name__}: {before} -> {e.state}")
        for at, effect in enumerate(effects):
            if isinstance(effect, fx.Disarm):
                self._loop.disarm(f"jobs-{effect.timer}")
            elif isinstance(effect, fx.Arm):
                seconds = self._machine.jittered(effect.seconds) if effect.jitter else effect.seconds
                self._loop.arm(f"jobs-{effect.timer}", seconds, self.happen, effect.event)
            elif isinstance(effect, (fx.Persist, fx.Prepare)):
                kept = self._journal.write(e.snapshot())
                if isinstance(effect, fx.Prepare):
                    effects[at + 1 : at + 1] = e.handle(ev.Kept() if kept else ev.Unkept())  # they come next
            else:
                self._perform(e, effect)
            if self._machine.performed is not None:
                self._machine.performed(effect)

    def _perform(
        self, e: Execution, effect: fx.Send | fx.Run | fx.EndStrays | fx.Kill | fx.AskNext | fx.Note | fx.End
    ) -> None:
        if isinstance(effect, fx.Send):
            self._send(e, effect)
        elif isinstance(effect, fx.Run):
            self._run(e, effect)
        elif isinstance(effect, fx.EndStrays):
            self._memory.end_strays(e.job_id, e.number)
        elif isinstance(effect, fx.Kill):
            if self._runner is not None:
                self._runner.kill(KILL_GRACE_AT_STOP if effect.hurry else self._config.jobs_stop_grace)
        elif isinstance(effect, fx.AskNext):
            self._ask()
        elif isinstance(effect, fx.Note):
            self._log.write(effect.level, PART, f"{e.job_id} #{e.number}: {effect.text}")
        else:
            self._end(e, effect)

    def _send(self, e: Execution, effect: fx.Send) -> None:
        pairs = effect.details
        if effect.resume:
            pairs = {**pairs, RESUME: effect.resume}
            if self._journal.degraded:
                pairs[JOURNAL] = last_units(clean(f"may not resume after a restart: {self._journal.degraded}"))
        timeout = self._config.jobs_step_timeout if effect.status == IN_PROGRESS else 0
        token = f"{self._nonce}-{effect.serial}"
        payload = messages.update_request(effect.status, pairs, effect.version, e.number, token, timeout)
        self._host.publish(messages.update_topic(self._config.thing_name, e.job_id), payload)

    def _run(self, e: Execution, effect: fx.Run) -> None:
        variables: dict[str, str] = dict(
            zip(VARIABLES, (self._config.thing_name, e.job_id, str(e.number)), strict=True)
        )
        variables["AWS_IOT_JOB_STATE_DIR"] = self._config.state_dir
        variables["AWS_IOT_JOB_ATTEMPT"] = str(effect.attempt)
        variables["AWS_IOT_JOB_STEP_NAME"] = effect.action.name
        variables["AWS_IOT_JOB_REBOOTED"] = "true" if effect.rebooted else "false"
        if self._progress is None:
            self._progress = progress.Progress(self._loop, self._show_progress)
        self._progress.begin()
        if self._runner is None or self._stale:
            self._stale = False
            config = self._config
            made = Runner(
                self._loop,
                self._log,
                config.handler_directory,
                os.environ,
                config.jobs_output_grace,
                config.jobs_pass_environment,
                config.jobs_operation_passes_user,
            )
            self._runner = self._machine.runner or made
            self._runner.ended = self.happen
            self._runner.on_progress = self._progress.feed
        self._runner.run(effect.action, variables)
        due = self._loop.arm(f"jobs-{fx.PROGRESS_TIMER}", progress.SECONDS, self._progress.due)
        self._progress.shown = due - progress.SECONDS

    def _show_progress(self, pairs: dict[str, str]) -> None:
        if self._runner is not None:
            line = clean(self._runner.last_line().decode("utf-8", "replace"))
            if line.strip():
                pairs[OUTPUT] = last_units(line)
            self.happen(ev.Progress(pairs))

    def _end(self, e: Execution, effect: fx.End) -> None:
        for timer in fx.TIMERS:
            self._loop.disarm(f"jobs-{timer}")
        self._log.info(PART, f"job {e.job_id} #{e.number}: {e.status or 'no report'}, {effect.outcome}")
        if effect.outcome != INTERRUPTED:
            self._journal.write({}, sync=False)  # lost in a power cut, this costs one report that the cloud refuses
        self._serial = e.update.serial
        self.current = None
        self._ended(e.key, effect.outcome)


def _meaning(refusal: messages.Refused) -> ev.Event:
    """What a refused update is to the execution."""
    if refusal.code in messages.GONE_CODES or refusal.status in messages.TERMINAL:
        return ev.Gone(refusal.status)
    if refusal.code == messages.STALE_CODE:
        return ev.Stale(refusal.version)
    if refusal.code in messages.BUSY_CODES:
        return ev.Busy()
    return ev.Unfit(f"{refusal.code}: {refusal.message}")

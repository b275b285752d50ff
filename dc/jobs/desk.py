# SPDX-FileCopyrightText: The aws-iot-device-client authors
# SPDX-License-Identifier: Apache-2.0
"""The one execution at hand: offers begin it, events move it, its effects become deeds.

Loaded when the first execution is offered, so that an idle agent neither waits for nor holds this half of the feature.
"""

from __future__ import annotations

import os

from dc.jobs.core import events as fx
from dc.jobs.core import messages
from dc.jobs.core.document import DocumentError, parse, unmet_condition
from dc.jobs.core.execution import Execution, NoTransition
from dc.jobs.core.state import CLAIMING, RUNNING, STOPPING, recorded_key
from dc.jobs.deeds import KILL_GRACE_AT_STOP, Deeds
from dc.jobs.run.handlers import Handlers
from dc.jobs.run.runner import Runner

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from dc.client import Client
    from dc.jobs.journal import Journal

PART = "jobs"


class Desk:
    """`current` is None when no execution is at hand. `ended(key, outcome)` is called when it is laid aside."""

    def __init__(
        self,
        client: Client,
        runner: Runner | None,
        journal: Journal,
        ended: Callable[[tuple[str, int, int | float], str], None],
        ask: Callable[[], None],
    ) -> None:
        config = client.config
        self._log = client.log
        self._config = config
        self._ended = ended
        self._runner = runner or Runner(
            client.loop, client.log, Handlers(config.handler_directory, os.environ), config.jobs_output_grace
        )
        self._runner.ended = lambda result: self.event(fx.STEP_ENDED, result)
        self._deeds = Deeds(client, self._runner, journal, self.event, self._lay_aside, ask)
        self.current: Execution | None = None
        self._serial = 0  # goes on from one execution to the next, so that no token comes twice

    def take(self, offer: messages.Offer, record: dict[str, object], online: bool) -> None:
        """Begin with `offer`; `record` is what the journal knows of it from before a restart, `{}` if nothing."""
        self._log.info(PART, f"job {offer.job_id} #{offer.number} ({offer.status or 'status unknown'})")
        begun = self._deeds.known(record, offer.details)
        if begun is not record:  # else it is done already
            self._deeds.end_leftovers(offer.job_id, offer.number)
        refusal: DocumentError | None = None
        document = None
        try:
            document = parse(offer.document)
            if document.conditions:
                from dc.jobs.facts import gather

                refusal = unmet_condition(document, gather(self._config.thing_name))
        except DocumentError as error:
            refusal = error
        self._deeds.seconds_left = self._seconds_left(offer)
        self.current = Execution(
            offer.job_id, offer.number, offer.version, document, queued_at=offer.queued_at, online=online
        )
        self.current.serial = self._serial
        if refusal is not None:
            self._log.error(PART, f"job {offer.job_id} is rejected: {refusal}")
            self.event(fx.REFUSE, f"Invalid job document: {refusal}")
        elif begun:
            rerun = self._config.jobs_on_interrupted == "rerun"
            rebooted = not self._deeds.same_boot(begun)
            self.event(fx.RESUME, fx.Resumption(begun, rebooted, rerun, self._config.jobs_max_attempts))
        else:
            self.event(fx.BEGIN)

    def _seconds_left(self, offer: messages.Offer) -> int | None:
        """Until AWS times the execution out; None also for a timer that an earlier agent's update may have started, and
        that every update starts anew."""
        own = offer.version > 2 and (offer.seconds_left or 0) <= self._config.jobs_step_timeout * 60
        return None if own else offer.seconds_left

    def end_leftovers(self, record: dict[str, object]) -> None:
        """Before anything else: what the execution of `record` left running when its agent was killed. Blocks."""
        key = recorded_key(record)
        if key is not None and record.get("running") and self._deeds.same_boot(record):
            self._deeds.end_leftovers(key[0], key[1])

    def forget(self, record: dict[str, object]) -> None:
        """What was begun before a restart is no longer pending."""
        self._log.warn(PART, f"job {record.get('job')}: begun before the restart, but no longer pending")
        self._deeds.forget()

    def answer(self, message: messages.Accepted | messages.Refused) -> None:
        """What the cloud said to an update."""
        current = self.current
        awaited = current is not None and current.awaiting and message.job_id == current.job_id
        if current is None or not awaited or message.token != self._deeds.token(current.serial):
            self._log.debug(PART, f"a late or foreign answer about {message.job_id} is ignored")
        elif isinstance(message, messages.Accepted):
            self.event(fx.ACCEPTED)
        else:
            self._log.debug(PART, f"update of {message.job_id} refused ({message.code}): {message.message}")
            self.event(*_meaning(message))

    def event(self, event: str, argument: object = None) -> None:
        """Let `event` happen to the execution at hand, and do what follows."""
        current = self.current
        if current is None:
            return
        before = current.state
        try:
            effects = current.handle(event, argument)
        except NoTransition as error:
            self._log.error(PART, f"{error} (job {current.job_id}); the event is ignored, please report this")
            return
        if current.state != before:
            self._log.debug(PART, f"{current.job_id} #{current.number}: {before} -> {current.state}")
        if before == RUNNING and current.state != RUNNING:
            self._deeds.left_running()
        for effect in effects:
            self._deeds.perform(current, effect)

    def child_changed(self) -> None:
        """SIGCHLD."""
        self._runner.child_changed()

    def stop(self) -> float:
        """The agent ends. How many seconds the execution at hand may still take."""
        self._deeds.stopping = True
        self.event(fx.STOP)
        alive = self.current is not None and self.current.state in (RUNNING, STOPPING)
        return self._config.jobs_stop_grace if alive else 0.0

    def cut_off(self) -> float:
        """The grace is over. How many seconds it takes at most to end what still runs."""
        if self.current is not None and self.current.state in (RUNNING, CLAIMING):
            if self._config.jobs_on_interrupted == "fail":
                self.event(fx.OVERDUE, "Interrupted by restart")
            else:
                self.event(fx.CUT_OFF)
        return KILL_GRACE_AT_STOP

    def _lay_aside(self, execution: Execution, outcome: str) -> None:
        self.current = None
        self._serial = execution.serial
        self._ended(execution.key(), outcome)


def _meaning(refusal: messages.Refused) -> tuple[str, object]:
    """The event, and its argument, that a refused update is to the execution."""
    if refusal.code in messages.GONE_CODES or refusal.status in messages.TERMINAL:
        return fx.GONE, refusal.status
    if refusal.code == messages.STALE_CODE:
        return fx.STALE, refusal.version
    if refusal.code in messages.BUSY_CODES:
        return fx.BUSY, None
    return fx.UNFIT, f"{refusal.code}: {refusal.message}"

# SPDX-FileCopyrightText: The aws-iot-device-client authors
# SPDX-License-Identifier: Apache-2.0
"""The shell of the Jobs feature: messages, timers and child exits become events; effects become deeds.

It holds at most one execution. What the cloud offers meanwhile is remembered (the latest offer only: the cloud keeps
the queue) and looked at when the current one has ended. An offer is a duplicate when its (jobId, executionNumber)
was seen; deliveries may come twice, late, or in another order.
"""

from __future__ import annotations

import os

from dc.connection import jittered
from dc.jobs import effects as fx
from dc.jobs import execution as ex
from dc.jobs import protocol
from dc.jobs.document import DocumentError, parse, unmet_condition
from dc.jobs.handlers import Handlers
from dc.jobs.runner import Runner

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from dc.client import Client

PART = "jobs"
POLL_SECONDS = 3600.0  # a safety net: every loss of a message that is known about is mended sooner
NEXT_SECONDS = 1.0  # after a report, notify-next names the next execution at once; if not, ask
REMEMBERED = 16  # executions that were ended, to tell late duplicates
ASK_SECONDS, MAX_ASK_SECONDS = 10.0, 64.0

_ASK, _STOP = "jobs-ask", "jobs-stop"
_KILL_GRACE_AT_STOP = 1.0
_REPORT_SECONDS_AT_STOP = 3.0


class JobsFeature:
    """`filters` to subscribe to; `online`, `offline`, `message` and `child_changed` are called on the loop."""

    def __init__(self, client: Client) -> None:
        config = client.config
        self._client = client
        self._loop = client.loop
        self._log = client.log
        self._config = config
        self.filters = protocol.filters(config.thing_name)
        self._runner = Runner(
            self._loop,
            self._log,
            Handlers(config.handler_directory, os.environ),
            config.jobs_output_grace,
            self._step_ended,
        )
        self._nonce = os.urandom(6).hex()
        self._current: ex.Execution | None = None
        self._offer: protocol.Offer | None = None
        self._ended: dict[tuple[str, int, int | float], str] = {}
        self._online = False
        self._asked = ""  # token of the start-next whose answer is awaited
        self._asks = 0
        self._stopped: Callable[[], None] | None = None

    # --- what the base client calls

    def online(self) -> None:
        """Connected and subscribed, for the first time or again."""
        self._online = True
        if self._current is not None:
            self._handle(fx.ONLINE)
        else:
            self._ask()

    def offline(self) -> None:
        """The connection is lost."""
        self._online = False
        self._asked = ""
        self._loop.disarm(_ASK)
        if self._current is not None:
            self._handle(fx.OFFLINE)

    def message(self, topic: str, payload: bytes) -> None:
        """A message to one of `filters`, whatever it holds."""
        try:
            message = protocol.decode(self._config.thing_name, topic, payload)
        except protocol.MessageError as error:
            self._log.warn(PART, f"a message on {topic} is ignored: {error}")
            return
        if isinstance(message, (protocol.Accepted, protocol.Refused)) and message.job_id:
            self._answer(message)
        elif isinstance(message, protocol.Refused):
            self._ask_refused(message)
        elif isinstance(message, (protocol.Offer, protocol.Nothing)):
            self._offered(message)

    def child_changed(self) -> None:
        """SIGCHLD."""
        self._runner.child_changed()

    def stop(self, done: Callable[[], None]) -> None:
        """No new execution; the running one gets its grace. `done` is called within the bound, see docs."""
        self._stopped = done
        self._offer = None
        self._loop.disarm(_ASK)
        if self._current is not None:
            self._handle(fx.STOP)
        if self._current is None:
            self._finish_stop()
        else:
            grace = self._config.jobs_stop_grace if self._current.state == ex.RUNNING else 0.0
            self._loop.arm(_STOP, grace, self._grace_over)

    # --- asking for work

    def _ask(self) -> None:
        """start-next, again and again until it is answered."""
        if not self._online or self._stopped is not None:
            return
        self._asks += 1
        self._asked = f"{self._nonce}-n{self._asks}"
        topic = protocol.start_next_topic(self._config.thing_name)
        self._client.publish(topic, protocol.start_next_request(self._asked))
        wait = min(ASK_SECONDS * 2 ** min(self._asks - 1, 3), MAX_ASK_SECONDS)
        self._loop.arm(_ASK, wait, self._ask)

    def _ask_later(self, seconds: float) -> None:
        self._asked = ""
        self._asks = 0
        self._loop.arm(_ASK, seconds, self._ask)

    def _ask_refused(self, refusal: protocol.Refused) -> None:
        if refusal.token and refusal.token != self._asked:
            return
        level = "INFO" if refusal.code in protocol.BUSY_CODES else "ERROR"
        self._log.write(level, PART, f"the cloud refuses start-next ({refusal.code}): {refusal.message}")
        self._asked = ""
        self._asks += 1
        self._loop.arm(_ASK, jittered(min(2.0**self._asks, MAX_ASK_SECONDS)), self._ask)

    def _offered(self, message: protocol.Offer | protocol.Nothing) -> None:
        if message.source == protocol.START_NEXT:
            if message.token and message.token != self._asked:
                return  # the answer to an earlier question; the later one's is on its way
            self._asked = ""
            self._asks = 0
            self._loop.disarm(_ASK)
        if self._stopped is not None:
            return
        if self._current is not None:
            self._offered_while_busy(self._current, message)
        elif isinstance(message, protocol.Nothing):
            self._log.debug(PART, "no job execution is pending")
            self._ask_later(POLL_SECONDS * 0.75 + jittered(POLL_SECONDS * 0.5))
        else:
            self._take(message)

    def _offered_while_busy(self, current: ex.Execution, message: protocol.Offer | protocol.Nothing) -> None:
        if isinstance(message, protocol.Offer) and message.key() == current.key():
            self._handle(fx.REDELIVERED, message.version)
            return
        self._offer = message if isinstance(message, protocol.Offer) else None
        self._handle(fx.ABSENT if message.source == protocol.START_NEXT else fx.DOUBT)

    def _take(self, offer: protocol.Offer) -> None:
        if offer.key() in self._ended:
            self._log.debug(PART, f"{offer.job_id} #{offer.number} was dealt with: a late message")
            self._ask_later(NEXT_SECONDS)
            return
        self._loop.disarm(_ASK)
        self._log.info(PART, f"job {offer.job_id} #{offer.number} ({offer.status or 'status unknown'})")
        refusal: DocumentError | None = None
        document = None
        try:
            document = parse(offer.document)
            if document.conditions:
                from dc.jobs.facts import gather

                refusal = unmet_condition(document, gather(self._config.thing_name))
        except DocumentError as error:
            refusal = error
        self._current = ex.Execution(
            offer.job_id,
            offer.number,
            offer.version,
            document,
            queued_at=offer.queued_at,
            online=self._online,
        )
        if refusal is None:
            self._handle(fx.BEGIN)
        else:
            self._log.error(PART, f"job {offer.job_id} is rejected: {refusal}")
            self._handle(fx.REFUSE, f"Invalid job document: {refusal}")

    # --- events to the execution, its effects to deeds

    def _answer(self, message: protocol.Accepted | protocol.Refused) -> None:
        current = self._current
        if current is None or message.job_id != current.job_id or message.token != self._token(current.serial):
            self._log.debug(PART, f"a late or foreign answer about {message.job_id} is ignored")
            return
        if isinstance(message, protocol.Accepted):
            self._handle(fx.ACCEPTED)
            return
        self._log.debug(PART, f"update of {message.job_id} refused ({message.code}): {message.message}")
        if message.code in protocol.GONE_CODES or message.status in protocol.TERMINAL:
            self._handle(fx.GONE, message.status)
        elif message.code == protocol.STALE_CODE:
            self._handle(fx.STALE, message.version)
        elif message.code in protocol.BUSY_CODES:
            self._handle(fx.BUSY)
        else:
            self._handle(fx.UNFIT, f"{message.code}: {message.message}")

    def _token(self, serial: int) -> str:
        return f"{self._nonce}-{serial}"

    def _step_ended(self, result: object) -> None:
        self._handle(fx.STEP_ENDED, result)

    def _handle(self, event: str, argument: object = None) -> None:
        current = self._current
        if current is None:
            return
        before = current.state
        try:
            effects = current.handle(event, argument)
        except ex.NoTransition as error:
            self._log.error(PART, f"{error} (job {current.job_id}); the event is ignored, please report this")
            return
        if current.state != before:
            self._log.debug(PART, f"{current.job_id} #{current.number}: {before} -> {current.state}")
        for effect in effects:
            _PERFORM[type(effect)](self, current, effect)

    def _send(self, current: ex.Execution, effect: fx.Send) -> None:
        payload = protocol.update_request(
            effect.status, effect.details, effect.version, current.number, self._token(effect.serial)
        )
        self._client.publish(protocol.update_topic(self._config.thing_name, current.job_id), payload)

    def _arm(self, current: ex.Execution, effect: fx.Arm) -> None:
        seconds = jittered(effect.seconds) if effect.jitter else effect.seconds
        if effect.timer == fx.STEP_TIMER:
            reason = f"Timed out: the step's timeout of {effect.seconds:g} s is over"
            self._loop.arm((PART, effect.timer), seconds, lambda: self._handle(fx.OVERDUE, reason))
        else:
            self._loop.arm((PART, effect.timer), seconds, lambda: self._handle(fx.RETRY))

    def _disarm(self, current: ex.Execution, effect: fx.Disarm) -> None:
        self._loop.disarm((PART, effect.timer))

    def _run(self, current: ex.Execution, effect: fx.Run) -> None:
        if effect.index == 0 and self._config.jobs_max_run_seconds:
            limit = self._config.jobs_max_run_seconds
            reason = f"Timed out: jobs.max-run-seconds of {limit:g} s is over"
            self._loop.arm((PART, "job"), limit, lambda: self._handle(fx.OVERDUE, reason))
        job = {
            "AWS_IOT_JOB_ID": current.job_id,
            "AWS_IOT_THING_NAME": self._config.thing_name,
            "AWS_IOT_JOB_EXECUTION_NUMBER": str(current.number),
            "AWS_IOT_JOB_ATTEMPT": str(effect.attempt),
            "AWS_IOT_JOB_STEP_NAME": effect.action.name,
        }
        self._runner.run(effect.action, job)

    def _kill(self, current: ex.Execution, effect: fx.Kill) -> None:
        self._runner.kill(_KILL_GRACE_AT_STOP if self._stopped is not None else self._config.jobs_stop_grace)

    def _persist(self, current: ex.Execution, effect: fx.Persist) -> None:
        """Nothing is kept over a restart yet: the cloud offers an execution that is IN_PROGRESS again."""

    def _resync(self, current: ex.Execution, effect: fx.Resync) -> None:
        self._ask()

    def _note(self, current: ex.Execution, effect: fx.Note) -> None:
        self._log.write(effect.level, PART, f"{current.job_id} #{current.number}: {effect.text}")

    def _end(self, current: ex.Execution, effect: fx.End) -> None:
        self._loop.disarm((PART, "job"))
        self._log.info(
            PART, f"job {current.job_id} #{current.number}: {current.status or 'no report'}, {effect.outcome}"
        )
        self._current = None
        if effect.outcome != fx.INTERRUPTED:
            self._ended[current.key()] = effect.outcome
            while len(self._ended) > REMEMBERED:
                del self._ended[next(iter(self._ended))]
        if self._stopped is not None:
            self._finish_stop()
            return
        offer, self._offer = self._offer, None
        if offer is not None and offer.key() not in self._ended:
            self._take(offer)
        else:
            self._ask_later(NEXT_SECONDS)

    # --- stopping

    def _grace_over(self) -> None:
        self._loop.arm(_STOP, _KILL_GRACE_AT_STOP + _REPORT_SECONDS_AT_STOP, self._finish_stop)
        current = self._current
        if current is not None and current.state in (ex.RUNNING, ex.CLAIMING):
            if self._config.jobs_on_interrupted == "fail":
                self._handle(fx.OVERDUE, "Interrupted by restart")
            else:
                self._handle(fx.CUT_OFF)

    def _finish_stop(self) -> None:
        self._loop.disarm(_STOP)
        done, self._stopped = self._stopped, _nothing
        if done is not None:
            done()


def _nothing() -> None:
    """Stopped; nobody waits any more."""


_PERFORM: dict[type, Callable[[JobsFeature, ex.Execution, Any], None]] = {
    fx.Send: JobsFeature._send,
    fx.Arm: JobsFeature._arm,
    fx.Disarm: JobsFeature._disarm,
    fx.Run: JobsFeature._run,
    fx.Kill: JobsFeature._kill,
    fx.Persist: JobsFeature._persist,
    fx.Resync: JobsFeature._resync,
    fx.Note: JobsFeature._note,
    fx.End: JobsFeature._end,
}

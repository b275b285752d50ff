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
from dc.jobs.deeds import KILL_GRACE_AT_STOP, Deeds
from dc.jobs.document import DocumentError, parse, unmet_condition
from dc.jobs.handlers import Handlers
from dc.jobs.journal import Journal
from dc.jobs.record import CLAIMING, RUNNING, recorded_key
from dc.jobs.runner import Runner

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from dc.client import Client

PART = "jobs"
POLL_SECONDS = 3600.0  # a safety net: every loss of a message that is known about is mended sooner
NEXT_SECONDS = 1.0  # after a report, notify-next names the next execution at once; if not, ask
REMEMBERED = 16  # executions that were ended, to tell late duplicates
ASK_SECONDS, MAX_ASK_SECONDS = 10.0, 64.0

_ASK, _STOP = "jobs-ask", "jobs-stop"
_REPORT_SECONDS_AT_STOP = 3.0


class JobsFeature:
    """`filters` to subscribe to; `online`, `offline`, `message` and `child_changed` are called on the loop."""

    def __init__(self, client: Client, runner: Runner | None = None, journal: Journal | None = None) -> None:
        config = client.config
        self._client = client
        self._loop = client.loop
        self._log = client.log
        self._config = config
        self.filters = protocol.filters(config.thing_name)
        self._runner = runner or Runner(
            self._loop,
            self._log,
            Handlers(config.handler_directory, os.environ),
            config.jobs_output_grace,
        )
        self._runner.ended = lambda result: self._handle(fx.STEP_ENDED, result)
        journal = journal or Journal(config.state_dir)
        self._deeds = Deeds(client, self._runner, journal, self._handle, self._execution_ended, self._ask)
        self._nonce = os.urandom(6).hex()
        self._restored = journal.load()  # what an earlier process left unfinished; {} once that is settled
        self._end_leftovers()
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
        elif self._restored.get("status"):
            self._report_restored()
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
        self._deeds.stopping = True
        self._offer = None
        self._loop.disarm(_ASK)
        if self._current is not None:
            self._handle(fx.STOP)
        if self._current is None:
            self._finish_stop()
        else:
            grace = self._config.jobs_stop_grace if self._current.state == RUNNING else 0.0
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
        elif self._restored and message.source == protocol.NOTIFY_NEXT:
            self._ask()  # first what was begun: start-next names it, if it is still wanted
        elif isinstance(message, protocol.Nothing):
            self._drop_restored()
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
        self._deeds.seconds_left = offer.seconds_left
        self._current = ex.Execution(
            offer.job_id, offer.number, offer.version, document, queued_at=offer.queued_at, online=self._online
        )
        record = self._restored
        if recorded_key(record) != offer.key():
            self._drop_restored()
            record = {}
        self._restored = {}
        if refusal is not None:
            self._log.error(PART, f"job {offer.job_id} is rejected: {refusal}")
            self._handle(fx.REFUSE, f"Invalid job document: {refusal}")
        elif record:
            rebooted = not self._deeds.same_boot(record)
            rerun = self._config.jobs_on_interrupted == "rerun"
            self._handle(fx.RESUME, fx.Resumption(record, rebooted, rerun, self._config.jobs_max_attempts))
        else:
            self._handle(fx.BEGIN)

    # --- what an earlier process of the agent left

    def _end_leftovers(self) -> None:
        """A handler whose agent was killed lives on: it must be gone before its step is started again."""
        key = recorded_key(self._restored)
        if key is None or not self._restored.get("running") or not self._deeds.same_boot(self._restored):
            return
        from dc.jobs.leftovers import end

        if end(key[0], key[1], self._config.jobs_stop_grace):
            self._log.warn(PART, f"job {key[0]} #{key[1]}: ended processes that an earlier agent had left running")

    def _report_restored(self) -> None:
        """The outcome is decided: nothing is run, the report goes out (again, perhaps)."""
        record, self._restored = self._restored, {}
        key = recorded_key(record)
        if key is None:
            return
        self._log.info(PART, f"job {key[0]} #{key[1]}: ended before the restart, reporting it")
        version = record.get("version")
        self._current = ex.Execution(key[0], key[1], version if isinstance(version, int) else 0, None, queued_at=key[2])
        self._handle(fx.RESUME, fx.Resumption(record, False, False, 0))

    def _drop_restored(self) -> None:
        if self._restored:
            self._log.warn(PART, f"job {self._restored.get('job')}: begun before the restart, but no longer pending")
            self._restored = {}
            self._deeds.forget()

    # --- events to the execution, its effects to deeds

    def _answer(self, message: protocol.Accepted | protocol.Refused) -> None:
        current = self._current
        late = current is None or message.job_id != current.job_id or message.token != self._deeds.token(current.serial)
        if late:
            self._log.debug(PART, f"a late or foreign answer about {message.job_id} is ignored")
        elif isinstance(message, protocol.Accepted):
            self._handle(fx.ACCEPTED)
        else:
            self._log.debug(PART, f"update of {message.job_id} refused ({message.code}): {message.message}")
            self._handle(*_meaning(message))

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
            self._deeds.perform(current, effect)

    def _execution_ended(self, current: ex.Execution, outcome: str) -> None:
        self._current = None
        if outcome != fx.INTERRUPTED:
            self._ended[current.key()] = outcome
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
        self._loop.arm(_STOP, KILL_GRACE_AT_STOP + _REPORT_SECONDS_AT_STOP, self._finish_stop)
        current = self._current
        if current is not None and current.state in (RUNNING, CLAIMING):
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


def _meaning(refusal: protocol.Refused) -> tuple[str, object]:
    """The event, and its argument, that a refused update is to the execution."""
    if refusal.code in protocol.GONE_CODES or refusal.status in protocol.TERMINAL:
        return fx.GONE, refusal.status
    if refusal.code == protocol.STALE_CODE:
        return fx.STALE, refusal.version
    if refusal.code in protocol.BUSY_CODES:
        return fx.BUSY, None
    return fx.UNFIT, f"{refusal.code}: {refusal.message}"

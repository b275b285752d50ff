# SPDX-FileCopyrightText: The aws-iot-device-client authors
# SPDX-License-Identifier: Apache-2.0
"""The Jobs feature towards the cloud: asks for the next execution, hears what is offered, hands it to the worker.

What is run comes from the answer to a question, told by its token: notify-next, and an answer that nobody asked for, can
be anybody's with the right to publish there. notify-next only says that asking is worth while.

One execution is in hand at a time. That another one waits meanwhile is remembered, and asked for when the current one
has ended: the cloud keeps the queue. Deliveries may come twice, late, or in another order: the answer tells.
"""

from __future__ import annotations

from dc.backoff import Backoff
from dc.jobs.core import messages
from dc.jobs.core.key import STUCK
from dc.jobs.core.snapshot import key_of
from dc.jobs.machine import Machine
from dc.jobs.memory import Memory

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from dc.client import Host
    from dc.jobs.core.execution import Execution
    from dc.jobs.core.key import Key
    from dc.jobs.core.snapshot import Snapshot
    from dc.jobs.worker import Worker

PART = "jobs"
POLL_SECONDS = 3600.0  # a safety net: every loss that is noticed is made good sooner
NEXT_SECONDS = 1.0  # after a report, notify-next says at once that another waits; if not, ask
REMEMBERED = 16  # executions that were given up
ASK_SECONDS, REFUSED_SECONDS, MAX_ASK_SECONDS = 10.0, 4.0, 64.0
REPORT_SECONDS_AT_STOP = 3.0

_ASK, _STOP = "jobs-ask", "jobs-stop"


class JobsFeature:
    """`filters` to subscribe to; `online`, `offline`, `message` and `stop` are called on the loop."""

    def __init__(self, host: Host, machine: Machine | None = None) -> None:
        self._host = host
        self._loop = host.loop
        self._log = host.log
        self._thing = host.config.thing_name
        self.filters = messages.filters(self._thing)
        self._machine = machine or Machine()
        self._memory = Memory(host, self._machine)
        self._worker: Worker | None = None
        self._hint: Key | None = None  # another execution, named while one was in hand or a question open
        self._given_up: list[Key] = []  # the cloud took no report of them
        self._online = False
        self._nonce = self._machine.random(6).hex()
        self._asked = ""  # token of the start-next whose answer is awaited
        self._tokens = 0
        self._silence = Backoff(ASK_SECONDS, MAX_ASK_SECONDS)
        self._refusals = Backoff(REFUSED_SECONDS, MAX_ASK_SECONDS)
        self._late = Backoff(NEXT_SECONDS, MAX_ASK_SECONDS)  # offers in a row of what was given up
        self._blocking: Key | None = None  # what was given up, and is first in the queue
        self._stopped: Callable[[], None] | None = None
        # What an earlier process left unfinished; {} once that is settled.
        self._restored: Snapshot = self._memory.recall()

    # --- what the base client calls

    def online(self) -> None:
        """Connected and subscribed, for the first time or again."""
        self._online = True
        if self._worker is not None and self._worker.current is not None:
            self._worker.online()
        else:
            self._ask()

    def offline(self) -> None:
        """The connection is lost."""
        self._online = False
        self._asked = ""
        self._loop.disarm(_ASK)
        if self._worker is not None:
            self._worker.offline()

    def message(self, topic: str, payload: bytes) -> None:
        """A message to one of `filters`, whatever it holds."""
        try:
            message = messages.decode(self._thing, topic, payload)
        except messages.MessageError as error:
            self._log.warn(PART, f"a message on {topic} is ignored: {error}")
            return
        if isinstance(message, (messages.Offer, messages.Nothing)):
            self._offered(message)
        elif message.job_id and self._worker is not None:
            self._worker.answer(message)
        elif message.job_id:
            self._log.debug(PART, f"a late or foreign answer about {message.job_id} is ignored")
        elif isinstance(message, messages.Refused):
            self._ask_refused(message)

    def stop(self, done: Callable[[], None]) -> None:
        """No new execution; the running one gets its grace. `done` is called within the bound, see docs."""
        self._stopped = done
        self._loop.disarm(_ASK)
        grace = self._worker.stop() if self._worker is not None else 0.0
        if self._current() is None:
            self._finish_stop()
        else:
            self._loop.arm(_STOP, grace, self._grace_over)

    def reload(self) -> None:
        """The configuration was read again: it holds for the next job, or for this one's rest where that is possible."""
        if self._worker is not None:
            self._worker.renew()

    def status(self) -> str:
        """What is in hand, and how that stands, for an operator."""
        current = self._current()
        journal = self._memory.journal.degraded
        ill = f"; the journal can't be written: {journal}" if journal else ""
        if current is None:
            return f"no job is in hand{ill}"
        step = f"step {current.step + 1} of {len(current.actions)}"
        return f"job {current.job_id} #{current.number}: {current.state}, {step}, update {current.update.state}{ill}"

    # --- asking for work

    def _ask(self) -> None:
        """start-next, again and again until it is answered."""
        if not self._online or self._stopped is not None:
            return
        self._tokens += 1
        self._asked = f"{self._nonce}-next-{self._tokens}"
        self._host.publish(messages.start_next_topic(self._thing), messages.start_next_request(self._asked))
        self._loop.arm(_ASK, self._silence.next(), self._ask)

    def _ask_later(self, seconds: float) -> None:
        self._asked = ""
        self._silence.count = self._refusals.count = 0
        self._loop.arm(_ASK, seconds, self._ask)

    def _ask_refused(self, refusal: messages.Refused) -> None:
        if not self._answers(refusal.token):
            return
        level = "INFO" if refusal.code in messages.BUSY_CODES else "ERROR"
        self._log.write(level, PART, f"the cloud refuses start-next ({refusal.code}): {refusal.message}")
        self._asked = ""
        self._loop.arm(_ASK, self._machine.jittered(self._refusals.next()), self._ask)

    def _answers(self, token: str) -> bool:
        """Is it the answer to the open question? The others are late ones, other clients' and forged ones."""
        if self._asked and token == self._asked:
            return True
        if token:
            self._log.debug(PART, "an answer to start-next that is late or another client's is ignored")
        else:
            self._log.warn(PART, "an answer to start-next without a clientToken is ignored: this agent asks with one")
        return False

    # --- what is offered

    def _offered(self, message: messages.Offer | messages.Nothing) -> None:
        answered = message.source == messages.START_NEXT
        if answered:
            if not self._answers(message.token):
                return
            self._asked = ""
            self._silence.count = self._refusals.count = 0
        if self._stopped is not None:
            return
        if self._worker is not None and self._worker.current is not None:
            if answered:
                self._loop.disarm(_ASK)
            self._hear_meanwhile(self._worker, self._worker.current, message)
        elif not answered:
            self._hinted(message)
        elif isinstance(message, messages.Offer):
            self._take(message)
        else:
            self._none_pending()

    def _hear_meanwhile(self, worker: Worker, current: Execution, message: messages.Offer | messages.Nothing) -> None:
        if not isinstance(message, messages.Offer):
            self._hint = None
        elif message.key != current.key:
            self._hint = message.key
        if self._online:  # else it is from before the connection was lost: the answer to the next update says more
            worker.hear(message)

    def _hinted(self, message: messages.Offer | messages.Nothing) -> None:
        """By notify-next, with nothing in hand. An empty one changes nothing: whoever believed it would wait an hour."""
        if not isinstance(message, messages.Offer):
            self._log.debug(PART, "notify-next names no job execution")
        elif self._asked:
            self._hint = message.key  # the answer may have been under way before this execution was queued
        else:
            self._ask()

    def _none_pending(self) -> None:
        self._drop_restored()
        if self._hint is not None:
            self._hint = None
            self._ask()
            return
        self._log.debug(PART, "no job execution is pending")
        self._ask_later(POLL_SECONDS * 0.75 + self._machine.jittered(POLL_SECONDS * 0.5))

    def _take(self, offer: messages.Offer) -> None:
        """The answer to a start-next just asked names it, so it is pending, whatever was known before."""
        self._hint = None
        if offer.key in self._given_up:
            self._pass_over(offer)
            return
        self._late.count = 0
        self._loop.disarm(_ASK)
        if self._restored and key_of(self._restored) != offer.key:
            self._drop_restored()
        snapshot = self._restored
        self._restored = {}
        if self._worker is None:
            from dc.jobs.worker import Worker

            self._worker = Worker(
                self._host, self._machine, self._memory, self._nonce, self._execution_ended, self._ask
            )
        self._worker.take(offer, snapshot, self._online)

    def _pass_over(self, offer: messages.Offer) -> None:
        name = f"{offer.job_id} #{offer.number}"
        if self._blocking != offer.key:
            self._blocking = offer.key
            self._log.warn(
                PART, f"{name} was given up, but is pending: later jobs wait until it is cancelled or times out"
            )
        else:
            self._log.debug(PART, f"{name} was dealt with, and is still pending")
        self._ask_later(self._late.next())

    def _drop_restored(self) -> None:
        if self._restored:
            self._log.warn(PART, f"job {self._restored.get('job')}: begun before the restart, but no longer pending")
            self._memory.journal.write({}, sync=False)
            self._restored = {}

    def _execution_ended(self, key: Key, outcome: str) -> None:
        if outcome == STUCK:
            self._given_up = [*self._given_up[1 - REMEMBERED :], key]
        if self._stopped is not None:
            self._finish_stop()
            return
        hint, self._hint = self._hint, None
        if hint is not None:
            self._ask()
        else:
            self._ask_later(NEXT_SECONDS)

    def _current(self) -> Execution | None:
        return self._worker.current if self._worker is not None else None

    # --- stopping

    def _grace_over(self) -> None:
        seconds = self._worker.cut_off() if self._worker is not None else 0.0
        if self._current() is not None:
            self._loop.arm(_STOP, seconds + REPORT_SECONDS_AT_STOP, self._finish_stop)

    def _finish_stop(self) -> None:
        self._loop.disarm(_STOP)
        done, self._stopped = self._stopped, _nothing
        if done is not None:
            done()


def _nothing() -> None:
    """Stopped; nobody waits any more."""

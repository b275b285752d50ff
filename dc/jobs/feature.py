# SPDX-FileCopyrightText: The aws-iot-device-client authors
# SPDX-License-Identifier: Apache-2.0
"""The Jobs feature towards the cloud: asks for the next execution, hears what is offered, hands it to the desk.

One execution is at hand at a time. What the cloud offers meanwhile is remembered (the latest offer only: the cloud
keeps the queue) and looked at when the current one has ended. An offer is a duplicate when its (jobId,
executionNumber) was dealt with; deliveries may come twice, late, or in another order.
"""

from __future__ import annotations

import os

from dc.connection import jittered
from dc.jobs.core import events as fx
from dc.jobs.core import messages
from dc.jobs.journal import Journal

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from dc.client import Client
    from dc.jobs.core.execution import Execution
    from dc.jobs.desk import Desk
    from dc.jobs.run.runner import Runner

PART = "jobs"
POLL_SECONDS = 3600.0  # a safety net: every loss of a message that is known about is mended sooner
NEXT_SECONDS = 1.0  # after a report, notify-next names the next execution at once; if not, ask
REMEMBERED = 16  # executions that were ended, to tell late duplicates
ASK_SECONDS, MAX_ASK_SECONDS = 10.0, 64.0
REPORT_SECONDS_AT_STOP = 3.0

_ASK, _STOP = "jobs-ask", "jobs-stop"


class JobsFeature:
    """`filters` to subscribe to; `online`, `offline`, `message` and `child_changed` are called on the loop."""

    def __init__(self, client: Client, runner: Runner | None = None, journal: Journal | None = None) -> None:
        config = client.config
        self._client = client
        self._loop = client.loop
        self._log = client.log
        self._thing = config.thing_name
        self.filters = messages.filters(config.thing_name)
        self._runner = runner
        self._journal = journal or Journal(config.state_dir)
        self._made_desk: Desk | None = None
        self._offer: messages.Offer | None = None
        self._ended: dict[tuple[str, int, int | float], str] = {}
        self._online = False
        self._nonce = os.urandom(6).hex()
        self._asked = ""  # token of the start-next whose answer is awaited
        self._asks = 0  # in a row, without an answer
        self._tokens = 0
        self._late = 0  # offers in a row of what was dealt with
        self._blocking: tuple[str, int, int | float] | None = None  # what was given up, and is first in the queue
        self._stopped: Callable[[], None] | None = None
        self._restored = self._journal.load()  # what an earlier process left unfinished; {} once that is settled
        if self._restored:
            self._desk().end_leftovers(self._restored)

    # --- what the base client calls

    def online(self) -> None:
        """Connected and subscribed, for the first time or again."""
        self._online = True
        if self._current() is not None:
            self._desk().event(fx.ONLINE)
        else:
            self._ask()

    def offline(self) -> None:
        """The connection is lost."""
        self._online = False
        self._asked = ""
        self._loop.disarm(_ASK)
        if self._current() is not None:
            self._desk().event(fx.OFFLINE)

    def message(self, topic: str, payload: bytes) -> None:
        """A message to one of `filters`, whatever it holds."""
        try:
            message = messages.decode(self._thing, topic, payload)
        except messages.MessageError as error:
            self._log.warn(PART, f"a message on {topic} is ignored: {error}")
            return
        if isinstance(message, (messages.Offer, messages.Nothing)):
            self._offered(message)
        elif message.job_id:
            self._desk().answer(message)
        elif isinstance(message, messages.Refused):
            self._ask_refused(message)

    def child_changed(self) -> None:
        """SIGCHLD."""
        if self._made_desk is not None:
            self._made_desk.child_changed()

    def stop(self, done: Callable[[], None]) -> None:
        """No new execution; the running one gets its grace. `done` is called within the bound, see docs."""
        self._stopped = done
        self._offer = None
        self._loop.disarm(_ASK)
        grace = self._desk().stop() if self._current() is not None else 0.0
        if self._current() is None:
            self._finish_stop()
        else:
            self._loop.arm(_STOP, grace, self._grace_over)

    # --- asking for work

    def _ask(self) -> None:
        """start-next, again and again until it is answered."""
        if not self._online or self._stopped is not None:
            return
        self._asks += 1
        self._tokens += 1
        self._asked = f"{self._nonce}-{self._tokens}"
        self._client.publish(messages.start_next_topic(self._thing), messages.start_next_request(self._asked))
        wait = min(ASK_SECONDS * 2 ** min(self._asks - 1, 3), MAX_ASK_SECONDS)
        self._loop.arm(_ASK, wait, self._ask)

    def _ask_later(self, seconds: float) -> None:
        self._asked = ""
        self._asks = 0
        self._loop.arm(_ASK, seconds, self._ask)

    def _ask_refused(self, refusal: messages.Refused) -> None:
        if refusal.token and refusal.token != self._asked:
            return
        level = "INFO" if refusal.code in messages.BUSY_CODES else "ERROR"
        self._log.write(level, PART, f"the cloud refuses start-next ({refusal.code}): {refusal.message}")
        self._asked = ""
        self._asks += 1
        self._loop.arm(_ASK, jittered(min(2.0 ** min(self._asks, 10), MAX_ASK_SECONDS)), self._ask)

    # --- what is offered

    def _offered(self, message: messages.Offer | messages.Nothing) -> None:
        answered = message.source == messages.START_NEXT
        if answered:
            if message.token and message.token != self._asked:
                return  # the answer to an earlier question; the later one's is on its way
            self._asked = ""
            self._asks = 0
            self._loop.disarm(_ASK)
        if self._stopped is not None:
            return
        current = self._current()
        if current is not None:
            self._offered_while_busy(current, message)
        elif self._restored and message.source == messages.NOTIFY_NEXT:
            self._ask()  # first what was begun: start-next names it, if it is still wanted
        elif isinstance(message, messages.Nothing):
            if self._asked:
                return  # old news, maybe; the answer to start-next will tell
            self._drop_restored()
            self._log.debug(PART, "no job execution is pending")
            self._ask_later(POLL_SECONDS * 0.75 + jittered(POLL_SECONDS * 0.5))
        else:
            self._take(message, sure=answered and bool(message.token))

    def _offered_while_busy(self, current: Execution, message: messages.Offer | messages.Nothing) -> None:
        if isinstance(message, messages.Offer) and message.key() == current.key():
            self._desk().event(fx.REDELIVERED, message.version)
            return
        self._offer = message if isinstance(message, messages.Offer) else None
        if isinstance(message, messages.Offer) and message.is_namesake_of(current.key()):
            self._desk().event(fx.GONE, "")  # ours was deleted, and a new one made under its name
            return
        self._desk().event(fx.ABSENT if message.source == messages.START_NEXT else fx.DOUBT)

    def _take(self, offer: messages.Offer, sure: bool) -> None:
        """`sure`: the answer to a question just asked, so what it names is pending now, whatever was known before."""
        ended = self._ended.get(offer.key())
        if ended is not None and not (sure and ended != fx.STUCK):
            self._take_not(offer, sure)
            return
        self._late = 0
        self._loop.disarm(_ASK)
        record = self._restored
        if record:
            from dc.jobs.core.state import recorded_key

            if recorded_key(record) != offer.key():
                self._drop_restored()
                record = {}
        self._restored = {}
        self._desk().take(offer, record, self._online)

    def _take_not(self, offer: messages.Offer, sure: bool) -> None:
        name = f"{offer.job_id} #{offer.number}"
        if sure and self._blocking != offer.key():
            self._blocking = offer.key()
            self._log.warn(
                PART, f"{name} was given up, but is pending: later jobs wait until it is cancelled or times out"
            )
        else:
            self._log.debug(PART, f"{name} was dealt with: a late message")
        self._ask_later(min(NEXT_SECONDS * 2 ** min(self._late, 10), MAX_ASK_SECONDS))
        self._late += 1

    def _drop_restored(self) -> None:
        if self._restored:
            self._desk().forget(self._restored)
            self._restored = {}

    def _execution_ended(self, key: tuple[str, int, int | float], outcome: str) -> None:
        if outcome != fx.INTERRUPTED:
            self._ended[key] = outcome
            while len(self._ended) > REMEMBERED:
                del self._ended[next(iter(self._ended))]
        if self._stopped is not None:
            self._finish_stop()
            return
        offer, self._offer = self._offer, None
        if offer is not None and offer.key() not in self._ended:
            self._take(offer, sure=False)
        else:
            self._ask_later(NEXT_SECONDS)

    # --- the desk

    def _desk(self) -> Desk:
        if self._made_desk is None:
            from dc.jobs.desk import Desk

            self._made_desk = Desk(self._client, self._runner, self._journal, self._execution_ended, self._ask)
        return self._made_desk

    def _current(self) -> Execution | None:
        return self._made_desk.current if self._made_desk is not None else None

    # --- stopping

    def _grace_over(self) -> None:
        seconds = self._desk().cut_off()
        if self._current() is not None:
            self._loop.arm(_STOP, seconds + REPORT_SECONDS_AT_STOP, self._finish_stop)

    def _finish_stop(self) -> None:
        self._loop.disarm(_STOP)
        done, self._stopped = self._stopped, _nothing
        if done is not None:
            done()


def _nothing() -> None:
    """Stopped; nobody waits any more."""

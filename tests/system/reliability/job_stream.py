# SPDX-FileCopyrightText: The aws-iot-device-client authors
# SPDX-License-Identifier: Apache-2.0
"""A stream of jobs through one agent, and what must be true of it whatever is broken meanwhile."""

from __future__ import annotations

import random
from collections import Counter
from dataclasses import dataclass
from typing import Any

from dc.jobs.journal import Disk, Journal
from localcloud.waiting import wait_until
from tests.fakes.clock import KeptLog
from tests.fakes.documents import own_handler, run_handler, steps
from tests.system.harness.rig import JOB_SECONDS
from tests.system.reliability.own_broker import OwnBroker

STEPS = ("one", "two", "three")
# In the ledger a job of one operation has the handler's name as its step.
HANDLER = "note.sh"
END_SECONDS = 110.0
# Seconds a handler sleeps. Some outlast a restart of the agent, so that one left behind would meet the next.
SHORT, LONG, LONG_SHARE = "0.02", "0.4", 0.1


@dataclass(frozen=True)
class Known:
    """What the journal said at a moment: `seen` lines of the ledger later nothing of it may be contradicted."""

    seen: int
    job: str
    step: int
    decided: bool


class JobStream:
    """Keeps jobs waiting, of one operation and of three steps in turn; `check` judges the whole."""

    def __init__(self, own_broker: OwnBroker, seed: int) -> None:
        self.own_broker = own_broker
        self.random = random.Random(seed)
        self.jobs: list[str] = []
        self._known: list[Known] = []
        own_broker.write_ledger_handler(HANDLER, 'for seconds; do :; done; sleep "$seconds"')

    def fill(self, least: int) -> None:
        """Queue jobs until `least` wait."""
        while self.own_broker.service.waiting(self.own_broker.thing.name) < least:
            self.jobs.append(self.own_broker.add(self._document()))

    def _document(self) -> dict[str, Any]:
        seconds = LONG if self.random.random() < LONG_SHARE else SHORT
        if len(self.jobs) % 2:
            return steps(*(run_handler(HANDLER, seconds, name=name) for name in STEPS))
        return own_handler(HANDLER, seconds)

    def wait_messages(self, count: int) -> None:
        """Wait until the agent has published that many messages more."""
        received = self.own_broker.service.received
        wanted = len(received) + count
        agent = self.own_broker.agent
        wait_until(lambda: len(received) >= wanted, JOB_SECONDS, lambda: f"{count} messages; {agent.log()[-4000:]}")

    def note_journal(self) -> None:
        """While no agent runs: remember what the journal says, to hold the next agents to it."""
        journal = Journal(str(self.own_broker.thing.state), self.own_broker.thing.name, Disk(), KeptLog())
        record = journal.load()
        assert journal.degraded == ""
        step, job = record.get("step"), record.get("job")
        if isinstance(step, int) and isinstance(job, str):
            self._known.append(Known(len(self.own_broker.ledger()), job, step, bool(record.get("status"))))

    def finish(self) -> None:
        """Wait until every job has ended; then nothing may have been lost, repeated, or run beside another."""
        self.own_broker.service.wait_finished(len(self.jobs), END_SECONDS)
        finished = self.own_broker.service.finished
        counts = Counter(e.job for e in finished)
        assert counts == Counter(self.jobs), f"reported more than once: {[j for j, n in counts.items() if n > 1]}"
        bad = [(e.job, e.status, e.details) for e in finished if e.status != "SUCCEEDED"]
        ledger = self.own_broker.ledger()
        assert not bad, f"{bad}; of the first: {[row for row in ledger if bad[0][0] in row.split()]}"
        overlaps = [row for row in ledger if row.startswith("overlap")]
        assert not overlaps, f"started beside another handler: {overlaps}"
        self._check_attempts(ledger)
        self._check_known(ledger)

    def _check_attempts(self, ledger: list[str]) -> None:
        last: dict[tuple[str, str], int] = {}
        order: dict[str, int] = {}
        for job, step, attempt in _starts(ledger):
            assert attempt > last.get((job, step), 0), f"attempt {attempt} of step {step} of {job} was run twice"
            last[job, step] = attempt
            number = STEPS.index(step) if step in STEPS else 0
            assert number >= order.get(job, 0), f"step {step} of {job} was run after a later one"
            order[job] = number
        ended = {tuple(row.split()[1:3]) for row in ledger if row.startswith("end")}
        expected = {(job, step) for i, job in enumerate(self.jobs) for step in (STEPS if i % 2 else (HANDLER,))}
        assert ended == expected, "a job was reported of which not every step has run to its end"

    def _check_known(self, ledger: list[str]) -> None:
        for known in self._known:
            for job, step, _ in _starts(ledger[known.seen :]):
                if job == known.job:
                    assert not known.decided, f"{job} was decided, and step {step} was started again"
                    number = STEPS.index(step) if step in STEPS else 0
                    assert number >= known.step, f"step {step} of {job} was done, and started again"

    @property
    def repeats(self) -> int:
        """How many interrupted steps were started again."""
        return sum(1 for _, _, attempt in _starts(self.own_broker.ledger()) if attempt > 1)


def _starts(ledger: list[str]) -> list[tuple[str, str, int]]:
    rows = (row.split() for row in ledger if row.startswith("start"))
    return [(job, step, int(attempt)) for _, job, step, attempt in rows]

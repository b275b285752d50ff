# SPDX-FileCopyrightText: The aws-iot-device-client authors
# SPDX-License-Identifier: Apache-2.0
"""The agent is broken on purpose, in one place at a time, and the simulator must say what is wrong."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import pytest

from dc.jobs.core import effects as fx
from dc.jobs.core import events as ev
from dc.jobs.core import execution, update
from dc.jobs.core.execution import Execution
from dc.jobs.core.key import DROPPED
from dc.jobs.core.state import ENDED, OFFERED, RUNNING
from dc.jobs.feature import JobsFeature
from dc.jobs.journal import Journal
from dc.jobs.memory import Memory
from dc.jobs.worker import Worker
from tests.sim.simulator.agent import SimMachine
from tests.sim.simulator.events import Violation
from tests.sim.simulator.explore import every_crash
from tests.sim.simulator.scenarios import BY_NAME

if TYPE_CHECKING:
    from dc.jobs.core.snapshot import Snapshot

Patch = pytest.MonkeyPatch


def _drop_persist(patch: Patch) -> None:
    """The journal only ever says that no execution is in hand."""
    write = Journal.write
    patch.setattr(Journal, "write", lambda self, record, sync=True: write(self, {} if sync else record, sync))


def _persist_without_sync(patch: Patch) -> None:
    write = Journal.write
    patch.setattr(Journal, "write", lambda self, record, sync=True: write(self, record, False))


def _outcome_is_not_persisted(patch: Patch) -> None:
    decide = execution._decide

    def unwritten(e: Execution, status: str, pairs: dict[str, str]) -> tuple[str, list[fx.Effect]]:
        state, effects = decide(e, status, pairs)
        return state, [effect for effect in effects if not isinstance(effect, fx.Persist)]

    patch.setattr(execution, "_decide", unwritten)


def _run_before_the_claim_is_accepted(patch: Patch) -> None:
    patch.setitem(execution.TABLE, (OFFERED, ev.Begin), (lambda e, _: (RUNNING, [fx.Prepare()]), (RUNNING,)))


def _resume_at_the_first_step(patch: Patch) -> None:
    restore = Execution.restore

    def from_the_start(self: Execution, snapshot: Snapshot) -> None:
        restore(self, {**snapshot, "step": 0})

    patch.setattr(Execution, "restore", from_the_start)


def _attempts_are_not_counted(patch: Patch) -> None:
    restore = Execution.restore

    def first_attempt(self: Execution, snapshot: Snapshot) -> None:
        restore(self, {**snapshot, "attempt": 1})

    patch.setattr(Execution, "restore", first_attempt)


def _strays_live_on(patch: Patch) -> None:
    patch.setattr(SimMachine, "end_strays", lambda self, marks, grace: False)


def _never_asks_again(patch: Patch) -> None:
    patch.setattr(JobsFeature, "_ask_later", lambda self, seconds: None)


def _silence_is_not_noticed(patch: Patch) -> None:
    patch.setitem(update.TABLE, (update.SENT, ev.Retry), (update._stay, (update.SENT,), None))


def _cancel_is_ignored(patch: Patch) -> None:
    patch.setitem(execution.TABLE, (RUNNING, ev.Gone), (lambda e, _: execution._end(e, DROPPED), (ENDED,)))


def _every_failure_is_a_success(patch: Patch) -> None:
    patch.setattr(execution, "judge", lambda result, action: (True, "Exited with status: 0"))


def _a_rule_is_missing(patch: Patch) -> None:
    patch.delitem(update.TABLE, (update.SENT, ev.Busy))


def _asks_without_a_pause(patch: Patch) -> None:
    patch.setattr(JobsFeature, "_ask_later", lambda self, seconds: self._ask())


def _journal_is_torn(patch: Patch) -> None:
    def torn(self: Journal) -> Snapshot:
        self.blank = False
        return {}

    patch.setattr(Journal, "load", torn)


def _the_cloud_is_not_believed(patch: Patch) -> None:
    patch.setattr(Memory, "last_known", lambda self, offer, snapshot, kept: snapshot)


def _forgets_too_early(patch: Patch) -> None:
    send = Worker._send

    def forgetful(self: Worker, e: Execution, effect: fx.Send) -> None:
        send(self, e, effect)
        self._journal.write({}, sync=False)

    patch.setattr(Worker, "_send", forgetful)


BROKEN = (
    (_drop_persist, "steps", "two at once|has the number|is reported"),
    (_persist_without_sync, "many-steps", "has the number|is reported|ended as"),
    (_outcome_is_not_persisted, "would-succeed-the-second-time", "is reported SUCCEEDED, and was reported FAILED"),
    (_run_before_the_claim_is_accepted, "operation", "no IN_PROGRESS of this process was accepted"),
    (_resume_at_the_first_step, "steps", "is run again: the journal holds that it is done"),
    (_attempts_are_not_counted, "kills-the-agent-for-ever", "one more than the 3 attempts|number of an earlier"),
    (_strays_live_on, "operation", "two at once"),
    (_never_asks_again, "notify-lost", "wait for ever|is still QUEUED"),
    (_silence_is_not_noticed, "report-lost", "wait for ever|is still IN_PROGRESS"),
    (_cancel_is_ignored, "cancelled-stubborn", "two at once"),
    (_every_failure_is_a_success, "second-step-fails", "ended as|are not done"),
    (_a_rule_is_missing, "throttled", "has no rule for"),
    (_asks_without_a_pause, "operation", "a storm|stuck"),
    (_journal_is_torn, "steps", "can't be read back"),
    (_the_cloud_is_not_believed, "disk-in-memory-reboot", "stuck|wait for ever"),
    (_forgets_too_early, "steps", "is run again: the journal holds that it is done"),
)


@pytest.mark.parametrize(("breaks", "scenario", "said"), BROKEN, ids=lambda value: getattr(value, "__name__", ""))
def test_a_broken_agent_is_noticed(
    breaks: Callable[[Patch], None], scenario: str, said: str, monkeypatch: Patch
) -> None:
    breaks(monkeypatch)
    with pytest.raises(Violation, match=said):
        every_crash(BY_NAME[scenario])

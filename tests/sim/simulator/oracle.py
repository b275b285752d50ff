# SPDX-FileCopyrightText: The aws-iot-device-client authors
# SPDX-License-Identifier: Apache-2.0
"""What the agent promises, checked whenever it does something. A broken promise is a `Violation` that names it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from dc.jobs.core.document import Action, DocumentError
from dc.jobs.core.outcome import asks_for_reboot
from dc.jobs.core.parser import parse
from dc.jobs.core.snapshot import key_of
from dc.jobs.journal import MAX_BYTES, Journal
from dc.jsonlib import loads
from localcloud.jobs_model import ACTIVE, Execution, Job, Key
from tests.fakes.clock import KeptLog
from tests.sim.simulator.agent import STATE
from tests.sim.simulator.board import Run
from tests.sim.simulator.disk import IN_MEMORY, UNREADABLE
from tests.sim.simulator.events import Violation
from tests.sim.simulator.network import THING

if TYPE_CHECKING:
    from dc.jobs.core.snapshot import Snapshot
    from tests.sim.simulator.world import CrashWorld

Record = dict[str, object]


def actions_of(document: object) -> tuple[Action, ...] | None:
    """The steps of a good document; None: it is to be rejected."""
    try:
        parsed = parse(document)
    except DocumentError:
        return None
    return None if parsed.conditions else parsed.actions


class Oracle:
    """Knows what the service, the board and the disk have seen, and so what the agent may do."""

    def __init__(self, world: CrashWorld) -> None:
        self.runs: dict[Key, list[Run]] = {}
        self._world = world
        self._asked: dict[str, int] = {}  # clientToken of an IN_PROGRESS update: which process sent it
        self._claims: dict[tuple[int, str, int], Key] = {}  # (life, job, number): IN_PROGRESS was answered with yes
        self._claim_boots: dict[Key, int] = {}
        self._journalled: dict[Key, tuple[int, bool]] = {}  # steps that are done, and whether the outcome is decided
        self._records: list[Snapshot] = [
            {}
        ]  # that may be found after an end of the process; the last one is the newest
        self._synced = 1  # how many of them a power cut can't take away
        self._actions: dict[str, tuple[Action, ...] | None] = {}
        self._reports: dict[Key, str] = {}

    # --- messages

    def sent(self, life: int, job_id: str, request: Record) -> None:
        """The agent publishes an update."""
        status = str(request.get("status"))
        if status == "IN_PROGRESS":
            self._asked[str(request.get("clientToken"))] = life
        execution = self._world.service.find(job_id, request.get("executionNumber"))
        if execution is not None and status == "IN_PROGRESS" and self._world.disk.unreliable():
            self._claim_boots.setdefault(execution.key(), self._world.board.boot)  # all that is known afterwards
        if status == "IN_PROGRESS" or execution is None or self._world.disk.faulted:
            return
        if self._world.service.has_namesake(job_id, execution.number):
            return  # a report does not tell which of them it is about
        earlier = self._reports.setdefault(execution.key(), status)
        if earlier != status:
            raise Violation(f"{execution.key()} is reported {status}, and was reported {earlier} before")

    def answered(self, life: int, token: str) -> None:
        """The agent is told that an update was accepted."""
        key = self._world.network.accepted.get(token)
        if key is not None and self._asked.get(token) == life:
            self._claims[life, key[0], key[1]] = key
            self._claim_boots.setdefault(key, self._world.board.boot)

    def changed(self, execution: Execution) -> None:
        """The service gave an execution another status."""
        if execution.by_device and not execution.deleted:
            self._check_truth(execution)

    def _check_truth(self, execution: Execution) -> None:
        actions = self._actions_of(execution.job)
        status, key = execution.status, execution.key()
        if (actions is None) != (status == "REJECTED"):
            raise Violation(f"{key} is {status}, but its document is {'bad' if actions is None else 'good'}")
        undone = [action.name for action in actions or () if not self._is_done(key, action)]
        if status == "SUCCEEDED" and undone:
            raise Violation(f"{key} is SUCCEEDED, but these steps are not done: {undone}")
        reason = execution.details.get("reason", "")
        interrupted = self._world.life > 1 or self._world.is_stopping()
        excused = reason.startswith("Timed out") or (reason.startswith("Interrupted") and interrupted)
        if status == "FAILED" and not undone and not excused:
            raise Violation(f"{key} is FAILED ({reason}), but every step was good")
        if status == "FAILED" and key not in self.runs and not excused:
            raise Violation(f"{key} is FAILED ({reason}), but nothing of it was started")

    def _actions_of(self, job: Job) -> tuple[Action, ...] | None:
        if job.job_id not in self._actions:
            self._actions[job.job_id] = actions_of(job.document)
        return self._actions[job.job_id]

    def _is_done(self, key: Key, action: Action) -> bool:
        runs = [run for run in self.runs.get(key, []) if run.step == action.name]
        if runs and runs[-1].noticed and (runs[-1].good or action.ignore_failure):
            return True
        return asks_for_reboot(action) and self._world.board.boot > self._claim_boots.get(key, 1 << 30)

    # --- processes

    def starting(self, run: Run, variables: Mapping[str, str], alive: list[Run]) -> int:
        """The agent starts a step; `alive` are those that still run, whoever started them. How often it was run."""
        name = f"step {run.step} of {run.job_id} #{run.number} (attempt {run.attempt})"
        if self._world.disk.faulted:
            alive = [each for each in alive if self._is_remembered(each, run)]
        if alive:
            others = ", ".join(f"{each.step} of {each.job_id} #{each.number}" for each in alive)
            raise Violation(f"two at once: {name} is started beside {others}")
        key = self._claims.get((run.life, run.job_id, run.number))
        if key is None:
            raise Violation(f"{name} is started, but no IN_PROGRESS of this process was accepted")
        actions = self._actions_of(self._world.job(run.job_id)) or ()
        index = [action.name for action in actions].index(run.step)
        step, decided = self._journalled.get(key, (0, False))
        if decided or index < step:
            raise Violation(f"{name} is run again: the journal holds that it is done")
        before = self.runs.setdefault(key, [])
        same = [each for each in before if each.step == run.step]
        self._check_attempts(key, run, name, same, variables)
        missing = [action.name for action in actions[:index] if not self._is_done(key, action)]
        if missing:
            raise Violation(f"{name} is started, but these steps before it are not done: {missing}")
        before.append(run)
        return len(same)

    def _is_remembered(self, alive: Run, run: Run) -> bool:
        """Without a journal, what was cancelled while no agent ran is not: its handler may outlive it."""
        if (alive.job_id, alive.number) == (run.job_id, run.number):
            return True
        execution = self._world.service.find(alive.job_id, alive.number)
        return execution is not None and execution.by_device and not execution.deleted

    def _check_attempts(self, key: Key, run: Run, name: str, before: list[Run], variables: Mapping[str, str]) -> None:
        if self._world.service.has_namesake(run.job_id, run.number):
            return  # what the journal holds may be about an execution that was deleted since
        bound = self._world.config.jobs_max_attempts
        if run.attempt > bound:
            raise Violation(f"{name} is more than the {bound} attempts there may be")
        if self._world.disk.faulted:
            return  # the cloud knows, but not all
        if len(before) >= bound:
            raise Violation(f"{name} is one more than the {bound} attempts there may be")
        if before and run.attempt <= before[-1].attempt:
            raise Violation(f"{name} has the number of an earlier one")
        told = variables["AWS_IOT_JOB_REBOOTED"] == "true"
        if told and self._world.board.boot == self._claim_boots.get(key):
            raise Violation(f"{name} is told of a reboot that did not happen")
        if not told and any(each.boot != run.boot for each in before):
            raise Violation(f"{name} is not told of the reboot since its first attempt")

    # --- the journal

    def wrote(self, data: bytes, sync: bool) -> None:
        """A write has succeeded, as far as the agent can tell."""
        record: Snapshot = loads(data.strip().partition(b" ")[2])
        self._records.append(record)
        if sync:
            self._synced = len(self._records)
            self._note(record)
        size = len(self._world.disk.written)
        if size > MAX_BYTES and not self._world.disk.faulted:
            raise Violation(f"the journal has {size} bytes, more than {MAX_BYTES}")

    def begins(self) -> None:
        """A new process reads the journal."""
        if self._world.disk.fault == UNREADABLE:
            self._journalled.clear()  # then it can't know

    def found(self, power: bool, unfinished: bytes) -> None:
        """The process has ended: what would the next one read?"""
        disk = self._world.disk
        if disk.fault == IN_MEMORY and not disk.written:
            self._records = [{}]
            self._synced = 1
            self._journalled.clear()
            return
        record = Journal(STATE, THING, disk.whole(), KeptLog()).load()
        possible = self._records[self._synced - 1 if power else -1 :]
        if unfinished:
            possible = [*possible, loads(unfinished.strip().partition(b" ")[2])]
        if record not in possible:
            raise Violation(f"the journal can't be read back: found {record}, wanted one of {possible}")
        if power or disk.synced == disk.written:
            self._records = [record]
            self._synced = 1
            self._note(record)
        elif record != self._records[-1]:
            self._records.append(record)

    def _note(self, record: Snapshot) -> None:
        key, step = key_of(record), record.get("step")
        if key is None or not isinstance(step, int):
            return
        whose = (key[0], key[1], int(key[2]))
        before = self._journalled.get(whose, (0, False))
        self._journalled[whose] = max(before, (step, bool(record.get("status"))))  # what is done stays done

    # --- at last

    def exited(self, life: int) -> None:
        """The agent has ended in good order."""
        alive = [process.run.step for process in self._world.board.processes if process.run.life == life]
        if alive:
            raise Violation(f"the agent ended in good order and left these handlers alive: {alive}")

    def finished(self) -> None:
        """Everything has settled."""
        for execution in self._world.service.executions:
            if execution.status in ACTIVE and not execution.deleted:
                raise Violation(f"{execution.key()} is still {execution.status}")
        alive = [process.run.step for process in self._world.board.processes]
        if alive:
            raise Violation(f"these handlers are still alive: {alive}")

# SPDX-FileCopyrightText: The aws-iot-device-client authors
# SPDX-License-Identifier: Apache-2.0
"""The AWS IoT Jobs service for one thing, without I/O: the states, the queue, what is answered and what is notified.

The simulator calls it directly, `scripted` serves it over a broker. Time and sending are given to it.

Facts from the AWS IoT developer guide ("Using the AWS IoT jobs APIs", "Jobs notifications", "Job execution states"):
start-next and `$next` take the oldest IN_PROGRESS execution, then the oldest QUEUED one; every change adds one to
versionNumber; notify-next is sent when the front of the queue is another execution than before, not when it is
started; a terminal execution never changes again; a retry is a new executionNumber; deletion frees the number.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

ACTIVE = ("QUEUED", "IN_PROGRESS")
BY_DEVICE = ("IN_PROGRESS", "SUCCEEDED", "FAILED", "REJECTED")
Key = tuple[str, int, int]


class Timer(Protocol):
    """Something that the clock will do."""

    def cancel(self) -> None:
        """Don't do it."""
        ...


class Clock(Protocol):
    """Where time comes from."""

    @property
    def now(self) -> float:
        """Seconds since some moment."""
        ...

    def after(self, seconds: float, what: Callable[[], None], /) -> Timer:
        """Do `what` in so many seconds."""
        ...


class Job:
    """What an operator created. `timeout`: seconds IN_PROGRESS until TIMED_OUT, 0 for none; `lag`: how much later AWS
    may notice; `retries`: new executions after FAILED."""

    def __init__(self, job_id: str, document: object, timeout: float = 0.0, lag: float = 0.0, retries: int = 0) -> None:
        self.job_id = job_id
        self.document = document
        self.timeout = timeout
        self.lag = lag
        self.retries = retries


class Execution:
    """One execution of a job, as the service keeps it. `by_device`: the device reported the terminal status."""

    def __init__(self, job: Job, number: int, queued_at: int) -> None:
        self.job = job
        self.number = number
        self.queued_at = queued_at
        self.updated_at = queued_at
        self.version = 1
        self.status = "QUEUED"
        self.details: dict[str, str] = {}
        self.by_device = False
        self.deleted = False
        self.times_out = 0.0
        self.timer: Timer | None = None

    @property
    def pending(self) -> bool:
        """Whether it is in the queue."""
        return self.status in ACTIVE and not self.deleted

    def key(self) -> Key:
        """What tells it from every other, also from a namesake that was deleted before."""
        return (self.job.job_id, self.number, self.queued_at)

    def state(self) -> dict[str, object]:
        """The executionState of messages."""
        return {"status": self.status, "versionNumber": self.version}


class JobsModel:
    """`send(topic, message)` answers and notifies; topics are given without the thing's prefix.

    `changed(execution)` tells of every new status. `epoch` is the Unix time at which the clock said 0.
    `version_first`: VersionMismatch is looked at before the terminal state.
    """

    def __init__(
        self,
        clock: Clock,
        send: Callable[[str, dict[str, object]], None],
        changed: Callable[[Execution], None],
        epoch: int = 0,
    ) -> None:
        self.executions: list[Execution] = []
        self.version_first = False
        self._clock = clock
        self._send = send
        self._changed = changed
        self._epoch = epoch

    # --- what operators and time do

    def create(self, job: Job, number: int = 1) -> None:
        """A new execution, at the end of the queue."""
        front = self._front_key()
        self.executions.append(Execution(job, number, self._stamp()))
        self._notify(front)

    def cancel(self, job_id: str) -> None:
        """With force: also what is IN_PROGRESS."""
        self._finish(self.find(job_id), "CANCELED")

    def delete(self, job_id: str) -> None:
        """With force; the execution is as if it had never been."""
        execution = self.find(job_id)
        if execution is None or execution.deleted:
            return
        front = self._front_key()
        execution.deleted = True
        self._stop_timer(execution)
        self._changed(execution)
        self._notify(front)

    def meddle(self, job_id: str) -> None:
        """Another client updates the execution: nothing but its version is different."""
        execution = self.find(job_id)
        if execution is not None and execution.status in ACTIVE:
            execution.version += 1

    def forget_ended(self) -> None:
        """Keep what is in the queue only: to a device, what is forgotten never was."""
        self.executions = [each for each in self.executions if each.pending]

    def pending(self) -> list[Execution]:
        """What is not at its end, the front of the queue first."""
        left = [each for each in self.executions if each.pending]
        return sorted(left, key=_place)  # stable: then as they were queued

    def announce(self) -> None:
        """Send notify-next, whether there is news or not."""
        message: dict[str, object] = {"timestamp": self._stamp()}
        front = self._front()
        if front is not None:
            message["execution"] = self._described(front)
        self._send("notify-next", message)

    # --- what the device asks

    def start_next(self, request: dict[str, object]) -> None:
        """StartNextPendingJobExecution."""
        answer: dict[str, object] = {"timestamp": self._stamp()}
        front = self._front()
        if front is not None:
            if front.status == "QUEUED":
                self._begin(front)
            answer["execution"] = self._described(front)
        self._answer("start-next/accepted", request, answer)

    def update(self, job_id: str, request: dict[str, object]) -> Execution | None:
        """UpdateJobExecution; the execution if it was taken."""
        execution = self.find(job_id, request.get("executionNumber"))
        if execution is None or execution.deleted:
            self.reject(job_id, request, "ResourceNotFound")
            return None
        code = self._refusal(execution, request)
        if code:
            self.reject(job_id, request, code, execution)
            return None
        status = str(request.get("status"))
        if status not in BY_DEVICE:
            self.reject(job_id, request, "InvalidRequest")
            return None
        front = self._front_key()
        self._apply(execution, status, request)
        answer: dict[str, object] = {"timestamp": self._stamp()}
        if request.get("includeJobExecutionState"):
            answer["executionState"] = execution.state()
        self._answer(f"{job_id}/update/accepted", request, answer)
        self._notify(front)
        return execution

    def reject(self, job_id: str, request: dict[str, object], code: str, execution: Execution | None = None) -> None:
        """The update (of start-next, where `job_id` is "") is refused."""
        answer: dict[str, object] = {"timestamp": self._stamp(), "code": code, "message": "refused"}
        if execution is not None:
            answer["executionState"] = execution.state()
        self._answer(f"{job_id}/update/rejected" if job_id else "start-next/rejected", request, answer)

    def find(self, job_id: str, number: object = None) -> Execution | None:
        """The newest execution of a job, or the newest with that number; also if it was deleted."""
        for each in reversed(self.executions):
            if each.job.job_id == job_id and number in (None, each.number):
                return each
        return None

    def has_namesake(self, job_id: str, number: int) -> bool:
        """Whether a job was deleted and made again."""
        return sum(each.key()[:2] == (job_id, number) for each in self.executions) > 1

    # --- inside

    def _refusal(self, execution: Execution, request: dict[str, object]) -> str:
        """Why the update can't be applied to what there is; "": it can."""
        stale = request.get("expectedVersion", execution.version) != execution.version
        checks = [("InvalidStateTransition", execution.status not in ACTIVE), ("VersionMismatch", stale)]
        found = [code for code, holds in (reversed(checks) if self.version_first else checks) if holds]
        return found[0] if found else ""

    def _apply(self, execution: Execution, status: str, request: dict[str, object]) -> None:
        details = request.get("statusDetails")
        if isinstance(details, dict):
            execution.details = details
        if status == "IN_PROGRESS" and execution.status == "QUEUED":
            self._begin(execution)
        elif status == "IN_PROGRESS":
            self._change(execution, status)
        else:
            execution.by_device = True
            self._terminal(execution, status)

    def _begin(self, execution: Execution) -> None:
        job = execution.job
        if job.timeout:
            execution.times_out = self._clock.now + job.timeout
            late = job.timeout + job.lag
            execution.timer = self._clock.after(late, lambda: self._finish(execution, "TIMED_OUT"))
        self._change(execution, "IN_PROGRESS")

    def _finish(self, execution: Execution | None, status: str) -> None:
        if execution is not None and execution.pending:
            front = self._front_key()
            self._terminal(execution, status)
            self._notify(front)

    def _terminal(self, execution: Execution, status: str) -> None:
        self._stop_timer(execution)
        self._change(execution, status)
        if status == "FAILED" and execution.number <= execution.job.retries:
            self.executions.append(Execution(execution.job, execution.number + 1, self._stamp()))

    def _change(self, execution: Execution, status: str) -> None:
        execution.status = status
        execution.version += 1
        execution.updated_at = self._stamp()
        self._changed(execution)

    def _stop_timer(self, execution: Execution) -> None:
        if execution.timer is not None:
            execution.timer.cancel()

    def _front(self) -> Execution | None:
        return min((each for each in self.executions if each.pending), key=_place, default=None)

    def _front_key(self) -> Key | None:
        front = self._front()
        return front.key() if front else None

    def _notify(self, before: Key | None) -> None:
        if self._front_key() != before:
            self.announce()

    def _described(self, execution: Execution) -> dict[str, object]:
        described: dict[str, object] = {
            "jobId": execution.job.job_id,
            "status": execution.status,
            "queuedAt": execution.queued_at,
            "lastUpdatedAt": execution.updated_at,
            "versionNumber": execution.version,
            "executionNumber": execution.number,
            "jobDocument": execution.job.document,
        }
        if execution.details:
            described["statusDetails"] = execution.details
        if execution.times_out:
            described["approximateSecondsBeforeTimedOut"] = max(int(execution.times_out - self._clock.now), 0)
        return described

    def _answer(self, topic: str, request: dict[str, object], answer: dict[str, object]) -> None:
        if "clientToken" in request:
            answer["clientToken"] = request["clientToken"]
        self._send(topic, answer)

    def _stamp(self) -> int:
        return self._epoch + int(self._clock.now)


def _place(execution: Execution) -> bool:
    """What is started comes before what only waits."""
    return execution.status != "IN_PROGRESS"

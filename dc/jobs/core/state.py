# SPDX-FileCopyrightText: The aws-iot-device-client authors
# SPDX-License-Identifier: Apache-2.0
"""What is known about one job execution, from the offer to its end. Pure."""

from __future__ import annotations

from dc.jobs.core.details import AS_IS
from dc.jobs.core.snapshot import number, text
from dc.jobs.core.tail import Tail
from dc.jobs.core.update import OFFLINE, Update

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Protocol

    from dc.jobs.core.document import Action, Document
    from dc.jobs.core.messages import Offer
    from dc.jobs.core.outcome import StepResult
    from dc.jobs.core.snapshot import Snapshot

    class Rules(Protocol):
        """What the configuration says about every execution; see docs/configuration.md."""

        jobs_on_interrupted: str
        jobs_max_attempts: int
        jobs_max_run_seconds: float
        jobs_step_timeout: int


# States
OFFERED = "OFFERED"  # the cloud named it; nothing is said or done yet
CLAIMING = "CLAIMING"  # IN_PROGRESS is being reported; no handler runs before it is accepted
RUNNING = "RUNNING"  # a step's process is alive, or about to be started
STOPPING = "STOPPING"  # the process group was told to end and is not gone yet
REPORTING = "REPORTING"  # the terminal status is decided and being reported
ENDED = "ENDED"  # accepted, or no longer ours

# versionNumber is 1 while an execution is QUEUED. Whatever begins it first, a claim or start-next, makes it 2.
FIRST_BEGUN = 2


class State:
    """One execution. `state` tells where it is, `outcome` how it ended; `update` is what is said about it."""

    __slots__ = (
        "job_id",
        "number",
        "key",
        "seconds_left",
        "document",
        "actions",
        "rules",
        "boot",
        "update",
        "state",
        "step",
        "attempt",
        "rebooted",
        "started",
        "stopping",
        "status",
        "details",
        "stage",
        "outcome",
        "stdout",
        "stderr",
        "progress",
    )

    def __init__(
        self,
        offer: Offer,
        document: Document | None,
        rules: Rules,
        *,
        online: bool = True,
        serial: int = 0,
        boot: str = "",
    ) -> None:
        """`serial`: of the last update of the execution before. `boot`: the kernel's name for this boot."""
        self.job_id = offer.job_id
        self.number = offer.number
        self.key = offer.key
        self.rules = rules
        # Every update starts the cloud's step timer anew: if an earlier agent's may be what is left, it is no deadline.
        renewed = offer.version > FIRST_BEGUN and (offer.seconds_left or 0) <= rules.jobs_step_timeout * 60
        self.seconds_left = None if renewed else offer.seconds_left
        self.document = document
        self.actions: tuple[Action, ...] = document.actions if document else ()
        self.boot = boot
        self.update = Update()
        self.update.version = offer.version
        self.update.serial = serial
        if not online:
            self.update.state = OFFLINE
        self.state = OFFERED
        self.step = 0
        self.attempt = 1
        self.rebooted = False  # since the step's first attempt
        self.started = False  # a step, by this process
        self.stopping = False  # the agent ends
        self.status = ""  # the terminal status, once decided
        self.details: dict[str, str] = {}
        self.stage = AS_IS  # how much of the details an update still carries
        self.outcome = ""
        self.stdout = Tail()
        self.stderr = Tail()
        self.progress: dict[str, str] = {}  # what IN_PROGRESS updates show

    def restore(self, snapshot: Snapshot) -> None:
        """Take over where `snapshot` was. Values of a wrong type are as if they were missing."""
        self.step = number(snapshot, "step", 0)
        self.attempt = number(snapshot, "attempt", 1)
        self.rebooted = snapshot.get("rebooted") is True
        self.status = text(snapshot, "status")
        pairs = snapshot.get("details")
        if isinstance(pairs, dict):
            self.details = {str(key): str(value) for key, value in pairs.items()}
        self.stdout.feed(text(snapshot, "stdout").encode())
        self.stderr.feed(text(snapshot, "stderr").encode())

    def collect(self, result: StepResult) -> None:
        """A report shows what all steps have written."""
        if result.stdout.total:
            self.stdout.extend(result.stdout)
        if result.stderr.total:
            self.stderr.extend(result.stderr)

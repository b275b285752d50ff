# SPDX-FileCopyrightText: The aws-iot-device-client authors
# SPDX-License-Identifier: Apache-2.0
"""What is known about one job execution, and the part of it that a restart needs. Pure."""

from __future__ import annotations

from dc.jobs.core.details import AS_IS, output
from dc.jobs.core.tail import Tail

TYPE_CHECKING = False
if TYPE_CHECKING:
    from dc.jobs.core.document import Action, Document

# States
OFFERED = "OFFERED"  # the cloud named it; nothing is said or done yet
CLAIMING = "CLAIMING"  # IN_PROGRESS is being reported; no handler runs before it is accepted
RUNNING = "RUNNING"  # a step's process is alive
STOPPING = "STOPPING"  # the process group was told to end and is not gone yet
REPORTING = "REPORTING"  # the terminal status is decided and being reported
ENDED = "ENDED"  # accepted, or no longer ours


class ExecutionRecord:
    """One execution, from the offer to its end. `state` and `outcome` tell where it is."""

    __slots__ = (
        "job_id",
        "number",
        "queued_at",
        "version",
        "document",
        "state",
        "step",
        "attempt",
        "online",
        "unanswered",
        "awaiting",
        "resyncing",
        "stopping",
        "retries",
        "serial",
        "status",
        "details",
        "stage",
        "outcome",
        "stdout",
        "stderr",
        "progress",
        "rebooted",
    )

    def __init__(
        self,
        job_id: str,
        number: int,
        version: int,
        document: Document | None,
        *,
        queued_at: int | float = 0,
        online: bool = True,
    ) -> None:
        self.job_id = job_id
        self.number = number
        self.queued_at = queued_at
        self.version = version
        self.document = document
        self.state = OFFERED
        self.step = 0
        self.attempt = 1
        self.online = online
        self.unanswered = False  # an update's answer was never seen
        self.awaiting = False  # an answer to the last update may still come
        self.resyncing = False
        self.stopping = False
        self.retries = 0
        self.serial = 0
        self.status = ""  # the terminal status, once decided
        self.details: dict[str, str] = {}
        self.stage = AS_IS
        self.outcome = ""
        self.stdout = Tail()
        self.stderr = Tail()
        self.progress: dict[str, str] = {}  # what IN_PROGRESS updates show
        self.rebooted = False  # since the step's first attempt

    def key(self) -> tuple[str, int, int | float]:
        """As `Offer.key`."""
        return (self.job_id, self.number, self.queued_at)

    def snapshot(self) -> dict[str, object]:
        """For the journal: JSON that `restore` understands. The document is left out: the cloud sends it again, with
        presigned URLs that are fresh."""
        return {
            "job": self.job_id,
            "number": self.number,
            "queued": self.queued_at,
            "version": self.version,
            "running": self.state in (RUNNING, STOPPING),
            "step": self.step,
            "attempt": self.attempt,
            "rebooted": self.rebooted,
            "status": self.status if self.state == REPORTING else "",
            "details": self.details,
            "stdout": output(self.stdout),
            "stderr": output(self.stderr),
        }

    def restore(self, record: dict[str, object]) -> None:
        """Take over where `record`, a snapshot, was. Values of a wrong type are as if they were missing."""
        self.step = _number(record, "step", 0)
        self.attempt = _number(record, "attempt", 1)
        self.rebooted = record.get("rebooted") is True
        self.status = _text(record, "status")
        pairs = record.get("details")
        if isinstance(pairs, dict):
            self.details = {str(key): str(value) for key, value in pairs.items()}
        self.stdout.feed(_text(record, "stdout").encode())
        self.stderr.feed(_text(record, "stderr").encode())

    def actions(self) -> tuple[Action, ...]:
        """The document's steps, in order."""
        return self.document.actions() if self.document else ()


def recorded_key(record: dict[str, object]) -> tuple[str, int, int | float] | None:
    """The `key` of the execution that a snapshot is about; None if it is about none."""
    job_id, queued = _text(record, "job"), record.get("queued")
    if not job_id:
        return None
    return (job_id, _number(record, "number", 0), queued if isinstance(queued, (int, float)) else 0)


def told(e: ExecutionRecord, boot: str) -> str:
    """What a restart needs to know, for the statusDetails of an IN_PROGRESS update: the record's understudy.

    `boot`: the kernel's name for this boot; once a step has seen a reboot, none fits any more.
    """
    return f"step {e.step + 1} attempt {e.attempt} boot {'earlier' if e.rebooted else boot}"


def further(record: dict[str, object], text: str) -> dict[str, object]:
    """`record`, or what the cloud was `told` if that is further on. Text of any other form is no news."""
    words = text.split(" ")
    if record.get("status") or len(words) != 6 or words[::2] != ["step", "attempt", "boot"]:
        return record
    if any(len(number) > 9 or not number.isdecimal() for number in (words[1], words[3])):
        return record
    step, attempt = int(words[1]) - 1, int(words[3])
    if (step, attempt) <= (_number(record, "step", 0), _number(record, "attempt", 0)):
        return record
    return {**record, "running": True, "step": step, "attempt": attempt, "boot": words[5]}


def _number(record: dict[str, object], key: str, least: int) -> int:
    value = record.get(key)
    return value if isinstance(value, int) and value >= least else least


def _text(record: dict[str, object], key: str) -> str:
    value = record.get(key)
    return value if isinstance(value, str) else ""

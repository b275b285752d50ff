# SPDX-FileCopyrightText: The aws-iot-device-client authors
# SPDX-License-Identifier: Apache-2.0
"""What a restart needs to know about an execution: as the journal holds it, and as the cloud holds a copy of it. Pure.

The journal comes first. Where it was lost or can't be written, the cloud's copy counts: every IN_PROGRESS update says
in its statusDetails how far the execution is (`resume`), and start-next gives that back.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import TypedDict

    from dc.jobs.core.key import Key

    class Snapshot(TypedDict, total=False):
        """One record of the journal; {}: no execution is in hand. What was read from a disk may lack any of it, or hold
        a value of another type: read it by the functions below."""

        job: str
        number: int
        queued: int | float
        version: int
        running: bool  # a process of the step was about to be started, and may still live
        step: int  # from 0
        attempt: int  # of that step, from 1
        rebooted: bool  # the board was started anew since the step's first attempt
        status: str  # the terminal status, once decided
        details: dict[str, str]  # that go with it
        stdout: str
        stderr: str
        boot: str  # the kernel's name for the boot in which this was written


EARLIER = "earlier"  # fits no boot: the step has seen a reboot


def key_of(snapshot: Snapshot) -> Key | None:
    """The execution that `snapshot` is about; None if it is about none."""
    job_id, queued = text(snapshot, "job"), snapshot.get("queued")
    if not job_id:
        return None
    return (job_id, number(snapshot, "number", 0), queued if isinstance(queued, (int, float)) else 0)


def furthest(snapshot: Snapshot, position: str) -> Snapshot:
    """`snapshot`, or what `position` says (as `Execution.position` writes it) if that is further on. Any other text
    changes nothing."""
    words = position.split(" ")
    if snapshot.get("status") or len(words) != 6 or words[::2] != ["step", "attempt", "boot"]:
        return snapshot
    if any(len(digits) > 9 or not digits.isdecimal() for digits in (words[1], words[3])):
        return snapshot
    step, attempt = int(words[1]) - 1, int(words[3])
    if (step, attempt) <= (number(snapshot, "step", 0), number(snapshot, "attempt", 0)):
        return snapshot
    return {**snapshot, "running": True, "step": step, "attempt": attempt, "boot": words[5]}


def number(snapshot: Snapshot, key: str, least: int) -> int:
    """A whole number of at least `least`, which stands for all that is none."""
    value = snapshot.get(key)
    return value if isinstance(value, int) and value >= least else least


def text(snapshot: Snapshot, key: str) -> str:
    """A text; "" stands for all that is none."""
    value = snapshot.get(key)
    return value if isinstance(value, str) else ""

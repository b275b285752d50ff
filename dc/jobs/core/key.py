# SPDX-FileCopyrightText: The aws-iot-device-client authors
# SPDX-License-Identifier: Apache-2.0
"""What tells one job execution from another, and how the agent's part in it can end. Pure."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    # jobId, executionNumber, queuedAt (seconds since 1970; 0: untold). queuedAt tells a job that was deleted and made again.
    Key = tuple[str, int, int | float]

REPORTED = "reported"  # the cloud took the terminal status
DROPPED = "dropped"  # the cloud has ended or deleted it: no use for a report
STUCK = "given up"  # the cloud takes no update of it, or names others; never to be started again
INTERRUPTED = "interrupted"  # the agent ends first; the execution stays IN_PROGRESS in the cloud

# The variables that tell the processes of one execution from all others, also from those of a second thing's agent.
VARIABLES: tuple[str, ...] = ("AWS_IOT_THING_NAME", "AWS_IOT_JOB_ID", "AWS_IOT_JOB_EXECUTION_NUMBER")


def marks(thing: str, job_id: str, number: int) -> tuple[str, ...]:
    """VARIABLES of an execution as NAME=VALUE, as they stand in the environment of its processes."""
    return tuple(f"{name}={value}" for name, value in zip(VARIABLES, (thing, job_id, str(number)), strict=True))


def is_namesake(younger: Key, older: Key) -> bool:
    """Whether the execution `older` must have been deleted, since `younger` has its name and was queued later."""
    return younger[:2] == older[:2] and younger[2] > older[2] > 0

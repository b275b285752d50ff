# SPDX-FileCopyrightText: The aws-iot-device-client authors
# SPDX-License-Identifier: Apache-2.0
"""What can happen to an execution. Each event is a class; its attributes are all that the execution learns. Pure.

One more is `outcome.StepResult`: no process of the step is left.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from dc.jobs.core.outcome import StepResult
    from dc.jobs.core.snapshot import Snapshot


class NoTransition(RuntimeError):
    """An event came in a state that the table does not pair with it: a defect of the agent, never of a message."""


# --- the beginning


class Begin:
    """The document is good, and nothing of it was begun before."""

    __slots__ = ()


class Resume:
    """It was begun before a restart, as `snapshot` says. `rebooted`: the board was started anew since."""

    __slots__ = ("snapshot", "rebooted")

    def __init__(self, snapshot: Snapshot, rebooted: bool) -> None:
        self.snapshot = snapshot
        self.rebooted = rebooted


class Refuse:
    """It can't ever work, for `reason`."""

    __slots__ = ("reason",)

    def __init__(self, reason: str) -> None:
        self.reason = reason


# --- what the cloud says


class Accepted:
    """The last update was taken."""

    __slots__ = ()


class Gone:
    """The cloud has ended or deleted the execution. `status`: as it is there, "" if untold."""

    __slots__ = ("status",)

    def __init__(self, status: str) -> None:
        self.status = status


class Stale:
    """VersionMismatch. `version`: the one in the cloud, 0 if untold."""

    __slots__ = ("version",)

    def __init__(self, version: int) -> None:
        self.version = version


class Unfit:
    """The last update was refused for what it says. `message`: the cloud's words."""

    __slots__ = ("message",)

    def __init__(self, message: str) -> None:
        self.message = message


class Busy:
    """Throttled, or an internal error of the cloud: the same again, later."""

    __slots__ = ()


class Redelivered:
    """start-next or notify-next named this execution again, with its `version`, 0 if untold."""

    __slots__ = ("version",)

    def __init__(self, version: int) -> None:
        self.version = version


class Absent:
    """The answer to `AskNext` named another execution, or none."""

    __slots__ = ()


class Doubt:
    """The queue's front is another execution, or none: this one may have been cancelled."""

    __slots__ = ()


class Disowned:
    """start-next was asked whose execution this is, and named another, or none."""

    __slots__ = ()


# --- the connection, and time


class Online:
    """The connection is there."""

    __slots__ = ()


class Offline:
    """The connection is lost."""

    __slots__ = ()


class Retry:
    """The reply timer: no answer came in time, or a pause is over."""

    __slots__ = ()


class Overdue:
    """A deadline passed. `reason`: what is to be reported."""

    __slots__ = ("reason",)

    def __init__(self, reason: str) -> None:
        self.reason = reason


# --- the step


class Kept:
    """`Prepare` was done: the journal holds what a restart must know of the step that is about to start."""

    __slots__ = ()


class Unkept:
    """`Prepare` failed: the journal can't be written."""

    __slots__ = ()


class Progress:
    """Time to show how far the step is. `pairs`: for statusDetails."""

    __slots__ = ("pairs",)

    def __init__(self, pairs: dict[str, str]) -> None:
        self.pairs = pairs


# --- the agent ends


class Stop:
    """The agent was told to end; the step may still use its grace."""

    __slots__ = ()


class CutOff:
    """The agent ends, and the step's grace is over."""

    __slots__ = ()


# --- from the execution to its update


class Say:
    """Send what the execution's state calls for."""

    __slots__ = ()


class Probe:
    """The same, unless an answer is awaited anyway: is the execution still wanted?"""

    __slots__ = ()


class Postpone:
    """The same, after a pause."""

    __slots__ = ()


if TYPE_CHECKING:
    Event = (
        Begin | Resume | Refuse | Accepted | Gone | Stale | Unfit | Busy | Redelivered | Absent | Doubt | Disowned
        | Online | Offline | Retry | Overdue | Kept | Unkept | Progress | StepResult | Stop | CutOff | Say | Probe | Postpone
    )  # fmt: skip

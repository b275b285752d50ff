# SPDX-FileCopyrightText: The aws-iot-device-client authors
# SPDX-License-Identifier: Apache-2.0
"""What is to be done about an execution, as values. The worker performs them in order. Pure."""

from __future__ import annotations

from dc.jobs.core.key import DROPPED, INTERRUPTED, REPORTED, STUCK

TYPE_CHECKING = False
if TYPE_CHECKING:
    from dc.jobs.core.document import Action
    from dc.jobs.core.events import Event

REPLY_TIMER = "reply"  # an answer is overdue, or a pause is over
STEP_TIMER = "step"  # the step's own deadline
JOB_TIMER = "job"  # the deadline of all steps together
PROGRESS_TIMER = "progress"  # time to show how far the step is; `progress.py` arms it
TIMERS = (REPLY_TIMER, STEP_TIMER, JOB_TIMER, PROGRESS_TIMER)


class Send:
    """Report `status`. `serial` names the request: an answer to another serial is a late one. `resume`: how far the
    execution is, for a restart that finds no journal; "" if that is not to be said."""

    __slots__ = ("status", "details", "resume", "version", "serial")

    def __init__(
        self, status: str, details: dict[str, str], resume: str = "", version: int = 0, serial: int = 0
    ) -> None:
        self.status = status
        self.details = details
        self.resume = resume
        self.version = version
        self.serial = serial


class Arm:
    """Let `event` happen in `seconds`; with `jitter`, after a random part of them. Replaces the timer of that name."""

    __slots__ = ("timer", "seconds", "event", "jitter")

    def __init__(self, timer: str, seconds: float, event: Event, jitter: bool = False) -> None:
        self.timer = timer
        self.seconds = seconds
        self.event = event
        self.jitter = jitter


class Disarm:
    """Forget `timer`."""

    __slots__ = ("timer",)

    def __init__(self, timer: str) -> None:
        self.timer = timer


class EndStrays:
    """End what an earlier agent may have left running of this execution."""

    __slots__ = ()


class Prepare:
    """What a restart needs must be on disk before the step starts; `Kept` or `Unkept` follows."""

    __slots__ = ()


class Persist:
    """What a restart needs must be on disk before the next effect."""

    __slots__ = ()


class Run:
    """Start the process of `action`, step `index` (from 0), for the `attempt`-th time (from 1).

    `rebooted`: the board was started anew since the first attempt.
    """

    __slots__ = ("action", "index", "attempt", "rebooted")

    def __init__(self, action: Action, index: int, attempt: int, rebooted: bool) -> None:
        self.action = action
        self.index = index
        self.attempt = attempt
        self.rebooted = rebooted


class Kill:
    """End the step's whole process group: SIGTERM, then SIGKILL after a grace; a `StepResult` follows. `hurry`: the agent
    ends, the grace is short."""

    __slots__ = ("hurry",)

    def __init__(self, hurry: bool) -> None:
        self.hurry = hurry


class AskNext:
    """Ask start-next; `Redelivered` or `Absent` follows."""

    __slots__ = ()


class Note:
    """A line for the log."""

    __slots__ = ("level", "text")

    def __init__(self, level: str, text: str) -> None:
        self.level = level
        self.text = text


class End:
    """The execution needs nothing more, no timer either. `outcome`: REPORTED, DROPPED, STUCK or INTERRUPTED."""

    __slots__ = ("outcome",)

    def __init__(self, outcome: str) -> None:
        self.outcome = outcome


ENDS = {outcome: End(outcome) for outcome in (REPORTED, DROPPED, STUCK, INTERRUPTED)}
NO_REPLY = Disarm(REPLY_TIMER)
NO_STEP_DEADLINE = Disarm(STEP_TIMER)
NO_DEADLINES = (NO_STEP_DEADLINE, Disarm(JOB_TIMER), Disarm(PROGRESS_TIMER))  # no step runs any more


if TYPE_CHECKING:
    Effect = Send | Arm | Disarm | EndStrays | Prepare | Persist | Run | Kill | AskNext | Note | End

# SPDX-FileCopyrightText: The aws-iot-device-client authors
# SPDX-License-Identifier: Apache-2.0
"""What the execution's core and its shell say to each other: events go in, effects come out. Pure."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from dc.jobs.core.document import Action

# Events
BEGIN = "BEGIN"  # the document is good
RESUME = "RESUME"  # it was begun before a restart; argument: Resumption
REFUSE = "REFUSE"  # it can't ever work; argument: the reason
ACCEPTED = "ACCEPTED"  # the last update was taken
GONE = "GONE"  # the cloud has ended or deleted the execution; argument: its status there, "" if untold
STALE = "STALE"  # VersionMismatch; argument: the version in the cloud, 0 if untold
UNFIT = "UNFIT"  # the update was refused for what it says; argument: the cloud's message
BUSY = "BUSY"  # throttled or an internal error: again, later
RETRY = "RETRY"  # the reply timer: no answer came in time, or the pause is over
ONLINE = "ONLINE"
OFFLINE = "OFFLINE"
STEP_ENDED = "STEP_ENDED"  # no process of the step is left; argument: StepResult
DOUBT = "DOUBT"  # the queue's front is another execution, or none: this one may be cancelled
PROGRESS = "PROGRESS"  # time to show how far it is; argument: pairs for statusDetails
OVERDUE = "OVERDUE"  # a deadline passed; argument: the reason to report
STOP = "STOP"  # the agent was told to end
CUT_OFF = "CUT_OFF"  # the agent ends and the job's grace is over
REDELIVERED = "REDELIVERED"  # start-next named this execution again; argument: its version
ABSENT = "ABSENT"  # start-next named another execution, or none

# How it ended
REPORTED = "reported"  # the cloud took the terminal status
DROPPED = "dropped"  # the cloud has ended or deleted it: no use for a report
STUCK = "given up"  # the cloud takes no update of it, or names others; never to be started again
INTERRUPTED = "interrupted"  # the agent ends first; the execution stays IN_PROGRESS in the cloud

REPLY_SECONDS = 10.0  # silence for so long means that the update or its answer was lost (as the C++ client waits)
MAX_PAUSE_SECONDS = 64.0

REPLY_TIMER = "reply"
STEP_TIMER = "step"


class Send:
    """Report `status`. `serial` names the request: an answer to another serial is a late one."""

    __slots__ = ("status", "details", "version", "serial")

    def __init__(self, status: str, pairs: dict[str, str], version: int, serial: int) -> None:
        self.status = status
        self.details = pairs
        self.version = version
        self.serial = serial


class Arm:
    """Let `timer` fire once after `seconds`; with `jitter`, after a random part of them."""

    __slots__ = ("timer", "seconds", "jitter")

    def __init__(self, timer: str, seconds: float, jitter: bool = False) -> None:
        self.timer = timer
        self.seconds = seconds
        self.jitter = jitter


class Disarm:
    """Forget `timer`."""

    __slots__ = ("timer",)

    def __init__(self, timer: str) -> None:
        self.timer = timer


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


class Resumption:
    """What the journal and the configuration say about an execution that a restart interrupted.

    `record`: as `Execution.snapshot` made it. `rebooted`: the board was started anew since. `rerun`: run the
    interrupted step again, rather than fail. `max_attempts`: how often a step may be started in all.
    """

    __slots__ = ("record", "rebooted", "rerun", "max_attempts")

    def __init__(self, record: dict[str, object], rebooted: bool, rerun: bool, max_attempts: int) -> None:
        self.record = record
        self.rebooted = rebooted
        self.rerun = rerun
        self.max_attempts = max_attempts


class Note:
    """A line for the log."""

    __slots__ = ("level", "text")

    def __init__(self, level: str, text: str) -> None:
        self.level = level
        self.text = text


class Kill:
    """End the whole process group: SIGTERM, then SIGKILL after the grace. STEP_ENDED follows."""

    __slots__ = ()


class Persist:
    """What a restart needs must be on disk before the next effect."""

    __slots__ = ()


class Resync:
    """Ask start-next; REDELIVERED or ABSENT follows."""

    __slots__ = ()


class End:
    """The execution needs nothing more; `outcome` is REPORTED, DROPPED, STUCK or INTERRUPTED."""

    __slots__ = ("outcome",)

    def __init__(self, outcome: str) -> None:
        self.outcome = outcome

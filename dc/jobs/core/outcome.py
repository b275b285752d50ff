# SPDX-FileCopyrightText: The aws-iot-device-client authors
# SPDX-License-Identifier: Apache-2.0
"""How a step ended, and whether that is a success. Pure."""

from __future__ import annotations

from dc.jobs.core.tail import Tail

TYPE_CHECKING = False
if TYPE_CHECKING:
    from dc.jobs.core.document import Action


_DOWN_WORDS = ("reboot", "poweroff", "halt", "shutdown", "init", "kexec", "ctrl-alt-del", "runlevel", "sysrq")


class HandlerError(Exception):
    """The action can't be run here; the text is the reason to report, with what was found, wanted, and the fix."""


class StepResult:
    """How a step ended. `error`: it could not be run at all, and why; else `status` or `signal` is set."""

    __slots__ = ("status", "signal", "error", "stdout", "stderr")

    def __init__(
        self,
        status: int | None = None,
        signal: int | None = None,
        error: str = "",
        stdout: Tail | None = None,
        stderr: Tail | None = None,
    ) -> None:
        self.status = status
        self.signal = signal
        self.error = error
        self.stdout = stdout or Tail()
        self.stderr = stderr or Tail()


def judge(result: StepResult, action: Action) -> tuple[bool, str]:
    """Whether a step succeeded, and the reason to report.

    SUCCEEDED if and only if the exit status is 0 and stderr has no more lines than allowStdErr (C++ client's Jobs
    README); a process that a signal ended has failed.
    """
    if result.error:
        return False, result.error
    if result.signal is not None:
        return False, f"Killed by signal: {result.signal}"
    reason = f"Exited with status: {result.status}"
    if result.status != 0:
        return False, reason
    lines = result.stderr.lines
    if action.allow_std_err is not None and lines > action.allow_std_err:
        return (
            False,
            f"{reason}, but with {lines} lines on stderr where allowStdErr is {action.allow_std_err}",
        )
    return True, reason


def asks_for_reboot(action: Action) -> bool:
    """Whether the action's own words reboot the board, or switch it off: then the board's being back is its success.

    A handler that does so among other things is started again instead, and can look at AWS_IOT_JOB_REBOOTED.
    """
    if not any(word in part for part in action.argv for word in _DOWN_WORDS):
        return False  # most actions: nothing more to load
    from dc.jobs.core.reboot import goes_down

    return goes_down(list(action.argv))

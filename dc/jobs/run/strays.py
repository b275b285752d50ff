# SPDX-FileCopyrightText: The aws-iot-device-client authors
# SPDX-License-Identifier: Apache-2.0
"""Processes of an execution that are no children of the agent any more. Loaded only when something is to be killed.

A handler outlives an agent that was killed, and a child of a handler may leave the handler's process group. Both
still carry the execution in their environment, by which they are found in /proc, and are in its control group, where
there is one. Without one, what cleared its environment or changed its user under an agent that is not root is out of
reach; see docs/reliability.md.
"""

from __future__ import annotations

import _signal
import os
import time

from dc.jobs.run import cgroup

MAX_GRACE = 10.0  # the agent does nothing else meanwhile: watchdogs wait, and so does whoever wants to stop it
_POLL_SECONDS = 0.02
_AFTER_KILL_SECONDS = 2.0


def find(marked: tuple[str, ...]) -> list[int]:
    """Living processes of the execution that `marked` (NAME=VALUE each) names, the agent itself excepted."""
    return list({*cgroup.members(marked), *_by_environment(marked)})


def _by_environment(marked: tuple[str, ...]) -> list[int]:
    wanted = [variable.encode() for variable in marked]
    own = os.getpid()
    found = []
    try:
        names = os.listdir("/proc")
    except OSError:
        return []
    for name in names:
        if name.isdigit() and int(name) != own:
            try:
                with open(f"/proc/{name}/environ", "rb") as file:
                    variables = file.read(65536).split(b"\0")
            except OSError:
                continue
            if all(variable in variables for variable in wanted):
                found.append(int(name))
    return found


def group_lives(group: int) -> bool:
    """Whether a process of the group is alive and no zombie. Without /proc: True, nobody can tell."""
    try:
        names = os.listdir("/proc")
    except OSError:
        return True
    for name in names:
        if name.isdigit():
            try:
                with open(f"/proc/{name}/stat", "rb") as file:
                    state, _, its_group = file.read(1024).rpartition(b")")[2].split()[:3]
            except (OSError, ValueError):
                continue
            if int(its_group) == group and state not in (b"Z", b"X"):
                return True
    return False


def signal_all(marked: tuple[str, ...], signal: int) -> bool:
    """Send `signal` to each; whether there was any."""
    if signal == _signal.SIGKILL:
        cgroup.kill(marked)
    found = find(marked)
    for pid in found:
        try:
            os.kill(pid, signal)
        except (ProcessLookupError, PermissionError):
            pass
    return bool(found)


def end(marked: tuple[str, ...], grace: float) -> bool:
    """SIGTERM, `grace` seconds but at most MAX_GRACE, SIGKILL; whether there was anything to end. Blocks."""
    if not signal_all(marked, _signal.SIGTERM):
        return False
    until = time.monotonic() + min(grace, MAX_GRACE)
    while find(marked) and time.monotonic() < until:
        time.sleep(_POLL_SECONDS)
    until = time.monotonic() + _AFTER_KILL_SECONDS
    while signal_all(marked, _signal.SIGKILL) and time.monotonic() < until:
        time.sleep(_POLL_SECONDS)
    return True

# SPDX-FileCopyrightText: The aws-iot-device-client authors
# SPDX-License-Identifier: Apache-2.0
"""A control group (cgroup v2) per execution, where the agent may make one: no process can leave it by itself.

A process leaves its group of processes with `setsid` and its marks with `env -i`, but not its control group. Used only
where cgroup v2 is mounted and the agent may make groups below its own; under systemd only if that unit is delegated
(`Delegate=yes`), which is systemd's rule. Nothing here raises: without control groups, strays.py finds what it can.

A process is put in just after its start, so what it forks in its first microseconds may stay outside, and is found by
its environment. What a handler leaves running on purpose stays in its group, which is removed once it is empty.
"""

from __future__ import annotations

import os

PREFIX = "aws-iot-job."
MOUNTS = ("/sys/fs/cgroup", "/sys/fs/cgroup/unified")  # of cgroup v2: alone, or beside v1
SYSTEMD = "/run/systemd/system"
MAX_NAME = 255


def enter(marked: tuple[str, ...], pid: int) -> None:
    """Put process `pid` into the group of the execution that `marked` (NAME=VALUE each) names."""
    group = _group(marked)
    try:
        if group:
            os.makedirs(group, exist_ok=True)
            _write(group, "cgroup.procs", pid)
    except OSError:
        pass  # no such right, or the process is gone already


def members(marked: tuple[str, ...]) -> list[int]:
    """The living processes in that group, the agent itself excepted."""
    group = _group(marked)
    try:
        with open(f"{group}/cgroup.procs", "rb") as file:
            own = os.getpid()
            return [pid for pid in map(int, file.read().split()) if pid not in (0, own)]
    except (OSError, ValueError):
        return []


def kill(marked: tuple[str, ...]) -> None:
    """SIGKILL to all in that group at once, also to what is being forked. Needs Linux 5.14."""
    group = _group(marked)
    try:
        if group:
            _write(group, "cgroup.kill", 1)
    except OSError:
        pass


def tidy(marked: tuple[str, ...]) -> None:
    """Remove the groups of the same thing's executions in which nothing lives any more."""
    base = _base()
    ours = f"{_name(marked[:1])}."
    try:
        names = os.listdir(base) if base else []
    except OSError:
        return
    for name in names:
        if name.startswith(ours):
            try:
                os.rmdir(f"{base}/{name}")
            except OSError:
                pass  # not empty


def _name(marked: tuple[str, ...]) -> str:
    return PREFIX + ".".join(variable.partition("=")[2] for variable in marked)


def _group(marked: tuple[str, ...]) -> str:
    name, base = _name(marked), _base()
    return f"{base}/{name}" if base and "/" not in name and len(name.encode()) <= MAX_NAME else ""


def _base() -> str:
    """The directory of the agent's own group, if it may make groups there, else ""."""
    try:
        with open("/proc/self/cgroup", encoding="utf-8", errors="surrogateescape") as file:
            own = [line[3:].rstrip("\n") for line in file if line.startswith("0::")]
    except OSError:
        return ""
    for mount in MOUNTS if own else ():
        base = mount + own[0].rstrip("/")
        if os.path.exists(f"{base}/cgroup.controllers"):
            if not os.access(base, os.W_OK) or not _delegated(base):
                return ""
            return _outside(base)
    return ""


def _outside(base: str) -> str:
    """An agent that a job has started anew is in the group of that job: it leaves it."""
    outer = base
    while os.path.basename(outer).startswith(PREFIX):
        outer = os.path.dirname(outer)
    if outer != base:
        try:
            _write(outer, "cgroup.procs", os.getpid())
        except OSError:
            return ""
    return outer


def _delegated(base: str) -> bool:
    if not os.path.isdir(SYSTEMD):
        return True
    for name in ("user.delegate", "trusted.delegate"):
        try:
            if os.getxattr(base, name) == b"1":
                return True
        except OSError:
            pass
    return False


def _write(group: str, name: str, value: int) -> None:
    fd = os.open(f"{group}/{name}", os.O_WRONLY | os.O_CLOEXEC)
    try:
        os.write(fd, b"%d" % value)
    finally:
        os.close(fd)

# SPDX-FileCopyrightText: The aws-iot-device-client authors
# SPDX-License-Identifier: Apache-2.0
"""What /proc says of a process: whether it lives, how large it is, what it has cost, and whom it has started."""

from __future__ import annotations

import re
import time
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Cost:
    """Over all threads of a process: nanoseconds on a CPU, and how often it gave one up to wait."""

    at: float
    nanoseconds: int
    wakeups: int

    def __sub__(self, earlier: Cost) -> Cost:
        """What was spent since."""
        return Cost(self.at - earlier.at, self.nanoseconds - earlier.nanoseconds, self.wakeups - earlier.wakeups)


def cost(pid: int) -> Cost:
    """What a process has cost so far."""
    threads = list(Path(f"/proc/{pid}/task").iterdir())
    nanoseconds = sum(int((thread / "schedstat").read_text().split()[0]) for thread in threads)
    return Cost(time.monotonic(), nanoseconds, sum(_number(thread, "voluntary_ctxt_switches") for thread in threads))


def status(pid: int, name: str) -> int:
    """A number of /proc/PID/status: VmRSS, RssAnon and VmHWM in KiB, Threads, voluntary_ctxt_switches.

    Raises KeyError where there is none: a process that has ended has no size.
    """
    return _number(Path(f"/proc/{pid}"), name)


def heap_kib(pid: int) -> int:
    """Resident memory of what the kernel calls [heap], in KiB. Raises OSError when there is no such process."""
    _, _, found = Path(f"/proc/{pid}/smaps").read_text().partition("[heap]\n")
    return int(found.partition("\nRss:")[2].split()[0]) if found else 0


def state(pid: int) -> str:
    """The letter of its state ("S": it sleeps), "" when there is no such process."""
    text = _read(Path(f"/proc/{pid}/stat"))
    return text.rpartition(")")[2].split()[0] if text else ""


def lives(pid: int) -> bool:
    """Whether a process is there, and no zombie."""
    return state(pid) not in ("", "Z", "X")


def descendants(pid: int) -> list[int]:
    """All that a process has started, and what these have, zombies included, nearest first."""
    pending, found = [pid], []
    while pending:
        for path in Path(f"/proc/{pending.pop(0)}/task").glob("*/children"):
            below = [int(word) for word in _read(path).split()]
            pending += below
            found += below
    return found


def _number(folder: Path, name: str) -> int:
    match = re.search(rf"^{name}:\s+(\d+)", (folder / "status").read_text(), re.MULTILINE)
    if match is None:
        raise KeyError(name)
    return int(match[1])


def _read(path: Path) -> str:
    try:
        return path.read_text()
    except (FileNotFoundError, ProcessLookupError):
        return ""

# SPDX-FileCopyrightText: The aws-iot-device-client authors
# SPDX-License-Identifier: Apache-2.0
"""What an agent costs that has nothing to do."""

from __future__ import annotations

import re
import time
from dataclasses import dataclass
from pathlib import Path

from tests.system.harness.agent import Agent


@dataclass(frozen=True)
class Cost:
    """Over all threads of a process: nanoseconds on a CPU, and how often it gave one up to wait."""

    at: float
    nanoseconds: int
    wakeups: int


def cost(pid: int) -> Cost:
    """Read what a process has cost so far."""
    nanoseconds = wakeups = 0
    for thread in Path(f"/proc/{pid}/task").iterdir():
        nanoseconds += int((thread / "schedstat").read_text().split()[0])
        match = re.search(r"^voluntary_ctxt_switches:\s+(\d+)", (thread / "status").read_text(), re.MULTILINE)
        wakeups += int(match[1]) if match else 0
    return Cost(time.monotonic(), nanoseconds, wakeups)


class Idle:
    """An idle agent, and what it had cost when it became idle."""

    def __init__(self, agent: Agent) -> None:
        self.agent = agent
        self._before = cost(agent.pid)

    def spent(self, seconds: float) -> Cost:
        """What it has cost since, for `seconds`; waits until these are over."""
        time.sleep(max(self._before.at + seconds - time.monotonic(), 0.0))
        now = cost(self.agent.pid)
        share = seconds / (now.at - self._before.at)
        nanoseconds = int((now.nanoseconds - self._before.nanoseconds) * share)
        return Cost(seconds, nanoseconds, int((now.wakeups - self._before.wakeups) * share))

# SPDX-FileCopyrightText: The aws-iot-device-client authors
# SPDX-License-Identifier: Apache-2.0
"""What an agent costs that has nothing to do."""

from __future__ import annotations

import time

from localcloud.procfs import Cost, cost
from tests.system.harness.agent import Agent


class Idle:
    """An idle agent, and what it had cost when it became idle."""

    def __init__(self, agent: Agent) -> None:
        self.agent = agent
        self._before = cost(agent.pid)

    def spent(self, seconds: float) -> Cost:
        """What it has cost since, for `seconds`; waits until these are over."""
        time.sleep(max(self._before.at + seconds - time.monotonic(), 0.0))
        passed = cost(self.agent.pid) - self._before
        share = seconds / passed.at
        return Cost(seconds, int(passed.nanoseconds * share), int(passed.wakeups * share))

# SPDX-FileCopyrightText: The aws-iot-device-client authors
# SPDX-License-Identifier: Apache-2.0
"""500 jobs through one process: memory, descriptors and threads stay as they are. `make soak` does it with 100,000."""

from __future__ import annotations

from collections import Counter

import pytest

from tests.fakes.documents import operation
from tests.system.reliability.own_broker import OwnBroker

JOBS, WARM, BATCH = 500, 100, 50
# The allocator's slack; a leak of a kilobyte a job would be 400.
LIMIT_KIB = 256


@pytest.mark.usefixtures("measured")
def test_500_jobs_in_one_process_leave_nothing_behind(own_broker: OwnBroker) -> None:
    own_broker.thing.configure(logging={"level": "WARN"})
    own_broker.start_online()
    sizes = []
    for done in range(BATCH, JOBS + 1, BATCH):
        for _ in range(BATCH):
            own_broker.add(operation("echo", "hi", includeStdOut=True))
        own_broker.service.wait_finished(done, 60)
        if done >= WARM:
            agent = own_broker.agent
            sizes.append((agent.anonymous_kib(), agent.fds(), agent.threads(), len(agent.children())))
    first, last = sizes[0], sizes[-1]
    assert last[0] - first[0] < LIMIT_KIB, sizes
    assert (last[1], last[3]) == (first[1], first[3]), sizes
    assert last[2] <= first[2], sizes  # awscrt ends its idle resolver thread when it likes
    finished = own_broker.service.finished
    assert max(Counter(e.job for e in finished).values()) == 1
    assert {e.status for e in finished} == {"SUCCEEDED"}

# SPDX-FileCopyrightText: The aws-iot-device-client authors
# SPDX-License-Identifier: Apache-2.0
"""The broker is stopped and started in a stream of jobs, with and without its sessions."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.system.reliability.job_stream import JobStream
from tests.system.reliability.own_broker import OwnBroker
from toolchains.agent import is_emulated

# After each restart the agent waits at least a second, so several brokers are restarted side by side.
LINES, RESTARTS, RESTARTS_EMULATED = 5, 10, 2
SEED = 50
WAITING = 20
MOST_MESSAGES = 12


def _restart_again_and_again(target: str, folder: Path, seed: int, restarts: int) -> int:
    with OwnBroker(target, folder, relayed=True) as own_broker:
        stream = JobStream(own_broker, seed)
        stream.fill(WAITING)
        own_broker.agent.start()
        for number in range(restarts):
            stream.fill(WAITING)
            stream.wait_messages(stream.random.randint(1, MOST_MESSAGES))
            threading.Event().wait(stream.random.uniform(0, 0.03))
            own_broker.restart_broker(keep_sessions=number % 2 == 0)
        stream.finish()
        assert stream.repeats == 0, "no handler is disturbed by a lost connection"
        assert own_broker.agent.stop() == 0
        return len(stream.jobs)


@pytest.mark.timeout(300)
def test_50_broker_restarts_with_and_without_sessions_lose_and_repeat_nothing(
    target: str, tmp_path: Path, record_testsuite_property: Callable[[str, object], None]
) -> None:
    restarts = RESTARTS_EMULATED if is_emulated(target) else RESTARTS
    with ThreadPoolExecutor(LINES) as pool:
        parts = [
            pool.submit(_restart_again_and_again, target, tmp_path / str(n), SEED + n, restarts) for n in range(LINES)
        ]
        jobs = sum(part.result() for part in parts)
    record_testsuite_property("broker restarts", LINES * restarts)
    record_testsuite_property("jobs over broker restarts", jobs)

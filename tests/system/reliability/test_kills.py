# SPDX-FileCopyrightText: The aws-iot-device-client authors
# SPDX-License-Identifier: Apache-2.0
"""The agent is killed (SIGKILL) at random moments in a stream of jobs: nothing is lost, nothing is done twice."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.system.reliability.job_stream import JobStream
from tests.system.reliability.own_broker import OwnBroker
from toolchains.agent import is_emulated

KILLS, KILLS_EMULATED = 200, 20
SEED = 20261124
AT_ONCE = 2  # agents: one for each processor of a small machine
WAITING = 20
MOST_MESSAGES = 12
STARTING_SECONDS = 0.5  # from exec to the first message, about


def _life(stream: JobStream) -> None:
    """Until a random moment: one in five while the agent starts, the others in the middle of its work."""
    if stream.random.random() < 0.2:
        threading.Event().wait(stream.random.uniform(0, STARTING_SECONDS))
        return
    stream.wait_messages(stream.random.randint(1, MOST_MESSAGES))
    threading.Event().wait(stream.random.uniform(0, 0.03))


def _kill_again_and_again(target: str, folder: Path, seed: int, kills: int) -> tuple[int, int]:
    with OwnBroker(target, folder) as own_broker:
        own_broker.thing.configure(jobs={"max-attempts": 1000}, logging={"level": "INFO"})
        stream = JobStream(own_broker, seed)
        for _ in range(kills):
            stream.fill(WAITING)
            own_broker.agent.start()
            _life(stream)
            own_broker.agent.kill()
            stream.note_journal()
        own_broker.agent.start()
        stream.finish()
        assert own_broker.agent.stop() == 0
        return len(stream.jobs), stream.repeats


def test_200_kills_at_random_moments_lose_and_repeat_nothing(
    target: str, tmp_path: Path, record_testsuite_property: Callable[[str, object], None]
) -> None:
    kills = KILLS_EMULATED if is_emulated(target) else KILLS
    with ThreadPoolExecutor(AT_ONCE) as pool:
        parts = [
            pool.submit(_kill_again_and_again, target, tmp_path / str(n), SEED + n, kills // AT_ONCE)
            for n in range(AT_ONCE)
        ]
        results = [part.result() for part in parts]
    jobs, repeats = (sum(column) for column in zip(*results, strict=True))
    record_testsuite_property("kills", kills)
    record_testsuite_property("jobs", jobs)
    record_testsuite_property("interrupted steps started again", repeats)
    assert repeats > 0, "no kill struck a running handler: this test proves nothing"


pytestmark = pytest.mark.timeout(300)

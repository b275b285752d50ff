# SPDX-FileCopyrightText: The aws-iot-device-client authors
# SPDX-License-Identifier: Apache-2.0
"""How often the course of one job moves from one file of dc/ to another: data goes one way, and visits a room once.

One job with a real handler, through the real feature, loop and process. A move is a call of a function in another file
than that of the function called before. The log with its mask, and what modules run while they are imported, do not count.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import FrameType
from typing import Any

import pytest

import dc
from dc.jobs.feature import JobsFeature
from dc.jsonlib import dumps, loads
from dc.log import Log
from localcloud import procfs
from localcloud.waiting import wait_until
from tests.fakes.clock import defaults
from tests.fakes.process_bench import ProcessBench, process_bench

SECONDS = 10.0
HERE = str(Path(dc.__file__).parent)
LOG = {str(Path(HERE, name)) for name in ("log.py", "mask.py")}
# 29, 33, 50 and 20 before jobs/ was cut into core/, run/ and the rooms on top.
MOST = {
    "offer to claim": 17,
    "claim accepted to process": 17,
    "process ended to report": 25,
    "report accepted to end": 10,
}


class Moves:
    """Counts them between `start` and `stop`."""

    def __init__(self) -> None:
        self.files: list[str] = []

    def start(self) -> None:
        self.files = []
        sys.setprofile(self._called)

    def stop(self) -> int:
        sys.setprofile(None)
        return len(self.files) - 1

    def _called(self, frame: FrameType, event: str, argument: Any) -> None:
        code = frame.f_code
        passed_over = code.co_filename in LOG or code.co_name == "<module>" or code.co_name[0].isupper()
        if event == "call" and code.co_filename.startswith(HERE) and not passed_over:
            if not self.files or self.files[-1] != code.co_filename:
                self.files.append(code.co_filename)


class Host:
    """As `dc.client.Host`, with a loop that runs processes; `sent` are the messages in order."""

    def __init__(self, bench: ProcessBench, folder: Path) -> None:
        self.config = defaults(handler_directory=str(folder / "jobs"), state_dir=str(folder / "state"))
        self.log = Log()
        self.log.to_file(str(folder / "log"), 0, 1)
        self.loop = bench.loop
        self.sent: list[tuple[str, dict[str, Any]]] = []

    def publish(self, topic: str, payload: bytes) -> None:
        self.sent.append((topic, loads(payload)))
        self.loop.stop()

    def answer(self, **more: object) -> tuple[str, bytes]:
        """What the cloud says to the last message."""
        topic, request = self.sent[-1]
        return f"{topic}/accepted", dumps({"clientToken": request["clientToken"], **more})


@pytest.fixture
def host(tmp_path: Path) -> Iterator[Host]:
    tmp_path.chmod(0o700)
    (tmp_path / "jobs").mkdir(mode=0o700)
    handler = tmp_path / "jobs" / "hi.sh"
    handler.write_text("#!/bin/sh\nexec sleep 0.1\n")  # so that its end does not interrupt its start
    handler.chmod(0o700)
    with process_bench() as bench:
        yield Host(bench, tmp_path)


@pytest.fixture
def moves() -> Iterator[Moves]:
    before = sys.getprofile()
    yield Moves()
    sys.setprofile(before)


def test_the_course_of_one_job_moves_from_file_to_file_no_more_often_than_this(host: Host, moves: Moves) -> None:
    feature = JobsFeature(host)
    feature.online()
    document = {"operation": "hi.sh", "path": "default"}
    offer = {"jobId": "job", "executionNumber": 1, "versionNumber": 1, "queuedAt": 1, "jobDocument": document}
    found = {}
    legs: list[tuple[str, Callable[[], None]]] = [
        ("offer to claim", lambda: feature.message(*host.answer(execution=offer))),
        ("claim accepted to process", lambda: feature.message(*host.answer())),
        ("process ended to report", host.loop.run),
        ("report accepted to end", lambda: feature.message(*host.answer())),
    ]
    for leg, act in legs:
        if leg == "process ended to report":  # as the loop finds it: the process has ended, its pipes are at their end
            wait_until(
                lambda: not any(map(procfs.lives, procfs.descendants(os.getpid()))), SECONDS, "the handler's end"
            )
        moves.start()
        act()
        found[leg] = moves.stop()
    assert [body.get("status") for _, body in host.sent] == [None, "IN_PROGRESS", "SUCCEEDED"]
    assert {leg: count for leg, count in found.items() if count > MOST[leg]} == {}, found

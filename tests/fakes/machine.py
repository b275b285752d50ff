# SPDX-FileCopyrightText: The aws-iot-device-client authors
# SPDX-License-Identifier: Apache-2.0
"""A machine for the Jobs feature whose disk, boots and processes are those that a test says, and a host to run in."""

from __future__ import annotations

import errno
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from dc.config.model import Config
from dc.jobs.core.document import Action
from dc.jobs.journal import Disk
from dc.jobs.machine import Machine
from dc.jobs.run.runner import Runner
from dc.jsonlib import loads
from tests.fakes.clock import FakeLoop, KeptLog

if TYPE_CHECKING:
    pass

BOOT = "this-boot"


class FakeDisk(Disk):
    """One file; `broken`: it can't be written."""

    def __init__(self, content: bytes = b"") -> None:
        self.content = content
        self.broken = False

    def read(self, path: str) -> bytes:
        return self.content

    def take_over(self, old: str, path: str) -> None:
        return

    def append(self, path: str, data: bytes, sync: bool) -> None:
        self.replace(path, self.content + data)

    def replace(self, path: str, data: bytes) -> None:
        if self.broken:
            raise OSError(errno.EROFS, "Read-only file system")
        self.content = data


class FakeRunner(Runner):
    """Starts nothing. `on_run(action, variables)` is called instead; `line` is the last one that the step wrote."""

    def __init__(self, on_run: Callable[[Action, Mapping[str, str]], None]) -> None:
        self.on_run = on_run
        self.line = b""
        self.killed: list[float] = []

    def run(self, action: Action, job: Mapping[str, str]) -> None:
        self.on_run(action, job)

    def kill(self, grace: float) -> None:
        self.killed.append(grace)

    def last_line(self) -> bytes:
        return self.line


class FakeMachine(Machine):
    """`runs`: name of the step and its variables, in order; `ended`: the marks of what was to be ended."""

    def __init__(self, disk: FakeDisk | None = None) -> None:
        self.disk: FakeDisk = disk or FakeDisk()
        self.runs: list[tuple[str, Mapping[str, str]]] = []
        self.ended: list[tuple[str, ...]] = []
        self.runner = self.steps = FakeRunner(lambda action, job: self.runs.append((action.name, job)))

    def boot_id(self) -> str:
        return BOOT

    def end_strays(self, marks: tuple[str, ...], grace: float) -> bool:
        self.ended.append(marks)
        return False


class FakeHost:
    """`published`: topic and message, in order."""

    def __init__(self, config: Config) -> None:
        self.config = config
        self.log = KeptLog()
        self.loop = FakeLoop()
        self.published: list[tuple[str, dict[str, Any]]] = []

    def publish(self, topic: str, payload: bytes) -> None:
        self.published.append((topic, loads(payload)))

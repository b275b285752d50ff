# SPDX-FileCopyrightText: The aws-iot-device-client authors
# SPDX-License-Identifier: Apache-2.0
"""A handler directory, a PATH, and actions that look for their handler there."""

from __future__ import annotations

from pathlib import Path

import pytest

from dc.jobs.core.document import Action
from dc.jobs.core.outcome import HandlerError
from dc.jobs.core.parser import parse
from dc.jobs.run.command import Command
from dc.jobs.run.handlers import Handlers

JOB = {"AWS_IOT_JOB_ID": "run-foo", "AWS_IOT_JOB_STEP_NAME": "é"}


class Device:
    """A folder with a handler directory `jobs` and a folder `bin`, which is all of PATH."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.jobs = root / "client" / "jobs"
        self.bin = root / "bin"
        self.jobs.mkdir(parents=True)
        self.bin.mkdir()
        self.jobs.chmod(0o700)
        self.environ = {"PATH": str(self.bin)}

    def put(self, folder: Path, name: str, mode: int = 0o700) -> str:
        path = folder / name
        path.write_text("#!/bin/sh\n")
        path.chmod(mode)
        return str(path)

    def handlers(self) -> Handlers:
        return Handlers(str(self.jobs), self.environ)

    def command(self, action: Action) -> Command:
        return self.handlers().command(action, JOB)

    def reason(self, action: Action) -> str:
        with pytest.raises(HandlerError) as caught:
            self.command(action)
        return str(caught.value)


def operation(name: str, *args: str, path: str = "") -> Action:
    return parse({"operation": name, "args": list(args), "path": path}).steps[0]


def step(kind: str, user: str = "", **given: object) -> Action:
    action = {"name": "n", "type": kind, "input": given, "runAsUser": user}
    return parse({"version": "1.0", "steps": [{"action": action}]}).steps[0]

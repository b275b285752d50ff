# SPDX-FileCopyrightText: The aws-iot-device-client authors
# SPDX-License-Identifier: Apache-2.0
"""The files under dist/, and how to run one: natively, or under qemu on the processor its target file names."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from toolchains.nuitka import NAME
from toolchains.stage import ROOT
from toolchains.target import ARCHES, Target


class Binary:
    """One built file. `run()` starts it in an empty folder with an empty environment."""

    def __init__(self, arch: str, file: Path) -> None:
        self.target = Target(arch)
        self.file = file

    def command(self, *arguments: str) -> list[str]:
        return [*self.target.qemu, str(self.file), *arguments]

    def run(self, *arguments: str, cwd: Path | None = None, timeout: float = 60) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            self.command(*arguments),
            cwd=cwd,
            env={},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=timeout,
            check=False,
        )

    def readelf(self, *options: str) -> str:
        command = ["readelf", "-W", *options, str(self.file)]
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout


@pytest.fixture(params=ARCHES)
def binary(request: pytest.FixtureRequest) -> Binary:
    """Each architecture in turn; one that is not built is a skip that says how to build it."""
    arch: str = request.param
    file = ROOT / "dist" / arch / NAME
    if not file.exists():
        pytest.skip(f"dist/{arch}/{NAME} is not built: run 'make binary ARCH={arch}'")
    found = Binary(arch, file)
    if found.target.qemu and shutil.which(found.target.qemu[0]) is None:
        pytest.skip(f"{found.target.qemu[0]} is not installed: run 'apt-get install qemu-user-static'")
    return found

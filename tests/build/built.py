# SPDX-FileCopyrightText: The aws-iot-device-client authors
# SPDX-License-Identifier: Apache-2.0
"""A built file, and how to run it: natively, or under qemu on the processor its target file names."""

from __future__ import annotations

import subprocess
from pathlib import Path

from toolchains.agent import is_emulated
from toolchains.target import Target


class Binary:
    """One built file. `run()` starts it in an empty folder with an empty environment."""

    def __init__(self, arch: str, file: Path) -> None:
        self.target = Target.of(arch)
        self.file = file

    @property
    def emulator(self) -> tuple[str, ...]:
        """The words before it on this machine."""
        return self.target.emulator if is_emulated(self.target.arch) else ()

    def command(self, *arguments: str) -> list[str]:
        return [*self.emulator, str(self.file), *arguments]

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

# SPDX-FileCopyrightText: The aws-iot-device-client authors
# SPDX-License-Identifier: Apache-2.0
"""The command that runs the agent under test, per --target."""

from __future__ import annotations

import os
import platform
import shutil
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]
EMULATORS = {
    "armv7": ("qemu-arm-static", "-cpu", "cortex-a7"),
    "aarch64": ("qemu-aarch64-static", "-cpu", "cortex-a53"),
    "x86_64": ("qemu-x86_64-static",),
}


class MissingTarget(Exception):
    """The target can't be run here; the text says what is missing and how to get it."""


def agent_command(target: str) -> list[str]:
    """Return the first words of the agent's command line. Raises MissingTarget."""
    if target == "source":
        return [sys.executable, "-m", "dc"]
    binary = ROOT / "dist" / target / "aws-iot-device-client"
    if not os.access(binary, os.X_OK):
        raise MissingTarget(f"{binary.relative_to(ROOT)} is not built: run `make binary ARCH={target}`")
    if not is_emulated(target):
        return [str(binary)]
    emulator, *options = EMULATORS[target]
    path = shutil.which(emulator)
    if path is None:
        raise MissingTarget(f"{emulator} is not installed: install the Debian package qemu-user-static")
    return [path, *options, str(binary)]


def is_emulated(target: str) -> bool:
    """Whether the target runs under qemu here."""
    return target not in ("source", platform.machine())


def agent_environment(target: str) -> dict[str, str]:
    """Return what the target itself needs in its environment."""
    return {"PYTHONPATH": str(ROOT), "PYTHONDONTWRITEBYTECODE": "1"} if target == "source" else {}

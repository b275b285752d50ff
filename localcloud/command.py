# SPDX-FileCopyrightText: The aws-iot-device-client authors
# SPDX-License-Identifier: Apache-2.0
"""How the agent is started for the demo, the tests and the benchmarks: source, or a binary, native or emulated."""

from __future__ import annotations

import os
import platform
import shutil
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
SOURCE = "source"
ARCHITECTURES = ("x86_64", "aarch64", "armv7")
TARGETS = (SOURCE, *ARCHITECTURES)
# What the installed command of the package runs; `python -m dc` also loads runpy, half a megabyte of it.
FROM_SOURCE = [sys.executable, "-c", "from dc.__main__ import run; run()"]
EMULATORS = {
    "armv7": ("qemu-arm-static", "-cpu", "cortex-a7"),
    "aarch64": ("qemu-aarch64-static", "-cpu", "cortex-a53"),
    "x86_64": ("qemu-x86_64-static",),
}


class MissingTarget(Exception):
    """The target can't be run here; the text says what is missing and how to get it."""


def host_arch() -> str:
    """This machine's architecture, by the name its binary has in dist/."""
    machine = platform.machine()
    return "armv7" if machine.startswith(("armv7", "armv8")) else machine


def binary(arch: str) -> Path:
    """Where the binary of an architecture is, once built."""
    return ROOT / "dist" / arch / "aws-iot-device-client"


def best_target() -> str:
    """This machine's binary if it is built, else the source."""
    return host_arch() if os.access(binary(host_arch()), os.X_OK) else SOURCE


def is_emulated(target: str) -> bool:
    """Whether the target runs under qemu here."""
    return target not in (SOURCE, host_arch())


def agent_command(target: str) -> list[str]:
    """The first words of the agent's command line. Raises MissingTarget."""
    if target == SOURCE:
        return FROM_SOURCE
    program = binary(target)
    if not os.access(program, os.X_OK):
        raise MissingTarget(f"{program.relative_to(ROOT)} is not built: run `make binary ARCH={target}`")
    if not is_emulated(target):
        return [str(program)]
    emulator, *options = EMULATORS[target]
    path = shutil.which(emulator)
    if path is None:
        raise MissingTarget(f"{emulator} is not installed: install the Debian package qemu-user-static")
    return [path, *options, str(program)]

# SPDX-FileCopyrightText: The aws-iot-device-client authors
# SPDX-License-Identifier: Apache-2.0
"""How the agent is started for the demo, the tests and the benchmarks: source, or a binary, native or emulated."""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path

from toolchains.base import NAME, ROOT
from toolchains.target import ARCHES, Target, host_arch

SOURCE = "source"
TARGETS = (SOURCE, *ARCHES)
# What the installed command of the package runs; `python -m dc` also loads runpy, half a megabyte of it.
FROM_SOURCE = [sys.executable, "-c", "from dc.__main__ import run; run()"]


class MissingTarget(Exception):
    """The target can't be run here; the text says what is missing and how to get it."""


def binary(arch: str) -> Path:
    """Where the binary of an architecture is, once built."""
    return ROOT / "dist" / arch / NAME


def best_target() -> str:
    """This machine's binary if it is built, else the source."""
    return host_arch() if os.access(binary(host_arch()), os.X_OK) else SOURCE


def is_emulated(target: str) -> bool:
    """Whether the target runs under qemu here."""
    return target not in (SOURCE, host_arch())


def emulator(arch: str) -> list[str]:
    """The words that run a program of the architecture here; none if it runs as it is. Raises MissingTarget."""
    if not is_emulated(arch):
        return []
    name, *options = Target.of(arch).emulator
    path = shutil.which(name)
    if path is None:
        raise MissingTarget(f"{name} is not installed: install the Debian package qemu-user-static")
    return [path, *options]


def agent_command(target: str) -> list[str]:
    """The first words of the agent's command line. Raises MissingTarget."""
    if target == SOURCE:
        return FROM_SOURCE
    program = binary(target)
    if not os.access(program, os.X_OK):
        raise MissingTarget(f"{program.relative_to(ROOT)} is not built: run `make binary ARCH={target}`")
    return [*emulator(target), str(program)]

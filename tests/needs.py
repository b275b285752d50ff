# SPDX-FileCopyrightText: The aws-iot-device-client authors
# SPDX-License-Identifier: Apache-2.0
"""A program that a folder of tests runs and this machine lacks is one line, not a failure of each test.

ci/needs.txt is the list: what installs the programs and what looks for them agree.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterable
from pathlib import Path

import pytest

LIST = Path(__file__).resolve().parents[1] / "ci/needs.txt"
BESIDE_PATH = "/usr/sbin:/sbin"


def rows() -> list[tuple[str, list[str], list[str]]]:
    """Each program with its Debian packages and the targets that run it."""
    lines = [line.split() for line in LIST.read_text(encoding="utf-8").splitlines() if line and line[0] != "#"]
    return [(program, packages.split(","), targets) for program, packages, *targets in lines]


def missing(folder: str, path: str) -> list[str]:
    """A line for each program that tests/FOLDER runs and that is not in `path`."""
    return [
        f"tests/{folder} needs {program}, which is not installed: "
        f"it is in Debian's {' and '.join(packages)}, and 'make {folder}' installs it"
        for program, packages, targets in rows()
        if folder in targets and shutil.which(program, path=path) is None
    ]


def stop_if_missing(folders: Iterable[str]) -> None:
    """End the session with one line for each program that is missing."""
    path = f"{os.environ.get('PATH', '')}:{BESIDE_PATH}"
    lines = [line for folder in sorted(set(folders)) for line in missing(folder, path)]
    if lines:
        pytest.exit("\n".join(lines), returncode=pytest.ExitCode.USAGE_ERROR)

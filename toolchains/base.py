# SPDX-FileCopyrightText: The aws-iot-device-client authors
# SPDX-License-Identifier: Apache-2.0
"""What all modules of the build stand on: where the tree is, the one error, the environment of commands."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

NAME = "aws-iot-device-client"
ROOT = Path(__file__).resolve().parent.parent
HERE = ROOT / "toolchains"


class BuildError(Exception):
    """A build that cannot go on; the text says what was found, what was wanted and how to mend it."""


def clean_environment(extra: Mapping[str, str] | None = None) -> dict[str, str]:
    """A small fixed environment for build commands: nothing of the caller's CFLAGS, locale or time zone leaks in."""
    environment = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL": "C.UTF-8", "TZ": "UTC", "HOME": "/nonexistent"}
    environment.update(extra or {})
    return environment

# SPDX-FileCopyrightText: The aws-iot-device-client authors
# SPDX-License-Identifier: Apache-2.0
"""A configuration file, read, and what came out."""

from __future__ import annotations

import json
from pathlib import Path

from dc.config import file
from dc.config.model import SETTINGS
from dc.config.problems import Problems


class Read:
    """Reads `content` as a configuration file and keeps what came out."""

    def __init__(
        self, folder: Path, content: bytes | str | dict[str, object], flags: dict[str, object] | None = None
    ) -> None:
        self.path = str(folder / "test.conf")
        if isinstance(content, dict):
            content = json.dumps(content)
        Path(self.path).write_bytes(content if isinstance(content, bytes) else content.encode())
        problems = Problems()
        self.values = file.read(self.path, SETTINGS, problems, flags)
        self.errors = problems.errors
        self.passed_over = problems.passed_over

    @property
    def messages(self) -> list[str]:
        """What forbids a start."""
        return [error.message.removeprefix(self.path + ": ") for error in self.errors]

    @property
    def starts_with(self) -> list[str]:
        """What the agent starts with, told as a warning; nothing forbids it."""
        assert self.errors == []
        assert all(fault.message.startswith(self.path + ": ") and fault.hint for fault in self.passed_over)
        return [fault.message.removeprefix(self.path + ": ") for fault in self.passed_over]


def nested(name: str, value: object) -> dict[str, object]:
    for part in reversed(name.split(".")):
        value = {part: value}
    assert isinstance(value, dict)
    return value

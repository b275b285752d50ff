# SPDX-FileCopyrightText: The aws-iot-device-client authors
# SPDX-License-Identifier: Apache-2.0
"""The handler directory of one test."""

from __future__ import annotations

from pathlib import Path


class Handlers:
    """A fresh directory of mode 700 that handlers are written to."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def write(self, name: str, body: str, mode: int = 0o700) -> Path:
        """Write a handler of the given mode; `body` is a POSIX shell script without its first line."""
        return self.write_raw(name, f"#!/bin/sh\n{body}\n".encode(), mode)

    def write_raw(self, name: str, content: bytes, mode: int = 0o700) -> Path:
        """Write a handler byte for byte, of the given mode."""
        path = self.folder / name
        path.unlink(missing_ok=True)
        path.touch(mode=0o600)
        path.write_bytes(content)
        path.chmod(mode)
        return path

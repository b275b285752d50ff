# SPDX-FileCopyrightText: The aws-iot-device-client authors
# SPDX-License-Identifier: Apache-2.0
"""The program as it is called, with a usable configuration."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import pytest

from dc import cli
from dc.config.model import Config

KEY = "-----BEGIN PRIVATE KEY-----\nA\n-----END PRIVATE KEY-----\n"
CERT = "-----BEGIN CERTIFICATE-----\nA\n-----END CERTIFICATE-----\n"


class Program:
    """A home folder with a usable configuration, and the program called in it."""

    def __init__(self, folder: Path, capture: pytest.CaptureFixture[str]) -> None:
        self.folder = folder
        self.capture = capture
        folder.chmod(0o700)
        own = folder / ".aws-iot-device-client"
        own.mkdir(mode=0o700)
        for name, text in (("key.pem", KEY), ("cert.pem", CERT)):
            (own / name).write_text(text)
            (own / name).chmod(0o600)
        self.file = own / "aws-iot-device-client.conf"
        self.settings: dict[str, object] = {
            "endpoint": "h:8883",
            "cert": str(own / "cert.pem"),
            "key": str(own / "key.pem"),
            "thing-name": "t",
        }
        self.write()
        self.environ = {"HOME": str(folder)}
        self.out = self.err = ""
        self.started: list[Config] = []
        self.warnings: Sequence[str] = ()

    def write(self, **more: object) -> None:
        self.file.write_text(json.dumps(self.settings | more))
        self.file.chmod(0o640)

    def __call__(self, *arguments: str) -> int:
        status = cli.main(["aws-iot-device-client", *arguments], self.environ)
        self.out, self.err = self.capture.readouterr()
        return status

    def run(self, config: Config, warnings: Sequence[str], configure: object) -> int:
        """Stands in for the agent."""
        self.started.append(config)
        self.warnings = warnings
        return 7

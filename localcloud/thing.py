# SPDX-FileCopyrightText: The aws-iot-device-client authors
# SPDX-License-Identifier: Apache-2.0
"""A device's files: certificate, key, CA and a ready configuration of the agent."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class Thing:
    """One device: where it connects, and its files inside `folder` (mode 700)."""

    name: str
    arn: str
    endpoint: str
    port: int
    folder: Path

    @property
    def cert(self) -> Path:
        """The device certificate (mode 644)."""
        return self.folder / "certs" / "device.pem.crt"

    @property
    def key(self) -> Path:
        """The private key (mode 600)."""
        return self.folder / "certs" / "device.pem.key"

    @property
    def ca(self) -> Path:
        """The broker's CA certificate (mode 644)."""
        return self.folder / "certs" / "root-ca.pem"

    @property
    def files(self) -> tuple[Path, Path, Path]:
        """Certificate, key and CA: what a TLS client needs."""
        return self.cert, self.key, self.ca

    @property
    def handlers(self) -> Path:
        """The handler directory (mode 700)."""
        return self.folder / "jobs"

    @property
    def state(self) -> Path:
        """The agent's own folder for what outlives a restart (the agent makes it)."""
        return self.folder / "state"

    @property
    def config_path(self) -> Path:
        """The agent's JSON configuration (mode 640)."""
        return self.folder / "aws-iot-device-client.conf"

    def write(self, cert: str, key: str, ca: str) -> None:
        """Create the folders and all files, with the modes the agent asks for."""
        for folder in (self.folder, self.cert.parent, self.handlers):
            folder.mkdir(parents=True, exist_ok=True)
            folder.chmod(0o700)
        for path, text, mode in ((self.cert, cert, 0o644), (self.key, key, 0o600), (self.ca, ca, 0o644)):
            _write(path, text, mode)
        self.configure()

    def configure(self, **changes: Any) -> Path:
        """Write the configuration anew, changed by `changes`: dicts are merged, None leaves a key out."""
        config: dict[str, Any] = {
            "endpoint": f"{self.endpoint}:{self.port}",
            "cert": str(self.cert),
            "key": str(self.key),
            "root-ca": str(self.ca),
            "thing-name": self.name,
            "logging": {"level": "DEBUG", "type": "stdout"},
            "jobs": {
                "enabled": True,
                "handler-directory": str(self.handlers),
                "state-directory": str(self.state),
            },
        }
        _write(self.config_path, json.dumps(_merged(config, changes), indent=4) + "\n", 0o640)
        return self.config_path


def _merged(base: dict[str, Any], changes: dict[str, Any]) -> dict[str, Any]:
    result = dict(base)
    for key, value in changes.items():
        inner = result.get(key)
        if isinstance(inner, dict) and isinstance(value, dict):
            value = _merged(inner, value)
        result[key] = value
    return {key: value for key, value in result.items() if value is not None}


def _write(path: Path, text: str, mode: int) -> None:
    path.unlink(missing_ok=True)
    path.touch(mode=mode)
    path.chmod(mode)
    path.write_text(text)

# SPDX-FileCopyrightText: The aws-iot-device-client authors
# SPDX-License-Identifier: Apache-2.0
"""The local cloud's server as a child process: start, stop, freeze."""

from __future__ import annotations

import json
import select
import subprocess
import sys
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

from localcloud.child import Child
from localcloud.waiting import wait_until

START_SECONDS = 60.0


class CloudError(Exception):
    """The local cloud did not start or refused a request; the text says what it found."""


class ServerProcess(Child):
    """One `python -m localcloud.server`, tied to this process: it ends when we do, however that happens."""

    _called, _error = "the local cloud", CloudError

    def __init__(self, options: list[str], http_port: int, mqtt_port: int, log: Path) -> None:
        self.http_port, self.mqtt_port = http_port, mqtt_port
        self._options = options
        self._log = log

    @property
    def url(self) -> str:
        """The endpoint of the control plane."""
        return f"http://127.0.0.1:{self.http_port}"

    @property
    def pid(self) -> int:
        """The process id. Raises CloudError when the server doesn't run."""
        return self._running().pid

    def start(self) -> None:
        """Start the server and wait until it serves; a second start uses the ports of the first."""
        ports = ["--http-port", str(self.http_port), "--mqtt-port", str(self.mqtt_port)]
        command = [sys.executable, "-m", "localcloud.server", "--tied", *ports, *self._options]
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                command,
                cwd=Path(__file__).resolve().parent.parent,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                start_new_session=True,
            )
        try:
            self._read_ports(self._process)
            wait_until(self._is_ready, START_SECONDS, lambda: f"the local cloud to serve; its log:\n{self.log()}")
        except BaseException:
            self.stop()
            raise

    def wait(self) -> None:
        """Return when the server ends. Raises CloudError: it ends by itself only when something broke."""
        status = self._running().wait()
        raise CloudError(f"the server ended with status {status}; its log:\n{self.log()}")

    def log(self) -> str:
        """Return what the server has written to its log so far."""
        return self._log.read_text(errors="replace")

    def request(self, method: str, path: str, body: Any = None) -> bytes:
        """Send one HTTP request to the server (`body` as JSON); return the answer's body.

        Raises CloudError with the server's own words when it refuses.
        """
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(f"{self.url}{path}", data=data, method=method)
        try:
            with _direct.open(request, timeout=30) as answer:
                return bytes(answer.read())
        except urllib.error.HTTPError as error:
            raise CloudError(f"{method} {path}: {error.code} {error.read().decode(errors='replace')}") from None

    def _read_ports(self, process: subprocess.Popen[bytes]) -> None:
        assert process.stdout is not None
        readable, _, _ = select.select([process.stdout], [], [], START_SECONDS)
        line = process.stdout.readline() if readable else b""
        if not line:
            raise CloudError(f"the local cloud did not start; its log:\n{self.log()}")
        ports = json.loads(line)
        self.http_port, self.mqtt_port = ports["http"], ports["mqtt"]

    def _is_ready(self) -> bool:
        if self._running().poll() is not None:
            raise CloudError(f"the local cloud ended at once; its log:\n{self.log()}")
        try:
            state = json.loads(self.request("GET", "/_ministack/ready"))["iot_mtls"]
        except (OSError, CloudError):
            return False
        if state != "listening":
            raise CloudError(f"the MQTT listener is {state!r}, wanted 'listening'; its log:\n{self.log()}")
        return True


# Never through a proxy: the server is on loopback.
_direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))

# SPDX-FileCopyrightText: The aws-iot-device-client authors
# SPDX-License-Identifier: Apache-2.0
"""A server of ours as a child process: frozen, thawed and ended by its pid."""

from __future__ import annotations

import signal
import subprocess

STOP_SECONDS = 10.0


class Child:
    """What the broker and the local cloud have in common. `_process` is None while it does not run.

    A class says what it is called, and which error it raises when it is asked something that only a running one can do.
    """

    _called: str
    _error: type[Exception]
    _process: subprocess.Popen[bytes] | None = None

    def stop(self) -> None:
        """End it, whatever state it is in; harmless when it doesn't run."""
        process, self._process = self._process, None
        if process is None:
            return
        process.send_signal(signal.SIGCONT)
        process.terminate()
        try:
            process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        for pipe in (process.stdin, process.stdout):
            if pipe:
                pipe.close()

    def freeze(self) -> None:
        """Stop it where it stands: connections stay open and nothing answers."""
        self._running().send_signal(signal.SIGSTOP)

    def thaw(self) -> None:
        """Let it go on when it is frozen."""
        self._running().send_signal(signal.SIGCONT)

    def _running(self) -> subprocess.Popen[bytes]:
        if self._process is None:
            raise self._error(f"{self._called} is not running: call start() first")
        return self._process

# SPDX-FileCopyrightText: The aws-iot-device-client authors
# SPDX-License-Identifier: Apache-2.0
"""The agent as the demo runs it: from source or as a binary, native or emulated; always ended by its id."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

from dc.mask import plain
from demo.interrupts import interrupts
from localcloud import procfs
from localcloud.thing import Thing
from toolchains.base import ROOT

# Far more than the agent needs to end a handler and itself, on a busy machine and emulated too.
STOP_SECONDS = 15.0


class AgentError(Exception):
    """The agent can't be run or has ended by itself; the text says what to do or shows its log."""


class DemoAgent:
    """The agent of one thing, started and stopped any number of times; its log goes on in one file."""

    def __init__(self, command: list[str], thing: Thing) -> None:
        self._command = [*command, "--config-file", str(thing.config_path)]
        self._folder = thing.folder
        self._process: subprocess.Popen[bytes] | None = None
        self._stopping = False
        self.log_path = thing.folder / "agent.log"

    def start(self) -> None:
        """Start the process, in a session of its own so that a Ctrl-C in the terminal is not meant for it."""
        # The interpreter's own folder comes first in PATH: Foo.py then finds a python3 wherever the demo does.
        environment = {
            "PATH": f"{Path(sys.executable).parent}:{os.environ.get('PATH', os.defpath)}",
            "HOME": str(self._folder),
            "LOCK_FILE_PATH": str(self._folder),
        }
        with self.log_path.open("ab") as log, interrupts.held():
            self._process = subprocess.Popen(
                self._command,
                cwd=ROOT,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        self._stopping = False

    def check(self) -> None:
        """Raise AgentError, with the end of the log, if the agent has ended by itself."""
        if self._process and not self._stopping and self._process.poll() is not None:
            raise AgentError(
                f"the agent ended with status {self._process.returncode}; the end of its log:\n{self.log_end()}"
            )

    def ask_to_stop(self) -> None:
        """Send SIGTERM; stopped() tells when it has worked."""
        self._stopping = True
        if self._process:
            self._process.terminate()

    def stopped(self) -> bool:
        """Whether no process runs."""
        return self._process is None or self._process.poll() is not None

    def stop(self) -> None:
        """End the agent and whatever it runs; harmless when it does not run."""
        process, self._process = self._process, None
        if process is None:
            return
        process.terminate()
        try:
            process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            for pid in (*procfs.descendants(process.pid), process.pid):
                _kill_group(pid)
            process.wait()

    def peak_megabytes(self) -> float | None:
        """The most memory the process has held so far; None when it has ended, or runs under an emulator,
        which would be measured too."""
        if self._process is None or self._command[0].rpartition("/")[2].startswith("qemu-"):
            return None
        try:
            return procfs.status(self._process.pid, "VmHWM") * 1024 / 1e6
        except KeyError:
            return None

    def log_end(self, lines: int = 30) -> str:
        """The last lines of the log, without control characters."""
        text = self.log_path.read_text(errors="replace") if self.log_path.exists() else ""
        return "\n".join(plain(line) for line in text.splitlines()[-lines:])


def _kill_group(pid: int) -> None:
    # The agent and each handler lead a process group of their own.
    try:
        os.killpg(pid, signal.SIGKILL)
    except ProcessLookupError:
        return

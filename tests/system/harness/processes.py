# SPDX-FileCopyrightText: The aws-iot-device-client authors
# SPDX-License-Identifier: Apache-2.0
"""Handlers as processes: wait until one runs, let it go on, wait until it is gone."""

from __future__ import annotations

from pathlib import Path

from localcloud.procfs import lives
from localcloud.waiting import wait_until
from tests.system.harness.rig import JOB_SECONDS, Rig


def wait_gone(*pids: int) -> None:
    """Wait until none of these processes lives."""
    wait_until(lambda: not any(lives(pid) for pid in pids), JOB_SECONDS, f"{pids} to end")


def wait_pids(path: Path) -> list[int]:
    """Wait until a handler has written process ids to a file, all at once; return them."""
    wait_until(path.exists, JOB_SECONDS, f"{path} to be written")
    return [int(word) for word in path.read_text().split()]


class Watched:
    """A handler that leaves its process id in a file, and then does `rest`."""

    def __init__(self, rig: Rig, name: str, rest: str) -> None:
        self.pid_file = rig.thing.folder / f"{name}.pid"
        rig.handlers.write(name, f"echo $$ > {self.pid_file}.new; mv {self.pid_file}.new {self.pid_file}\n{rest}")

    def pid(self) -> int:
        """Wait until it runs; return its process id."""
        return wait_pids(self.pid_file)[0]


class Waiting(Watched):
    """A handler that runs until `go_on`, and then says so on stdout."""

    def __init__(self, rig: Rig, name: str = "wait.sh") -> None:
        self._gate = rig.thing.folder / f"{name}.gate"
        self._gate.touch()
        super().__init__(rig, name, f"while [ -e {self._gate} ]; do sleep 0.05; done; echo went on")

    def go_on(self) -> None:
        """Let it end."""
        self._gate.unlink()

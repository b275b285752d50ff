# SPDX-FileCopyrightText: The aws-iot-device-client authors
# SPDX-License-Identifier: Apache-2.0
"""The agent under test as a process: start it, read its log, measure it, end it."""

from __future__ import annotations

import os
import re
import signal
import subprocess

from localcloud import procfs
from localcloud.thing import Thing
from localcloud.waiting import wait_until
from tests.system.harness.target import agent_environment
from toolchains.agent import agent_command

QUIET_SECONDS = 10.0
LOG_SECONDS = 60.0
STOP_SECONDS = 30.0
# A test that hangs ends the test process without any clean-up; its agent must not stay behind.
DIES_WITH_US = ("setpriv", "--pdeathsig", "KILL")


class Agent:
    """One agent of one thing. Its log is kept over restarts, in one file; it always ends with the test."""

    def __init__(self, target: str, thing: Thing) -> None:
        self.thing = thing
        self.log_path = thing.folder / "agent.log"
        self._target = target
        self._process: subprocess.Popen[bytes] | None = None

    def start(self, *flags: str, env: dict[str, str] | None = None, prefix: tuple[str, ...] = ()) -> Agent:
        """Start the agent with its thing's config file, `flags`, and a small environment changed by `env`.

        `prefix` goes before the command (`unshare -n`, `prlimit ...`).
        """
        if self.running:
            raise RuntimeError(f"the agent of {self.thing.name} already runs as process {self.pid}")
        config = ["--config-file", str(self.thing.config_path)]
        environment = {
            "PATH": os.environ["PATH"],
            "HOME": str(self.thing.folder),
            "LOCK_FILE_PATH": str(self.thing.folder),
            **agent_environment(self._target),
            **(env or {}),
        }
        with self.log_path.open("ab") as log:
            self._process = subprocess.Popen(
                [*DIES_WITH_US, *prefix, *agent_command(self._target), *config, *flags],
                cwd=self.thing.folder,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        return self

    # -- its life

    @property
    def pid(self) -> int:
        """The process id (of the emulator, when the target is foreign)."""
        return self._started().pid

    @property
    def running(self) -> bool:
        """Whether the process has been started and has not ended."""
        return self._process is not None and self._process.poll() is None

    def signal(self, signum: int) -> None:
        """Send a signal to the agent alone."""
        self._started().send_signal(signum)

    def wait(self, timeout: float = STOP_SECONDS) -> int:
        """Wait for the agent to end; return its exit status. Raises TimeoutError with the log's end."""
        try:
            return self._started().wait(timeout)
        except subprocess.TimeoutExpired:
            raise TimeoutError(f"the agent still runs after {timeout:g} s; {self._log_end()}") from None

    def stop(self, timeout: float = STOP_SECONDS) -> int:
        """Ask the agent to end (SIGTERM) and wait for it; return its exit status."""
        self.signal(signal.SIGTERM)
        return self.wait(timeout)

    def kill(self) -> None:
        """End the agent at once (SIGKILL), as a crash would; its handlers are left alone."""
        self.signal(signal.SIGKILL)
        self._started().wait()

    def finish(self) -> None:
        """End the agent and everything in its session, whatever state it is in; for the end of a test."""
        if self._process is None:
            return
        for pid in [*self.children(), self._process.pid]:
            _end(pid)
        self._process.wait()

    # -- its log

    def log(self) -> str:
        """Everything the agent has printed so far."""
        return self.log_path.read_text(errors="replace") if self.log_path.exists() else ""

    def wait_log(self, pattern: str, timeout: float = LOG_SECONDS, after: int = 0) -> re.Match[str]:
        """Wait until the log, from character `after` on, matches `pattern` (multi-line); return the match.

        Raises TimeoutError with the log's end, and at once when the agent has ended without the match.
        """
        compiled = re.compile(pattern, re.MULTILINE)

        def found() -> re.Match[str] | None:
            alive = self.running
            match = compiled.search(self.log(), after)
            if match is None and not alive:
                status = self._started().returncode
                raise TimeoutError(f"the agent ended with status {status} before {pattern!r}; {self._log_end()}")
            return match

        return wait_until(found, timeout, lambda: f"{pattern!r} in the agent's log; {self._log_end()}")

    def _log_end(self) -> str:
        return f"the end of its log:\n{self.log()[-4000:]}"

    # -- its size, of the emulator too when the target is foreign

    def rss_kib(self) -> int:
        """Resident memory in KiB."""
        return self._status("VmRSS")

    def anonymous_kib(self) -> int:
        """Resident memory that is not mapped from files, in KiB: where leaks show."""
        return self._status("RssAnon")

    def threads(self) -> int:
        """Number of threads."""
        return self._status("Threads")

    def fds(self) -> int:
        """Number of descriptors that are open while its loop waits: not one more that a callback has for a moment."""

        def waits() -> tuple[str, int]:
            return procfs.state(self.pid), self._status("voluntary_ctxt_switches")

        def look() -> int | None:
            before, found = waits(), len(os.listdir(f"/proc/{self.pid}/fd"))
            return found if before == waits() and before[0] == "S" else None

        return wait_until(look, QUIET_SECONDS, "a moment in which the agent's loop waits")

    def children(self) -> list[int]:
        """Process ids of all descendants, zombies included, nearest first."""
        return procfs.descendants(self.pid)

    def _status(self, name: str) -> int:
        try:
            return procfs.status(self.pid, name)
        except KeyError:
            raise RuntimeError(f"process {self.pid} has no {name}: it has ended; {self._log_end()}") from None

    def _started(self) -> subprocess.Popen[bytes]:
        if self._process is None:
            raise RuntimeError(f"the agent of {self.thing.name} was not started")
        return self._process


def _end(pid: int) -> None:
    try:
        os.kill(pid, signal.SIGCONT)
        os.kill(pid, signal.SIGKILL)
    except ProcessLookupError:
        return

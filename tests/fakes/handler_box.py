# SPDX-FileCopyrightText: The aws-iot-device-client authors
# SPDX-License-Identifier: Apache-2.0
"""A small device for the sample job handlers: they run for real, under dash or BusyBox ash.

Only the commands that change a system (package and service managers, reboot, sudo ...) are faked: they record
their arguments. PATH holds nothing but these fakes and a few harmless tools, so no real one can be reached.
"""

from __future__ import annotations

import errno
import os
import shutil
import signal
import subprocess
from collections.abc import Sequence
from pathlib import Path

from localcloud.waiting import wait_until

SOURCE = Path(__file__).resolve().parents[2] / "sample-job-handlers"
HANDLERS = {
    "download-file.sh",
    "health-check.sh",
    "install-packages.sh",
    "reboot.sh",
    "remove-packages.sh",
    "restart-services.sh",
    "shutdown.sh",
    "start-services.sh",
    "stop-services.sh",
    "verify-packages-installed.sh",
    "verify-packages-removed.sh",
}
HARMLESS = "cat chmod cp grep id mkdir mv rm sed sleep stat"
# Debian's BusyBox shell prefers its applets to PATH; a function goes before both: one per name that hurts.
DANGEROUS = {"dpkg", "halt", "init", "killall", "poweroff", "reboot", "rpm", "setsid", "su", "sync", "wget"}
OTHER_USER = "nobody"
# Of this test run only: an agent under test elsewhere on the machine ends every process of the jobs it had by name.
JOB_ID = f"handlers-{os.getpid()}"
DEADLINE = 20.0


def tool(name: str) -> str:
    found = shutil.which(name)
    assert found, f"{name} is not installed; these tests want it (Debian: dash, busybox-static, curl, wget, coreutils)"
    return found


def let_go(gate: Path) -> None:
    """Lets the fake that reads from this pipe go on; fails when none does, because it was ended."""
    opened: list[int] = []

    def reader_is_there() -> bool:
        try:
            opened.append(os.open(gate, os.O_WRONLY | os.O_NONBLOCK))
        except OSError as error:
            assert error.errno == errno.ENXIO
        return bool(opened)

    wait_until(reader_is_there, DEADLINE, f"somebody to read from {gate}")
    os.write(opened[0], b"go\n")
    os.close(opened[0])


class HandlerBox:
    """A device: a handler folder, a PATH with fakes only, a state folder, and the record of what was called.

    `applets`: names that the BusyBox shell may take from BusyBox itself.
    """

    def __init__(self, root: Path, shell: str) -> None:
        self.root = root
        self.shell = shell
        self.bin = root / "bin"
        self.jobs = root / "jobs"
        self.state = root / "state"
        self.init_d = root / "init.d"
        self.log = root / "calls"
        self.applets: set[str] = set()
        self.bin.mkdir()
        self.init_d.mkdir()
        self.services = root / "service"
        shutil.copytree(SOURCE, self.jobs)
        for script in self.jobs.glob("*.sh"):
            script.chmod(0o700)
        for name in HARMLESS.split():
            self.link(name)
        self.fake("sync")
        # Whether the test folder itself is in memory must not matter.
        self.fake("stat", "echo ext2/ext3")
        self.env = {
            "PATH": str(self.bin),
            "HOME": str(root),
            "AWS_IOT_JOB_STATE_DIR": str(self.state),
            "JOB_HANDLER_INIT_D": str(self.init_d),
            "JOB_HANDLER_SERVICE_FOLDERS": f"{root}/nothing {self.services}",
            "JOB_HANDLER_REBOOT_WAIT": "0",
            "JOB_HANDLER_RESTART_WAIT": "0",
            "JOB_HANDLER_SHUTDOWN_TRIES": str(int(DEADLINE)),
            "AWS_IOT_JOB_ID": JOB_ID,
            "AWS_IOT_JOB_EXECUTION_NUMBER": "1",
            "AWS_IOT_JOB_STEP_NAME": "step-1",
        }

    def link(self, name: str, program: str = "") -> None:
        """Lets the handlers use this real tool."""
        (self.bin / name).unlink(missing_ok=True)
        (self.bin / name).symlink_to(tool(program or name))

    def fake(self, name: str, body: str = ":", folder: Path | None = None) -> None:
        """A command that records its name and arguments, then runs `body` (sh)."""
        path = (folder or self.bin) / name
        path.unlink(missing_ok=True)
        record = f"{{ printf '%s' '{name}'; for a; do printf '\\037%s' \"$a\"; done; echo; }} >>'{self.log}'"
        path.write_text(f"#!{tool('dash')}\n{record}\n{body}\n")
        path.chmod(0o755)

    def calls(self, *names: str) -> list[list[str]]:
        """What was called, in order: [name, argument...]; only these names when some are given."""
        text = self.log.read_text() if self.log.exists() else ""
        lines = [line.split("\x1f") for line in text.splitlines()]
        return [line for line in lines if line[0] not in ("sync", "stat") and (not names or line[0] in names)]

    def argv(self, handler: str, args: Sequence[str]) -> list[str]:
        path = str(self.jobs / handler)
        if self.shell == "dash":
            return [tool("dash"), path, *args]
        faked = {entry.name for entry in self.bin.iterdir() if not entry.is_symlink()}
        # No function can be called apt-get, but no applet is either.
        names = sorted(name for name in (faked | DANGEROUS) - self.applets if name.isidentifier())
        functions = [f"{name}() {{ '{self.bin / name}' \"$@\"; }}" for name in names]
        return [tool("busybox"), "sh", "-c", "\n".join([*functions, '. "$0"']), path, *args]

    def start(self, handler: str, *args: str, **env: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            self.argv(handler, args),
            env=self.env | env,
            cwd=self.root,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )

    def run(self, handler: str, *args: str, **env: str) -> subprocess.CompletedProcess[str]:
        process = self.start(handler, *args, **env)
        try:
            out, err = process.communicate(timeout=DEADLINE)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            raise
        return subprocess.CompletedProcess(process.args, process.returncode, out, err)

    def succeed(self, handler: str, *args: str, **env: str) -> str:
        """Runs it, wants exit 0 and an empty stderr (`allowStdErr` 0 is the operation schema's default)."""
        done = self.run(handler, *args, **env)
        assert (done.returncode, done.stderr) == (0, ""), done
        return done.stdout

    def refuse(self, handler: str, *args: str, code: int = 1, **env: str) -> str:
        """Runs it, wants this exit code and one line on stderr, and returns that line."""
        done = self.run(handler, *args, **env)
        assert done.returncode == code and done.stderr.count("\n") == 1, done
        assert done.stderr.startswith(handler + ": ")
        return done.stderr

# SPDX-FileCopyrightText: The aws-iot-device-client authors
# SPDX-License-Identifier: Apache-2.0
"""The agent's binary in a root file system of its own: a BusyBox userland, or nothing but the agent."""

from __future__ import annotations

import functools
import os
import shutil
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ci.qemu.userland import enter_command, userland
from localcloud.thing import Thing
from tests.system.harness.agent import DIES_WITH_US, Agent
from toolchains.agent import binary
from toolchains.stages import Stages, default_cache

NAME = "aws-iot-device-client"
# Where the thing's folder is seen, and what a board mounts beside it.
THING = Path("/thing")
SYSTEM = ("/proc:/proc", "/dev:/dev")


@functools.cache
def busybox_root(target: str) -> Path:
    """The BusyBox root of the target, from the build cache; not to be written to."""
    return userland(Stages(default_cache()), target)


@dataclass(frozen=True)
class RootFs:
    """A root file system on the disk, and how it is entered. `binds` are FROM:TO, both absolute."""

    target: str
    root: Path
    binds: tuple[str, ...] = ()
    read_only: bool = False
    user: int | None = None

    @classmethod
    def userland(cls, target: str, root: Path) -> RootFs:
        """A BusyBox system with /proc and /dev; the agent is in /usr/bin."""
        shutil.copytree(busybox_root(target), root, symlinks=True)
        shutil.copy2(binary(target), root / "usr/bin" / NAME)
        return cls(target, root, SYSTEM)

    @classmethod
    def empty(cls, target: str, root: Path, **more: Any) -> RootFs:
        """The agent in /, and nothing else; `more` is the rest of RootFs."""
        root.mkdir(mode=0o755)
        shutil.copy2(binary(target), root / NAME)
        return cls(target, root, **more)

    @property
    def program(self) -> str:
        """The agent's path inside."""
        return f"/{NAME}" if (self.root / NAME).exists() else f"/usr/bin/{NAME}"

    def enter(self, *binds: str) -> list[str]:
        """The words that run a command inside, with further `binds`."""
        every = (*self.binds, *binds)
        for bind in every:
            (self.root / bind.partition(":")[2].lstrip("/")).mkdir(exist_ok=True)
        return enter_command(self.target, self.root, binds=every, read_only=self.read_only, user=self.user)


def configure(thing: Thing, **changes: Any) -> None:
    """Write the thing's configuration with its files where they are seen inside a root file system; `changes` as always."""
    jobs = {"handler-directory": str(THING / "jobs"), "state-directory": str(THING / "state")}
    thing.configure(
        **{
            "cert": str(THING / "certs/device.pem.crt"),
            "key": str(THING / "certs/device.pem.key"),
            "root-ca": str(THING / "certs/root-ca.pem"),
            **changes,
            "jobs": jobs | changes.get("jobs", {}),
        }
    )


class RootFsAgent(Agent):
    """An agent that runs in such a root, with exactly the environment it is given."""

    def __init__(self, root_fs: RootFs, thing: Thing) -> None:
        super().__init__(root_fs.target, thing)
        self._root_fs = root_fs

    def start(self, *flags: str, env: dict[str, str] | None = None, prefix: tuple[str, ...] = ()) -> RootFsAgent:
        """Start the agent with its thing's config file and `flags`; `prefix` goes before the way in."""
        if self.running:
            raise RuntimeError(f"the agent of {self.thing.name} already runs as process {self.pid}")
        # The folder shared by the tests of one user is closed to others; the root itself is not.
        enter = self._root_fs.enter(f"{self.thing.folder}:{THING}")
        config = ["--config-file", str(THING / self.thing.config_path.name)]
        with self.log_path.open("ab") as log:
            self._process = subprocess.Popen(
                [*DIES_WITH_US, *prefix, *enter, self._root_fs.program, *config, *flags],
                cwd="/",
                env=env or {},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        return self


def give(folder: Path, user: int) -> None:
    """Give a folder and everything in it to a user."""
    for path in (folder, *folder.rglob("*")):
        os.chown(path, user, user, follow_symlinks=False)


def install(handlers: Path, programs: Sequence[Path]) -> None:
    """Copy programs into a handler directory, mode 700."""
    for program in programs:
        shutil.copyfile(program, handlers / program.name)
        (handlers / program.name).chmod(0o700)

# SPDX-FileCopyrightText: The aws-iot-device-client authors
# SPDX-License-Identifier: Apache-2.0
"""A mosquitto broker with a scripted jobs service, and the agent as a bare process."""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from localcloud.mosquitto import Mosquitto
from localcloud.scripted import ScriptedJobs
from localcloud.thing import Thing
from toolchains.agent import MissingTarget, agent_command, best_target
from toolchains.base import ROOT


def agent(arch: str) -> tuple[str, list[str]]:
    """What to call it, and its first words. `arch`: source, host (its binary if built, else source) or a built one."""
    target = best_target() if arch == "host" else arch
    try:
        return target, agent_command(target)
    except MissingTarget as error:
        raise SystemExit(f"bench: {error}") from None


@contextmanager
def scripted_broker() -> Iterator[tuple[ScriptedJobs, Thing]]:
    """The broker, its jobs service, and one thing with a ready configuration that logs warnings only."""
    with TemporaryDirectory(prefix="bench-") as folder, Mosquitto() as broker:
        thing = broker.make_thing("bench", Path(folder) / "thing")
        thing.configure(logging={"level": "WARN", "type": "stdout"})
        with ScriptedJobs(broker.make_service()) as service:
            yield service, thing


def start(command: list[str], thing: Thing) -> subprocess.Popen[bytes]:
    """The agent, from the moment of its exec."""
    env = {"PATH": os.environ["PATH"], "HOME": str(thing.folder), "LOCK_FILE_PATH": "", "PYTHONPATH": str(ROOT)}
    return subprocess.Popen([*command, "--config-file", str(thing.config_path)], env=env, cwd=ROOT)


def milliseconds_since(began: float) -> float:
    """Of the monotonic clock."""
    return (time.monotonic() - began) * 1000

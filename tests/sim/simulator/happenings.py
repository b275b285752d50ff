# SPDX-FileCopyrightText: The aws-iot-device-client authors
# SPDX-License-Identifier: Apache-2.0
"""What happens to a simulated agent from outside: each takes the world it happens in."""

from __future__ import annotations

from tests.sim.simulator.disk import FULL, IN_MEMORY, READ_ONLY, SHORT, UNREADABLE
from tests.sim.simulator.world import CrashWorld


def cancel(world: CrashWorld) -> None:
    """An operator cancels the job."""
    world.service.cancel("one")


def delete(world: CrashWorld) -> None:
    """An operator deletes the job."""
    world.service.delete("one")


def meddle(world: CrashWorld) -> None:
    """Another client updates the execution."""
    world.service.meddle("one")


def create_again(world: CrashWorld) -> None:
    """The job is made again."""
    world.service.create(world.job("one"))


def down(world: CrashWorld) -> None:
    """The network goes."""
    world.link(False)


def up(world: CrashWorld) -> None:
    """The network is back."""
    world.link(True)


def silence(world: CrashWorld) -> None:
    """Nothing gets through for 25 s, and nobody says so."""
    world.silence(25.0)


def stop(world: CrashWorld) -> None:
    """The agent is told to end."""
    world.stop_agent()


def reboot(world: CrashWorld) -> None:
    """An orderly reboot."""
    world.shut_down()


def full(world: CrashWorld) -> None:
    """The disk is full."""
    world.disk.fails(FULL)


def short(world: CrashWorld) -> None:
    """The disk is full after half a write."""
    world.disk.fails(SHORT)


def read_only(world: CrashWorld) -> None:
    """The disk turns read-only."""
    world.disk.fails(READ_ONLY)


def in_memory(world: CrashWorld) -> None:
    """The state folder is in memory."""
    world.disk.fails(IN_MEMORY)


def unreadable(world: CrashWorld) -> None:
    """The journal can't be read."""
    world.disk.fails(UNREADABLE)


def whole(world: CrashWorld) -> None:
    """The disk is whole again."""
    world.disk.fails("")

# SPDX-FileCopyrightText: The aws-iot-device-client authors
# SPDX-License-Identifier: Apache-2.0
"""What the Jobs feature asks of the machine it runs on. A test puts another one in its place."""

from __future__ import annotations

import os

from dc.backoff import jittered
from dc.jobs.journal import Disk

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from dc.jobs.core.effects import Effect
    from dc.jobs.run.runner import Runner

BOOT_ID = "/proc/sys/kernel/random/boot_id"


class Machine:
    """`disk`: where the journal lies. `runner`: what starts processes, if not the agent's own. `performed`: called after
    each effect of an execution, for who wants to look in."""

    performed: Callable[[Effect], None] | None = None
    runner: Runner | None = None

    def __init__(self) -> None:
        self.disk = Disk()

    def boot_id(self) -> str:
        """The kernel's name for this boot; "" where /proc does not tell. No clock is right on every board, this is."""
        try:
            with open(BOOT_ID, "rb") as file:
                return file.read(64).decode("ascii", "replace").strip()
        except OSError:
            return ""

    def random(self, size: int) -> bytes:
        """Bytes that nobody can predict."""
        return os.urandom(size)

    def jittered(self, seconds: float) -> float:
        """A random part of `seconds`."""
        return jittered(seconds, self.random(4))

    def end_strays(self, marks: tuple[str, ...], grace: float) -> bool:
        """End all processes that have `marks` (NAME=VALUE each) in their environment; whether there were any. Blocks."""
        from dc.jobs.run.strays import end

        return end(marks, grace)

# SPDX-FileCopyrightText: The aws-iot-device-client authors
# SPDX-License-Identifier: Apache-2.0
"""What to start: the ground that finding a handler and spawning it share."""

from __future__ import annotations

PROGRESS_FD = 3  # where a handler tells how far it is, if the job document asks for it


class Command:
    """What to start: `program` is a path; `argv[0]` is how the program is called."""

    __slots__ = ("program", "argv", "env", "progress")

    def __init__(self, program: str, argv: tuple[str, ...], env: dict[str, str], progress: bool = False) -> None:
        self.program = program
        self.argv = argv
        self.env = env
        self.progress = progress  # wants a descriptor to tell how far it is

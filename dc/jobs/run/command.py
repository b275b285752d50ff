# SPDX-FileCopyrightText: The aws-iot-device-client authors
# SPDX-License-Identifier: Apache-2.0
"""What to start: the ground that finding a handler and spawning it share."""

from __future__ import annotations

SHELL = "/bin/sh"
_LOOK = 256  # bytes; a text without #! and without a NUL up to here is a script
PROGRESS_FD = 3  # where a handler tells how far it is, if the job document asks for it


class Command:
    """What to start: `program` is a path; `argv[0]` is how the program is called."""

    __slots__ = ("program", "argv", "env", "progress")

    def __init__(self, program: str, argv: tuple[str, ...], env: dict[str, str], progress: bool = False) -> None:
        self.program = program
        self.argv = argv
        self.env = env
        self.progress = progress  # wants a descriptor to tell how far it is


def by_shell(program: str, argv: tuple[str, ...] | list[str]) -> tuple[str, ...] | None:
    """How /bin/sh runs what the kernel did not take for a program (ENOEXEC), as execvp does; None if it is no text.

    An empty file is none either: what a power cut left of a handler is no success.
    """
    try:
        with open(program, "rb") as file:
            start = file.read(_LOOK)
    except OSError:
        return None
    if not start.strip() or b"\0" in start or start.startswith(b"\x7fELF"):
        return None
    script = f"./{program}" if program.startswith("-") else program  # no option of the shell
    return (SHELL, script, *argv[1:])

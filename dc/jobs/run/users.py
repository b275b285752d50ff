# SPDX-FileCopyrightText: The aws-iot-device-client authors
# SPDX-License-Identifier: Apache-2.0
"""Running a command as another user: as that user or not at all. Loaded only when a job asks for it.

The C++ client falls back to its own user, mostly root, when `sudo` or `bash` is missing. Here root re-executes the
agent (`become.py`), anybody else uses `sudo -n`, and where neither works the step fails.
"""

from __future__ import annotations

import os
import sys

from dc.features import RUN_AS
from dc.jobs.core.outcome import HandlerError

_FROM_SOURCE = (
    "import sys; sys.path.insert(0, sys.argv.pop(1)); from dc.jobs.run.become import main; sys.exit(main(sys.argv[1:]))"
)


def as_user(user: str, program: str, argv: tuple[str, ...], search_path: str) -> tuple[str, tuple[str, ...]]:
    """(program, argv) that runs `program` with `argv` as `user`. Raises `HandlerError`."""
    import pwd

    try:
        entry = pwd.getpwnam(user)
    except (KeyError, ValueError):
        raise HandlerError(f'Cannot run as user "{user}": this device has no such user') from None
    if entry.pw_uid == os.geteuid():
        return program, argv
    if os.geteuid() == 0:
        words = (*become_command(), user, program, *argv)
        return words[0], words
    for folder in search_path.split(":"):
        sudo = os.path.join(folder, "sudo")
        if folder and os.access(sudo, os.X_OK):
            return sudo, ("sudo", "-n", "-u", user, "--", program, *argv[1:])
    raise HandlerError(
        f'Cannot run as user "{user}": the agent runs as uid {os.geteuid()} and there is no sudo; '
        "run the agent as root, or install sudo with a NOPASSWD rule"
    )


def become_command() -> tuple[str, ...]:
    """How to start this very program as `become.py`."""
    if "__compiled__" in globals():
        return (own_binary(), RUN_AS)
    root = os.path.abspath(__file__).rsplit("/dc/", 1)[0]
    return (sys.executable, "-I", "-S", "-c", _FROM_SOURCE, root)


def own_binary() -> str:
    """The file this program runs from."""
    try:
        return os.readlink("/proc/self/exe")
    except OSError:
        return os.path.abspath(sys.orig_argv[0])

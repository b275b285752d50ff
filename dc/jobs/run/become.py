# SPDX-FileCopyrightText: The aws-iot-device-client authors
# SPDX-License-Identifier: Apache-2.0
"""The agent, re-executed as root to become another user and then a command: USER PROGRAM ARGV0 [ARGUMENT...].

Groups, gid and uid are changed for good, no_new_privs is set, and only then the command is executed. Whatever fails
ends in a message on stderr and status 126, before the command ever runs: it fails closed.
"""

from __future__ import annotations

import errno
import os

from dc.jobs.run.command import by_shell

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

PR_SET_NO_NEW_PRIVS = 38
CANNOT_BECOME, CANNOT_EXECUTE = 126, 127


def main(arguments: Sequence[str]) -> int:
    """Does not return when it succeeds."""
    user, program, argv = arguments[0], arguments[1], list(arguments[2:])
    try:
        env = _become(user)
    except Exception as error:  # whatever it is, the command must not run
        _say(f'cannot become user "{user}": {error}')
        return CANNOT_BECOME
    try:
        try:
            os.execve(program, argv, env)
        except OSError as error:
            words = by_shell(program, argv) if error.errno == errno.ENOEXEC else None
            if words is None:
                raise
            os.execve(words[0], words, env)
    except OSError as error:
        _say(f'cannot execute {program} as user "{user}": {error.strerror}')
        return CANNOT_EXECUTE


def _become(user: str) -> dict[str, str]:
    import pwd

    set_no_new_privs = _no_new_privs()  # first: the user may not be able to read what this imports
    entry = pwd.getpwnam(user)
    os.initgroups(user, entry.pw_gid)
    os.setresgid(entry.pw_gid, entry.pw_gid, entry.pw_gid)
    os.setresuid(entry.pw_uid, entry.pw_uid, entry.pw_uid)
    if os.getresuid() != (entry.pw_uid,) * 3 or os.getresgid() != (entry.pw_gid,) * 3:
        raise OSError("the kernel did not change the ids")
    set_no_new_privs()
    return {
        **os.environ,
        "USER": user,
        "LOGNAME": user,
        "HOME": entry.pw_dir,
        "SHELL": entry.pw_shell or "/bin/sh",
    }


def _no_new_privs() -> Callable[[], None]:
    """Python has no prctl: the binary has a built-in module for it, from source it is libc's."""
    try:
        import _dcsys
    except ImportError:
        import ctypes

        libc = ctypes.CDLL(None, use_errno=True)

        def by_libc() -> None:
            if libc.prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0):
                raise OSError(ctypes.get_errno(), "prctl(PR_SET_NO_NEW_PRIVS)")

        return by_libc
    return lambda: _dcsys.prctl(PR_SET_NO_NEW_PRIVS, 1)


def _say(text: str) -> None:
    os.write(2, f"aws-iot-device-client: {text}\n".encode("utf-8", "replace"))

# SPDX-FileCopyrightText: The aws-iot-device-client authors
# SPDX-License-Identifier: Apache-2.0
"""Runs a command as on an older kernel: system calls above a number fail with ENOSYS, as calls unknown to it do.

    old_kernel.py NUMBER COMMAND [ARG...]

The numbers of each architecture follow the order in which the calls came, so the number of the newest call of a kernel
version stands for that version. What a call learnt to do later is not taken away.
"""

from __future__ import annotations

import ctypes
import errno
import os
import struct
import sys

# From <linux/seccomp.h>, <linux/bpf_common.h> and <sys/prctl.h>.
PR_SET_NO_NEW_PRIVS, PR_SET_SECCOMP, SECCOMP_MODE_FILTER = 38, 22, 2
RET_ALLOW, RET_ERRNO = 0x7FFF0000, 0x00050000
LOAD_NUMBER, JUMP_IF_GREATER, JUMP_IF_AT_LEAST, RETURN = 0x20, 0x25, 0x35, 0x06
# 32-bit ARM has calls of its own from here on; they are as old as it is.
ARM_PRIVATE = 0x0F0000


class _Program(ctypes.Structure):
    _fields_ = [("length", ctypes.c_ushort), ("code", ctypes.c_char_p)]


def deny_above(number: int) -> None:
    """Let every system call above `number` fail with ENOSYS, in this process and all that follow. Raises OSError."""
    code = b"".join(
        struct.pack("=HBBI", *instruction)
        for instruction in (
            (LOAD_NUMBER, 0, 0, 0),
            (JUMP_IF_AT_LEAST, 2, 0, ARM_PRIVATE),
            (JUMP_IF_GREATER, 0, 1, number),
            (RETURN, 0, 0, RET_ERRNO | errno.ENOSYS),
            (RETURN, 0, 0, RET_ALLOW),
        )
    )
    libc = ctypes.CDLL(None, use_errno=True)
    program = _Program(len(code) // 8, code)
    for words in ((PR_SET_NO_NEW_PRIVS, 1, 0), (PR_SET_SECCOMP, SECCOMP_MODE_FILTER, ctypes.byref(program))):
        if libc.prctl(*words, 0, 0) != 0:
            reason = ctypes.get_errno()
            raise OSError(reason, f"seccomp: {os.strerror(reason)}")


def main(argv: list[str]) -> None:
    """Become the command. Raises OSError when there is no such command or no seccomp here."""
    deny_above(int(argv[0]))
    os.execvp(argv[1], argv[1:])


if __name__ == "__main__":
    main(sys.argv[1:])

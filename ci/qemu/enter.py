# SPDX-FileCopyrightText: The aws-iot-device-client authors
# SPDX-License-Identifier: Apache-2.0
"""Runs a command inside a root file system of another architecture, or inside a bare one. Needs root.

    enter.py [--emulate EMULATOR --elf CLASS:MACHINE [--cpu MODEL]] [--bind FROM:TO]... [--read-only] [--user UID]
             ROOT COMMAND [ARG...]

Nothing of the machine is changed: the mounts are made in a mount namespace, and the emulator is registered with
binfmt_misc in a user namespace, which has a registry of its own since Linux 6.7. Both end with the command. On an older
kernel the machine's own registration is used if there is one. The environment is passed on as it is, but for QEMU_CPU.

With / for ROOT the command stays where it is, and programs for EMULATOR that it starts run as well. There, where no emulator
can be registered, the command alone is emulated, which is said.

A script on its own, with nothing but the standard library, so that it runs with an empty environment.
"""

from __future__ import annotations

import argparse
import ctypes
import os
import signal
import sys
from pathlib import Path

# From <sched.h>, <sys/mount.h> and <sys/prctl.h>.
NEW_MOUNTS, NEW_USERS = 0x00020000, 0x10000000
MS_RDONLY, MS_REMOUNT, MS_BIND, MS_REC, MS_PRIVATE = 1, 32, 4096, 16384, 1 << 18
# Flags that a remount inside a user namespace has to repeat: nosuid, nodev, noexec (the values of statvfs are the same).
MS_KEPT = 2 | 4 | 8
PR_SET_PDEATHSIG = 1

REGISTRY = Path("/proc/sys/fs/binfmt_misc")

_libc = ctypes.CDLL(None, use_errno=True)


class EnterError(Exception):
    """The place can't be entered; the text says why and what would help."""


def registration(emulator: str, elf: tuple[int, int]) -> str:
    """The line that tells binfmt_misc to run programs (ET_EXEC and ET_DYN) by an emulator.

    The kernel knows them by `elf`, the ELF header's class and machine.

    Flag F opens the emulator now, so that it is found from inside a chroot; P hands the program its own argv[0].
    """
    word_size, machine = elf
    magic = bytes([0x7F, *b"ELF", word_size, 1, 1, 0, *[0] * 8, 2, 0, machine, 0])
    mask = bytes([*[0xFF] * 7, 0, *[0xFF] * 8, 0xFE, 0xFF, 0xFF, 0xFF])
    return f":dc-{_name(emulator)}:M::{_escaped(magic)}:{_escaped(mask)}:{emulator}:PF"


def _name(emulator: str) -> str:
    """Under which Debian registers it."""
    return Path(emulator).name.removesuffix("-static")


def _escaped(data: bytes) -> str:
    return "".join(f"\\x{byte:02x}" for byte in data)


def _check(result: int, what: str) -> None:
    if result != 0:
        code = ctypes.get_errno()
        raise OSError(code, f"{what}: {os.strerror(code)}")


def _mount(source: str, target: Path, kind: str | None, flags: int) -> None:
    result = _libc.mount(source.encode(), os.fsencode(target), kind and kind.encode(), flags, None)
    _check(result, f"mount {source} on {target}")


def _new_namespaces(users: bool) -> None:
    """Own mounts, and with `users` an own user namespace in which every user is who he was."""
    if not users:
        _check(_libc.unshare(NEW_MOUNTS), "unshare")
    else:
        entered, mapped, here = os.pipe(), os.pipe(), os.getpid()
        helper = os.fork()
        if helper == 0:
            # The map is written by a process that stayed outside: only it may map more than its own user.
            os.read(entered[0], 1)
            for name in ("uid_map", "gid_map"):
                Path(f"/proc/{here}/{name}").write_text("0 0 4294967295")
            os.write(mapped[1], b"x")
            os._exit(0)
        _check(_libc.unshare(NEW_MOUNTS | NEW_USERS), "unshare")
        os.write(entered[1], b"x")
        os.close(mapped[1])
        done = os.read(mapped[0], 1)
        os.waitpid(helper, 0)
        for descriptor in (*entered, mapped[0]):
            os.close(descriptor)
        if not done:
            raise EnterError("the users could not be mapped into a user namespace")
    _mount("none", Path("/"), None, MS_REC | MS_PRIVATE)


def _register(emulator: str, elf: tuple[int, int]) -> None:
    try:
        _mount("binfmt_misc", REGISTRY, "binfmt_misc", 0)
        (REGISTRY / "register").write_text(registration(emulator, elf))
    except OSError as error:
        if not _is_registered(emulator):
            raise EnterError(
                f"programs for {_name(emulator)} can't be run by name here: {error}. Linux {os.uname().release} has no binfmt_misc of "
                "its own for a user namespace (Linux 6.7 has, if built with it), and the machine has no emulator registered "
                f"that is found from a chroot; install the Debian packages qemu-user-static and binfmt-support"
            ) from error


def _is_registered(emulator: str) -> bool:
    """Whether the machine itself has a registration with flag F."""
    try:
        lines = (REGISTRY / _name(emulator)).read_text().splitlines()
    except OSError:
        return False
    return "enabled" in lines and any(line.startswith("flags:") and "F" in line for line in lines)


def _furnish(root: Path, binds: list[str], read_only: bool) -> None:
    _mount(str(root), root, None, MS_BIND | MS_REC)
    places = [root]
    for bind in binds:
        source, _, target = bind.partition(":")
        places.append(root / target.lstrip("/"))
        _mount(source, places[-1], None, MS_BIND | MS_REC)
    for place in places if read_only else []:
        kept = os.statvfs(place).f_flag & MS_KEPT
        _mount("none", place, None, MS_BIND | MS_REMOUNT | MS_RDONLY | kept)


def _own_environment() -> dict[bytes, bytes]:
    """What this process was given: the interpreter adds LC_CTYPE to os.environ."""
    given = Path("/proc/self/environ").read_bytes().split(b"\0")
    return dict(entry.split(b"=", 1) for entry in given if b"=" in entry)


def _become(user: int) -> None:
    os.setgroups([])
    os.setgid(user)
    os.setuid(user)


def _elf(text: str) -> tuple[int, int]:
    word_size, _, machine = text.partition(":")
    return int(word_size), int(machine, 0)


def _arguments(argv: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="enter.py", description=(__doc__ or "").split("\n", 1)[0])
    parser.add_argument("--emulate", metavar="EMULATOR", help="run programs of another architecture by it")
    parser.add_argument(
        "--elf", type=_elf, metavar="CLASS:MACHINE", help="how their ELF header is known: EI_CLASS and e_machine"
    )
    parser.add_argument("--cpu", metavar="MODEL", help="the processor that is emulated, by qemu's name for it")
    parser.add_argument(
        "--bind", action="append", default=[], metavar="FROM:TO", help="show FROM at TO, a path in ROOT"
    )
    parser.add_argument("--read-only", action="store_true", help="nothing in ROOT can be written")
    parser.add_argument("--user", type=int, metavar="UID", help="become this user and group, without further groups")
    parser.add_argument("root", type=Path, metavar="ROOT", help="/ is where we are: then only the emulator is added")
    parser.add_argument(
        "command", nargs=argparse.REMAINDER, metavar="COMMAND", help="as found inside ROOT, and arguments"
    )
    options = parser.parse_args(argv)
    if not options.command:
        parser.error("a COMMAND is wanted after ROOT")
    if options.emulate and not options.elf:
        parser.error("--emulate wants --elf too")
    return options


def _enter(options: argparse.Namespace) -> None:
    """Everything up to the command. Raises EnterError and OSError."""
    stays = options.root == Path("/")
    if os.geteuid() != 0:
        raise EnterError("only root can do this; run it with sudo")
    _new_namespaces(users=bool(options.emulate))
    if options.emulate:
        _register(options.emulate, options.elf)
    if not stays:
        _furnish(options.root.absolute(), options.bind, options.read_only)
        os.chroot(options.root)
        os.chdir("/")
    if options.user is not None:
        _become(options.user)


def main(argv: list[str]) -> int:
    """Become the command; returns only if that is not possible: 126, with the reason on standard error."""
    options, environment, parent = _arguments(argv), _own_environment(), os.getppid()
    if options.cpu:
        environment[b"QEMU_CPU"] = os.fsencode(options.cpu)
    command = options.command
    try:
        try:
            _enter(options)
        except (OSError, EnterError) as error:
            if not (options.emulate and options.root == Path("/")):
                raise
            _say(f"only {command[0]} itself is emulated, programs of its kind that it starts are not: {error}")
            command = [options.emulate, *command]
        # Ends with whoever started it; becoming another user has undone what was set before.
        _check(_libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL), "prctl")
        if os.getppid() == parent:
            os.execvpe(command[0], command, environment)
    except (OSError, EnterError) as error:
        _say(f"{' '.join(command)} in {options.root}: {error}")
    return 126


def _say(text: str) -> None:
    os.write(2, f"enter.py: {text}\n".encode())


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

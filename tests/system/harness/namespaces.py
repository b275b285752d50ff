# SPDX-FileCopyrightText: The aws-iot-device-client authors
# SPDX-License-Identifier: Apache-2.0
"""Networks and mounts of a test's own: nothing of the machine's changes, and all of it ends with the test. Root only."""

from __future__ import annotations

import itertools
import os
import secrets
import subprocess
from pathlib import Path

_numbers = itertools.count(1)


def mounted(script: str, *, power: bool = False) -> tuple[str, ...]:
    """Words before a command that run it after `script` in a mount namespace of its own.

    With `power`, all its processes end with it, as in a power cut: it is process 1 of its own process namespace.
    """
    board = ("--pid", "--fork", "--kill-child", "--mount-proc") if power else ()
    return ("unshare", "--mount", *board, "sh", "-c", f'{script} && exec "$@"', "sh")


def other_boot(folder: Path, boot: str) -> tuple[str, ...]:
    """Words before a command that run it under another boot id, where a SIGKILL is a power cut."""
    path = folder / f"boot-{boot}"
    path.write_text(f"{boot}\n")
    return mounted(f"mount --bind {path} /proc/sys/kernel/random/boot_id", power=True)


def _run(*words: str) -> None:
    subprocess.run(words, check=True, capture_output=True, text=True)


def localhost_is(address: str, folder: Path) -> tuple[str, ...]:
    """Words before a command for which "localhost" is `address`."""
    hosts = folder / "hosts"
    hosts.write_text(f"{address} localhost\n")
    return mounted(f"mount --bind {hosts} /etc/hosts")


class Wire:
    """A network namespace that only reaches `address`, on this side of the wire; "localhost" there means that address."""

    def __init__(self, folder: Path) -> None:
        self._name = f"wire-{os.getpid()}-{next(_numbers)}"
        self._near, self._far = (f"w{secrets.token_hex(5)}" for _ in range(2))
        # 198.18.0.0/15 is set aside for tests of networks (RFC 2544).
        net = f"198.{18 + secrets.randbelow(2)}.{secrets.randbelow(256)}.{4 * secrets.randbelow(64)}".rsplit(".", 1)
        self.address, self._there = (f"{net[0]}.{int(net[1]) + n}" for n in (1, 2))
        self._folder = folder

    def __enter__(self) -> Wire:
        _run("ip", "netns", "add", self._name)
        try:
            _run("ip", "link", "add", self._near, "type", "veth", "peer", "name", self._far, "netns", self._name)
            _run("ip", "address", "add", f"{self.address}/30", "dev", self._near)
            _run("ip", "link", "set", self._near, "up")
            self._inside("ip", "address", "add", f"{self._there}/30", "dev", self._far)
            self._inside("ip", "link", "set", self._far, "up")
            self._inside("ip", "link", "set", "lo", "up")
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        subprocess.run(["ip", "link", "del", self._near], capture_output=True)
        _run("ip", "netns", "del", self._name)

    @property
    def prefix(self) -> tuple[str, ...]:
        """Words before a command that run it at the far end."""
        return ("ip", "netns", "exec", self._name, *localhost_is(self.address, self._folder))

    def cut(self) -> None:
        """Every packet is lost, and nobody is told."""
        self.lose(1.0)

    def lose(self, share: float) -> None:
        """A random share of the packets is lost, in each direction."""
        self.mend()
        random = ("-m", "statistic", "--mode", "random", "--probability", f"{share:.3f}") if share < 1 else ()
        for chain in ("INPUT", "OUTPUT"):
            self._inside("iptables", "-A", chain, *random, "-j", "DROP")

    def unplug(self) -> None:
        """The link is down: there is no way to anywhere."""
        self._inside("ip", "link", "set", self._far, "down")

    def mend(self) -> None:
        """The wire is as good as new."""
        self._inside("ip", "link", "set", self._far, "up")
        self._inside("iptables", "-F")

    def _inside(self, *words: str) -> None:
        _run("ip", "netns", "exec", self._name, *words)

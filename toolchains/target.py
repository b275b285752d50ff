# SPDX-FileCopyrightText: The aws-iot-device-client authors
# SPDX-License-Identifier: Apache-2.0
"""The targets: everything known about an architecture is in its file, toolchains/targets/ARCH.toml.

The build, the demo, the benchmarks, the tests and ci/ all learn it here. To add a target is to add a file.
"""

from __future__ import annotations

import functools
import platform
import tomllib
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from toolchains.base import ROOT, BuildError

FOLDER = Path("toolchains/targets")
# By the name of a field's type: the types of its value in TOML, and of an array's items; and how an error names it.
_KINDS: dict[str, tuple[type, type | None, str]] = {
    "bool": (bool, None, "true or false"),
    "int": (int, None, "a whole number"),
    "str": (str, None, "a text"),
    "tuple[int, ...]": (list, int, "an array of whole numbers"),
    "tuple[str, ...]": (list, str, "an array of texts"),
}


@dataclass(frozen=True)
class Target:
    """One architecture: `arch` is its file's name, the other fields are the keys of the file."""

    arch: str
    # Whether `make binaries` builds it and CI tests it; if not, it is built on demand.
    suite: bool

    # What the compilers call it. Assembler files may have a target of their own; a file of a library that asks for
    # -march=armv8..., because it runs only where the processor has it, is compiled for `cpu_for_march`.
    zig_target: str
    zig_asm_target: str
    cpu: str
    cpu_for_march: str
    configure_host: str
    cmake_processor: str
    rust_target: str
    pointer_bits: int
    # Flags for Nuitka's C, which repeats itself: runs of instructions that occur again become functions.
    outliner: str
    max_bytes: int

    # The symbol the kernel jumps to. If it is not _start it is in c/cpu_check.S: of each mask of AT_HWCAP at least one bit
    # must be set, else the message is all that happens. `too_old` is qemu's name of a processor that gets it.
    entry: str
    entry_hwcap: tuple[int, ...]
    entry_message: str
    too_old: str

    # The machine: `uname -m`, first as the emulator has it; the kernel where the architecture or our support begins, and
    # the number of its newest system call (asm/unistd.h); the words that run a program elsewhere; Debian's name.
    uname: tuple[str, ...]
    oldest_kernel: str
    newest_call: int
    emulator: tuple[str, ...]
    debian: str

    # The file, as its ELF header has it and as readelf shows flags and attributes.
    elf_machine: int
    elf_flags: str
    elf_attributes: tuple[str, ...]

    @property
    def elf_class(self) -> int:
        """EI_CLASS: 1 is 32 bit, 2 is 64."""
        return self.pointer_bits // 32

    @property
    def emulated_cpu(self) -> str:
        """The processor that the emulator is told to be; empty if it is left to the emulator."""
        return self.emulator[-1] if "-cpu" in self.emulator else ""

    @classmethod
    @functools.cache
    def of(cls, arch: str) -> Target:
        """The target of that name. Raises BuildError."""
        if arch not in ARCHES:
            raise BuildError(f"no such architecture: {arch!r}; wanted one of {', '.join(ARCHES)}")
        return read(ROOT / FOLDER / f"{arch}.toml")


def read(file: Path) -> Target:
    """The target that a file describes. Raises BuildError, which names the file and the key."""
    name = FOLDER / file.name
    try:
        found = tomllib.loads(file.read_text(encoding="utf-8"))
    except ValueError as error:
        raise BuildError(f"{name}: {error}") from error
    wanted = {field.name: str(field.type) for field in fields(Target) if field.name != "arch"}
    for key in found.keys() - wanted.keys():
        raise BuildError(f"{name}: {key!r} is no key of a target; the keys are {', '.join(wanted)}")
    values: dict[str, Any] = {}
    for key, kind in wanted.items():
        if key not in found:
            raise BuildError(f"{name}: the key {key!r} is missing")
        values[key] = _value(f"{name}: {key}", kind, found[key])
    return Target(arch=file.stem, **values)


def _value(where: str, kind: str, value: object) -> object:
    outer, inner, words = _KINDS[kind]
    good = type(value) is outer
    if isinstance(value, list):
        good = good and all(type(item) is inner for item in value)
        value = tuple(value) if good else value
    if not good:
        raise BuildError(f"{where} = {value!r}: {words} is wanted")
    return value


ARCHES = tuple(sorted(file.stem for file in (ROOT / FOLDER).glob("*.toml")))


def ci_suite() -> tuple[str, ...]:
    """The architectures that `make binaries` builds and CI tests. Raises BuildError."""
    return tuple(arch for arch in ARCHES if Target.of(arch).suite)


def host_arch() -> str:
    """This machine's architecture, by the name its binary has in dist/; else what the machine calls itself."""
    machine = platform.machine()
    return next((arch for arch in ARCHES if machine in Target.of(arch).uname), machine)

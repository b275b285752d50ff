# SPDX-FileCopyrightText: The aws-iot-device-client authors
# SPDX-License-Identifier: Apache-2.0
"""The targets, one file each under toolchains/targets/."""

from __future__ import annotations

import tomllib
from pathlib import Path

from toolchains.base import HERE, BuildError

ARCHES = ("x86_64", "aarch64", "armv7")


class Target:
    """What one architecture needs; fields are the keys of its file, `arch` the file's name."""

    def __init__(self, arch: str) -> None:
        if arch not in ARCHES:
            raise BuildError(f"no such architecture: {arch!r}; wanted one of {', '.join(ARCHES)}")
        self.arch = arch
        self.file: Path = HERE / "targets" / f"{arch}.toml"
        data = tomllib.loads(self.file.read_text(encoding="utf-8"))
        self.zig_target: str = data["zig_target"]
        self.zig_asm_target: str = data["zig_asm_target"]
        self.cpu: str = data["cpu"]
        self.configure_host: str = data["configure_host"]
        self.cmake_processor: str = data["cmake_processor"]
        self.rust_target: str = data["rust_target"]
        self.pointer_bits: int = data["pointer_bits"]
        self.entry: str = data["entry"]
        self.max_bytes: int = data["max_bytes"]
        self.qemu: list[str] = data["qemu"]

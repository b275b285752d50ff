# SPDX-FileCopyrightText: The aws-iot-device-client authors
# SPDX-License-Identifier: Apache-2.0
"""A bare interpreter of the libpython that is in an agent's binary: what the bench compares that binary with."""

from __future__ import annotations

import shutil
from pathlib import Path

from toolchains import allocator, buildpython, cpython, fetch, zig
from toolchains.stage import HERE, Builder, default_cache, recipe
from toolchains.target import Target


def interpreter(arch: str) -> tuple[Path, Path]:
    """The interpreter for `arch`, and the folder that PYTHONHOME has to name. Built if the cache lacks it.

    Raises BuildError.
    """
    builder = Builder(default_cache().resolve(), None, verbose=False)
    python = buildpython.host(builder, locked=False)
    compiler = zig.compiler(builder, fetch.host_tools(builder), Target(arch))
    library = cpython.library(builder, python, compiler)
    _, musl = allocator.source(builder, locked=False)
    memory = allocator.library(builder, musl, compiler)

    def build(work: Path) -> None:
        command: list[str | Path] = [compiler.cc, "-Oz", "-static", "-Wl,--gc-sections", "-s"]
        command += [f"-I{library}/include/python3.13", HERE / "c/bare_python.c", library / "lib/libpython3.13.a"]
        command.append(memory / "lib/liballocator.a")
        builder.run([*command, "-o", work / "python"], env=compiler.environment(work))
        shutil.rmtree(work / ".zig")

    inputs: list[str | Path] = [library, memory, compiler.folder, HERE / "c/bare_python.c", recipe("bare")]
    return builder.stage(f"bare-python-{arch}", inputs, build) / "python", python.build_python

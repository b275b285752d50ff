# SPDX-FileCopyrightText: The aws-iot-device-client authors
# SPDX-License-Identifier: Apache-2.0
"""A bare interpreter of the libpython that is in an agent's binary: what the bench compares that binary with."""

from __future__ import annotations

import shutil
from pathlib import Path

from toolchains import allocator, cpython, fetch, hostpython, zig
from toolchains.base import HERE
from toolchains.recipe import recipe
from toolchains.stages import Stages, default_cache
from toolchains.target import Target


def interpreter(arch: str) -> tuple[Path, Path]:
    """The interpreter for `arch`, and the folder that PYTHONHOME has to name. Built if the cache lacks it.

    Raises BuildError.
    """
    stages = Stages(default_cache().resolve(), None, verbose=False)
    python = hostpython.cpython(stages, locked=False)
    compiler = zig.compiler(stages, fetch.host_tools(stages), Target.of(arch))
    library = cpython.library(stages, python, compiler)
    _, musl = allocator.source(stages, locked=False)
    memory = allocator.library(stages, musl, compiler)

    def make(work: Path) -> None:
        command: list[str | Path] = [compiler.cc, "-Oz", "-static", "-Wl,--gc-sections", "-s"]
        command += [f"-I{library}/include/python3.13", HERE / "c/interpreter.c", library / "lib/libpython3.13.a"]
        command.append(memory / "lib/liballocator.a")
        stages.run([*command, "-o", work / "python"], env=compiler.environment(work))
        shutil.rmtree(work / ".zig")

    inputs: list[str | Path] = [library, memory, compiler.folder, HERE / "c/interpreter.c", recipe("interpreter")]
    return stages.stage(f"interpreter-{arch}", inputs, make) / "python", python.host

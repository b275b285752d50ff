# SPDX-FileCopyrightText: The aws-iot-device-client authors
# SPDX-License-Identifier: Apache-2.0
"""musl's allocator, in place of the one in zig's libc, which keeps what was freed for each size and processor apart.

That costs memory that grows for days in an agent whose threads hand each other buffers; musl's gives it back.
"""

from __future__ import annotations

import shutil
from pathlib import Path

from toolchains.base import HERE
from toolchains.fetch import debian_packages, package_version
from toolchains.recipe import recipe
from toolchains.stages import Stages
from toolchains.zig import Compiler

OURS = HERE / "c/allocator"
FLAGS = ["-std=gnu11", "-D_GNU_SOURCE", "-O2", "-ffunction-sections", "-fdata-sections", "-fno-builtin-malloc"]


def source(stages: Stages, locked: bool) -> tuple[str, Path]:
    """Stage: musl's source from Debian. Returns (Debian version, folder)."""
    downloads = debian_packages(stages, "musl", locked)

    def make(work: Path) -> None:
        description = next((downloads / "files").glob("*.dsc"))
        stages.run(["dpkg-source", "--no-check", "-x", description, work / "musl"], cwd=work)

    folder = stages.stage("musl-source", [downloads / "SHA256SUMS", recipe("allocator")], make)
    return package_version(downloads / "files", "musl"), folder / "musl"


def library(stages: Stages, tree: Path, compiler: Compiler) -> Path:
    """Stage: `lib/liballocator.a`: malloc and all of its kin."""

    def make(work: Path) -> None:
        code = work / "code"
        shutil.copytree(tree / "src/malloc/mallocng", code)
        for file in OURS.iterdir():  # glue.h there is musl's
            shutil.copy(file, code)
        environment = compiler.environment(work)
        stages.run([compiler.cc, *FLAGS, "-c", "allocator.c"], cwd=code, env=environment)
        (work / "lib").mkdir()
        stages.run([compiler.ar, "rcs", work / "lib/liballocator.a", "allocator.o"], cwd=code, env=environment)
        for leftover in (code, work / ".zig"):
            shutil.rmtree(leftover)

    inputs: list[str | Path] = [tree / "src/malloc/mallocng", OURS, compiler.folder, recipe("allocator")]
    return stages.stage(f"allocator-{compiler.target.arch}", inputs, make)

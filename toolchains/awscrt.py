# SPDX-FileCopyrightText: The aws-iot-device-client authors
# SPDX-License-Identifier: Apache-2.0
"""awscrt for one target: its C libraries, and the `_awscrt` module as a static library."""

from __future__ import annotations

import shutil
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from toolchains.base import HERE, BuildError
from toolchains.fetch import source_distribution
from toolchains.pins import pins
from toolchains.recipe import recipe
from toolchains.sources import apply_patches, unpack
from toolchains.stages import Stages
from toolchains.zig import Compiler

# Libraries that MQTT over TLS needs, dependants first.
LIBRARIES = ("aws-c-mqtt", "aws-c-http", "aws-c-compression", "aws-c-io", "aws-c-cal", "aws-c-common")
HEADERS = (*LIBRARIES, "aws-c-sdkutils", "aws-checksums", "aws-c-event-stream", "aws-c-auth", "aws-c-s3")
# Parts of the Python module that the trimmed method table (patches/awscrt/0001) no longer reaches.
LEFT_OUT = ("s3_", "event_stream_", "auth_", "cbor", "crc", "xxhash", "websocket", "crypto", "mqtt_request_response")

# Options stand in the toolchain file: awscrt's build hands only standard variables down to AWS-LC and s2n.
# OPENSSL_SMALL leaves out AWS-LC's big precomputed tables. DISABLE_CPU_JITTER_ENTROPY: see docs/building.md, it costs
# 37 ms and more at every start, and the kernel's getrandom stays the seed.
CMAKE_TOOLCHAIN = """\
set(CMAKE_SYSTEM_NAME Linux)
set(CMAKE_SYSTEM_PROCESSOR {processor})
set(CMAKE_C_COMPILER {bin}/cc)
set(CMAKE_CXX_COMPILER {bin}/c++)
set(CMAKE_ASM_COMPILER {bin}/cc)
set(CMAKE_AR {bin}/ar CACHE FILEPATH "")
set(CMAKE_RANLIB {bin}/ranlib CACHE FILEPATH "")
set(CMAKE_C_FLAGS_INIT "-ffunction-sections -fdata-sections")
set(CMAKE_C_FLAGS_RELWITHDEBINFO "-Os -DNDEBUG" CACHE STRING "" FORCE)
set(CMAKE_CXX_FLAGS_RELWITHDEBINFO "-Os -DNDEBUG" CACHE STRING "" FORCE)
set(CMAKE_FIND_ROOT_PATH_MODE_PROGRAM NEVER)
set(CMAKE_FIND_ROOT_PATH_MODE_LIBRARY ONLY)
set(CMAKE_FIND_ROOT_PATH_MODE_INCLUDE ONLY)
set(CMAKE_FIND_ROOT_PATH_MODE_PACKAGE ONLY)
set(OPENSSL_SMALL ON CACHE BOOL "")
set(DISABLE_CPU_JITTER_ENTROPY ON CACHE BOOL "")
"""


def source(stages: Stages) -> Path:
    """Stage: the patched source tree, without tests and without what is never built."""
    download = source_distribution(stages, "awscrt")

    def make(work: Path) -> None:
        (work / "unpacked").mkdir()
        archive = download / f"files/awscrt-{pins('awscrt')['version']}.tar.gz"
        tree = unpack(stages, archive, work / "unpacked")
        apply_patches(stages, "awscrt", tree)
        tree.rename(work / "awscrt")

    inputs: list[str | Path] = [pins("awscrt")["sha256"], HERE / "patches/awscrt", recipe("awscrt")]
    return stages.stage("awscrt-source", inputs, make) / "awscrt"


def libraries(stages: Stages, tree: Path, compiler: Compiler) -> Path:
    """Stage: the C libraries: `lib/*.a` and `include/`."""
    target = compiler.target

    def make(work: Path) -> None:
        objects = work / "objects"
        objects.mkdir()
        text = CMAKE_TOOLCHAIN.format(processor=target.cmake_processor, bin=compiler.folder / "bin")
        (work / "toolchain.cmake").write_text(text, encoding="utf-8")
        environment = compiler.environment(work)
        command: list[str | Path] = ["cmake", "-G", "Ninja", "-S", tree / "crt", "-B", objects]
        command += [f"-DCMAKE_TOOLCHAIN_FILE={work / 'toolchain.cmake'}", "-DCMAKE_BUILD_TYPE=RelWithDebInfo"]
        stages.run(command, env=environment)
        stages.run(["ninja", "-C", objects, f"-j{stages.jobs}", "aws-c-mqtt"], env=environment)
        (work / "lib").mkdir()
        built = [objects / name / f"lib{name}.a" for name in LIBRARIES]
        built += [objects / "deps/S2N/install/lib/libs2n.a", objects / "deps/AWSLC/install/lib/libcrypto.a"]
        for file in built:
            if not file.exists():
                raise BuildError(f"awscrt's build made no {file.name}")
            shutil.copy(file, work / "lib")
        for folder in [
            *(tree / "crt" / name / "include" for name in HEADERS),
            objects / "aws-c-common/generated/include",
        ]:
            shutil.copytree(folder, work / "include", dirs_exist_ok=True)
        for name in ("AWSLC", "S2N"):
            shutil.copytree(objects / f"deps/{name}/install/include", work / "include", dirs_exist_ok=True)
        for leftover in (objects, work / ".zig"):
            shutil.rmtree(leftover)

    inputs: list[str | Path] = [tree.parent, compiler.folder, target.cmake_processor, recipe("awscrt")]
    return stages.stage(f"awscrt-libraries-{target.arch}", inputs, make)


def module(stages: Stages, tree: Path, compiler: Compiler, crt: Path, python: Path) -> Path:
    """Stage: `lib/lib_awscrt.a`, the Python module, against the target's CPython headers."""
    target = compiler.target

    def make(work: Path) -> None:
        objects = work / "objects"
        objects.mkdir()
        environment = compiler.environment(work)
        flags = ["-c", "-Os", "-DNDEBUG", "-ffunction-sections", "-fdata-sections", "-fwrapv", "-std=gnu11"]
        flags += [f"-I{python / 'include/python3.13'}", f"-I{crt / 'include'}", f"-I{tree / 'source'}"]
        files = [f for f in sorted((tree / "source").glob("*.c")) if not f.name.startswith(LEFT_OUT)]

        def one(file: Path) -> None:
            stages.run([compiler.cc, *flags, "-o", objects / f"{file.stem}.o", file], env=environment)

        with ThreadPoolExecutor(stages.jobs) as pool:
            list(pool.map(one, files))
        (work / "lib").mkdir()
        stages.run([compiler.ar, "rcs", work / "lib/lib_awscrt.a", *sorted(objects.glob("*.o"))], env=environment)
        for leftover in (objects, work / ".zig"):
            shutil.rmtree(leftover)

    inputs: list[str | Path] = [tree.parent, compiler.folder, crt, python, recipe("awscrt")]
    return stages.stage(f"awscrt-module-{target.arch}", inputs, make)

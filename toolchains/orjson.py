# SPDX-FileCopyrightText: The aws-iot-device-client authors
# SPDX-License-Identifier: Apache-2.0
"""orjson for one target: a static library, compiled by Debian's Rust unpacked into the cache."""

from __future__ import annotations

import shutil
from pathlib import Path

from toolchains.base import HERE, BuildError
from toolchains.fetch import debian_packages, package_version, source_distribution
from toolchains.pins import pins
from toolchains.recipe import recipe
from toolchains.sources import apply_patches, unpack
from toolchains.stages import Stages
from toolchains.zig import Compiler

# Programs of a newer Debian run here through the loader and libraries that were unpacked beside them.
RUN_UNPACKED = """\
#!/bin/sh
exec {root}/usr/lib/x86_64-linux-gnu/ld-linux-x86-64.so.2 \\
    --library-path {root}/usr/lib/x86_64-linux-gnu {root}/usr/bin/{name} "$@"
"""

PYO3_CONFIG = """\
implementation=CPython
version=3.13
shared=false
abi3=false
pointer_width={bits}
build_flags=
suppress_build_script_link_lines=true
"""

# An error inside orjson's Rust code (there is none known) ends the process at once: no unwinder, no messages, -0.5 MB.
RUST_FLAGS = (
    "-Zunstable-options -C force-unwind-tables=no -C panic=immediate-abort -C relocation-model=static "
    "-C target-feature=+crt-static -C debuginfo=0"
)
# Rust's own library is built with orjson: without an unwinder, and for size.
CARGO_OPTIONS = [
    *("--lib", "--crate-type", "staticlib", "--release", "--offline"),
    *("-Z", "panic-immediate-abort", "-Z", "build-std=std,panic_abort"),
    *("-Z", "build-std-features=optimize_for_size"),
]


class Rust:
    """Where cargo and rustc are, and their Debian version."""

    def __init__(self, version: str, folder: Path) -> None:
        self.version = version
        self.folder = folder


def rust(stages: Stages, locked: bool) -> Rust:
    """Stage: rustc, cargo and the sources of Rust's standard library, unpacked."""
    downloads = debian_packages(stages, "rust", locked)

    def make(work: Path) -> None:
        for package in sorted((downloads / "files").glob("*.deb")):
            stages.run(["dpkg-deb", "-x", package, work / "root"])
        check = _wrappers(work / "root", work)
        for name in ("rustc", "cargo"):
            stages.run([check / name, "--version"])
        shutil.rmtree(check)

    return Rust(
        package_version(downloads / "files", "rust"),
        stages.stage("rust", [downloads / "SHA256SUMS", recipe("orjson")], make),
    )


def _wrappers(root: Path, work: Path) -> Path:
    folder = work / "bin"
    folder.mkdir()
    for name in ("rustc", "cargo"):
        script = folder / name
        script.write_text(RUN_UNPACKED.format(root=root, name=name), encoding="utf-8")
        script.chmod(0o755)
    return folder


def _vendor(tree: Path, tools: Rust) -> None:
    """Put the crates of Rust's own library beside the vendored ones, so that cargo builds both without a network."""
    libraries = list((tools.folder / "root/usr/src").glob("rustc-*/library/vendor"))
    if len(libraries) != 1:
        raise BuildError(
            "rust-src: one library/vendor folder was wanted in usr/src/rustc-*, found " + str(len(libraries))
        )
    for crate in sorted(libraries[0].iterdir()):
        if not (tree / "include/cargo" / crate.name).exists():
            shutil.copytree(crate, tree / "include/cargo" / crate.name)


def source(stages: Stages) -> Path:
    """Stage: the patched source tree with its vendored crates."""
    download = source_distribution(stages, "orjson")

    def make(work: Path) -> None:
        tree = unpack(stages, download / f"files/orjson-{pins('orjson')['version']}.tar.gz", work)
        apply_patches(stages, "orjson", tree)
        tree.rename(work / "orjson")

    inputs: list[str | Path] = [pins("orjson")["sha256"], HERE / "patches/orjson", recipe("orjson")]
    return stages.stage("orjson-source", inputs, make) / "orjson"


def library(stages: Stages, tools: Rust, pristine: Path, compiler: Compiler) -> Path:
    """Stage: `lib/liborjson.a`."""
    target = compiler.target

    def make(work: Path) -> None:
        tree = work / "source"
        shutil.copytree(pristine, tree)
        _vendor(tree, tools)
        (work / "pyo3.cfg").write_text(PYO3_CONFIG.format(bits=target.pointer_bits), encoding="utf-8")
        wrappers = _wrappers(tools.folder / "root", work)
        environment = _environment(compiler, stages.cache, wrappers, work)
        command: list[str | Path] = [wrappers / "cargo", "rustc", *CARGO_OPTIONS, f"-j{stages.jobs}"]
        command += ["--target", target.rust_target, "--target-dir", work / "target"]
        stages.run(command, cwd=tree, env=environment)
        (work / "lib").mkdir()
        shutil.copy(work / f"target/{target.rust_target}/release/liborjson.a", work / "lib")
        for leftover in ("source", "target", "cargo", "bin", ".zig"):
            shutil.rmtree(work / leftover, ignore_errors=True)

    inputs: list[str | Path] = [pristine.parent, tools.folder, compiler.folder]
    inputs += [target.rust_target, str(target.pointer_bits), recipe("orjson")]
    return stages.stage(f"orjson-{target.arch}", inputs, make)


def _environment(compiler: Compiler, cache: Path, wrappers: Path, work: Path) -> dict[str, str]:
    """What cargo, and the C compiler that it calls, are told for this target."""
    environment = compiler.environment(work)
    name = compiler.target.rust_target.replace("-", "_")
    return environment | {
        "PATH": f"{wrappers}:{environment['PATH']}",
        "RUSTC": str(wrappers / "rustc"),
        "RUSTC_BOOTSTRAP": "1",
        "CARGO_HOME": str(work / "cargo"),
        "PYO3_CONFIG_FILE": str(work / "pyo3.cfg"),
        "CRATE_CC_NO_DEFAULTS": "1",
        f"CC_{name}": str(compiler.cc),
        f"AR_{name}": str(compiler.ar),
        f"CFLAGS_{name}": "-Os -ffunction-sections -fdata-sections",
        f"CARGO_TARGET_{name.upper()}_LINKER": str(compiler.cc),
        "RUSTFLAGS": f"{RUST_FLAGS} --remap-path-prefix={cache}=. --remap-path-prefix={work}=.",
        "CARGO_PROFILE_RELEASE_OPT_LEVEL": "s",
        "CARGO_PROFILE_RELEASE_PANIC": "immediate-abort",
    }

# SPDX-FileCopyrightText: The aws-iot-device-client authors
# SPDX-License-Identifier: Apache-2.0
"""orjson for one target: a static library, compiled by Debian's Rust unpacked into the cache."""

from __future__ import annotations

import shutil
from pathlib import Path

from toolchains.fetch import debian_packages, package_version, source_distribution
from toolchains.pins import pins
from toolchains.stage import HERE, Builder, BuildError, apply_patches, recipe, unpack
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


class Rust:
    """Where cargo and rustc are, and their Debian version."""

    def __init__(self, version: str, folder: Path) -> None:
        self.version = version
        self.folder = folder


def rust(builder: Builder, locked: bool) -> Rust:
    """Stage: rustc, cargo and the sources of Rust's standard library, unpacked."""
    downloads = debian_packages(builder, "rust", locked)

    def build(work: Path) -> None:
        for package in sorted((downloads / "files").glob("*.deb")):
            builder.run(["dpkg-deb", "-x", package, work / "root"])
        check = _wrappers(work / "root", work)
        for name in ("rustc", "cargo"):
            builder.run([check / name, "--version"])
        shutil.rmtree(check)

    return Rust(
        package_version(downloads / "files", "rust"),
        builder.stage("rust", [downloads / "SHA256SUMS", recipe("orjson")], build),
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


def source(builder: Builder) -> Path:
    """Stage: the patched source tree with its vendored crates."""
    download = source_distribution(builder, "orjson")

    def build(work: Path) -> None:
        tree = unpack(builder, download / f"files/orjson-{pins('orjson')['version']}.tar.gz", work)
        apply_patches(builder, "orjson", tree)
        tree.rename(work / "orjson")

    inputs: list[str | Path] = [pins("orjson")["sha256"], HERE / "patches/orjson"]
    return builder.stage("orjson-source", inputs, build) / "orjson"


def library(builder: Builder, tools: Rust, pristine: Path, compiler: Compiler) -> Path:
    """Stage: `lib/liborjson.a`."""
    target = compiler.target
    triple = target.rust_target

    def build(work: Path) -> None:
        tree = work / "source"
        shutil.copytree(pristine, tree)
        _vendor(tree, tools)
        (work / "pyo3.cfg").write_text(PYO3_CONFIG.format(bits=target.pointer_bits), encoding="utf-8")
        wrappers = _wrappers(tools.folder / "root", work)
        name = triple.replace("-", "_")
        environment = compiler.environment(work)
        environment |= {
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
            "RUSTFLAGS": f"{RUST_FLAGS} --remap-path-prefix={builder.cache}=. --remap-path-prefix={work}=.",
            "CARGO_PROFILE_RELEASE_OPT_LEVEL": "s",
            "CARGO_PROFILE_RELEASE_PANIC": "immediate-abort",
        }
        command: list[str | Path] = [
            wrappers / "cargo",
            "rustc",
            "--lib",
            "--crate-type",
            "staticlib",
            "--release",
            "--offline",
        ]
        command += [
            "--target",
            triple,
            "--target-dir",
            work / "target",
            f"-j{builder.jobs}",
            "-Z",
            "panic-immediate-abort",
        ]
        command += ["-Z", "build-std=std,panic_abort", "-Z", "build-std-features=optimize_for_size"]
        builder.run(command, cwd=tree, env=environment)
        (work / "lib").mkdir()
        shutil.copy(work / f"target/{triple}/release/liborjson.a", work / "lib")
        for leftover in ("source", "target", "cargo", "bin", ".zig"):
            shutil.rmtree(work / leftover, ignore_errors=True)

    inputs: list[str | Path] = [
        pristine.parent,
        tools.folder,
        compiler.folder,
        triple,
        str(target.pointer_bits),
        recipe("orjson"),
    ]
    return builder.stage(f"orjson-{target.arch}", inputs, build)

# SPDX-FileCopyrightText: The aws-iot-device-client authors
# SPDX-License-Identifier: Apache-2.0
"""CPython: its source, and a build-python that runs on this machine."""

from __future__ import annotations

import shutil
from pathlib import Path

from toolchains.fetch import debian_packages, package_version
from toolchains.stage import HERE, Builder, apply_patches, clean_environment, recipe

CONFIGURE = [
    "--disable-shared",
    "--disable-test-modules",
    "--without-ensurepip",
    "--without-readline",
    "--without-mimalloc",
    "--with-pkg-config=no",
    "--prefix=/usr",
]
# Both Pythons get the same compiler and build date texts: Nuitka copies sys.version from one into the other.
SAME_TEXTS = '-DCOMPILER="\\"[C]\\"" -DDATE="\\"Jan 1 1970\\"" -DTIME="\\"00:00:00\\""'


class CPython:
    """The source tree, its Debian version, the build-python's folder."""

    def __init__(self, version: str, source: Path, build_python: Path) -> None:
        self.version = version
        self.source = source
        self.build_python = build_python

    @property
    def executable(self) -> Path:
        return self.build_python / "bin/python3.13"


def source(builder: Builder, locked: bool) -> tuple[str, Path]:
    """Stage: Debian's source with its security patches and ours applied. Returns (Debian version, folder)."""
    downloads = debian_packages(builder, "cpython", locked)

    def build(work: Path) -> None:
        description = next((downloads / "files").glob("*.dsc"))
        builder.run(["dpkg-source", "--no-check", "-x", description, work / "cpython"], cwd=work)
        tree = work / "cpython"
        # Debian's install schemes make every tool take this for a system Python.
        builder.run(["patch", "-p1", "-R", "-i", "debian/patches/sysconfig-debian-schemes.diff"], cwd=tree)
        apply_patches(builder, "cpython", tree)
        for leftover in ("debian", ".pc", "Doc", "Lib/test", "Lib/idlelib", "Mac", "PCbuild"):
            shutil.rmtree(tree / leftover, ignore_errors=True)

    folder = builder.stage(
        "cpython-source", [downloads / "SHA256SUMS", HERE / "patches/cpython", recipe("buildpython")], build
    )
    return package_version(downloads / "files", "cpython"), folder / "cpython"


def setup_modules(work: Path, *lists: str) -> None:
    (work / "Modules").mkdir(exist_ok=True)
    text = "".join((HERE / name).read_text(encoding="utf-8") for name in lists)
    (work / "Modules/Setup.local").write_text("*static*\n" + text, encoding="utf-8")


def build_python(builder: Builder, tree: Path) -> Path:
    """Stage: a Python of the same source for this machine. It runs Nuitka, and freezes modules for the targets.

    It has the target's extension modules built in, a few more that tools need, and empty `_awscrt` and `orjson`, so that
    Nuitka takes those two for built-in modules, which they are in the target.
    """

    def build(work: Path) -> None:
        make = work / "make"
        make.mkdir()
        environment = clean_environment(
            {"CC": "gcc", "CFLAGS": "-O1 -w", "OPT": "-DNDEBUG -fwrapv", "SOURCE_DATE_EPOCH": "0"}
        )
        builder.run([tree / "configure", *CONFIGURE], cwd=make, env=environment)
        setup_modules(make, "modules.txt", "modules-build.txt")
        texts = f"CFLAGS_NODIST={SAME_TEXTS}"
        builder.run(
            ["make", f"-j{builder.jobs}", texts, "libpython3.13.a", "pybuilddir.txt"], cwd=make, env=environment
        )
        prefix = work / "python"
        (prefix / "bin").mkdir(parents=True)
        command: list[str | Path] = ["gcc", "-O1", f"-I{tree}/Include", "-I.", HERE / "c/build_python.c"]
        command += ["libpython3.13.a", "-lz", "-lffi", "-lm", "-ldl", "-lpthread", "-Wl,--export-dynamic"]
        builder.run([*command, "-o", prefix / "bin/python3.13"], cwd=make, env=environment)
        library = prefix / "lib/python3.13"
        shutil.copytree(tree / "Lib", library, symlinks=True)
        generated = make / (make / "pybuilddir.txt").read_text(encoding="ascii").strip()
        for file in generated.glob("_sysconfigdata*.py"):
            shutil.copy(file, library)
        shutil.copytree(tree / "Include", prefix / "include/python3.13")
        shutil.copy(make / "pyconfig.h", prefix / "include/python3.13")
        (library / "lib-dynload").mkdir()
        (library / "config-3.13").mkdir()
        shutil.copy(make / "Makefile", library / "config-3.13")
        shutil.rmtree(make)

    inputs: list[str | Path] = [
        tree.parent,
        HERE / "modules.txt",
        HERE / "modules-build.txt",
        HERE / "c/build_python.c",
        recipe("buildpython"),
    ]
    return builder.stage("build-python", inputs, build) / "python"


def host(builder: Builder, locked: bool) -> CPython:
    """Stages: source and build-python."""
    version, tree = source(builder, locked)
    return CPython(version, tree, build_python(builder, tree))

# SPDX-FileCopyrightText: The aws-iot-device-client authors
# SPDX-License-Identifier: Apache-2.0
"""CPython: its source, and a host python: one of the same source that runs on this machine."""

from __future__ import annotations

import shutil
from pathlib import Path

from toolchains.base import HERE, clean_environment
from toolchains.fetch import debian_packages, package_version
from toolchains.recipe import recipe
from toolchains.sources import apply_patches
from toolchains.stages import Stages

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
    """The source tree, its Debian version, the host python's folder."""

    def __init__(self, version: str, source: Path, host: Path) -> None:
        self.version = version
        self.source = source
        self.host = host

    @property
    def executable(self) -> Path:
        return self.host / "bin/python3.13"


def source(stages: Stages, locked: bool) -> tuple[str, Path]:
    """Stage: Debian's source with its security patches and ours applied. Returns (Debian version, folder)."""
    downloads = debian_packages(stages, "cpython", locked)

    def make(work: Path) -> None:
        description = next((downloads / "files").glob("*.dsc"))
        stages.run(["dpkg-source", "--no-check", "-x", description, work / "cpython"], cwd=work)
        tree = work / "cpython"
        # Debian's install schemes make every tool take this for a system Python.
        stages.run(["patch", "-p1", "-R", "-i", "debian/patches/sysconfig-debian-schemes.diff"], cwd=tree)
        apply_patches(stages, "cpython", tree)
        for leftover in ("debian", ".pc", "Doc", "Lib/test", "Lib/idlelib", "Mac", "PCbuild"):
            shutil.rmtree(tree / leftover, ignore_errors=True)

    inputs: list[str | Path] = [downloads / "SHA256SUMS", HERE / "patches/cpython", recipe("hostpython")]
    folder = stages.stage("cpython-source", inputs, make)
    return package_version(downloads / "files", "cpython"), folder / "cpython"


def setup_modules(work: Path, *lists: str) -> None:
    (work / "Modules").mkdir(exist_ok=True)
    text = "".join((HERE / name).read_text(encoding="utf-8") for name in lists)
    (work / "Modules/Setup.local").write_text("*static*\n" + text, encoding="utf-8")


def host_python(stages: Stages, tree: Path) -> Path:
    """Stage: a Python of the same source for this machine. It runs Nuitka, and freezes modules for the targets.

    It has the target's extension modules built in, a few more that tools need, and empty `_awscrt` and `orjson`, so that
    Nuitka takes those two for built-in modules, which they are in the target.
    """

    def make(work: Path) -> None:
        objects = work / "objects"
        objects.mkdir()
        _compile(stages, tree, objects, work / "python")
        _furnish(tree, objects, work / "python")
        shutil.rmtree(objects)

    lists = [HERE / "modules.txt", HERE / "modules-host.txt"]
    inputs: list[str | Path] = [tree.parent, *lists, HERE / "c/host_python.c", recipe("hostpython")]
    return stages.stage("host-python", inputs, make) / "python"


def _compile(stages: Stages, tree: Path, objects: Path, prefix: Path) -> None:
    """PREFIX/bin/python3.13."""
    flags = {"CC": "gcc", "CFLAGS": "-O1 -w", "OPT": "-DNDEBUG -fwrapv", "SOURCE_DATE_EPOCH": "0"}
    environment = clean_environment(flags)
    stages.run([tree / "configure", *CONFIGURE], cwd=objects, env=environment)
    setup_modules(objects, "modules.txt", "modules-host.txt")
    wanted = [f"CFLAGS_NODIST={SAME_TEXTS}", "libpython3.13.a", "pybuilddir.txt"]
    stages.run(["make", f"-j{stages.jobs}", *wanted], cwd=objects, env=environment)
    (prefix / "bin").mkdir(parents=True)
    command: list[str | Path] = ["gcc", "-O1", f"-I{tree}/Include", "-I.", HERE / "c/host_python.c"]
    command += ["libpython3.13.a", "-lz", "-lffi", "-lm", "-ldl", "-lpthread", "-Wl,--export-dynamic"]
    stages.run([*command, "-o", prefix / "bin/python3.13"], cwd=objects, env=environment)


def _furnish(tree: Path, objects: Path, prefix: Path) -> None:
    """The library, the headers, and the files by which tools learn how this Python was built."""
    library = prefix / "lib/python3.13"
    shutil.copytree(tree / "Lib", library, symlinks=True)
    generated = objects / (objects / "pybuilddir.txt").read_text(encoding="ascii").strip()
    for file in generated.glob("_sysconfigdata*.py"):
        shutil.copy(file, library)
    shutil.copytree(tree / "Include", prefix / "include/python3.13")
    shutil.copy(objects / "pyconfig.h", prefix / "include/python3.13")
    (library / "lib-dynload").mkdir()
    (library / "config-3.13").mkdir()
    shutil.copy(objects / "Makefile", library / "config-3.13")


def cpython(stages: Stages, locked: bool) -> CPython:
    """Stages: source and host python."""
    version, tree = source(stages, locked)
    return CPython(version, tree, host_python(stages, tree))

# SPDX-FileCopyrightText: The aws-iot-device-client authors
# SPDX-License-Identifier: Apache-2.0
"""`python -m toolchains.build [ARCH...]`: builds dist/ARCH/aws-iot-device-client for each architecture named, or for those
of CI's suite.

Everything it needs is fetched, checked and built in stages kept in a cache (docs/building.md). Exit 0: all built;
1: a build failed, the reason is the last line; 2: wrong arguments.
"""

from __future__ import annotations

import argparse
import os
import shutil
import signal
import sys
import time
from pathlib import Path

from toolchains import allocator, awscrt, components, cpython, fetch, hostpython, nuitka, orjson, zig
from toolchains.base import NAME, ROOT, BuildError
from toolchains.pins import pins, requirement
from toolchains.stages import CACHE_VARIABLE, Stages, default_cache
from toolchains.target import ARCHES, FOLDER, Target, ci_suite, host_arch

# Debian packages that the build runs; looked for by a file of theirs.
HOST_PACKAGES = {
    "gcc": "/usr/bin/gcc",
    "libc6-dev": "/usr/include/stdio.h",
    "make": "/usr/bin/make",
    "cmake": "/usr/bin/cmake",
    "ninja-build": "/usr/bin/ninja",
    "dpkg-dev": "/usr/bin/dpkg-source",
    "binutils": "/usr/bin/readelf",
    "ccache": "/usr/bin/ccache",
    "patch": "/usr/bin/patch",
    "file": "/usr/bin/file",  # Nuitka's last step asks it
    "xz-utils": "/usr/bin/xz",
    "zlib1g-dev": "/usr/include/zlib.h",
    "libffi-dev": "/usr/include/x86_64-linux-gnu/ffi.h",
    "debian-archive-keyring": "/usr/share/keyrings/debian-archive-keyring.gpg",
}


def ensure_host_packages(stages: Stages) -> None:
    """Install the Debian packages that are missing if this is root; else name them. Raises BuildError."""
    missing = [name for name, file in HOST_PACKAGES.items() if not Path(file).exists()]
    if not missing:
        return
    install = ["apt-get", "install", "--yes", "--no-install-recommends", *missing]
    if os.geteuid() != 0:
        raise BuildError(f"these Debian packages are needed: {' '.join(missing)}; run 'sudo {' '.join(install)}'")

    def run(work: Path) -> None:
        environment = {**fetch.network_environment(), "DEBIAN_FRONTEND": "noninteractive"}
        stages.run(["apt-get", "update"], env=environment)
        stages.run(install, env=environment)

    stages.say(f"installing Debian packages: {' '.join(missing)}")
    shutil.rmtree(stages.stage("host-packages", [str(missing), str(time.time())], run))


class Binaries:
    """One run: the stages that all targets share, then each target's."""

    def __init__(self, stages: Stages, locked: bool, features: tuple[str, ...], dist: Path) -> None:
        self.stages = stages
        self.features = features
        self.dist = dist
        ensure_host_packages(stages)
        self.tools = fetch.host_tools(stages)
        self.python = hostpython.cpython(stages, locked)
        self.rust = orjson.rust(stages, locked)
        self.crt = awscrt.source(stages)
        self.orjson = orjson.source(stages)
        self.musl_version, self.musl = allocator.source(stages, locked)
        self.components = components.components(self._trees(), self._versions())

    def _trees(self) -> dict[str, Path]:
        (rust,) = (self.rust.folder / "root/usr/src").glob("rustc-*")
        return {
            "cpython": self.python.source,
            "awscrt": self.crt,
            "orjson": self.orjson,
            "musl": self.musl,
            "rust": rust,
            "tools": self.tools,
        }

    def _versions(self) -> dict[str, str]:
        versions = {name: pins(name)["version"] for name in ("awscrt", "orjson")}
        versions |= {name: requirement(name) for name in ("nuitka", "ziglang")}
        return versions | {"rust": self.rust.version.split("+")[0], "musl": self.musl_version.split("-")[0]}

    def licences(self) -> None:
        """Write dist/LICENSES/ and this project's own licence into it."""
        components.collect_licences(self.components, self.dist / "LICENSES")
        if (ROOT / "LICENSE").exists():
            shutil.copyfile(ROOT / "LICENSE", self.dist / "LICENSES/LICENSE")

    def make(self, targets: list[Target]) -> None:
        """Build the architectures, as many at a time as there are cores: half of their stages keep only one busy."""
        self.stages.each(targets, self._binary, self._deliver)

    def _binary(self, stages: Stages, target: Target) -> Path:
        compiler = zig.compiler(stages, self.tools, target)
        library = cpython.library(stages, self.python, compiler)
        crt = awscrt.libraries(stages, self.crt, compiler)
        module = awscrt.module(stages, self.crt, compiler, crt, library)
        json = orjson.library(stages, self.rust, self.orjson, compiler)
        parts = [library, module, crt, json, allocator.library(stages, self.musl, compiler)]
        return nuitka.binary(stages, self.python, compiler, parts, self.tools, self.features)

    def _deliver(self, target: Target, folder: Path) -> None:
        """To dist/ARCH/: the file, its symbols, its bill of materials."""
        arch = target.arch
        out = self.dist / arch
        out.mkdir(parents=True, exist_ok=True)
        for name in (NAME, f"{NAME}.debug"):
            # A running agent keeps its old file: the new one takes the name.
            fresh = out / f".{name}.{os.getpid()}"
            shutil.copy2(folder / name, fresh)
            fresh.rename(out / name)
        size = (out / NAME).stat().st_size
        self.stages.say(f"  {out / NAME}: {size:,} bytes")
        components.write_sbom(self.components, self.tools, out / NAME, nuitka.version(), arch)
        if size > target.max_bytes and self.features == nuitka.FEATURES:
            raise BuildError(f"{arch}: {size:,} bytes, at most {target.max_bytes:,} are wanted ({FOLDER}/{arch}.toml)")


def _arguments(argv: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m toolchains.build", description=(__doc__ or "").split("\n\n")[0])
    known = f"{', '.join(ARCHES)}, or host for this machine's; default: those of CI's suite"
    parser.add_argument("arch", nargs="*", metavar="ARCH", help=known)
    parser.add_argument("--dist", type=Path, default=ROOT / "dist", help="where the result goes (default: dist)")
    parser.add_argument(
        "--exclude-jobs", action="store_true", help="leave the Jobs feature out (also: EXCLUDE_JOBS=ON)"
    )
    parser.add_argument(
        "--locked", action="store_true", help="refuse Debian packages of another version than the pinned one"
    )
    parser.add_argument(
        "--jobs", type=int, default=None, help="commands at once, of each of so many targets (default: one per core)"
    )
    parser.add_argument("--verbose", action="store_true", help="show the output of every command")
    parser.add_argument(
        "--cache", type=Path, default=default_cache(), help=f"the cache folder (also: {CACHE_VARIABLE})"
    )
    return parser.parse_args(argv)


def main(argv: list[str]) -> int:
    options = _arguments(argv)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    without_jobs = options.exclude_jobs or os.environ.get("EXCLUDE_JOBS", "OFF").upper() in ("ON", "1", "TRUE", "YES")
    features = tuple(name for name in nuitka.FEATURES if not (without_jobs and name == "jobs"))
    started = time.monotonic()
    stages = Stages(options.cache.resolve(), options.jobs, options.verbose)
    stages.say(f"building in {stages.cache}")
    try:
        targets = [Target.of(host_arch() if arch == "host" else arch) for arch in options.arch or ci_suite()]
        binaries = Binaries(stages, options.locked, features, options.dist.resolve())
        binaries.make(targets)
        binaries.licences()
        stages.prune()
    except BuildError as error:
        print(f"build failed: {error}", file=sys.stderr)
        return 1
    stages.say(f"done in {time.monotonic() - started:.1f} s")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

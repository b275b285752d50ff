# SPDX-FileCopyrightText: The aws-iot-device-client authors
# SPDX-License-Identifier: Apache-2.0
"""CPython for a target: the static library and its headers."""

from __future__ import annotations

import shutil
from pathlib import Path

from toolchains.base import HERE, BuildError
from toolchains.hostpython import CONFIGURE, SAME_TEXTS, CPython, setup_modules
from toolchains.recipe import recipe
from toolchains.stages import Stages
from toolchains.target import Target
from toolchains.zig import Compiler

# What configure cannot find out when it cross-compiles, or would find on the wrong machine.
ANSWERS = [
    "ac_cv_file__dev_ptmx=yes",
    "ac_cv_file__dev_ptc=no",
    "ac_cv_buggy_getaddrinfo=no",
    "ac_cv_func_dlopen=no",
    "ax_cv_c_float_words_bigendian=no",
]
# Appended to a target's pyconfig.h, which Nuitka's C is compiled with too. DC_SMALL: patches/cpython/0003. Without the radix
# tree pymalloc takes memory in pools of 4 kB and arenas of 256 kB, with it in 16 kB and 1 MB.
PYCONFIG = """
#define DC_SMALL 1
#define WITH_PYMALLOC_RADIX_TREE 0
"""


def _forget_source_folder(makefile: Path) -> None:
    """Python would look for its library in the folder it was built from; that path is not to be in the file."""
    text = makefile.read_text(encoding="utf-8")
    define = """-DVPATH='"$(VPATH)"'"""
    if define not in text:
        raise BuildError(
            f"CPython's Makefile: {define} is not there any more; mend _forget_source_folder in cpython.py"
        )
    makefile.write_text(text.replace(define, """-DVPATH='""'"""), encoding="utf-8")


def library(stages: Stages, python: CPython, compiler: Compiler) -> Path:
    """Stage: libpython3.13.a and the headers for one target: `lib/` and `include/python3.13/`."""
    target: Target = compiler.target

    def make(work: Path) -> None:
        objects = work / "objects"
        objects.mkdir()
        environment = compiler.environment(work) | _tools(compiler)
        _configure(stages, python, target.configure_host, objects, environment)
        wanted = [f"CFLAGS_NODIST={SAME_TEXTS}", "libpython3.13.a"]
        stages.run(["make", f"-j{stages.jobs}", *wanted], cwd=objects, env=environment)
        (work / "lib").mkdir()
        shutil.copy(objects / "libpython3.13.a", work / "lib")
        headers = work / "include/python3.13"
        shutil.copytree(python.source / "Include", headers)
        shutil.copy(objects / "pyconfig.h", headers)
        for leftover in (objects, work / ".zig"):
            shutil.rmtree(leftover)

    inputs: list[str | Path] = [python.source.parent, compiler.folder, HERE / "modules.txt"]
    inputs += [target.configure_host, recipe("cpython")]
    return stages.stage(f"cpython-{target.arch}", inputs, make)


def _tools(compiler: Compiler) -> dict[str, str]:
    return {
        "CC": str(compiler.cc),
        "CXX": str(compiler.cxx),
        "AR": str(compiler.ar),
        "RANLIB": str(compiler.ranlib),
        "READELF": "/usr/bin/readelf",
        "OPT": "-DNDEBUG -fwrapv -Wall",
        "CFLAGS": "-Os -ffunction-sections -fdata-sections -fno-semantic-interposition",
        "LDFLAGS": "-static",
    }


def _configure(stages: Stages, python: CPython, host: str, objects: Path, environment: dict[str, str]) -> None:
    triples = [f"--host={host}", "--build=x86_64-linux-gnu", f"--with-build-python={python.executable}"]
    options = [*CONFIGURE, *triples, "--without-doc-strings", "--enable-ipv6", *ANSWERS]
    stages.run([python.source / "configure", *options], cwd=objects, env=environment)
    setup_modules(objects, "modules.txt")
    # This writes the Makefile anew, with the modules; what is changed in it is changed after that.
    stages.run(["make", "Makefile"], cwd=objects, env=environment)
    _forget_source_folder(objects / "Makefile")
    with open(objects / "pyconfig.h", "a", encoding="utf-8") as header:
        header.write(PYCONFIG)

# SPDX-FileCopyrightText: The aws-iot-device-client authors
# SPDX-License-Identifier: Apache-2.0
"""CPython for a target: the static library and its headers."""

from __future__ import annotations

import shutil
from pathlib import Path

from toolchains.buildpython import CONFIGURE, SAME_TEXTS, CPython, setup_modules
from toolchains.stage import HERE, Builder, BuildError, recipe
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


def library(builder: Builder, python: CPython, compiler: Compiler) -> Path:
    """Stage: libpython3.13.a and the headers for one target: `lib/` and `include/python3.13/`."""
    target: Target = compiler.target

    def build(work: Path) -> None:
        make = work / "make"
        make.mkdir()
        environment = compiler.environment(work)
        environment |= {
            "CC": str(compiler.cc),
            "CXX": str(compiler.cxx),
            "AR": str(compiler.ar),
            "RANLIB": str(compiler.ranlib),
            "READELF": "/usr/bin/readelf",
            "OPT": "-DNDEBUG -fwrapv -Wall",
            "CFLAGS": "-Os -ffunction-sections -fdata-sections -fno-semantic-interposition",
            "LDFLAGS": "-static",
        }
        triples = [
            f"--host={target.configure_host}",
            "--build=x86_64-linux-gnu",
            f"--with-build-python={python.executable}",
        ]
        builder.run(
            [python.source / "configure", *CONFIGURE, *triples, "--without-doc-strings", "--enable-ipv6", *ANSWERS],
            cwd=make,
            env=environment,
        )
        setup_modules(make, "modules.txt")
        # This writes the Makefile anew, with the modules; what is changed in it is changed after that.
        builder.run(["make", "Makefile"], cwd=make, env=environment)
        _forget_source_folder(make / "Makefile")
        with open(make / "pyconfig.h", "a", encoding="utf-8") as header:
            header.write(PYCONFIG)
        texts = f"CFLAGS_NODIST={SAME_TEXTS}"
        builder.run(["make", f"-j{builder.jobs}", texts, "libpython3.13.a"], cwd=make, env=environment)
        (work / "lib").mkdir()
        shutil.copy(make / "libpython3.13.a", work / "lib")
        headers = work / "include/python3.13"
        shutil.copytree(python.source / "Include", headers)
        shutil.copy(make / "pyconfig.h", headers)
        for leftover in (make, work / ".zig"):
            shutil.rmtree(leftover)

    inputs: list[str | Path] = [
        python.source.parent,
        compiler.folder,
        HERE / "modules.txt",
        target.configure_host,
        recipe("cpython"),
        " ".join(CONFIGURE) + SAME_TEXTS,
    ]
    return builder.stage(f"cpython-{target.arch}", inputs, build)

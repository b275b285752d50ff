# SPDX-FileCopyrightText: The aws-iot-device-client authors
# SPDX-License-Identifier: Apache-2.0
"""`zig cc` as a plain cross compiler: one folder per target with cc, c++, clang, clang++, ar and ranlib."""

from __future__ import annotations

from pathlib import Path

from toolchains.base import clean_environment
from toolchains.recipe import recipe
from toolchains.stages import Stages
from toolchains.target import Target

# What every compilation gets last, so that it wins. -Oz everywhere: -Os and -O2 were measured, bigger and no faster.
# Line tables (-g1) end up only in the separate debug file. Unwind tables are of no use without a C++ exception.
LAST_FLAGS = "-fno-sanitize=undefined -fno-asynchronous-unwind-tables -fno-unwind-tables -Wno-date-time"

COMPILER = """\
#!/bin/sh
# Written by toolchains/zig.py. Mends what third-party builds ask for and zig's clang spells otherwise.
target={target}
debug=-g1
for word; do
    shift
    case $word in
        -O2|-O3|-Os) word=-Oz ;;
        -Wp,-U*) word=${{word#-Wp,}} ;;
        -march=armv8*) word=-mcpu={cpu_for_march} ;;
        -mtune=*|-flto*|-pipe) continue ;;
        -s) debug= ;;
        *.S) target={asm_target} ;;
    esac
    set -- "$@" "$word"
done
case " $* " in *" -mcpu="*) cpu= ;; *) cpu=-mcpu={cpu} ;; esac
exec {zig} {language} -target $target $cpu "$@" {last} $debug $DC_PREFIX_MAPS
"""

PLAIN = """\
#!/bin/sh
exec {zig} {command} "$@"
"""


class Compiler:
    """Where the compiler of one target is, and the environment a build with it needs."""

    def __init__(self, target: Target, folder: Path, zig_home: Path) -> None:
        self.target = target
        self.folder = folder
        self.cc = folder / "bin/cc"
        self.cxx = folder / "bin/c++"
        self.ar = folder / "bin/ar"
        self.ranlib = folder / "bin/ranlib"
        self.zig_home = zig_home

    def environment(self, work: Path) -> dict[str, str]:
        """The environment for one build folder.

        The object cache is the folder's own: zig takes two compilations with the same relative command line for the
        same, even in two folders with different headers. libc and compiler-rt are shared in the global cache.
        """
        return clean_environment(
            {
                "ZIG_LOCAL_CACHE_DIR": str(work / ".zig"),
                "ZIG_GLOBAL_CACHE_DIR": str(self.zig_home),
                # No path of this machine gets into an object: neither that of the cache nor that of the build folder.
                "DC_PREFIX_MAPS": f"-ffile-prefix-map={self.zig_home.parent}=. -ffile-prefix-map={work}=.",
                "SOURCE_DATE_EPOCH": "0",
                "HOME": str(work),
            }
        )


def compiler(stages: Stages, tools: Path, target: Target) -> Compiler:
    """Stage: the wrappers of one target, its libc built once into zig's global cache."""
    zig = tools / "ziglang/zig"
    zig_home = stages.cache / f"zig-{tools.name.rpartition('-')[2]}"

    def make(work: Path) -> None:
        (work / "bin").mkdir()
        for name, language in (("cc", "cc"), ("clang", "cc"), ("c++", "c++"), ("clang++", "c++")):
            text = COMPILER.format(
                target=target.zig_target,
                asm_target=target.zig_asm_target,
                cpu=target.cpu,
                cpu_for_march=target.cpu_for_march,
                zig=zig,
                language=language,
                last=LAST_FLAGS,
            )
            _script(work / "bin" / name, text)
        for name in ("ar", "ranlib"):
            _script(work / "bin" / name, PLAIN.format(zig=zig, command=name))
        made = Compiler(target, work, zig_home)
        (work / "hello.c").write_text("int main(void) { return 0; }\n", encoding="utf-8")
        stages.run([made.cc, "-Oz", "-static", "-o", "hello", "hello.c"], cwd=work, env=made.environment(work))

    inputs: list[str | Path] = [tools, target.zig_target, target.zig_asm_target, recipe("zig")]
    inputs += [target.cpu, target.cpu_for_march]
    folder = stages.stage(f"compiler-{target.arch}", inputs, make)
    return Compiler(target, folder, zig_home)


def _script(path: Path, text: str) -> None:
    path.write_text(text, encoding="utf-8")
    path.chmod(0o755)

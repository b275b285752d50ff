# SPDX-FileCopyrightText: The aws-iot-device-client authors
# SPDX-License-Identifier: Apache-2.0
"""The last stage: the agent's Python becomes C by Nuitka, is compiled and linked with everything else, and stripped.

Nuitka runs unmodified under the host python. What it takes for clang is a script of ours, first on PATH, that calls the
target's compiler; what it takes for the host python's own libpython and headers are the target's.
"""

from __future__ import annotations

import hashlib
import shutil
import subprocess
from pathlib import Path

from toolchains.base import HERE, NAME, ROOT, BuildError
from toolchains.hostpython import CPython
from toolchains.pins import pins, requirement
from toolchains.recipe import recipe
from toolchains.stages import Stages
from toolchains.zig import Compiler

PACKAGE = ROOT / "dc"
CHOICES = ROOT / "build"
FEATURES = ("jobs",)

OPTIONS = [
    "--mode=standalone",
    "--static-libpython=yes",
    "--clang",
    "--lto=no",
    "--deployment",
    "--assume-yes-for-downloads",
    "--no-progressbar",
    "--disable-plugins=multiprocessing",
    "--python-flag=-S,-m,no_docstrings,no_asserts,no_annotations,isolated",
    "--include-package=dc",
    f"--output-filename={NAME}",
]

# Nuitka's backend links for a dynamic Python: what only makes sense there is dropped. -rdynamic and --export-dynamic would
# also keep every function of every library. The link runs twice: with debug information for the .debug file, and stripped;
# both give the same code and build id. Threads get 1 MiB of stack: zig's default of 16 counts against RLIMIT_AS.
CLANG = """\
#!/bin/sh
# Written by toolchains/nuitka.py.
linking=yes
output=
last=
for word; do
    shift
    case $word in
        -Wl,--export-dynamic|-rdynamic|-Wl,-rpath*|-Wl,-R*|-Wl,--disable-new-dtags|-ldl|-lutil|-lrt|-s) continue ;;
        -c|-E) linking= ;;
    esac
    [ "$last" = -o ] && output=$word
    last=$word
    set -- "$@" "$word"
done
if [ -z "$linking" ] || [ -z "$output" ]; then
    exec {compiler} -ffunction-sections -fdata-sections {flags} "$@"
fi
link() {{
    {compiler} -Oz -static -Wl,--gc-sections -Wl,--build-id=0x{build_id} -Wl,-z,stack-size=1048576 -Wl,-e,{entry} "$@" {libraries}
}}
link "$@" && mv "$output" {debug} && link -s "$@"
"""


def home(stages: Stages, python: CPython, compiler: Compiler, library: Path) -> Path:
    """Stage: the host python with the target's headers and libpython in place of its own; hard links, so it is small."""

    def make(work: Path) -> None:
        stages.run(["cp", "-al", python.host, work / "python"])
        stages.run(["rm", "-r", work / "python/include"])
        shutil.copytree(library / "include", work / "python/include")
        shutil.copy(library / "lib/libpython3.13.a", work / "python/lib")

    inputs: list[str | Path] = [python.host.parent, library, recipe("nuitka")]
    return stages.stage(f"nuitka-python-{compiler.target.arch}", inputs, make) / "python"


def revision() -> str:
    """The git revision of the tree, `-dirty` appended if tracked files differ; `unknown` outside a repository."""
    command = ["git", "-C", str(ROOT), "describe", "--always", "--dirty", "--abbrev=12"]
    answer = subprocess.run(command, capture_output=True, text=True, check=False)
    return answer.stdout.strip() or "unknown"


def version() -> str:
    """The agent's version, from dc/version.py."""
    names: dict[str, str] = {}
    exec((PACKAGE / "version.py").read_text(encoding="utf-8"), names)
    return names["VERSION"]


def build_info(python: CPython, arch: str, features: tuple[str, ...]) -> str:
    """The text of `dc_buildinfo`, the module that `--version` reads."""
    facts = {
        "VERSION": version(),
        "REVISION": revision(),
        "ARCH": arch,
        "LIBC": "musl, static",
        "CPYTHON": python.version,
        "AWSCRT": pins("awscrt")["version"],
        "ORJSON": pins("orjson")["version"],
        "NUITKA": requirement("nuitka"),
        "FEATURES": features,
    }
    return '"""Written by the build."""\n' + "".join(f"{name} = {value!r}\n" for name, value in facts.items())


def _application(work: Path, info: str, features: tuple[str, ...]) -> Path:
    """Lay out what is compiled: dc without the features left out, and dc_buildinfo."""
    app = work / "app"
    ignored = shutil.ignore_patterns("__pycache__", *(name for name in FEATURES if name not in features))
    shutil.copytree(PACKAGE, app / "dc", ignore=ignored)
    (app / "dc_buildinfo.py").write_text(info, encoding="utf-8")
    if features != FEATURES:
        text = f"FEATURES = {features!r}\nCOMMANDS = ()\n"
        (app / "dc/features.py").write_text(text, encoding="utf-8")
    return app


def _clang(work: Path, compiler: Compiler, libraries: list[Path]) -> None:
    text = CLANG.format(
        compiler=compiler.cc,
        flags=compiler.target.outliner,
        entry=compiler.target.entry,
        libraries=" ".join(str(file) for file in libraries),
        debug=work / f"{NAME}.debug",
        build_id=work.name.rpartition("-")[2],
    )
    (work / "bin").mkdir()
    # Nuitka wants patchelf for files that need it; a static one does not.
    for name, content in (("clang", text), ("clang++", text), ("patchelf", "#!/bin/sh\necho patchelf 0.18.0\n")):
        (work / "bin" / name).write_text(content, encoding="utf-8")
        (work / "bin" / name).chmod(0o755)


def _entry(stages: Stages, work: Path, compiler: Compiler) -> list[Path]:
    """The object with the target's own entry point, if it has one."""
    target = compiler.target
    if target.entry == "_start":
        return []
    made = work / "cpu_check.o"
    masks = ",".join(hex(mask) for mask in target.entry_hwcap)
    defines = [f"-DDC_HWCAP={masks}", f'-DDC_MESSAGE="{target.entry_message}"']
    stages.run([compiler.cc, *defines, "-c", "-o", made, HERE / "c/cpu_check.S"], env=compiler.environment(work))
    return [made]


def _environment(work: Path, cache: Path, compiler: Compiler, tools: Path) -> dict[str, str]:
    """What Nuitka runs with."""
    environment = compiler.environment(work)
    environment |= {
        "PATH": f"{work / 'bin'}:{environment['PATH']}",
        "CC": "clang",
        "PYTHONPATH": str(tools),
        "PYTHONHASHSEED": "0",
        "PYTHONNODEBUGRANGES": "1",
        "PYTHONPYCACHEPREFIX": str(cache / "pycache"),
        "NUITKA_CACHE_DIR": str(work / "nuitka-cache"),
        "DC_EXTRA_C": str(HERE / "c/link"),
        # C that did not change since the last build is not compiled again. The clang script is taken for the
        # same compiler as long as what it is made from is the same.
        "CCACHE_DIR": str(cache / "ccache"),
        "CCACHE_BASEDIR": str(work),
        "CCACHE_NOHASHDIR": "1",
        "CCACHE_COMPILERCHECK": f"string:{compiler.folder.name} {hashlib.sha256(CLANG.encode()).hexdigest()} {compiler.target.outliner}",
    }
    return environment | ({"DC_TARGET_32BIT": "1"} if compiler.target.pointer_bits == 32 else {})


def binary(
    stages: Stages,
    python: CPython,
    compiler: Compiler,
    parts: list[Path],
    tools: Path,
    features: tuple[str, ...] = FEATURES,
) -> Path:
    """Stage: `aws-iot-device-client` and `aws-iot-device-client.debug` for one target.

    `parts` are the stages linked in: CPython's library first, then those with `lib/*.a`. `features` are what is built in.
    """
    target = compiler.target
    info = build_info(python, target.arch, features)
    library, *others = parts
    nuitka_home = home(stages, python, compiler, library)

    def make(work: Path) -> None:
        app = _application(work, info, features)
        libraries = [file for part in others for file in sorted((part / "lib").glob("*.a"))]
        _clang(work, compiler, libraries + _entry(stages, work, compiler))
        command: list[str | Path] = [nuitka_home / "bin/python3.13", "-m", "nuitka", *OPTIONS, f"--jobs={stages.jobs}"]
        command += [f"--user-plugin={CHOICES / 'plugin.py'}", f"--output-dir={work / 'out'}", "dc"]
        stages.run(command, cwd=app, env=_environment(work, stages.cache, compiler, tools))
        _collect(work)

    inputs: list[str | Path] = [*parts, nuitka_home.parent, compiler.folder, tools, PACKAGE, CHOICES]
    inputs += [HERE / "c", recipe("nuitka"), info, str(target.pointer_bits), target.outliner]
    inputs += [target.entry, str(target.entry_hwcap), target.entry_message]
    return stages.stage(f"agent-{target.arch}" + ("" if features == FEATURES else "-reduced"), inputs, make)


def _collect(work: Path) -> None:
    """Keep the one file and its debug file. Anything else in Nuitka's folder would be a second file to ship: an error."""
    (folder,) = (work / "out").glob("*.dist")
    files = [p for p in folder.rglob("*") if p.is_file()]
    if [p.name for p in files] != [NAME]:
        raise BuildError(f"Nuitka's result was to be the one file {NAME}, found {sorted(p.name for p in files)}")
    shutil.move(files[0], work / NAME)
    (work / NAME).chmod(0o755)
    for leftover in ("app", "out", "bin", ".zig", "nuitka-cache"):
        shutil.rmtree(work / leftover, ignore_errors=True)

# SPDX-FileCopyrightText: The aws-iot-device-client authors
# SPDX-License-Identifier: Apache-2.0
"""A BusyBox root file system for each architecture, made from Debian's package of that architecture.

It is a stage of the build cache: fetched and unpacked once. What Debian had is recorded beside it, in package.txt.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from toolchains.agent import emulator
from toolchains.base import ROOT, BuildError
from toolchains.fetch import mirrors, network_environment, sha256
from toolchains.recipe import recipe
from toolchains.stages import Stages
from toolchains.target import Target

# Tried in turn: a mirror that is being brought up to date may serve a suite's index that does not fit its signature.
SUITES = ("trixie", "bookworm", "forky")
PACKAGE = "busybox-static"

FILES = {
    "etc/passwd": "root:x:0:0:root:/root:/bin/sh\nnobody:x:65534:65534:nobody:/nonexistent:/bin/false\n",
    "etc/group": "root:x:0:\nnogroup:x:65534:\n",
    "etc/hosts": "127.0.0.1 localhost\n::1 localhost\n",
    "etc/os-release": 'ID=busybox\nVERSION_ID="1"\n',
}
# Path and mode. /proc and /dev are mount points.
FOLDERS = {"tmp": 0o1777, "run/lock": 0o755, "var/lib": 0o755, "root": 0o700, "proc": 0o755, "dev": 0o755}

APT = """\
Dir "{folder}"; Dir::Etc "{folder}"; Dir::Etc::sourcelist "{folder}/sources.list"; Dir::Etc::sourceparts "-";
Dir::State "{folder}"; Dir::State::lists "{folder}/lists"; Dir::State::status "{folder}/status"; Dir::Cache "{folder}";
APT::Architecture "{architecture}"; APT::Architectures {{ "{architecture}"; }}; APT::Sandbox::User "";
Acquire::Languages "none"; Acquire::Check-Valid-Until "false"; Acquire::Check-Date "false";
"""


def userland(stages: Stages, arch: str) -> Path:
    """Stage: the root file system, to be copied and not to be written to. Raises BuildError and MissingTarget."""
    run, debian = emulator(arch), Target.of(arch).debian

    def make(work: Path) -> None:
        package = _download(stages, debian, work / "apt")
        (work / "package.txt").write_text(f"{sha256(package)}  {package.name}\n", encoding="utf-8")
        stages.say(f"  {package.name}: sha256 {sha256(package)}")
        stages.run(["dpkg-deb", "-x", package, work / "unpacked"])
        root = work / "root"
        busybox = root / "bin/busybox"
        busybox.parent.mkdir(parents=True)
        shutil.copy2(next((work / "unpacked").glob("**/bin/busybox")), busybox)
        _link_applets(root, [*run, str(busybox)])
        for name, text in FILES.items():
            (root / name).parent.mkdir(exist_ok=True)
            (root / name).write_text(text, encoding="utf-8")
        for name, mode in FOLDERS.items():
            (root / name).mkdir(parents=True)
            (root / name).chmod(mode)
        for leftover in (work / "unpacked", work / "apt"):
            shutil.rmtree(leftover)

    return stages.stage(f"userland-{arch}", [Path(__file__), recipe("fetch"), debian], make) / "root"


def _download(stages: Stages, architecture: str, folder: Path) -> Path:
    """The package of another architecture, from the first suite that has it, checked by apt's signatures."""
    for suite in SUITES:
        try:
            return _download_from(stages, suite, architecture, folder)
        except BuildError as error:
            lines = str(error).splitlines()
            reason = next((line for line in lines if line.startswith("E:")), lines[-1])
            stages.say(f"  {PACKAGE} of {architecture} can't be had from Debian {suite}: {reason}")
    raise BuildError(
        f"none of Debian's suites {', '.join(SUITES)} has {PACKAGE} of {architecture}: see the lines above"
    )


def _download_from(stages: Stages, suite: str, architecture: str, folder: Path) -> Path:
    shutil.rmtree(folder, ignore_errors=True)
    for part in ("lists/partial", "archives/partial", "apt.conf.d", "preferences.d"):
        (folder / part).mkdir(parents=True)
    (folder / "status").touch()
    key = "/usr/share/keyrings/debian-archive-keyring.gpg"
    addresses = [address for address, security in mirrors() if not security]
    lines = "".join(f"deb [signed-by={key}] {address} {suite} main\n" for address in addresses)
    (folder / "sources.list").write_text(lines, encoding="utf-8")
    (folder / "apt.conf").write_text(APT.format(folder=folder, architecture=architecture), encoding="utf-8")
    environment = {**network_environment(), "APT_CONFIG": str(folder / "apt.conf")}
    stages.run(["apt-get", "update"], env=environment)
    stages.run(["apt-get", "download", PACKAGE], cwd=folder, env=environment)
    packages = list(folder.glob(f"{PACKAGE}_*_{architecture}.deb"))
    if len(packages) != 1:
        raise BuildError(f"one {PACKAGE} of {architecture} was wanted from Debian {suite}, found {packages}")
    return packages[0]


def _link_applets(root: Path, busybox: Sequence[str]) -> None:
    names = subprocess.run([*busybox, "--list-full"], capture_output=True, text=True, check=True).stdout.split()
    for name in names:
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        if not path.exists():
            path.symlink_to("/bin/busybox")


def enter_command(
    arch: str, root: Path, *, binds: Sequence[str] = (), read_only: bool = False, user: int | None = None
) -> list[str]:
    """The words before a command (by its path inside `root`) that run it there; see enter.py. Raises MissingTarget."""
    words = [sys.executable, "-I", str(ROOT / "ci/qemu/enter.py")]
    if run := emulator(arch):
        about = Target.of(arch)
        words += ["--emulate", run[0], "--elf", f"{about.elf_class}:{about.elf_machine:#x}"]
        if about.emulated_cpu:
            words += ["--cpu", about.emulated_cpu]
    for bind in binds:
        words += ["--bind", bind]
    if read_only:
        words.append("--read-only")
    if user is not None:
        words += ["--user", str(user)]
    return [*words, str(root)]

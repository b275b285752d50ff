# SPDX-FileCopyrightText: The aws-iot-device-client authors
# SPDX-License-Identifier: Apache-2.0
"""Sources: Debian packages through an apt configuration of their own, and source distributions through pip.

The machine's own package lists and installed packages are neither read nor changed; only its mirror is asked.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
from pathlib import Path

from toolchains.base import HERE, BuildError, clean_environment
from toolchains.pins import pins
from toolchains.recipe import recipe
from toolchains.stages import Stages

# Passed on to pip and apt, which need to know how this machine reaches its mirrors.
NETWORK_VARIABLES = ("HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "SSL_CERT_FILE", "SSL_CERT_DIR", "REQUESTS_CA_BUNDLE")


def network_environment() -> dict[str, str]:
    """The clean environment, plus what names proxies, certificates and pip's mirrors."""
    keep = {
        name: value
        for name, value in os.environ.items()
        if name.upper() in NETWORK_VARIABLES or (name.startswith("PIP_") and name != "PIP_REQUIRE_VIRTUALENV")
    }
    return clean_environment({**keep, "HOME": os.environ.get("HOME", "/nonexistent")})


def sha256(file: Path) -> str:
    return hashlib.sha256(file.read_bytes()).hexdigest()


def mirrors() -> list[tuple[str, bool]]:
    """The Debian mirrors this machine uses: (address, is it the security archive), read from apt itself."""
    command = ["apt-get", "indextargets", "--format", "$(REPO_URI) $(LABEL)", "Created-By: Packages", "Origin: Debian"]
    answer = subprocess.run(command, capture_output=True, text=True, check=False, env=clean_environment())
    found: list[tuple[str, bool]] = []
    for line in answer.stdout.splitlines():
        address, _, label = line.partition(" ")
        if label.startswith("Debian") and (address, "Security" in label) not in found:
            found.append((address, "Security" in label))
    if not found:
        raise BuildError(
            "apt knows no Debian mirror on this machine (apt-get indextargets printed none). The build takes CPython's and "
            "Rust's packages from there: run it on Debian, with 'apt-get update' run once."
        )
    return found


def _apt_configuration(folder: Path, component: str) -> dict[str, str]:
    """Write an apt configuration with only the suites of one component; return the environment that selects it."""
    wanted = pins(component)
    for part in ("lists/partial", "cache/archives/partial", "etc/apt.conf.d", "etc/preferences.d", "state"):
        (folder / part).mkdir(parents=True)
    lines = []
    for address, security in mirrors():
        for suite in wanted.get("security_suites" if security else "suites", []):
            for kind in ("deb", "deb-src"):
                lines.append(
                    f"{kind} [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] {address} {suite} main"
                )
    (folder / "etc/sources.list").write_text("\n".join(lines) + "\n", encoding="utf-8")
    assumed = "".join(
        f"Package: {name}\nStatus: install ok installed\nVersion: 999:0\nArchitecture: amd64\nMaintainer: none\n\n"
        for name in wanted.get("assumed", [])
    )
    (folder / "state/status").write_text(assumed, encoding="utf-8")
    # A mirror that is a snapshot serves indexes past their date: the signature is still checked.
    settings = f"""
        Dir "{folder}"; Dir::Etc "{folder}/etc"; Dir::Etc::sourcelist "{folder}/etc/sources.list";
        Dir::Etc::sourceparts "-"; Dir::State "{folder}/state"; Dir::State::lists "{folder}/lists";
        Dir::State::status "{folder}/state/status"; Dir::Cache "{folder}/cache"; APT::Architecture "amd64";
        APT::Architectures {{ "amd64"; }}; Acquire::Languages "none"; Acquire::Check-Valid-Until "false";
        Acquire::Check-Date "false"; APT::Keep-Downloaded-Packages "true"; APT::Sandbox::User ""; Acquire::IndexTargets::deb::DEP-11::DefaultEnabled "false";
    """
    (folder / "apt.conf").write_text(settings, encoding="utf-8")
    return {**network_environment(), "APT_CONFIG": str(folder / "apt.conf")}


def debian_packages(stages: Stages, component: str, locked: bool) -> Path:
    """Stage: the packages of a Debian component, downloaded: a .dsc with its parts, or .deb files.

    With `locked` a version other than the pinned one is refused; else it is taken, said and recorded.
    """
    wanted = pins(component)

    def make(work: Path) -> None:
        environment = _apt_configuration(work / "apt", component)
        stages.run(["apt-get", "update"], env=environment)
        (work / "files").mkdir()
        if "package" in wanted:
            command = ["apt-get", "source", "--download-only", wanted["package"]]
            stages.run(command, cwd=work / "files", env=environment)
        else:
            command = ["apt-get", "install", "--download-only", "--yes", "--no-install-recommends", *wanted["packages"]]
            stages.run(command, env=environment)
            for package in (work / "apt/cache/archives").glob("*.deb"):
                package.rename(work / "files" / package.name)
        shutil.rmtree(work / "apt")
        _check_version(stages, component, work / "files", locked)
        files = sorted((work / "files").iterdir())
        (work / "SHA256SUMS").write_text("".join(f"{sha256(f)}  {f.name}\n" for f in files), encoding="utf-8")

    return stages.stage(f"download-{component}", [str(sorted(wanted.items())), str(locked), recipe("fetch")], make)


def package_version(folder: Path, component: str) -> str:
    """The version of what debian_packages() brought."""
    first = pins(component).get("package") or pins(component)["packages"][0]
    pattern = f"{first}_*.dsc" if "package" in pins(component) else f"{first}_*.deb"
    names = [p.name for p in folder.glob(pattern)]
    if len(names) != 1:
        raise BuildError(f"one {pattern} was wanted from Debian, found {names or 'none'}")
    return names[0].removesuffix(".dsc").removesuffix(".deb").split("_")[1].replace("%3a", ":")


def _check_version(stages: Stages, component: str, folder: Path, locked: bool) -> None:
    found, wanted = package_version(folder, component), pins(component)["version"]
    if found == wanted:
        pinned = pins(component).get("sha256")
        actual = sha256(next(folder.glob("*.dsc"))) if pinned else None
        if actual != pinned:
            raise BuildError(f"{component} {found}: SHA-256 of its .dsc is {actual}, pins.toml wants {pinned}")
    elif locked:
        raise BuildError(
            f"{component}: Debian now has {found}, pins.toml wants {wanted}; build without --locked or bump it"
        )
    else:
        stages.say(f"  {component}: Debian now has {found}, pinned was {wanted}: taking {found}")
    minimum = pins(component).get("minimum")
    if minimum and [int(n) for n in found.split("+")[0].split(".")[:2]] < [int(n) for n in minimum.split(".")]:
        raise BuildError(f"{component}: Debian has {found}, at least {minimum} is needed")


# pip asks a source distribution's build backend for metadata before it saves the file. This stand-in answers in the
# backend's place, so that a download needs neither the backend nor a compiler.
STAND_IN_BACKEND = """\
import pathlib

def prepare_metadata_for_build_wheel(folder, config_settings=None):
    info = pathlib.Path(folder) / "{name}-{version}.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\\nName: {name}\\nVersion: {version}\\n")
    return info.name
"""


def source_distribution(stages: Stages, component: str) -> Path:
    """Stage: the folder with a component's source distribution, checked against its pinned hash."""
    wanted = pins(component)

    def make(work: Path) -> None:
        text = STAND_IN_BACKEND.format(name=component, version=wanted["version"])
        for module in ("maturin/__init__.py", "setuptools/build_meta.py", "setuptools/__init__.py"):
            (work / "backend" / module).parent.mkdir(parents=True, exist_ok=True)
            (work / "backend" / module).write_text("" if module == "setuptools/__init__.py" else text, encoding="utf-8")
        (work / "wanted.txt").write_text(
            f"{component}=={wanted['version']} --hash=sha256:{wanted['sha256']}\n", encoding="utf-8"
        )
        command: list[str | Path] = [sys.executable, "-m", "pip", "download", "--no-deps", "--no-binary", ":all:"]
        command += ["--no-build-isolation", "--require-hashes", "-d", work / "files", "-r", work / "wanted.txt"]
        stages.run(command, env={**network_environment(), "PYTHONPATH": str(work / "backend")})
        shutil.rmtree(work / "backend")

    return stages.stage(f"download-{component}", [str(sorted(wanted.items())), recipe("fetch")], make)


def host_tools(stages: Stages) -> Path:
    """Stage: zig, Nuitka and the SBOM library in a folder of their own, hashes checked."""

    def make(work: Path) -> None:
        command: list[str | Path] = [sys.executable, "-m", "pip", "install", "--require-hashes", "--no-compile"]
        stages.run([*command, "--target", work, "-r", HERE / "requirements.txt"], env=network_environment())

    inputs: list[str | Path] = [HERE / "requirements.txt", f"{sys.version_info[:2]}", recipe("fetch")]
    return stages.stage("host-tools", inputs, make)

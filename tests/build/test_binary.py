# SPDX-FileCopyrightText: The aws-iot-device-client authors
# SPDX-License-Identifier: Apache-2.0
"""The one file: static, small, whole, and the same on all architectures."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.build.built import Binary
from toolchains.base import NAME, ROOT
from toolchains.components import FILE as COMPONENTS


def test_it_has_no_interpreter_and_needs_no_library(binary: Binary) -> None:
    headers = binary.readelf("--program-headers")
    assert "INTERP" not in headers
    assert "DYNAMIC" not in headers
    assert "NEEDED" not in binary.readelf("--dynamic")


def test_it_is_for_the_processor_it_says(binary: Binary) -> None:
    start = binary.file.read_bytes()[:20]
    assert (start[4], int.from_bytes(start[18:20], "little")) == (binary.target.elf_class, binary.target.elf_machine)
    assert re.search(rf"Flags:.*{binary.target.elf_flags}", binary.readelf("--file-header"))


def test_it_asks_its_processor_for_what_the_target_file_says_and_no_more(binary: Binary) -> None:
    """On 32-bit ARM the linker notes what the code needs: no NEON, no more registers than there are."""
    attributes = re.findall(r"Tag_(?:CPU_arch|FP_arch|Advanced_SIMD_arch): .*", binary.readelf("--arch-specific"))
    assert attributes == list(binary.target.elf_attributes)


def test_no_page_is_writable_and_executable(binary: Binary) -> None:
    headers = binary.readelf("--program-headers")
    assert "LOAD" in headers
    assert not [line for line in headers.splitlines() if "RWE" in line]


def test_it_is_no_larger_than_its_target_file_allows(binary: Binary) -> None:
    assert binary.file.stat().st_size <= binary.target.max_bytes


def test_it_is_stripped_and_its_symbols_are_beside_it(binary: Binary) -> None:
    assert ".symtab" not in binary.readelf("--sections")
    debug = Binary(binary.target.arch, binary.file.with_name(NAME + ".debug"))
    sections = debug.readelf("--sections")
    assert ".symtab" in sections
    assert ".debug_line" in sections
    build_id = re.compile(r"Build ID: ([0-9a-f]+)")
    mine = build_id.search(binary.readelf("--notes"))
    assert mine is not None
    assert build_id.findall(debug.readelf("--notes")) == [mine[1]]


def test_no_path_of_the_building_machine_is_in_it(binary: Binary) -> None:
    data = binary.file.read_bytes()
    home = os.path.expanduser("~").encode()
    for path in (str(ROOT).encode(), home + b"/", b"aws-iot-device-client-build"):
        if len(path) > 2:
            assert path not in data, f"{path!r} is in the file"


def test_version_tells_what_it_was_built_from(binary: Binary, tmp_path: Path) -> None:
    answer = binary.run("--version", cwd=tmp_path)
    assert answer.returncode == 0, answer.stderr
    for wanted in (binary.target.arch, "musl", "CPython", "awscrt", "orjson", "Nuitka", "jobs"):
        assert wanted.lower() in answer.stdout.lower()
    assert list(tmp_path.iterdir()) == [], "nothing is written at start"


def test_it_starts_in_an_empty_read_only_root(binary: Binary, tmp_path: Path) -> None:
    """No /proc, /dev, /tmp, library or locale; under qemu the emulator is the one other file in there."""
    if os.geteuid() != 0:
        pytest.skip("chroot needs root")
    shutil.copy(binary.file, tmp_path / "agent")
    command = ["/agent", "--version"]
    if binary.emulator:
        shutil.copy(shutil.which(binary.emulator[0]) or "", tmp_path / "qemu")
        command = ["/qemu", *binary.emulator[1:], *command]
    script = 'mount --bind "$0" "$0" && mount -o remount,bind,ro "$0" && exec chroot "$0" "$@"'
    answer = subprocess.run(
        ["unshare", "--mount", "sh", "-c", script, str(tmp_path), *command],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert answer.returncode == 0, answer.stderr
    assert binary.target.arch in answer.stdout


def test_a_core_that_is_too_old_is_told_so(binary: Binary) -> None:
    if not binary.target.too_old:
        pytest.skip("it runs on the first processors of its kind")
    command = [binary.target.emulator[0], "-cpu", binary.target.too_old, str(binary.file), "--version"]
    answer = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert answer.returncode == 1
    assert answer.stderr == f"{NAME}: {binary.target.entry_message}\n"


def test_it_starts_on_a_kernel_that_says_it_is_old(binary: Binary) -> None:
    command = [*binary.target.emulator, "-r", "3.2.0", str(binary.file), "--version"]
    answer = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert answer.returncode == 0, answer.stderr


def test_the_bill_of_materials_names_everything_linked_in(binary: Binary) -> None:
    document = json.loads(binary.file.with_name(NAME + ".spdx.json").read_text(encoding="utf-8"))
    names = {package["name"] for package in document["packages"]}
    assert {"CPython", "musl", "AWS-LC", "s2n-tls", "awscrt", "orjson", "Nuitka run-time library"} <= names
    with_cve_name = [p for p in document["packages"] if any("cpe23Type" in str(r) for r in p.get("externalRefs", []))]
    assert {"CPython", "musl", "AWS-LC", "s2n-tls", "awscrt", "orjson"} <= {p["name"] for p in with_cve_name}


def test_the_licence_of_everything_linked_in_is_collected(binary: Binary) -> None:
    keys = re.findall(r"(?m)^\[([^]]+)\]", COMPONENTS.read_text(encoding="utf-8"))
    assert len(keys) > 10
    for key in keys:
        folder = binary.file.parent.parent / "LICENSES" / key
        assert [f for f in folder.rglob("*") if f.is_file() and f.stat().st_size > 200], f"no licence text in {folder}"

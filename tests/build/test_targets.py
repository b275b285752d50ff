# SPDX-FileCopyrightText: The aws-iot-device-client authors
# SPDX-License-Identifier: Apache-2.0
"""The target files: what is wrong in one is named, and nothing else names an architecture."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import fields
from pathlib import Path

import pytest

from toolchains.agent import TARGETS
from toolchains.base import ROOT, BuildError
from toolchains.build import main
from toolchains.target import ARCHES, FOLDER, Target, ci_suite, host_arch, read

GOOD = (ROOT / FOLDER / "armv7.toml").read_text(encoding="utf-8")
# Where nothing may know an architecture but by its file. Tests and documents name some as examples.
KNOWS_NONE = ("Makefile", "bench/*.py", "build/*.py", "ci/**/*.py", "demo/*.py", "localcloud/*.py", "toolchains/*.py")

Write = Callable[[str], Path]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """Write a target file, to be read."""

    def made(text: str) -> Path:
        (tmp_path / "board.toml").write_text(text, encoding="utf-8")
        return tmp_path / "board.toml"

    return made


def test_the_targets_are_the_files_present() -> None:
    assert sorted(ARCHES) == sorted(file.stem for file in (ROOT / FOLDER).iterdir())
    assert set(ci_suite()) <= set(ARCHES)
    assert ("source", *ARCHES) == TARGETS


def test_a_file_becomes_a_target_of_its_name(write: Write) -> None:
    target = read(write(GOOD))
    assert (target.arch, target.pointer_bits, target.elf_class) == ("board", 32, 1)
    assert target.emulator == ("qemu-arm-static", "-cpu", "cortex-a7")


@pytest.mark.parametrize("key", [field.name for field in fields(Target) if field.name != "arch"])
def test_a_missing_key_is_named_with_its_file(key: str, write: Write) -> None:
    lines = [line for line in GOOD.splitlines() if not line.startswith(f"{key} =")]
    with pytest.raises(BuildError, match=rf"toolchains/targets/board\.toml: the key '{key}' is missing"):
        read(write("\n".join(lines)))


def test_an_unknown_key_is_named_with_its_file_and_the_known_ones(write: Write) -> None:
    with pytest.raises(BuildError, match=r"board\.toml: 'endian' is no key of a target; the keys are suite, .*debian"):
        read(write(GOOD + 'endian = "little"\n'))


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("suite = true", 'suite = "yes"', "suite = 'yes': true or false is wanted"),
        ("pointer_bits = 32", "pointer_bits = true", "pointer_bits = True: a whole number is wanted"),
        ('entry = "dc_cpu_check"', "entry = 1", "entry = 1: a text is wanted"),
        ('uname = ["armv7l", "armv8l"]', 'uname = "armv7l"', "uname = 'armv7l': an array of texts is wanted"),
        ("entry_hwcap = [0x6000]", 'entry_hwcap = ["0x6000"]', "an array of whole numbers is wanted"),
    ],
)
def test_a_value_of_another_kind_is_named_with_what_is_wanted(old: str, new: str, words: str, write: Write) -> None:
    assert old in GOOD
    with pytest.raises(BuildError) as caught:
        read(write(GOOD.replace(old, new)))
    assert str(caught.value).startswith(f"{FOLDER}/board.toml: ")
    assert words in str(caught.value)


def test_a_file_that_is_no_toml_is_named(write: Write) -> None:
    with pytest.raises(BuildError, match=r"board\.toml: .*line 1"):
        read(write("suite = maybe\n"))


def test_an_unknown_architecture_ends_the_build_with_the_known_ones(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["pdp11", "--cache", str(tmp_path)]) == 1
    assert f"no such architecture: 'pdp11'; wanted one of {', '.join(ARCHES)}" in capsys.readouterr().err


@pytest.mark.parametrize("arch", ARCHES)
def test_a_machine_is_known_by_what_it_calls_itself(arch: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in Target.of(arch).uname:
        monkeypatch.setattr("platform.machine", lambda name=name: name)
        assert host_arch() == arch
    monkeypatch.setattr("platform.machine", lambda: "pdp11")
    assert host_arch() == "pdp11"


@pytest.mark.parametrize("arch", [arch for arch in ARCHES if arch != "x86_64"])  # that is the building machine as well
def test_nothing_but_its_file_names_an_architecture(arch: str) -> None:
    files = [file for pattern in KNOWS_NONE for file in ROOT.glob(pattern)]
    assert len(files) > 20
    assert [str(file) for file in files if arch in file.read_text(encoding="utf-8")] == []

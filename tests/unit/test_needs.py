# SPDX-FileCopyrightText: The aws-iot-device-client authors
# SPDX-License-Identifier: Apache-2.0
"""What is installed for a target, and what is said where it is not."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests import needs

ROOT = Path(__file__).resolve().parents[2]


def pins(name: str) -> dict[str, list[str]]:
    """The hashes in requirements/NAME.txt by requirement."""
    found: dict[str, list[str]] = {}
    for line in (ROOT / f"requirements/{name}.txt").read_text(encoding="utf-8").splitlines():
        word = line.split()[0]
        if word.startswith("--hash="):
            found[next(reversed(found))].append(word)
        elif word != "#":
            found[word] = []
    return found


def test_every_target_that_needs_something_is_in_the_makefile() -> None:
    made = re.findall(r"^([a-z]+): bootstrap-\1 ", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE)
    assert {target for _, _, targets in needs.rows() for target in targets} <= set(made)


def test_a_missing_program_is_named_with_what_brings_and_what_installs_it() -> None:
    lines = needs.missing("handlers", "/nonexistent")
    assert (
        "tests/handlers needs busybox, which is not installed: it is in Debian's busybox-static, "
        "and 'make handlers' installs it"
    ) in lines
    assert not [line for line in lines if "mosquitto" in line]


def test_a_session_that_lacks_a_program_ends_before_its_first_test(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nonexistent")
    monkeypatch.setattr(needs, "BESIDE_PATH", "")
    with pytest.raises(pytest.exit.Exception) as caught:
        needs.stop_if_missing(["localcloud", "unit", "localcloud"])
    assert caught.value.returncode
    assert str(caught.value.msg).count("needs mosquitto") == 1
    needs.stop_if_missing(["sim", "parts"])


@pytest.mark.parametrize(("smaller", "larger"), [("agent", "check"), ("check", "dev")])
def test_a_smaller_list_of_python_packages_is_a_part_of_the_larger(smaller: str, larger: str) -> None:
    there = pins(larger)
    assert not [name for name, hashes in pins(smaller).items() if there.get(name) != hashes]

# SPDX-FileCopyrightText: The aws-iot-device-client authors
# SPDX-License-Identifier: Apache-2.0
"""docs/sizes.md comes from the files in dist/, whole or not at all."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from docs import sizes
from toolchains.agent import binary
from toolchains.base import NAME
from toolchains.target import ARCHES, Target, ci_suite


@pytest.fixture
def page(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A page to be written, beside an empty dist/."""
    monkeypatch.setattr("toolchains.agent.ROOT", tmp_path)
    monkeypatch.setattr(sizes, "ROOT", tmp_path)
    monkeypatch.setattr(sizes, "TARGET", tmp_path / "sizes.md")
    (tmp_path / "sizes.md").write_text("as it was", encoding="utf-8")
    return tmp_path / "sizes.md"


def built(arch: str, size: int) -> None:
    file = binary(arch)
    file.parent.mkdir(parents=True)
    file.write_bytes(b"\0" * size)
    file.with_name(NAME + ".debug").write_bytes(b"\0" * (2 * size))
    packages = [{"name": NAME, "versionInfo": "1"}, {"name": "musl", "versionInfo": "1.2.5"}]
    file.with_name(NAME + ".spdx.json").write_text(json.dumps({"packages": packages}), encoding="utf-8")


def test_every_target_that_is_built_has_its_row_and_no_other(page: Path) -> None:
    for number, arch in enumerate(ci_suite()):
        built(arch, 1_234_567 + number)
    sizes.main()
    text = page.read_text(encoding="utf-8")
    rows = [line for line in text.splitlines() if line.startswith("| `")]
    assert [row.split("`")[1] for row in rows] == [arch for arch in ARCHES if arch in ci_suite()]
    assert rows[0].startswith(f"| `{ci_suite()[0]}` | 1,234,567 | {Target.of(ci_suite()[0]).max_bytes:,} | ")
    assert rows[0].endswith(" | 2,469,134 |")
    assert "musl 1.2.5." in text


def test_the_page_stays_as_it_is_while_a_target_of_ci_is_not_built(
    page: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    built(ci_suite()[0], 1)
    sizes.main()
    assert page.read_text(encoding="utf-8") == "as it was"
    assert f"not built: {', '.join(ci_suite()[1:])}" in capsys.readouterr().err

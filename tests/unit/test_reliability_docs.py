# SPDX-FileCopyrightText: The aws-iot-device-client authors
# SPDX-License-Identifier: Apache-2.0
"""docs/reliability.md names a test for each fault, docs/security.md one for each promise: they must exist."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
TEXT = (ROOT / "docs" / "reliability.md").read_text()
SECURITY = (ROOT / "docs" / "security.md").read_text()


def test_every_test_that_the_tables_name_exists() -> None:
    defined = {
        name
        for path in (ROOT / "tests").rglob("*.py")
        for name in re.findall(r"^def (\w+)\(", path.read_text(), re.MULTILINE)
    }
    rows = [
        line
        for line in (TEXT + SECURITY).splitlines()
        if line.startswith("| ") and line.count("|") == 4 and "`" in line
    ]
    named = {name for row in rows for name in re.findall(r"`([a-z0-9_]{20,})`", row.split("|")[3])}
    assert len(named) > 40, "the table was not read"
    assert named <= defined, f"no such tests: {sorted(named - defined)}"


def test_every_file_that_the_page_names_exists() -> None:
    named = set(re.findall(r"`((?:tests|docs)/[\w/.]+)`", TEXT))
    assert len(named) > 5
    assert not [name for name in named if not (ROOT / name).exists()]


def test_every_fault_has_a_proof() -> None:
    table = TEXT.partition("| Fault |")[2].partition("\n\n")[0].splitlines()[2:]
    bare = [row for row in table if not row.startswith("| **") and "`" not in row.split("|")[3]]
    assert not [row for row in bare if "the same" not in row]


def test_every_promise_has_a_proof() -> None:
    rows = SECURITY.partition("| from |")[2].partition("\n\n")[0].splitlines()[2:]
    assert len(rows) > 5
    assert not [row for row in rows if "`test_" not in row.split("|")[3]]

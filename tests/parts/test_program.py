# SPDX-FileCopyrightText: The aws-iot-device-client authors
# SPDX-License-Identifier: Apache-2.0
"""The program in an interpreter of its own: that it starts, and what it loads."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.fakes.program import Program

ROOT = Path(__file__).parents[2]
# What reading the configuration may load besides the interpreter's own start (measured on CPython 3.11).
DAEMON_MODULES = {
    "__future__",
    "_datetime",
    "dc",
    "dc.cli",
    "dc.commands",
    "dc.config",
    "dc.config.checks",
    "dc.config.convert",
    "dc.config.derive",
    "dc.config.file",
    "dc.config.flags",
    "dc.config.lax",
    "dc.config.load",
    "dc.config.model",
    "dc.config.paths",
    "dc.config.problems",
    "dc.config.rules",
    "dc.features",
    "dc.jsonlib",
    "dc.mask",
    "dc.stdio",
    "orjson",
    "orjson.orjson",
}


@pytest.fixture
def program(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> Program:
    return Program(tmp_path, capfd)


def test_python_m_dc_is_the_program(program: Program) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "dc", "--check-config"], cwd=ROOT, env=program.environ, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.endswith("The configuration is usable.\n")


def test_reading_the_configuration_loads_no_module_beyond_the_list(program: Program) -> None:
    code = (
        "import sys; before = set(sys.modules); import os; from dc import cli; from dc.config import flags;"
        "problems = cli.Problems(); cli._configure(flags.parse([]), os.environ, problems);"
        "assert not problems.errors, problems.errors;"
        "print(*sorted(set(sys.modules) - before))"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, env=program.environ, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert set(done.stdout.split()) - DAEMON_MODULES == set()

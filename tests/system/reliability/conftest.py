# SPDX-FileCopyrightText: The aws-iot-device-client authors
# SPDX-License-Identifier: Apache-2.0
"""Fixtures of the fault tests: a line of the test's own."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.system.reliability.line import Line

SHOWN_LOG = 20_000


def _line(request: pytest.FixtureRequest, target: str, folder: Path, relayed: bool) -> Iterator[Line]:
    with Line(target, folder, relayed=relayed) as made:
        yield made
        request.node.add_report_section("teardown", "agent's log", made.agent.log()[-SHOWN_LOG:])


@pytest.fixture
def line(request: pytest.FixtureRequest, target: str, tmp_path: Path) -> Iterator[Line]:
    """A broker, a scripted Jobs service, and a thing whose agent is not started yet."""
    yield from _line(request, target, tmp_path / "thing", False)


@pytest.fixture
def relayed(request: pytest.FixtureRequest, target: str, tmp_path: Path) -> Iterator[Line]:
    """The same with a relay between agent and broker."""
    yield from _line(request, target, tmp_path / "thing", True)

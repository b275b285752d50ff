# SPDX-FileCopyrightText: The aws-iot-device-client authors
# SPDX-License-Identifier: Apache-2.0
"""Fixtures of the fault tests: a broker of the test's own."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.system.reliability.own_broker import OwnBroker

SHOWN_LOG = 20_000


@pytest.fixture
def own_broker(request: pytest.FixtureRequest, target: str, tmp_path: Path) -> Iterator[OwnBroker]:
    """A broker, a scripted Jobs service, and a thing whose agent is not started yet."""
    with OwnBroker(target, tmp_path / "thing") as made:
        yield made
        request.node.add_report_section("teardown", "agent's log", made.agent.log()[-SHOWN_LOG:])

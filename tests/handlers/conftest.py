# SPDX-FileCopyrightText: The aws-iot-device-client authors
# SPDX-License-Identifier: Apache-2.0
"""The devices on which the sample handlers are tried."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.fakes.handler_box import HandlerBox


@pytest.fixture(params=["dash", "busybox"])
def box(request: pytest.FixtureRequest, tmp_path: Path) -> HandlerBox:
    return HandlerBox(tmp_path, request.param)


@pytest.fixture
def bare(tmp_path: Path) -> HandlerBox:
    """A box where a tool that is also a BusyBox applet can be missing: dash only."""
    return HandlerBox(tmp_path, "dash")

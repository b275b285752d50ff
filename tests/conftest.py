# SPDX-FileCopyrightText: The aws-iot-device-client authors
# SPDX-License-Identifier: Apache-2.0
"""Options that every test folder knows."""

from __future__ import annotations

import pytest

from localcloud.command import TARGETS


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--target",
        choices=TARGETS,
        default="source",
        help="what tests/system runs: the source, or the binary of dist/TARGET (under qemu if it is foreign)",
    )


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "refused: the broker is meant to refuse something the agent asks for")

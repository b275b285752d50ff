# SPDX-FileCopyrightText: The aws-iot-device-client authors
# SPDX-License-Identifier: Apache-2.0
"""The files under dist/, one after the other."""

from __future__ import annotations

import pytest

from tests.build.built import Binary
from toolchains.agent import binary as built_file
from toolchains.base import NAME
from toolchains.target import ARCHES, ci_suite


@pytest.fixture(params=[arch for arch in ARCHES if arch in ci_suite() or built_file(arch).exists()])
def binary(request: pytest.FixtureRequest) -> Binary:
    """Each architecture of CI in turn, and what else is built; one that is not built is a skip that says how to build it."""
    arch: str = request.param
    file = built_file(arch)
    if not file.exists():
        pytest.skip(f"dist/{arch}/{NAME} is not built: run 'make binary ARCH={arch}'")
    return Binary(arch, file)

# SPDX-FileCopyrightText: The aws-iot-device-client authors
# SPDX-License-Identifier: Apache-2.0
"""The files under dist/, one after the other."""

from __future__ import annotations

import shutil

import pytest

from tests.build.built import Binary
from toolchains.base import NAME, ROOT
from toolchains.target import ARCHES


@pytest.fixture(params=ARCHES)
def binary(request: pytest.FixtureRequest) -> Binary:
    """Each architecture in turn; one that is not built is a skip that says how to build it."""
    arch: str = request.param
    file = ROOT / "dist" / arch / NAME
    if not file.exists():
        pytest.skip(f"dist/{arch}/{NAME} is not built: run 'make binary ARCH={arch}'")
    found = Binary(arch, file)
    if found.target.qemu and shutil.which(found.target.qemu[0]) is None:
        pytest.skip(f"{found.target.qemu[0]} is not installed: run 'apt-get install qemu-user-static'")
    return found

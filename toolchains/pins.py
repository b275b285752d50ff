# SPDX-FileCopyrightText: The aws-iot-device-client authors
# SPDX-License-Identifier: Apache-2.0
"""The pinned versions of toolchains/pins.toml."""

from __future__ import annotations

import tomllib
from typing import Any

from toolchains.base import HERE, BuildError

FILE = HERE / "pins.toml"


def pins(component: str) -> dict[str, Any]:
    """The table of one component: `cpython`, `awscrt`, `orjson` or `rust`."""
    table: dict[str, Any] = tomllib.loads(FILE.read_text(encoding="utf-8")).get(component, {})
    if not table:
        raise BuildError(f"{FILE.name}: no table [{component}]")
    return table


def requirement(package: str) -> str:
    """The version of a host tool, as toolchains/requirements.txt pins it."""
    for line in (HERE / "requirements.txt").read_text(encoding="utf-8").splitlines():
        name, found, rest = line.partition("==")
        if found and name == package:
            return rest.split()[0]
    raise BuildError(f"toolchains/requirements.txt: {package} is not pinned there")

# SPDX-FileCopyrightText: The aws-iot-device-client authors
# SPDX-License-Identifier: Apache-2.0
"""What the agent under test needs beside its command line."""

from __future__ import annotations

from toolchains.agent import SOURCE
from toolchains.base import ROOT


def agent_environment(target: str) -> dict[str, str]:
    """Return what the target itself needs in its environment."""
    return {"PYTHONPATH": str(ROOT)} if target == SOURCE else {}

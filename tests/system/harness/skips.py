# SPDX-FileCopyrightText: The aws-iot-device-client authors
# SPDX-License-Identifier: Apache-2.0
"""Every reason for which a system test may be left out. A skip for another reason is a mistake."""

from __future__ import annotations

import os

import pytest

NEEDS_ROOT = "needs root: it becomes another user, binds a port below 1024, or makes a user namespace"
SOURCE_ONLY = "looks inside the interpreter: only with --target source"
EMULATED = "measures the agent: under qemu the emulator would be measured"

ALLOWED = (NEEDS_ROOT, SOURCE_ONLY, EMULATED)

needs_root = pytest.mark.skipif(os.geteuid() != 0, reason=NEEDS_ROOT)

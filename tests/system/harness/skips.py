# SPDX-FileCopyrightText: The aws-iot-device-client authors
# SPDX-License-Identifier: Apache-2.0
"""The reasons for which a system test may be left out; tests/allowed_skips.py holds the list that is enforced."""

from __future__ import annotations

import os

import pytest

NEEDS_ROOT = "needs root: it becomes another user, binds a port below 1024, or makes a namespace"
SOURCE_ONLY = "looks inside the interpreter: only with --target source"
NO_REEXEC = "the emulator's own needs stand in the way: the agent starts its own file, which takes binfmt_misc"
EMULATED = "measures the agent: under qemu the emulator would be measured"

needs_root = pytest.mark.skipif(os.geteuid() != 0, reason=NEEDS_ROOT)

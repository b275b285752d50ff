# SPDX-FileCopyrightText: The aws-iot-device-client authors
# SPDX-License-Identifier: Apache-2.0
"""The reasons for which a system test may be left out; tests/allowed_skips.py says which are allowed where."""

from __future__ import annotations

import os

import pytest

NEEDS_ROOT = "needs root: it becomes another user, binds a port below 1024, or makes a namespace"
SOURCE_ONLY = "looks inside the interpreter: only with --target source"
BINARY_ONLY = "a bare place has no Python: only with a binary"
EMULATOR_NEEDS = "the emulator's own needs stand in the way"
NO_REEXEC = f"{EMULATOR_NEEDS}: the agent starts its own file, which takes binfmt_misc"
NO_CGROUP = "needs a control group (cgroup v2) that it may divide, not managed by systemd"
EMULATED = "measures the agent: under qemu the emulator would be measured"

needs_root = pytest.mark.skipif(os.geteuid() != 0, reason=NEEDS_ROOT)

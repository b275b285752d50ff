# SPDX-FileCopyrightText: The aws-iot-device-client authors
# SPDX-License-Identifier: Apache-2.0
"""Every reason for which a test may be left out. A skip for another reason fails the run."""

from __future__ import annotations

import os

from tests.system.harness import skips

# What can't be otherwise: the test says nothing about this target.
ALWAYS = (
    skips.SOURCE_ONLY,
    skips.EMULATED,
    skips.BINARY_ONLY,
    skips.EMULATOR_NEEDS,
    skips.NO_CGROUP,
    "it runs on the first processors of its kind",
)
# What a person's machine may lack; CI has it all, so there it is a mistake.
ON_A_PERSONS_MACHINE = (skips.NEEDS_ROOT, "only root can", "is not built: run", "is not installed: run", "not a Debian")


def is_allowed(reason: str) -> bool:
    """Whether a test may be skipped for `reason`, here."""
    if any(known in reason for known in ALWAYS):
        return True
    return not os.environ.get("CI") and any(known in reason for known in ON_A_PERSONS_MACHINE)

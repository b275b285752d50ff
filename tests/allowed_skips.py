# SPDX-FileCopyrightText: The aws-iot-device-client authors
# SPDX-License-Identifier: Apache-2.0
"""Every reason for which a test may be left out. A skip for another reason fails the run."""

from __future__ import annotations

import os

# What can't be otherwise: the test says nothing about this target.
ALWAYS = (
    "looks inside the interpreter: only with --target source",
    "measures the agent: under qemu the emulator would be measured",
    "a bare place has no Python: only with a binary",
    "the emulator's own needs stand in the way",
    "only the armv7 file has these attributes",
    "the other two run on the first processors of their kind",
)
# What a person's machine may lack; CI has it all, so there it is a mistake.
ON_A_PERSONS_MACHINE = ("root", "is not built: run", "is not installed: run", "not a Debian")


def is_allowed(reason: str) -> bool:
    """Whether a test may be skipped for `reason`, here."""
    if any(known in reason for known in ALWAYS):
        return True
    return not os.environ.get("CI") and any(known in reason for known in ON_A_PERSONS_MACHINE)

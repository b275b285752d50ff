# SPDX-FileCopyrightText: The aws-iot-device-client authors
# SPDX-License-Identifier: Apache-2.0
"""The control groups (cgroup v2) that agents started by the tests make, if they can."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.system.harness.skips import NO_CGROUP


def _own_group() -> Path | None:
    """The group of this process, which its agents share, if groups can be made there."""
    own = [line[3:] for line in Path("/proc/self/cgroup").read_text().splitlines() if line.startswith("0::")]
    for mount in ("/sys/fs/cgroup", "/sys/fs/cgroup/unified") if own else ():
        group = Path(mount + own[0].rstrip("/"))
        if (group / "cgroup.controllers").exists() and os.access(group, os.W_OK):
            return group
    return None


def control_groups(thing: str) -> list[Path]:
    """The groups of `thing`'s executions."""
    group = _own_group()
    return list(group.glob(f"aws-iot-job.{thing}.*")) if group else []


needs_cgroup = pytest.mark.skipif(_own_group() is None or Path("/run/systemd/system").is_dir(), reason=NO_CGROUP)

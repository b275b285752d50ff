# SPDX-FileCopyrightText: The aws-iot-device-client authors
# SPDX-License-Identifier: Apache-2.0
"""Source trees: unpacked, and patched."""

from __future__ import annotations

from pathlib import Path

from toolchains.base import HERE, BuildError
from toolchains.stages import Stages


def unpack(stages: Stages, archive: Path, into: Path) -> Path:
    """Unpack a source tar archive and return the one folder in it."""
    stages.run(["tar", "--no-same-owner", "-xf", archive, "-C", into])
    folders = [p for p in into.iterdir() if p.is_dir()]
    if len(folders) != 1:
        raise BuildError(f"{archive.name}: one folder was wanted in it, found {len(folders)}")
    return folders[0]


def apply_patches(stages: Stages, component: str, source: Path) -> None:
    """Apply toolchains/patches/COMPONENT/*.patch in order; a patch that no longer fits ends the build."""
    for patch in sorted((HERE / "patches" / component).glob("*.patch")):
        stages.run(["patch", "-p1", "--fuzz=0", "--no-backup-if-mismatch", "-i", patch], cwd=source)

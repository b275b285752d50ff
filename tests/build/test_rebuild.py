# SPDX-FileCopyrightText: The aws-iot-device-client authors
# SPDX-License-Identifier: Apache-2.0
"""Builds that are made for the test: the last stage only, with the other stages of this machine's cache."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from toolchains.base import NAME, ROOT
from toolchains.stages import default_cache

pytestmark = pytest.mark.timeout(600)
ARCH = "x86_64"


@pytest.fixture
def caches(tmp_path: Path) -> tuple[Path, Path]:
    """Two cache folders with every stage of this machine's cache but the last."""
    if not (ROOT / "dist" / ARCH / NAME).exists():
        pytest.skip(f"dist/{ARCH}/{NAME} is not built: run 'make binary ARCH={ARCH}'")
    made = (tmp_path / "cache-one", tmp_path / "another/cache-two")
    for cache in made:
        cache.mkdir(parents=True)
        for stage in default_cache().iterdir():
            if not stage.name.startswith(("agent-", "tmp", "logs", "locks")):
                (cache / stage.name).symlink_to(stage)
    return made


def run_build(tree: Path, cache: Path, dist: Path, *options: str) -> Path:
    """Run the build in `tree`; returns the binary."""
    command = [sys.executable, "-m", "toolchains.build", ARCH, "--cache", str(cache), "--dist", str(dist), *options]
    environment = {name: value for name, value in os.environ.items() if name not in ("EXCLUDE_JOBS", "DC_BUILD_CACHE")}
    answer = subprocess.run(command, cwd=tree, env=environment, capture_output=True, text=True, check=False)
    assert answer.returncode == 0, answer.stderr
    return dist / ARCH / NAME


def test_two_builds_from_different_folders_are_identical(tmp_path: Path, caches: tuple[Path, Path]) -> None:
    trees = (tmp_path / "clone", tmp_path / "some/where/else/clone-two")
    for tree in trees:
        for folder in ("dc", "toolchains", "build"):
            shutil.copytree(ROOT / folder, tree / folder, ignore=shutil.ignore_patterns("__pycache__"))
    first, second = (
        run_build(tree, cache, tmp_path / f"dist-{tree.name}") for tree, cache in zip(trees, caches, strict=True)
    )
    for name in (NAME, NAME + ".debug", NAME + ".spdx.json"):
        one, two = (hashlib.sha256(f.with_name(name).read_bytes()).hexdigest() for f in (first, second))
        assert one == two, f"{name} differs"


def test_a_build_without_jobs_has_nothing_of_jobs(tmp_path: Path, caches: tuple[Path, Path]) -> None:
    file = run_build(ROOT, caches[0], tmp_path / "dist", "--exclude-jobs")
    data = file.read_bytes()
    for trace in (
        b"dc.jobs",
        b"dc/jobs",
        b"$aws/things",
        b"start-next",
        b"runHandler",
        b"includeStdOut",
        b"allowStdErr",
    ):
        assert trace not in data, f"{trace!r} is in the file"
    assert b"dc.cli" in data, "the search itself must be able to find a module's name"

    answer = subprocess.run([file, "--version"], capture_output=True, text=True, check=False)
    assert answer.returncode == 0, answer.stderr
    assert "jobs" not in answer.stdout.lower().replace(NAME, "") or "without" in answer.stdout.lower()

    refused = subprocess.run([file, "--enable-jobs", "true"], capture_output=True, text=True, check=False)
    assert refused.returncode != 0
    assert "jobs" in (refused.stderr + refused.stdout).lower()

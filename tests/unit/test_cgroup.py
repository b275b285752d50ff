# SPDX-FileCopyrightText: The aws-iot-device-client authors
# SPDX-License-Identifier: Apache-2.0
"""Where the agent makes control groups for executions, and where it leaves that alone. A folder stands for cgroupfs."""

from __future__ import annotations

import builtins
import io
import os
from pathlib import Path
from typing import Any

import pytest

from dc.jobs.run import cgroup

MARKED = ("AWS_IOT_THING_NAME=board-7", "AWS_IOT_JOB_ID=job", "AWS_IOT_JOB_EXECUTION_NUMBER=2")
NAME = "aws-iot-job.board-7.job.2"


class Tree:
    """A folder in place of cgroupfs; `own` is the group that /proc/self/cgroup names."""

    def __init__(self, root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.root = root
        self.own = "0::/agent\n"
        self.base = self.add("agent")
        monkeypatch.setattr(cgroup, "MOUNTS", (str(root / "none"), str(root)))
        monkeypatch.setattr(cgroup, "SYSTEMD", str(root / "no-systemd"))
        real, makedirs = builtins.open, os.makedirs

        def opened(path: Any, *args: Any, **kwargs: Any) -> Any:
            return io.StringIO(self.own) if path == "/proc/self/cgroup" else real(path, *args, **kwargs)

        def made(path: str, exist_ok: bool = False) -> None:
            makedirs(path, exist_ok=exist_ok)
            self.fill(Path(path))

        monkeypatch.setattr(builtins, "open", opened)
        monkeypatch.setattr(os, "makedirs", made)

    def add(self, name: str) -> Path:
        (self.root / name).mkdir()
        return self.fill(self.root / name)

    def fill(self, group: Path) -> Path:
        for name in ("cgroup.controllers", "cgroup.procs", "cgroup.kill"):
            (group / name).touch()
        return group


@pytest.fixture
def tree(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Tree:
    return Tree(tmp_path, monkeypatch)


def test_a_process_enters_the_group_of_its_execution_below_the_agents_own(tree: Tree) -> None:
    cgroup.enter(MARKED, 123)
    assert (tree.base / NAME / "cgroup.procs").read_text() == "123"
    assert cgroup.members(MARKED) == [123]


def test_the_agent_is_never_among_those_to_end(tree: Tree) -> None:
    cgroup.enter(MARKED, 123)
    (tree.base / NAME / "cgroup.procs").write_text(f"7\n{os.getpid()}\n0\n")
    assert cgroup.members(MARKED) == [7]


def test_a_kill_is_one_write(tree: Tree) -> None:
    cgroup.enter(MARKED, 123)
    cgroup.kill(MARKED)
    assert (tree.base / NAME / "cgroup.kill").read_text() == "1"


@pytest.mark.parametrize("own", ["", "4:memory:/agent\n", "0::/elsewhere\n", "0::/../agent/none\n"])
def test_no_version_2_group_of_its_own_no_groups_for_executions(tree: Tree, own: str) -> None:
    tree.own = own
    cgroup.enter(MARKED, 123)
    assert not (tree.base / NAME).exists()
    assert cgroup.members(MARKED) == []
    cgroup.kill(MARKED)
    cgroup.tidy(MARKED)


def test_a_job_id_that_is_a_path_is_no_name_of_a_group(tree: Tree) -> None:
    cgroup.enter(("A=board-7", "B=../../escape", "C=1"), 123)
    assert sorted(path.name for path in tree.base.iterdir()) == ["cgroup.controllers", "cgroup.kill", "cgroup.procs"]


def test_under_systemd_only_a_delegated_unit_is_used(tree: Tree, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cgroup, "SYSTEMD", str(tree.root))
    attributes: dict[str, bytes] = {}

    def getxattr(path: str, name: str) -> bytes:
        assert path == str(tree.base)
        if name not in attributes:
            raise OSError(61, "No data available")
        return attributes[name]

    monkeypatch.setattr(os, "getxattr", getxattr)
    cgroup.enter(MARKED, 123)
    assert not (tree.base / NAME).exists()
    attributes["user.delegate"] = b"1"
    cgroup.enter(MARKED, 123)
    assert (tree.base / NAME).exists()


def test_an_agent_that_a_job_started_leaves_the_jobs_group_first(tree: Tree) -> None:
    """Else the end of that job would be its own end too."""
    inner = tree.add("agent/aws-iot-job.board-7.restart.1")
    tree.own = f"0::/agent/{inner.name}\n"
    cgroup.enter(MARKED, 123)
    assert (tree.base / "cgroup.procs").read_text() == str(os.getpid())
    assert (tree.base / NAME / "cgroup.procs").read_text() == "123"
    assert not (inner / NAME).exists()


def test_empty_groups_of_this_thing_are_removed_and_no_others(tree: Tree) -> None:
    for name in ("aws-iot-job.board-7.old.1", "aws-iot-job.board-70.new.1", "other"):
        (tree.base / name).mkdir()
    (tree.base / "aws-iot-job.board-7.alive.1").mkdir()
    (tree.base / "aws-iot-job.board-7.alive.1" / "cgroup.procs").touch()
    cgroup.tidy(MARKED)
    left = sorted(path.name for path in tree.base.iterdir() if path.is_dir())
    assert left == ["aws-iot-job.board-7.alive.1", "aws-iot-job.board-70.new.1", "other"]

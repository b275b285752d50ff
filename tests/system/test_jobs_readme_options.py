# SPDX-FileCopyrightText: The aws-iot-device-client authors
# SPDX-License-Identifier: Apache-2.0
"""The C++ client's Jobs README, "Jobs Feature Configuration Options": the flags and the keys of the configuration file."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.fakes.documents import operation, own_handler
from tests.system.harness.rig import ONLINE, Rig


def _other_directory(rig: Rig, where: Path) -> None:
    where.mkdir(mode=0o700, parents=True)
    rig.handlers.folder = where
    rig.handlers.write("here.sh", "echo from the chosen directory")


def _uses_it(rig: Rig) -> None:
    result = rig.run(own_handler("here.sh", includeStdOut=True))
    assert (result.status, result.stdout) == ("SUCCEEDED", "from the chosen directory\n")


@pytest.mark.parametrize("separate", [True, False], ids=["two words", "one word"])
def test_flags_enable_jobs_true_and_jobs_handler_dir(rig: Rig, tmp_path: Path, separate: bool) -> None:
    """The page's example line; `--flag=value` is understood as well. Both beat the file."""
    _other_directory(rig, tmp_path / "mine")
    rig.thing.configure(jobs={"enabled": False})
    pairs = [("--enable-jobs", "true"), ("--jobs-handler-dir", f"{tmp_path / 'mine'}/")]
    words = [w for pair in pairs for w in pair] if separate else ["=".join(pair) for pair in pairs]
    rig.start(*words)
    _uses_it(rig)


def test_flag_jobs_handler_dir_may_begin_with_a_tilde(rig: Rig) -> None:
    _other_directory(rig, rig.thing.folder / ".aws-iot-device-client" / "jobs")
    rig.start("--jobs-handler-dir", "~/.aws-iot-device-client/jobs/")
    _uses_it(rig)


def test_keys_enabled_and_handler_directory_of_the_configuration_file(rig: Rig) -> None:
    """The page's example section: `"enabled": true`, `"handler-directory": "~/.aws-iot-device-client/jobs/"`."""
    rig.thing.configure(jobs={"enabled": True, "handler-directory": "~/.aws-iot-device-client/jobs/"})
    _other_directory(rig, rig.thing.folder / ".aws-iot-device-client" / "jobs")
    rig.start()
    _uses_it(rig)


@pytest.mark.parametrize("how", ["flag", "key"])
def test_a_client_whose_jobs_are_not_enabled_runs_no_job(rig: Rig, how: str) -> None:
    """It stays connected and leaves the job to whoever runs jobs for the thing next."""
    rig.thing.configure(jobs={"enabled": how == "flag"})
    job = rig.create(operation("true"))
    mark = rig.cloud.mark()
    rig.start(*(["--enable-jobs", "false"] if how == "flag" else []))
    rig.agent.wait_log(ONLINE)
    rig.agent.wait_log("no feature is enabled")
    assert rig.agent.stop() == 0
    assert rig.publishes(since=mark) == []
    assert rig.cloud.describe(job, rig.thing)["status"] == "QUEUED"


def test_jobs_are_enabled_unless_the_configuration_says_otherwise(rig: Rig) -> None:
    rig.thing.configure(jobs={"enabled": None})
    rig.start()
    assert rig.run(operation("true")).status == "SUCCEEDED"

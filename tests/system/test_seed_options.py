# SPDX-FileCopyrightText: The aws-iot-device-client authors
# SPDX-License-Identifier: Apache-2.0
"""The seed page, "Jobs Feature Configuration Options": the flags and the keys of the configuration file."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.fakes.documents import operation, own
from tests.system.harness.station import ONLINE, Station


def _other_directory(station: Station, where: Path) -> None:
    where.mkdir(mode=0o700, parents=True)
    station.handlers.folder = where
    station.handlers.write("here.sh", "echo from the chosen directory")


def _uses_it(station: Station) -> None:
    result = station.run(own("here.sh", includeStdOut=True))
    assert (result.status, result.stdout) == ("SUCCEEDED", "from the chosen directory\n")


@pytest.mark.parametrize("separate", [True, False], ids=["two words", "one word"])
def test_flags_enable_jobs_true_and_jobs_handler_dir(fresh: Station, tmp_path: Path, separate: bool) -> None:
    """The page's example line; `--flag=value` is understood as well. Both beat the file."""
    _other_directory(fresh, tmp_path / "mine")
    fresh.thing.configure(jobs={"enabled": False})
    pairs = [("--enable-jobs", "true"), ("--jobs-handler-dir", f"{tmp_path / 'mine'}/")]
    words = [w for pair in pairs for w in pair] if separate else ["=".join(pair) for pair in pairs]
    fresh.start(*words)
    _uses_it(fresh)


def test_flag_jobs_handler_dir_may_begin_with_a_tilde(fresh: Station) -> None:
    _other_directory(fresh, fresh.thing.folder / ".aws-iot-device-client" / "jobs")
    fresh.start("--jobs-handler-dir", "~/.aws-iot-device-client/jobs/")
    _uses_it(fresh)


def test_keys_enabled_and_handler_directory_of_the_configuration_file(fresh: Station) -> None:
    """The page's example section: `"enabled": true`, `"handler-directory": "~/.aws-iot-device-client/jobs/"`."""
    fresh.thing.configure(jobs={"enabled": True, "handler-directory": "~/.aws-iot-device-client/jobs/"})
    _other_directory(fresh, fresh.thing.folder / ".aws-iot-device-client" / "jobs")
    fresh.start()
    _uses_it(fresh)


@pytest.mark.parametrize("how", ["flag", "key"])
def test_a_client_whose_jobs_are_not_enabled_runs_no_job(fresh: Station, how: str) -> None:
    """It stays connected and leaves the job to whoever runs jobs for the thing next."""
    fresh.thing.configure(jobs={"enabled": how == "flag"})
    job = fresh.create(operation("true"))
    mark = fresh.cloud.mark()
    fresh.start(*(["--enable-jobs", "false"] if how == "flag" else []))
    fresh.agent.wait_log(ONLINE)
    fresh.agent.wait_log("no feature is enabled")
    assert fresh.agent.stop() == 0
    assert fresh.publishes(since=mark) == []
    assert fresh.cloud.describe(job, fresh.thing)["status"] == "QUEUED"


def test_jobs_are_enabled_unless_the_configuration_says_otherwise(fresh: Station) -> None:
    fresh.thing.configure(jobs={"enabled": None})
    fresh.start()
    assert fresh.run(operation("true")).status == "SUCCEEDED"

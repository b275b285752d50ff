# SPDX-FileCopyrightText: The aws-iot-device-client authors
# SPDX-License-Identifier: Apache-2.0
"""SIGHUP: what of a new configuration a living agent takes, and that a bad one changes nothing."""

from __future__ import annotations

from pathlib import Path

import pytest

from dc.config.model import SETTINGS, Config
from dc.config.problems import ConfigError, Problems
from dc.log import Log
from dc.reload import LIVE, reload


def configuration(**changes: object) -> Config:
    """Of the defaults, changed by setting."""
    rows = {row.name: row.default for row in SETTINGS}
    changed = {row.name: changes[row.attr] for row in SETTINGS if row.attr in changes}
    return Config({**rows, **changed}, {name: "file f" if name in changed else "default" for name in rows})


@pytest.fixture
def logged(tmp_path: Path) -> Path:
    return tmp_path / "agent.log"


def started(logged: Path, **changes: object) -> tuple[Config, Log]:
    config = configuration(log_type="file", log_file=str(logged), **changes)
    log = Log()
    log.follow(config)
    return config, log


def test_what_a_living_agent_can_change_changes_in_place(logged: Path) -> None:
    config, log = started(logged)
    fresh = configuration(
        log_type="file", log_file=str(logged), log_level="DEBUG", jobs_max_attempts=7, handler_directory="/new"
    )
    assert reload(config, lambda _: fresh, log)
    assert (config.log_level, config.jobs_max_attempts, config.handler_directory) == ("DEBUG", 7, "/new")
    assert log.verbose and config.origins["jobs.max-attempts"] == "file f"
    assert "changed: logging.level, jobs.handler-directory, jobs.max-attempts" in logged.read_text()


def test_what_needs_a_new_process_stays_and_is_named(logged: Path) -> None:
    config, log = started(logged, thing_name="old", endpoint="old")
    fresh = configuration(log_type="file", log_file=str(logged), thing_name="new", endpoint="new")
    assert reload(config, lambda _: fresh, log)
    assert (config.thing_name, config.endpoint) == ("old", "old")
    assert "endpoint, thing-name will change when the agent is started again" in logged.read_text()


@pytest.mark.parametrize("raised", [False, True])
def test_a_bad_configuration_is_refused_with_its_fix_and_the_log_is_opened_anew_all_the_same(
    logged: Path, raised: bool
) -> None:
    config, log = started(logged, jobs_max_attempts=3)

    def configure(problems: Problems) -> Config:
        if raised:
            raise ConfigError("it is bad", "mend it")
        problems.error("it is bad", "mend it")
        return configuration(jobs_max_attempts=9, log_level="DEBUG")

    logged.rename(logged.with_suffix(".1"))
    assert not reload(config, configure, log)
    assert (config.jobs_max_attempts, config.log_level) == (3, "INFO")
    assert "[ERROR] {client}: SIGHUP: the new configuration is refused, the old one stays: it is bad; fix: mend it" in (
        logged.read_text()
    )


def test_every_setting_that_changes_alive_is_one() -> None:
    assert set(LIVE) < {row.attr for row in SETTINGS}


def test_a_file_that_can_be_written_no_more_leaves_a_log_on_stdout(
    logged: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    config, log = started(logged)
    fresh = configuration(log_type="file", log_file=str(logged / "no folder" / "agent.log"))
    assert reload(config, lambda _: fresh, log)
    assert "logging to stdout" in capfd.readouterr().out


def test_the_folder_of_a_new_log_is_made_as_at_the_start(logged: Path) -> None:
    config, log = started(logged)
    new = logged.parent / "new" / "agent.log"
    assert reload(config, lambda _: configuration(log_type="file", log_file=str(new)), log)
    assert "changed: logging.file" in new.read_text()

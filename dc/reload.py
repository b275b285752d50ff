# SPDX-FileCopyrightText: The aws-iot-device-client authors
# SPDX-License-Identifier: Apache-2.0
"""SIGHUP: the configuration is read again, and what can change in a living agent changes. Loaded at the first one."""

from __future__ import annotations

from dc.config.model import SETTINGS
from dc.config.prepare import make_folders
from dc.config.problems import ConfigError, Problems

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from dc.config.model import Config
    from dc.log import Log

PART = "client"
# The others say who the agent is, where it connects and where its state lies: a new process is needed for them.
LIVE = (
    *("log_level", "log_type", "log_file", "log_max_bytes", "log_files"),
    *("handler_directory", "jobs_stop_grace", "jobs_output_grace", "jobs_max_run_seconds"),
    *("jobs_on_interrupted", "jobs_max_attempts", "jobs_step_timeout"),
)


def reload(config: Config, configure: Callable[[Problems], Config] | None, log: Log) -> bool:
    """Changes `config` where that is possible, and opens the log anew. False: the new one is refused, and the old stays."""
    problems = Problems()
    fresh = config
    try:
        if configure is not None:
            fresh = configure(problems)
    except ConfigError as error:
        problems.errors.append(error)
    if problems.errors:
        log.follow(config)
        for wrong in problems.errors:
            hint = f"; fix: {wrong.hint}" if wrong.hint else ""
            log.error(PART, f"SIGHUP: the new configuration is refused, the old one stays: {wrong.message}{hint}")
        return False
    changed = [row for row in SETTINGS if fresh.values[row.name] != config.values[row.name]]
    live = [row for row in changed if row.attr in LIVE]
    for row in live:
        config.adopt(fresh, row)
    make_folders(config, problems)
    log.follow(config)
    for warning in problems.lines():
        log.warn(PART, warning)
    log.answer(PART, f"SIGHUP: the log is open anew; changed: {', '.join(row.name for row in live) or 'nothing'}")
    late = [row.name for row in changed if row.attr and row.attr not in LIVE]
    if late:
        log.warn(PART, f"SIGHUP: {', '.join(late)} will change when the agent is started again")
    return True

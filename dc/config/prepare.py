# SPDX-FileCopyrightText: The aws-iot-device-client authors
# SPDX-License-Identifier: Apache-2.0
"""What the agent makes on the device before it starts. `--check-config` does none of it."""

from __future__ import annotations

import os

TYPE_CHECKING = False
if TYPE_CHECKING:
    from dc.config.model import Config
    from dc.config.problems import Problems

LOG_DIR_MODE = 0o745  # what the C++ client insists on, so that going back to it works


def make_folders(config: Config, problems: Problems) -> None:
    """Makes the folders of the log files that are in use. A failure is a warning; the logs then do without them."""
    files = [config.log_file] if config.log_type == "file" else []
    if config.sdk_log_enabled:
        files.append(config.sdk_log_file)
    for path in files:
        folder = os.path.dirname(path)
        if os.path.isdir(folder):
            continue
        try:
            os.makedirs(folder, LOG_DIR_MODE)
        except OSError as error:
            problems.warn(f"log file {path}: its folder {folder} can't be made ({error.strerror})", subject=folder)

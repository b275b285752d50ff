# SPDX-FileCopyrightText: The aws-iot-device-client authors
# SPDX-License-Identifier: Apache-2.0
"""What a message of the Jobs service says about an execution."""

from __future__ import annotations

from typing import Any

THING = "board-7"
PREFIX = f"$aws/things/{THING}/jobs/"
EXECUTION: dict[str, Any] = {
    "jobId": "run-foo",
    "status": "QUEUED",
    "queuedAt": 1700000000,
    "lastUpdatedAt": 1700000000,
    "versionNumber": 3,
    "executionNumber": 2,
    "approximateSecondsBeforeTimedOut": 59,
    "jobDocument": {"operation": "echo"},
}

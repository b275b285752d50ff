# SPDX-FileCopyrightText: The aws-iot-device-client authors
# SPDX-License-Identifier: Apache-2.0
"""The IoT policy of a device: exactly what the C++ client's permission page lists for Jobs, nothing more.

An agent that needs another topic than these is no drop-in replacement: fleets would have to change policies.
"""

from __future__ import annotations

from typing import Any

_ANSWERS = (
    "start-next/accepted",
    "start-next/rejected",
    "notify-next",
    "*/update/accepted",
    "*/update/rejected",
)
_REQUESTS = ("start-next", "*/update")


def minimal_policy(region: str, account: str, thing: str) -> dict[str, Any]:
    """Return the policy document that lets `thing` connect under its own name and work its own jobs."""
    arn = f"arn:aws:iot:{region}:{account}"
    jobs = f"$aws/things/{thing}/jobs"
    return {
        "Version": "2012-10-17",
        "Statement": [
            _allow("iot:Connect", [f"{arn}:client/{thing}"]),
            _allow("iot:Publish", [f"{arn}:topic/{jobs}/{name}" for name in _REQUESTS]),
            _allow("iot:Subscribe", [f"{arn}:topicfilter/{jobs}/{name}" for name in _ANSWERS]),
            _allow("iot:Receive", [f"{arn}:topic/{jobs}/{name}" for name in _ANSWERS]),
        ],
    }


def _allow(action: str, resources: list[str]) -> dict[str, Any]:
    return {"Effect": "Allow", "Action": action, "Resource": resources}

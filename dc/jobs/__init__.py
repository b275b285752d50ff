# SPDX-FileCopyrightText: The aws-iot-device-client authors
# SPDX-License-Identifier: Apache-2.0
"""The Jobs feature, whole: a build without this package has nothing of it."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from dc.client import Host
    from dc.jobs.feature import JobsFeature


def start(host: Host) -> JobsFeature:
    """What the base client's registry calls."""
    from dc.jobs.feature import JobsFeature

    return JobsFeature(host)

# SPDX-FileCopyrightText: The aws-iot-device-client authors
# SPDX-License-Identifier: Apache-2.0
"""Two agents with one thing name throw each other out, for a client id is unique: the one thrown out says so and waits."""

from __future__ import annotations

from pathlib import Path

import pytest

from localcloud.cloud import Cloud
from localcloud.waiting import wait_until
from tests.fakes.documents import operation
from tests.system.harness.agent import Agent
from tests.system.harness.rig import JOB_SECONDS, QUICK_RECONNECT, Rig

# The one thrown out waits 15 s at least (half of _TAKEOVER_PAUSE in dc/connection.py), whatever its reconnect pause is.
QUIET_SECONDS = 10.0


def test_two_agents_with_one_thing_name_make_no_takeover_storm(
    rig: Rig, cloud: Cloud, target: str, tmp_path: Path
) -> None:
    """There is no lock between them, as on two devices."""
    rig.thing.configure(mqtt=QUICK_RECONNECT)
    first = rig.start_online()
    mark = cloud.mark()
    other = Agent(target, rig.thing)
    other.log_path = tmp_path / "other.log"
    try:
        other.start(env={"LOCK_FILE_PATH": ""})
        first.wait_log(
            rf"\[ERROR\] \{{mqtt\}}: .*another client connected.*\"thing-name\" {rig.thing.name} used by a second device or "
            r"agent\? Trying again within 30 s"
        )
        with pytest.raises(TimeoutError):
            wait_until(lambda: len(cloud.events("connect", rig.thing, mark)) > 1, QUIET_SECONDS, "another takeover")
        assert rig.run(operation("true")).status == "SUCCEEDED", "the one that is connected works"
        wait_until(lambda: len(cloud.events("connect", rig.thing, mark)) > 1, JOB_SECONDS, "the next attempt")
    finally:
        other.finish()

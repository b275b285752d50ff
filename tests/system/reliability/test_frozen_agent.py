# SPDX-FileCopyrightText: The aws-iot-device-client authors
# SPDX-License-Identifier: Apache-2.0
"""The agent itself is stopped (SIGSTOP) for longer than the broker waits, as by a debugger or a starved board."""

from __future__ import annotations

import os
import signal
import threading

import pytest

from tests.fakes.documents import operation, own_handler
from tests.system.reliability.own_broker import OwnBroker

# RELIABILITY_FROZEN_SECONDS=120 is the run that a release gets; the broker gives up after 1.5 keep-alives, here 7.5 s.
FROZEN_SECONDS = float(os.environ.get("RELIABILITY_FROZEN_SECONDS", "12"))


@pytest.mark.timeout(300 + int(FROZEN_SECONDS))
def test_a_stopped_agent_recovers_by_itself_and_repeats_nothing(own_broker: OwnBroker) -> None:
    """The handler ends meanwhile, and the broker has closed the connection."""
    gate = own_broker.thing.folder / "gate"
    gate.touch()
    own_broker.write_ledger_handler("gated.sh", f"while [ -e {gate} ]; do sleep 0.05; done")
    own_broker.start_online()
    job = own_broker.add(own_handler("gated.sh"))
    own_broker.wait_ledger(f"start {job} gated.sh 1")
    own_broker.agent.signal(signal.SIGSTOP)
    gate.unlink()
    own_broker.wait_ledger(f"end {job} gated.sh 1")
    after = own_broker.add(operation("true"))
    threading.Event().wait(FROZEN_SECONDS)
    assert "exceeded timeout, disconnecting" in own_broker.mosquitto.log(), "the broker has not noticed: wait longer"
    own_broker.agent.signal(signal.SIGCONT)
    assert own_broker.result(job).status == "SUCCEEDED"
    assert own_broker.result(after).status == "SUCCEEDED"
    assert own_broker.ledger() == [f"start {job} gated.sh 1", f"end {job} gated.sh 1"]
    assert len(own_broker.service.finished) == 2
    assert own_broker.agent.stop() == 0

# SPDX-FileCopyrightText: The aws-iot-device-client authors
# SPDX-License-Identifier: Apache-2.0
"""The agent itself is stopped (SIGSTOP) for longer than the broker waits, as by a debugger or a starved board."""

from __future__ import annotations

import os
import signal
import threading

import pytest

from tests.fakes.documents import operation, own
from tests.system.reliability.line import Line

# RELIABILITY_FROZEN_SECONDS=120 is the run that a release gets; the broker gives up after 1.5 keep-alives, here 7.5 s.
FROZEN_SECONDS = float(os.environ.get("RELIABILITY_FROZEN_SECONDS", "12"))


@pytest.mark.timeout(300 + int(FROZEN_SECONDS))
def test_a_stopped_agent_recovers_by_itself_and_repeats_nothing(line: Line) -> None:
    """The handler ends meanwhile, and the broker has closed the connection."""
    gate = line.thing.folder / "gate"
    gate.touch()
    line.write_ledger_handler("gated.sh", f"while [ -e {gate} ]; do sleep 0.05; done")
    line.start_online()
    job = line.add(own("gated.sh"))
    line.wait_ledger(f"start {job} gated.sh 1")
    line.agent.signal(signal.SIGSTOP)
    gate.unlink()
    line.wait_ledger(f"end {job} gated.sh 1")
    after = line.add(operation("true"))
    threading.Event().wait(FROZEN_SECONDS)
    assert "exceeded timeout, disconnecting" in line.broker.log(), "the broker has not noticed: wait longer"
    line.agent.signal(signal.SIGCONT)
    assert line.result(job).status == "SUCCEEDED"
    assert line.result(after).status == "SUCCEEDED"
    assert line.ledger() == [f"start {job} gated.sh 1", f"end {job} gated.sh 1"]
    assert len(line.service.finished) == 2
    assert line.agent.stop() == 0

# SPDX-FileCopyrightText: The aws-iot-device-client authors
# SPDX-License-Identifier: Apache-2.0
"""A thousand jobs, one after the other, through one agent: nothing is lost, repeated or left behind."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

import pytest

from localcloud import procfs
from localcloud.mosquitto import Mosquitto
from localcloud.scripted import ScriptedJobs
from localcloud.thing import Thing
from localcloud.waiting import wait_until
from tests.system.harness.agent import Agent
from tests.system.harness.rig import JOB_SECONDS
from toolchains.agent import is_emulated

EARLY, JOBS, AHEAD = 100, 1000, 20
SECONDS = 300.0
ALLOWED_GROWTH_KIB = 512
# Under qemu most of it is the emulator, whose translated code grows. Its own heap grows with every job by as much as it
# likes and is left out; the agent's lies elsewhere.
ALLOWED_GROWTH_EMULATED_KIB = 4096

pytestmark = pytest.mark.timeout(SECONDS + 60)


@dataclass(frozen=True)
class Size:
    """What may grow."""

    fds: int
    threads: int
    children: int
    rss: int


def _size(agent: Agent, target: str) -> Size:
    """Measured when no handler runs."""
    wait_until(lambda: not agent.children(), JOB_SECONDS, "the last handler to be gone")
    emulators = procfs.heap_kib(agent.pid) if is_emulated(target) else 0
    return Size(agent.fds(), agent.threads(), len(agent.children()), agent.rss_kib() - emulators)


def test_1000_jobs_are_each_run_and_reported_once_and_leave_nothing_behind(
    broker: Mosquitto, service: ScriptedJobs, target: str, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """Over mosquitto and a scripted service, which cost less time than the local cloud; the same messages go by."""
    thing = broker.make_thing("busy", tmp_path_factory.mktemp("busy"))
    thing.configure(logging={"level": "INFO", "type": "stdout"})
    agent = Agent(target, thing).start()
    try:
        _work(service, thing, EARLY)
        early = _size(agent, target)
        _work(service, thing, JOBS)
        late = _size(agent, target)
        assert agent.stop() == 0
    finally:
        agent.finish()
    runs = (thing.folder / "runs").read_text().split()
    assert runs == [str(number) for number in range(JOBS)]
    statuses = Counter((r.job, r.body["status"]) for r in service.requests("update"))
    assert set(statuses.values()) == {1} and len(statuses) == 2 * JOBS
    assert {(e.status, e.details["stderr"]) for e in service.finished} == {("SUCCEEDED", "noise\n")}
    assert (late.fds, late.children) == (early.fds, early.children)
    assert late.threads <= early.threads  # awscrt ends its idle resolver thread when it likes
    allowed = ALLOWED_GROWTH_EMULATED_KIB if is_emulated(target) else ALLOWED_GROWTH_KIB
    assert late.rss - early.rss <= allowed


def _work(service: ScriptedJobs, thing: Thing, until: int) -> None:
    """Keep AHEAD jobs queued until `until` of them have ended in all."""
    document = {"operation": "sh", "allowStdErr": 1, "includeStdOut": True}
    body = f'echo "$1" >> {thing.folder}/runs; echo noise >&2'
    added = len(service.finished)
    while (ended := len(service.finished)) < until:
        for number in range(added, min(ended + AHEAD, until)):
            service.add(thing.name, f"job-{number}", {**document, "args": ["-c", body, "sh", str(number)]})
            added = number + 1
        service.wait_finished(min(ended + AHEAD // 2, until), SECONDS)

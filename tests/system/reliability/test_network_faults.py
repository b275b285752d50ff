# SPDX-FileCopyrightText: The aws-iot-device-client authors
# SPDX-License-Identifier: Apache-2.0
"""Networks and brokers that fail in other ways than by a clean end. Most of it is waiting, so all run side by side.

A dead connection is noticed by the MQTT ping: within the keep-alive, here 5 s, and the 10 s its answer may take.
"""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from pathlib import Path

import pytest

from localcloud.scripted import SILENCE
from localcloud.waiting import wait_until
from tests.fakes.documents import operation, own_handler
from tests.system.harness.agent import Agent
from tests.system.harness.namespaces import Wire
from tests.system.harness.skips import needs_root
from tests.system.reliability.concurrent_scenarios import ConcurrentScenarios, selected
from tests.system.reliability.own_broker import QUICK_MQTT, OwnBroker
from tests.system.reliability.relay import Relay

# A ping that is not answered, then the pauses of a few attempts, on a busy or emulated machine.
RECOVERY_SECONDS = 100.0
# For so long two agents of one thing are watched. A pause of a second each would be 40 takeovers; growing ones (up to 1,
# 2, 4, 8, ... seconds, random) are about ten, and with one in a million runs as many as this.
STORM_SECONDS, STORM = 20.0, 24

anyone, root = ConcurrentScenarios(), ConcurrentScenarios()


@contextmanager
def _wired(target: str, folder: Path, delay: float = 0.0) -> Iterator[tuple[OwnBroker, Wire]]:
    """A broker that the agent reaches by a wire of its own; `delay`: seconds, each way."""
    with (
        OwnBroker(target, folder) as own_broker,
        Wire(folder) as wire,
        Relay(own_broker.mosquitto.port, wire.address, delay=delay) as relay,
    ):
        own_broker.route_through(relay)
        yield own_broker, wire


def _gated(own_broker: OwnBroker) -> tuple[str, Path]:
    """A running job whose handler ends when the file is gone."""
    gate = own_broker.thing.folder / "gate"
    gate.touch()
    own_broker.write_ledger_handler("gated.sh", f"while [ -e {gate} ]; do sleep 0.05; done")
    job = own_broker.add(own_handler("gated.sh"))
    own_broker.wait_ledger(f"start {job} gated.sh 1")
    return job, gate


def _ended_well(own_broker: OwnBroker, job: str) -> None:
    """The job of `_gated` was run once and is reported; the next one is run as well."""
    assert own_broker.result(job, RECOVERY_SECONDS).status == "SUCCEEDED"
    assert own_broker.ledger() == [f"start {job} gated.sh 1", f"end {job} gated.sh 1"]
    assert own_broker.run(operation("true")).status == "SUCCEEDED"


def _wait_lost(agent: Agent) -> None:
    agent.wait_log(r"\[WARN\] .*reconnecting", RECOVERY_SECONDS)


def _wait_attempt(relay: Relay, number: int) -> None:
    wait_until(lambda: relay.accepted >= number, RECOVERY_SECONDS, f"connection {number}")


@anyone.add
def a_broker_that_freezes_is_left_and_found_again(target: str, folder: Path) -> None:
    with OwnBroker(target, folder) as own_broker:
        own_broker.start_online()
        job, gate = _gated(own_broker)
        own_broker.mosquitto.freeze()
        gate.unlink()
        _wait_lost(own_broker.agent)
        own_broker.mosquitto.thaw()
        _ended_well(own_broker, job)


@anyone.add
def a_broker_that_freezes_for_a_moment_only_is_kept(target: str, folder: Path) -> None:
    with OwnBroker(target, folder) as own_broker:
        own_broker.start_online()
        job, gate = _gated(own_broker)
        own_broker.mosquitto.freeze()
        gate.unlink()
        own_broker.agent.wait_log("step ended")
        own_broker.mosquitto.thaw()
        _ended_well(own_broker, job)
        assert "reconnecting" not in own_broker.agent.log()


@anyone.add
def half_open_sockets_are_noticed(target: str, folder: Path) -> None:
    """The other end is gone and nobody said so; new connections fail in the same way until the network is back."""
    with OwnBroker(target, folder, relayed=True) as own_broker:
        own_broker.start_online()
        job, gate = _gated(own_broker)
        own_broker.relay.fall_silent()
        gate.unlink()
        _wait_lost(own_broker.agent)
        own_broker.relay.speak()
        own_broker.relay.cut()
        _ended_well(own_broker, job)


@anyone.add
def a_connection_cut_in_the_middle_of_every_handshake_is_tried_again(target: str, folder: Path) -> None:
    with OwnBroker(target, folder, relayed=True) as own_broker:
        own_broker.agent.start()
        for number in range(1, 4):
            _wait_attempt(own_broker.relay, number)
            own_broker.relay.cut()
        assert own_broker.run(operation("true")).status == "SUCCEEDED"


@anyone.add
def a_slow_line_of_half_a_second_each_way_carries_jobs(target: str, folder: Path) -> None:
    with OwnBroker(target, folder, relayed=True) as own_broker:
        own_broker.relay.delay = 0.5
        own_broker.agent.start()
        jobs = [own_broker.add(operation("true")) for _ in range(3)]
        assert [own_broker.result(job, RECOVERY_SECONDS).status for job in jobs] == ["SUCCEEDED"] * 3


@anyone.add
def an_agent_reconnects_within_the_longest_pause_that_is_configured(target: str, folder: Path) -> None:
    with OwnBroker(target, folder, relayed=True) as own_broker:
        own_broker.thing.configure(mqtt={**QUICK_MQTT, "reconnect-max-seconds": 4})
        own_broker.start_online()
        own_broker.relay.refuse()
        own_broker.agent.wait_log("nothing listens there")
        wait_until(lambda: own_broker.agent.log().count("nothing listens") >= 4, RECOVERY_SECONDS, "four attempts")
        asked = own_broker.asked()
        own_broker.relay.accept()
        # 4 s of pause at most; the rest is the handshake on a busy machine.
        wait_until(lambda: own_broker.asked() > asked, 4 + 6, "start-next after the reconnect")


@anyone.add
def a_claim_that_is_never_answered_is_not_run(target: str, folder: Path) -> None:
    """The service is silent for a while; the connection lives. No handler starts on a guess."""
    with OwnBroker(target, folder) as own_broker:
        own_broker.service.script("update", SILENCE)
        own_broker.write_ledger_handler("note.sh", "")
        own_broker.start_online()
        job = own_broker.add(own_handler("note.sh"))
        own_broker.service.wait_requests("update", 1, job)
        assert own_broker.ledger() == []
        assert own_broker.result(job).status == "SUCCEEDED"
        assert own_broker.ledger() == [f"start {job} note.sh 1", f"end {job} note.sh 1"]


@anyone.add
def two_agents_that_are_not_told_why_they_are_thrown_out_meet_less_and_less_often(target: str, folder: Path) -> None:
    """mosquitto only hangs up when a second client takes over. The pauses grow all the same, unless a connection lasts."""
    with OwnBroker(target, folder / "one") as own_broker:
        slow = {**QUICK_MQTT, "reconnect-max-seconds": 128}
        own_broker.thing.configure(mqtt=slow)
        second = own_broker.make_thing(folder / "two")
        second.configure(mqtt=slow)
        own_broker.start_online()
        other = Agent(target, second)
        try:
            other.start()
            own_broker.agent.wait_log("the connection was lost")
            with pytest.raises(TimeoutError):
                wait_until(
                    lambda: own_broker.mosquitto.log().count("already connected") > STORM, STORM_SECONDS, "a storm"
                )
        finally:
            other.finish()


@root.add
def packets_that_vanish_for_good_are_noticed(target: str, folder: Path) -> None:
    with _wired(target, folder) as (own_broker, wire):
        own_broker.start_online(prefix=wire.prefix)
        job, gate = _gated(own_broker)
        wire.cut()
        gate.unlink()
        _wait_lost(own_broker.agent)
        wire.mend()
        _ended_well(own_broker, job)


@root.add
def an_unplugged_cable_is_survived(target: str, folder: Path) -> None:
    with _wired(target, folder) as (own_broker, wire):
        own_broker.start_online(prefix=wire.prefix)
        job, gate = _gated(own_broker)
        wire.unplug()
        gate.unlink()
        _wait_lost(own_broker.agent)
        wire.mend()
        _ended_well(own_broker, job)


@root.add
def a_line_that_loses_30_percent_and_takes_half_a_second_carries_jobs(target: str, folder: Path) -> None:
    with _wired(target, folder, delay=0.25) as (own_broker, wire):
        # On such a line a ping may well take longer than the 10 s that it has, so it is sent as seldom as usual.
        own_broker.thing.configure(mqtt={**QUICK_MQTT, "keep-alive-seconds": 45})
        wire.lose(0.3)
        own_broker.agent.start(prefix=wire.prefix)
        jobs = [own_broker.add(operation("true")) for _ in range(3)]
        assert [own_broker.result(job, RECOVERY_SECONDS).status for job in jobs] == ["SUCCEEDED"] * 3


@pytest.fixture(scope="module")
def outcomes(
    request: pytest.FixtureRequest, target: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[dict[str, Future[None]]]:
    names = selected(request.session.items, "test_a_fault_of_the_network")
    rooted = selected(request.session.items, "test_a_fault_that_root_can_make")
    folder = tmp_path_factory.mktemp("network")
    with anyone.start(names, target, folder / "a") as first, root.start(rooted, target, folder / "r") as second:
        yield {**first, **second}


@pytest.mark.timeout(300)
@pytest.mark.parametrize("name", anyone.names)
def test_a_fault_of_the_network(outcomes: dict[str, Future[None]], name: str) -> None:
    outcomes[name].result()


@needs_root
@pytest.mark.timeout(300)
@pytest.mark.parametrize("name", root.names)
def test_a_fault_that_root_can_make(outcomes: dict[str, Future[None]], name: str) -> None:
    outcomes[name].result()

# SPDX-FileCopyrightText: The aws-iot-device-client authors
# SPDX-License-Identifier: Apache-2.0
"""When the connection is given up for a new one, and after which pause: with a client that does nothing by itself."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from dc import connection as connections
from dc import mqtt
from dc.client import EXIT_RESTART
from dc.client import Client as BaseClient
from dc.connection import SILENT_PUBLISHES, STOP_SECONDS, TAKEN_OVER, Connection, jittered
from tests.fakes.clock import FakeLoop, KeptLog, defaults

FILTERS = ("one", "two")
LOST = 1051  # an error code of awscrt; which one is of no importance
NOT_AUTHORIZED = 135


class FakeClient(mqtt.Client):
    """Does nothing by itself. `made` holds all clients, the newest last."""

    made: list[FakeClient] = []

    def __init__(self, post: Callable[..., None]) -> None:
        self.started: list[object] = []
        self.stops = 0
        self.published: list[str] = []
        self.subscriptions: list[Callable[[int, list[int]], None]] = []
        FakeClient.made.append(self)

    def start(
        self,
        host: str,
        port: int,
        bootstrap: mqtt.Bound,
        tls: mqtt.Bound,
        client_id: str,
        keep_alive: int,
        reconnect_ms: tuple[int, int],
    ) -> None:
        self.started = [host, port, client_id, keep_alive, reconnect_ms]

    def stop(self) -> None:
        self.stops += 1

    def subscribe(self, filters: tuple[str, ...], done: Callable[[int, list[int]], None]) -> None:
        assert filters == FILTERS, "a SUBSCRIBE without a filter is a protocol error"
        self.subscriptions.append(done)

    def publish(self, topic: str, payload: bytes, done: Callable[[int, int], None]) -> None:
        self.published.append(topic)


class ConnectionBench:
    """A started connection; `seen` is what it reported to the base client."""

    def __init__(self, folder: Path, filters: tuple[str, ...] = FILTERS, **changes: object) -> None:
        for name in ("cert", "key", "root_ca"):
            (folder / name).write_bytes(b"pem")
        files = {name: str(folder / name) for name in ("cert", "key", "root_ca")}
        self.loop, self.log, self.seen = FakeLoop(), KeptLog(), list[str]()
        config = defaults(endpoint="host", port=8883, **{**files, **changes})
        self.connection = Connection(self.loop, self.log, config)
        self.connection.on_online = lambda: self.seen.append("online")
        self.connection.on_offline = lambda: self.seen.append("offline")
        self.connection.on_message = lambda topic, _: self.seen.append(topic)
        self.connection.on_dead = lambda: self.seen.append("dead")
        self.connection.start(filters)

    @property
    def client(self) -> FakeClient:
        """The newest."""
        return FakeClient.made[-1]

    def online(self) -> None:
        self.client.on_connected(False)
        self.client.subscriptions[-1](0, [1, 1])

    def taken_over(self) -> float:
        """Lose the connection to another client; the seconds until the next attempt."""
        self.client.on_lost(LOST, TAKEN_OVER)
        self.client.on_stopped()
        return self.loop.armed["connection-restart"]

    def logged(self, level: str) -> list[str]:
        return [text for found, text in self.log.lines if found == level]


@pytest.fixture
def bench(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ConnectionBench:
    FakeClient.made = []
    monkeypatch.setattr(mqtt, "Client", FakeClient)
    monkeypatch.setattr(mqtt, "make_tls", lambda *_: mqtt.Bound())
    monkeypatch.setattr(mqtt, "make_bootstrap", mqtt.Bound)
    return ConnectionBench(tmp_path)


# --- a connection that only looks alive


def test_requests_that_nobody_answers_end_in_a_new_connection(bench: ConnectionBench) -> None:
    """The pings are answered, so awscrt sees nothing wrong."""
    bench.online()
    for number in range(SILENT_PUBLISHES):
        bench.connection.publish(f"request {number}", b"")
    assert bench.client.stops == 0
    bench.connection.publish("one too many", b"")
    assert (bench.client.stops, len(bench.client.published)) == (1, SILENT_PUBLISHES)
    assert bench.logged("WARN") == [f"{SILENT_PUBLISHES} requests in a row were not answered; reconnecting"]
    bench.client.on_stopped()
    assert bench.seen == ["online", "offline"]
    bench.loop.pass_time(1.0)
    assert len(FakeClient.made) == 2 and bench.client.started


def test_any_message_shows_that_the_connection_lives(bench: ConnectionBench) -> None:
    bench.online()
    for number in range(5 * SILENT_PUBLISHES):
        bench.connection.publish(f"request {number}", b"")
        if number % SILENT_PUBLISHES == 0:
            bench.client.on_message("topic", b"")
    assert (bench.client.stops, len(bench.client.published)) == (0, 5 * SILENT_PUBLISHES)


def test_a_service_that_stays_silent_is_tried_less_and_less_often(bench: ConnectionBench) -> None:
    """At most every 128 s, each time a random part of that."""
    longest = 1.0
    for _ in range(10):
        bench.online()
        for number in range(SILENT_PUBLISHES + 1):
            bench.connection.publish(f"request {number}", b"")
        bench.client.on_stopped()
        pause = bench.loop.armed["connection-restart"]
        assert 0.05 * longest <= pause <= longest
        longest = min(2 * longest, 128.0)
        bench.loop.pass_time(longest)
    assert longest == 128.0


def test_a_message_makes_the_next_pause_short_again(bench: ConnectionBench) -> None:
    for _ in range(8):
        bench.online()
        for number in range(SILENT_PUBLISHES + 1):
            bench.connection.publish(f"request {number}", b"")
        bench.client.on_stopped()
        bench.loop.pass_time(128)
    bench.online()
    bench.client.on_message("topic", b"")
    for number in range(SILENT_PUBLISHES + 1):
        bench.connection.publish(f"request {number}", b"")
    bench.client.on_stopped()
    assert bench.loop.armed["connection-restart"] <= 1.0


def test_what_a_replaced_client_still_reports_is_ignored(bench: ConnectionBench) -> None:
    bench.online()
    old = bench.client
    bench.taken_over()
    bench.loop.pass_time(30)
    assert bench.client is not old
    seen = list(bench.seen)
    old.on_connected(False)
    old.on_message("late", b"")
    old.on_lost(LOST, None)
    old.on_stopped()
    assert bench.seen == seen
    bench.online()
    assert bench.seen == [*seen, "online"]


def test_a_connection_that_nobody_wants_messages_of_is_online_without_a_subscription(
    bench: ConnectionBench, tmp_path: Path
) -> None:
    idle = ConnectionBench(tmp_path, ())
    for session_present in (False, True):
        idle.client.on_connected(session_present)
        assert idle.client.subscriptions == [] and idle.connection.status() == "connected to host:8883 for 0 s"
        idle.client.on_lost(LOST, None)
        assert idle.connection.status() == "connecting to host:8883"
    assert idle.seen == ["online", "offline"] * 2


# --- a runtime that is dead


def test_a_runtime_that_does_not_even_stop_is_given_up(bench: ConnectionBench) -> None:
    """Its thread is stuck or gone: only a new process helps."""
    bench.online()
    for number in range(SILENT_PUBLISHES + 1):
        bench.connection.publish(f"request {number}", b"")
    bench.loop.pass_time(STOP_SECONDS - 0.1)
    assert "dead" not in bench.seen
    bench.loop.pass_time(0.2)
    assert bench.seen == ["online", "dead"]


def test_the_agent_then_ends_with_a_status_that_asks_for_a_restart(bench: ConnectionBench, tmp_path: Path) -> None:
    client = BaseClient(defaults(), bench.log)
    client._dead()
    assert client._status == EXIT_RESTART == 75, "EX_TEMPFAIL"
    assert "exiting with status 75 so that it is started again" in bench.logged("ERROR")[-1]


# --- a second agent with the same thing name


def test_an_agent_that_is_thrown_out_waits_longer_each_time_and_says_why(bench: ConnectionBench) -> None:
    """15 to 30 s at first, so that two agents don't throw each other out in a storm; never more than ten minutes."""
    longest = 30.0
    for _ in range(8):
        bench.online()
        pause = bench.taken_over()
        assert longest / 2 <= pause <= longest
        assert f"Trying again within {longest:.0f} s" in bench.logged("ERROR")[-1]
        assert 'is "thing-name" thing used by a second device or agent?' in bench.logged("ERROR")[-1]
        made = len(FakeClient.made)
        bench.loop.pass_time(longest)
        assert len(FakeClient.made) == made + 1
        longest = min(2 * longest, 600.0)
    assert longest == 600.0


def test_a_connection_that_lasted_makes_the_next_takeover_pause_short_again(bench: ConnectionBench) -> None:
    """Somebody who tries a copy of the device once a year must not cost it ten minutes for ever after."""
    for _ in range(8):
        bench.online()
        bench.taken_over()
        bench.loop.pass_time(600)
    bench.online()
    bench.client.on_message("topic", b"")
    bench.loop.pass_time(86400)
    bench.client.on_message("topic", b"")
    assert bench.taken_over() <= 30.0


def test_another_loss_is_left_to_awscrt_which_reconnects_by_itself(bench: ConnectionBench) -> None:
    bench.online()
    bench.client.on_lost(LOST, None)
    assert bench.client.stops == 0 and "connection-restart" not in bench.loop.armed
    bench.client.on_connected(True)
    assert bench.seen == ["online", "offline", "online"]


# --- subscriptions


def test_a_kept_session_is_not_subscribed_anew_a_lost_one_is(bench: ConnectionBench) -> None:
    bench.online()
    bench.client.on_lost(LOST, None)
    bench.client.on_connected(True)
    assert len(bench.client.subscriptions) == 1
    bench.client.on_lost(LOST, None)
    bench.client.on_connected(False)
    assert len(bench.client.subscriptions) == 2


def test_a_session_kept_from_before_a_restart_of_the_agent_is_subscribed_all_the_same(bench: ConnectionBench) -> None:
    """Another version of the agent may have made it."""
    bench.client.on_connected(True)
    assert len(bench.client.subscriptions) == 1 and bench.seen == []


def test_a_subscription_that_was_cut_off_is_made_again_with_the_next_connection(bench: ConnectionBench) -> None:
    bench.client.on_connected(False)
    bench.client.subscriptions[-1](LOST, [])
    bench.client.on_connected(True)
    assert len(bench.client.subscriptions) == 2


def test_a_refused_subscription_is_tried_less_and_less_often(bench: ConnectionBench) -> None:
    bench.client.on_connected(False)
    longest = 2.0
    for _ in range(10):
        count = len(bench.client.subscriptions)
        bench.client.subscriptions[-1](0, [1, NOT_AUTHORIZED])
        assert 0.05 * longest <= bench.loop.armed["connection-subscribe"] <= longest
        bench.loop.pass_time(longest)
        assert len(bench.client.subscriptions) == count + 1
        longest = min(2 * longest, 300.0)
    assert longest == 300.0 and bench.seen == []
    assert len(bench.logged("ERROR")) == 1, "said once, not with every attempt"


# --- other credentials on disk


def test_a_lost_connection_is_made_by_a_new_client_if_the_credentials_changed(
    bench: ConnectionBench, tmp_path: Path
) -> None:
    bench.online()
    (tmp_path / "cert").write_bytes(b"new")
    bench.client.on_lost(LOST, None)
    bench.client.on_stopped()
    bench.loop.pass_time(1.0)
    assert len(FakeClient.made) == 2
    bench.online()
    bench.client.on_lost(LOST, None)
    assert bench.client.stops == 0, "awscrt reconnects by itself"


def test_a_failed_attempt_looks_for_other_credentials_and_goes_back_to_those_that_worked(
    bench: ConnectionBench, tmp_path: Path
) -> None:
    bench.online()
    bench.client.on_lost(LOST, None)
    bench.client.on_failed(LOST, None)
    assert bench.client.stops == 0
    (tmp_path / "cert").write_bytes(b"new")
    for made in (2, 3, 4):
        bench.client.on_failed(LOST, None)
        bench.client.on_stopped()
        bench.loop.pass_time(128.0)
        assert len(FakeClient.made) == made
    bench.online()
    bench.client.on_failed(LOST, None)
    assert bench.client.stops == 0, "these work: there are no others to try"


# --- pauses


def test_a_random_pause_is_never_longer_than_asked_nor_nothing() -> None:
    pauses = [jittered(10.0) for _ in range(1000)]
    assert min(pauses) >= 0.5 and max(pauses) <= 10.0
    assert max(pauses) - min(pauses) > 5.0, "they are spread"


def test_nothing_is_published_before_the_subscriptions_are_granted(bench: ConnectionBench) -> None:
    """The answer would go nowhere."""
    bench.connection.publish("early", b"")
    bench.client.on_connected(False)
    bench.connection.publish("early too", b"")
    assert bench.client.published == []


def test_stopping_while_a_new_connection_is_waited_for_makes_none(bench: ConnectionBench) -> None:
    bench.online()
    bench.taken_over()
    stopped: list[bool] = []
    bench.connection.stop(lambda: stopped.append(True))
    assert stopped == [True]
    bench.loop.pass_time(3600)
    assert len(FakeClient.made) == 1


def test_stopping_while_the_old_client_still_stops_makes_no_new_one(bench: ConnectionBench) -> None:
    bench.online()
    bench.client.on_lost(LOST, TAKEN_OVER)
    stopped: list[bool] = []
    bench.connection.stop(lambda: stopped.append(True))
    bench.client.on_stopped()
    assert stopped == [True]
    bench.loop.pass_time(3600)
    assert len(FakeClient.made) == 1


def test_the_bounds_of_the_documentation_are_those_of_the_code() -> None:
    """docs/reliability.md names them."""
    assert (connections._FIRST_PAUSE, connections._LONGEST_PAUSE) == (1.0, 128.0)
    assert (connections._TAKEOVER_PAUSE, connections._LONGEST_TAKEOVER_PAUSE) == (30.0, 600.0)
    assert (mqtt.PING_MS, mqtt.CONNECT_MS, mqtt.CONNACK_MS, mqtt.ACK_SECONDS) == (10_000, 10_000, 20_000, 20)

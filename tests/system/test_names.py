# SPDX-FileCopyrightText: The aws-iot-device-client authors
# SPDX-License-Identifier: Apache-2.0
"""How the endpoint's name becomes an address: by DNS as /etc/resolv.conf says, from a server of the test's own."""

from __future__ import annotations

import secrets
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from localcloud.mosquitto import Mosquitto
from localcloud.thing import Thing
from tests.system.harness.agent import Agent
from tests.system.harness.namespaces import mounted
from tests.system.harness.rig import QUICK_RECONNECT
from tests.system.harness.skips import needs_root

pytestmark = needs_root

FOUR, SIX, BOTH = "four.fleet.example", "six.fleet.example", "both.fleet.example"
SHORT = "four"
RECORDS = {FOUR: "127.0.0.1", SIX: "::1", BOTH: "127.0.0.1,::1"}


@pytest.fixture(scope="module")
def broker() -> Iterator[Mosquitto]:
    """A broker that all these names stand for."""
    with Mosquitto(hosts=(*RECORDS, SHORT), more=("::1",)) as running:
        yield running


class Board:
    """An agent whose system has no other names than those of `nameserver`, a dnsmasq that is not started yet."""

    def __init__(self, target: str, thing: Thing, stack: ExitStack) -> None:
        # Any address of 127/8 is this machine: nobody else's port 53 is there.
        self.nameserver = f"127.{1 + secrets.randbelow(254)}.{secrets.randbelow(256)}.{1 + secrets.randbelow(254)}"
        self.agent = Agent(target, thing)
        self._thing = thing
        self._stack = stack
        stack.callback(self.agent.finish)

    def serve(self) -> None:
        """Start the name server."""
        records = [f"--host-record={name},{addresses}" for name, addresses in RECORDS.items()]
        words = [
            "dnsmasq",
            "--keep-in-foreground",
            "--conf-file=/dev/null",
            "--pid-file=",
            "--user=root",
            "--no-resolv",
        ]
        words += [
            "--no-hosts",
            "--local=/example/",
            "--bind-interfaces",
            f"--listen-address={self.nameserver}",
            *records,
        ]
        server = subprocess.Popen(["setpriv", "--pdeathsig", "KILL", *words], stderr=subprocess.DEVNULL)
        self._stack.callback(server.wait)
        self._stack.callback(server.terminate)

    def start(self, endpoint: str, resolv: str = "nameserver {nameserver}\n") -> None:
        """Start the agent with this endpoint and /etc/resolv.conf, and an empty /etc/hosts."""
        folder: Path = self._thing.folder
        (folder / "resolv.conf").write_text(resolv.format(nameserver=self.nameserver))
        (folder / "hosts").touch()
        self._thing.configure(endpoint=f"{endpoint}:{self._thing.port}", mqtt=QUICK_RECONNECT)
        binds = (f"mount --bind {folder}/{name} $(readlink -f /etc/{name})" for name in ("resolv.conf", "hosts"))
        self.agent.start(prefix=mounted(" && ".join(binds)))

    def connects(self, endpoint: str) -> None:
        """Wait until it is connected."""
        self.agent.wait_log(rf"connected to {endpoint}:\d+ as")
        assert self.agent.stop() == 0


@pytest.fixture
def board(target: str, broker: Mosquitto, tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Board]:
    with ExitStack() as stack:
        made = Board(target, broker.make_thing("named", tmp_path), stack)
        yield made
        request.node.add_report_section("teardown", "agent's log", made.agent.log()[-20000:])


@pytest.mark.parametrize("name", [FOUR, SIX, BOTH])
def test_a_name_with_an_address_of_either_kind_is_reached(board: Board, name: str) -> None:
    board.serve()
    board.start(name)
    board.connects(name)


def test_a_short_name_is_looked_for_in_the_search_domains(board: Board) -> None:
    board.serve()
    board.start(SHORT, "search other.example fleet.example\nnameserver {nameserver}\n")
    board.connects(SHORT)


def test_a_dead_name_server_is_passed_over(board: Board) -> None:
    board.serve()
    board.start(FOUR, "nameserver 127.0.0.99\nnameserver {nameserver}\n")
    board.connects(FOUR)


def test_names_that_are_served_only_later_are_found_then(board: Board) -> None:
    """As on a board whose network comes up after the agent."""
    board.start(FOUR)
    board.agent.wait_log(f"{FOUR}:.* the host name can't be resolved")
    board.serve()
    board.connects(FOUR)

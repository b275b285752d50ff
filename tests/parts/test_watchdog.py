# SPDX-FileCopyrightText: The aws-iot-device-client authors
# SPDX-License-Identifier: Apache-2.0
"""The watchdogs of systemd and of the kernel are fed by the loop, and only while it turns."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from dc import watchdog
from dc.watchdog import STALL_SECONDS, Watchdog
from tests.fakes.clock import FakeLoop


class Listener:
    """A supervisor's socket; `heard` what came since the last look."""

    def __init__(self, address: str) -> None:
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.bind(address)
        self._socket.setblocking(False)

    def heard(self) -> list[str]:
        found = []
        try:
            while True:
                found.append(self._socket.recv(4096).decode())
        except BlockingIOError:
            return found

    def close(self) -> None:
        self._socket.close()


@pytest.fixture
def kernel_timers(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[float]]:
    """What was asked of the kernel instead of asking it: the test process has no use for an alarm."""
    asked: list[float] = []
    before = signal.getsignal(signal.SIGALRM)
    monkeypatch.setattr("dc.watchdog._signal.setitimer", lambda which, seconds: asked.append(seconds))
    yield asked
    signal.signal(signal.SIGALRM, before)


@pytest.fixture
def folder() -> Iterator[Path]:
    """Short: the path of a socket has at most 107 bytes."""
    with TemporaryDirectory(prefix="notify-") as path:
        yield Path(path)


@pytest.mark.usefixtures("kernel_timers")
def test_systemd_is_fed_twice_in_its_interval(folder: Path) -> None:
    listener, loop = Listener(str(folder / "n")), FakeLoop()
    Watchdog(loop, {"NOTIFY_SOCKET": str(folder / "n"), "WATCHDOG_USEC": "30000000"}).start()
    assert listener.heard() == ["WATCHDOG=1"]
    loop.pass_time(14.9)
    assert listener.heard() == []
    loop.pass_time(45.2)
    assert listener.heard() == ["WATCHDOG=1"] * 4
    listener.close()


def test_an_abstract_address_is_understood() -> None:
    listener = Listener(f"\0watchdog-test-{os.getpid()}")
    Watchdog(FakeLoop(), {"NOTIFY_SOCKET": f"@watchdog-test-{os.getpid()}"}).notify("READY=1")
    assert listener.heard() == ["READY=1"]
    listener.close()


UNWATCHED = {
    "no watchdog is wanted": {},
    "an interval of zero": {"WATCHDOG_USEC": "0"},
    "an interval that is no number": {"WATCHDOG_USEC": "soon"},
    "the watchdog of another process": {"WATCHDOG_USEC": "1000000", "WATCHDOG_PID": "1"},
}


@pytest.mark.usefixtures("kernel_timers")
@pytest.mark.parametrize("environ", UNWATCHED.values(), ids=UNWATCHED.keys())
def test_systemd_is_not_fed_when(folder: Path, environ: dict[str, str]) -> None:
    listener, loop = Listener(str(folder / "n")), FakeLoop()
    Watchdog(loop, {"NOTIFY_SOCKET": str(folder / "n"), **environ}).start()
    loop.pass_time(3600)
    assert listener.heard() == []
    listener.close()


@pytest.mark.usefixtures("kernel_timers")
@pytest.mark.parametrize("address", ["", "/nowhere/notify", "@nobody-listens-here"])
def test_nobody_who_listens_is_no_fault(address: str) -> None:
    loop = FakeLoop()
    made = Watchdog(loop, {"NOTIFY_SOCKET": address, "WATCHDOG_USEC": "1000000"})
    made.start()
    made.notify("READY=1")
    loop.pass_time(10)


def test_the_kernels_timer_is_set_anew_long_before_it_ends(kernel_timers: list[float]) -> None:
    loop = FakeLoop()
    Watchdog(loop, {}).start()
    loop.pass_time(3 * STALL_SECONDS)
    assert set(kernel_timers) == {STALL_SECONDS}
    assert len(kernel_timers) >= 1 + 2 * 3, "at least twice in the time"


def test_an_orderly_end_may_take_its_time(kernel_timers: list[float]) -> None:
    made = Watchdog(FakeLoop(), {})
    made.start()
    made.stop()
    assert kernel_timers[-1] == 0


STALLED = """
import time
from dc import watchdog
from dc.loop import Loop
watchdog.STALL_SECONDS = {stall}
watchdog._FEED_SECONDS = {stall} / 3
loop = Loop(lambda: None)
watchdog.Watchdog(loop, {{}}).start()
loop.arm("work", {stall} * 2, lambda: {work})
loop.run()
"""


def _run(stall: float, work: str) -> int:
    code = STALLED.format(stall=stall, work=work)
    return subprocess.run(
        [sys.executable, "-c", code], timeout=60, cwd=Path(watchdog.__file__).parent.parent
    ).returncode


def test_a_loop_that_stands_still_is_ended_by_the_kernel() -> None:
    assert _run(0.3, "time.sleep(60)") == -signal.SIGALRM


def test_a_loop_that_turns_is_not() -> None:
    """It has turned for twice the time when it stops by itself."""
    assert _run(1.0, "loop.stop()") == 0

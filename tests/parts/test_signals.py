# SPDX-FileCopyrightText: The aws-iot-device-client authors
# SPDX-License-Identifier: Apache-2.0
"""What a process can be sent once its signals are settled, and that a fault of its own ends it all the same."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

import pytest

import dc
from dc import signals

SETTLED = "import os, signal; from dc import signals; signals.settle(); {work}"


def run(work: str) -> int:
    command = ["prlimit", "--core=0:0", sys.executable, "-c", SETTLED.format(work=work)]
    return subprocess.run(command, timeout=60, cwd=Path(dc.__file__).parent.parent, check=False).returncode


def test_every_signal_is_either_ignored_or_known_to_somebody() -> None:
    known = {*signals.STOP, signal.SIGCHLD, signal.SIGALRM, signal.SIGABRT, signal.SIGCONT}
    ignored = "[n for n in signals.CATCHABLE if signal.getsignal(n) == signal.SIG_IGN]"
    expected = sorted({int(number) for number in signal.valid_signals()} - {9, 19} - {int(n) for n in known})
    assert run(f"os._exit({ignored} != {expected})") == 0


@pytest.mark.parametrize("number", [signal.SIGSEGV, signal.SIGFPE, signal.SIGRTMAX, signal.SIGHUP, signal.SIGTSTP])
def test_what_somebody_sends_for_no_reason_does_nothing(number: int) -> None:
    assert run(f"os.kill(os.getpid(), {int(number)})") == 0


def test_a_fault_of_its_own_still_ends_it() -> None:
    assert run("import ctypes; ctypes.string_at(0)") == -signal.SIGSEGV
    assert run("os.abort()") == -signal.SIGABRT

# SPDX-FileCopyrightText: The aws-iot-device-client authors
# SPDX-License-Identifier: Apache-2.0
"""Every signal that can be caught means something to the agent, or nothing: none ends it by accident."""

from __future__ import annotations

import json
import signal

import pytest

from dc import signals
from localcloud.waiting import wait_until
from tests.fakes.documents import operation, own_handler
from tests.system.harness.processes import Waiting
from tests.system.harness.rig import JOB_SECONDS, Rig
from toolchains.agent import is_emulated

ENDING = {*signals.STOP, signal.SIGALRM, signal.SIGABRT}  # the last two are the watchdogs'
FAULTS = {signal.SIGSEGV, signal.SIGBUS, signal.SIGFPE, signal.SIGILL, signal.SIGTRAP, signal.SIGSYS}
EMULATORS_OWN = {*FAULTS, *range(signal.SIGRTMIN, signal.SIGRTMAX + 1)}  # qemu takes them for its own work
LIBCS_OWN = {32, 33, 34}  # of musl, which lets no program handle them; glibc keeps the first two
HARMLESS = [number for number in signals.CATCHABLE if number not in ENDING | LIBCS_OWN]


def send_all(rig: Rig, target: str) -> None:
    """One after the other, then the state is asked for by USR1."""
    for number in HARMLESS:
        if not (is_emulated(target) and number in EMULATORS_OWN):
            rig.agent.signal(number)
    asked = len(rig.agent.log())
    rig.agent.signal(signals.TELL)
    rig.agent.wait_log("status: ", after=asked)


def test_an_idle_agent_outlives_every_signal_without_a_meaning(rig: Rig, target: str) -> None:
    rig.start_online()
    send_all(rig, target)
    assert rig.run(operation("true")).status == "SUCCEEDED"
    assert rig.agent.log().count("connected to") == 1 + rig.agent.log().count("status: connected to")
    assert rig.agent.stop() == 0


def test_a_job_is_not_disturbed_by_them_either(rig: Rig, target: str) -> None:
    rig.start_online()
    handler = Waiting(rig, "short.sh")
    job = rig.create(own_handler("short.sh", includeStdOut=True))
    handler.pid()
    send_all(rig, target)
    handler.go_on()
    result = rig.result(job)
    assert (result.status, result.stdout, result.number) == ("SUCCEEDED", "went on\n", 1)
    assert rig.agent.running


def test_a_signal_that_was_blocked_when_the_agent_was_started_still_stops_it(rig: Rig) -> None:
    """Whatever starts it: a shell's trap, a supervisor's mask."""
    rig.start_online(prefix=("/usr/bin/env", "--block-signal=TERM", "--ignore-signal=HUP"))
    assert rig.agent.stop() == 0


def test_sighup_opens_the_log_anew_and_takes_a_new_configuration(rig: Rig) -> None:
    log = rig.thing.folder / "own.log"
    rig.thing.configure(logging={"level": "INFO", "type": "file", "file": str(log)})
    rig.start_online()
    handler = Waiting(rig, "short.sh")
    job = rig.create(own_handler("short.sh", includeStdOut=True))
    handler.pid()
    log.rename(rig.thing.folder / "own.log.1")
    folder = rig.thing.folder / "new-handlers"
    folder.mkdir(mode=0o700)
    rig.thing.configure(
        logging={"level": "DEBUG", "type": "file", "file": str(log)}, jobs={"handler-directory": str(folder)}
    )
    rig.agent.signal(signals.RELOAD)
    wait_until(
        lambda: log.exists() and "changed: logging.level, jobs.handler-directory" in log.read_text(),
        JOB_SECONDS,
        "the new log",
    )
    handler.go_on()
    assert rig.result(job).status == "SUCCEEDED"
    rig.handlers.write("moved.sh", "echo moved")
    (rig.handlers.folder / "moved.sh").rename(folder / "moved.sh")
    result = rig.run(own_handler("moved.sh", includeStdOut=True))
    assert (result.status, result.stdout) == ("SUCCEEDED", "moved\n")
    assert "[DEBUG]" in log.read_text() and "connected to" not in log.read_text(), "it never lost the connection"


@pytest.mark.parametrize("bad", ["{", json.dumps({"endpoint": 7})], ids=["no JSON", "a wrong value"])
def test_a_bad_configuration_is_refused_at_sighup_and_the_old_one_kept(rig: Rig, bad: str) -> None:
    rig.start_online()
    rig.thing.config_path.write_text(bad)
    rig.agent.signal(signals.RELOAD)
    rig.agent.wait_log(r"\[ERROR\] \{client\}: SIGHUP: the new configuration is refused, the old one stays: .+")
    assert rig.run(operation("true")).status == "SUCCEEDED"


def test_sigusr1_tells_how_the_agent_is_at_every_level(rig: Rig) -> None:
    rig.start_online("--log-level", "ERROR")
    rig.agent.signal(signals.TELL)
    rig.agent.wait_log(r"status: connected to \S+ for \d+ s")
    rig.agent.wait_log("status: no job is in hand")
    rig.agent.wait_log(r"status: timers: .*watchdog-kernel in \d+ s")
    handler = Waiting(rig, "short.sh")
    job = rig.create(own_handler("short.sh"))
    handler.pid()
    rig.agent.signal(signals.TELL)
    rig.agent.wait_log(rf"status: job {job} #1: RUNNING, step 1 of 1, update QUIET")
    handler.go_on()
    assert rig.result(job).status == "SUCCEEDED"

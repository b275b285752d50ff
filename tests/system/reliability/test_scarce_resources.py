# SPDX-FileCopyrightText: The aws-iot-device-client authors
# SPDX-License-Identifier: Apache-2.0
"""Descriptors, processes, memory, disk, /proc, the right time: what is short ends in a truthful status and a living agent."""

from __future__ import annotations

import os
import resource
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from localcloud.waiting import wait_until
from tests.fakes.documents import operation, own_handler, run_handler, steps
from tests.system.harness.namespaces import mounted
from tests.system.harness.rig import JOB_SECONDS, QUICK_RECONNECT
from tests.system.harness.skips import needs_root
from tests.system.reliability.own_broker import OwnBroker

NOBODY = 65534
PROCESSES = 1000  # enough for all that nobody runs here
# With the right to read all: the source may lie where only root can enter.
READS_ALL = ("--inh-caps=+dac_read_search", "--ambient-caps=+dac_read_search")
AS_NOBODY = ("setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups", *READS_ALL)


def _limit_descriptors(own_broker: OwnBroker, above: int | None) -> None:
    """Let the agent open `above` descriptors more than it has; None: as many as ever."""
    hard = resource.prlimit(own_broker.agent.pid, resource.RLIMIT_NOFILE)[1]
    soft = hard if above is None else own_broker.agent.fds() + above
    resource.prlimit(own_broker.agent.pid, resource.RLIMIT_NOFILE, (soft, hard))


def _works_again(own_broker: OwnBroker) -> None:
    assert own_broker.run(operation("true")).status == "SUCCEEDED"


def test_an_agent_without_free_descriptors_fails_the_job_and_lives(own_broker: OwnBroker) -> None:
    own_broker.start_online()
    _works_again(own_broker)  # what is loaded with the first job is loaded
    _limit_descriptors(own_broker, 2)
    ended = own_broker.run(operation("true"))
    assert (ended.status, "too many files open" in ended.details["reason"]) == ("FAILED", True), ended.details
    _limit_descriptors(own_broker, None)
    _works_again(own_broker)


def test_running_out_of_descriptors_once_leaks_none(own_broker: OwnBroker) -> None:
    own_broker.start_online()
    _works_again(own_broker)
    before = own_broker.agent.fds()
    _limit_descriptors(own_broker, 2)
    for _ in range(3):
        own_broker.run(operation("true"))
    assert own_broker.agent.fds() == before


@pytest.fixture
def nobodys_broker(target: str) -> Iterator[OwnBroker]:
    """Its folder belongs to the user nobody, and is outside of the folders that only root can enter."""
    folder = Path(tempfile.mkdtemp(prefix="nobody-"))
    try:
        with OwnBroker(target, folder) as own_broker:
            own_broker.thing.configure(jobs={"enabled": True})
            for path in (folder, *folder.rglob("*")):
                os.chown(path, NOBODY, NOBODY)
            yield own_broker
    finally:
        shutil.rmtree(folder)


@needs_root
def test_an_agent_that_may_start_no_more_processes_fails_the_job_and_lives(nobodys_broker: OwnBroker) -> None:
    """Root has no such limit, so this agent is nobody's."""
    own_broker = nobodys_broker
    own_broker.start_online(prefix=("prlimit", f"--nproc={PROCESSES}:{PROCESSES}", *AS_NOBODY))
    _works_again(own_broker)
    change = (*AS_NOBODY, "prlimit", "--pid", str(own_broker.agent.pid))
    subprocess.run([*change, "--nproc=1:"], check=True)
    ended = own_broker.run(operation("true"))
    assert (ended.status, "too many processes" in ended.details["reason"]) == ("FAILED", True), ended.details
    subprocess.run([*change, f"--nproc={PROCESSES}:"], check=True)
    _works_again(own_broker)


@needs_root
def test_a_step_for_which_no_memory_is_left_fails_the_job_and_the_agent_lives(own_broker: OwnBroker) -> None:
    """The kernel refuses the new process with ENOMEM, by way of a tracer on the thread that starts it."""
    own_broker.start_online()
    _works_again(own_broker)
    refuse = "inject=clone,clone3,fork,vfork:error=ENOMEM"
    told = own_broker.folder / "strace.log"
    tracer = subprocess.Popen(["strace", "-qq", "-o", told, "-e", refuse, "-p", str(own_broker.agent.pid)])
    try:
        status = Path(f"/proc/{own_broker.agent.pid}/status")
        wait_until(lambda: "TracerPid:\t0\n" not in status.read_text(), JOB_SECONDS, "strace to attach")
        ended = own_broker.run(operation("true"))
    finally:
        tracer.terminate()
        tracer.wait()
    assert "ENOMEM" in told.read_text()
    assert (ended.status, "out of memory" in ended.details["reason"]) == ("FAILED", True), ended.details
    _works_again(own_broker)


@needs_root
def test_a_log_on_a_full_disk_stops_no_job(own_broker: OwnBroker) -> None:
    logs = own_broker.folder / "logs"
    logs.mkdir(mode=0o700)
    full = f"mount -t tmpfs -o size=4k tmpfs {logs} && {{ head -c 1M /dev/zero > {logs}/filler || true; }}"
    own_broker.thing.configure(logging={"level": "DEBUG", "type": "file", "file": str(logs / "agent.log")})
    own_broker.start_online(prefix=mounted(full))
    for _ in range(3):
        _works_again(own_broker)
    assert own_broker.agent.stop() == 0


SPOILERS = {"fills up": "head -c 1M /dev/zero > {logs}/filler || true", "is gone": "rm -r {logs}/deep"}


@needs_root
@pytest.mark.parametrize("spoiler", SPOILERS)
def test_a_log_folder_stops_no_job_when_it(own_broker: OwnBroker, spoiler: str) -> None:
    """While the agent runs, and with a log that is rotated every few jobs."""
    logs = own_broker.folder / "logs"
    logs.mkdir(mode=0o700)
    file = {"type": "file", "file": str(logs / "deep" / "agent.log"), "max-file-size": 4096}
    own_broker.handlers.write("spoil.sh", SPOILERS[spoiler].format(logs=logs))
    own_broker.thing.configure(logging={"level": "DEBUG", **file})
    own_broker.start_online(prefix=mounted(f"mount -t tmpfs -o size=64k tmpfs {logs} && mkdir -m 700 {logs}/deep"))
    assert own_broker.run(own_handler("spoil.sh", allowStdErr=1)).status == "SUCCEEDED"
    for _ in range(20):
        _works_again(own_broker)
    assert own_broker.agent.stop() == 0


def test_a_handler_directory_deleted_between_two_steps_fails_the_second(own_broker: OwnBroker) -> None:
    folder = own_broker.thing.handlers
    own_broker.handlers.write("one.sh", f"rm -r {folder}")
    own_broker.handlers.write("two.sh", "echo not reached")
    own_broker.start_online()
    ended = own_broker.run(steps(run_handler("one.sh", name="one"), run_handler("two.sh", name="two")))
    assert (ended.status, ended.details["step"]) == ("FAILED", "two")
    assert ended.details["reason"].startswith(f"Handler directory {folder}: No such file or directory")
    folder.mkdir(mode=0o700)
    own_broker.handlers.write("two.sh", "exit 0")
    assert own_broker.run(own_handler("two.sh")).status == "SUCCEEDED"


@needs_root
def test_a_handler_directory_remounted_read_only_between_two_steps_changes_nothing(own_broker: OwnBroker) -> None:
    folder = own_broker.thing.handlers
    own_broker.handlers.write("one.sh", f"mount --bind {folder} {folder} && mount -o remount,bind,ro {folder}")
    own_broker.handlers.write("two.sh", f"if touch {folder}/x 2> /dev/null; then exit 3; fi")
    own_broker.start_online(prefix=mounted("true"))
    ended = own_broker.run(steps(run_handler("one.sh", name="one"), run_handler("two.sh", name="two")))
    assert ended.status == "SUCCEEDED", ended.details


@needs_root
def test_a_board_without_proc_runs_jobs_and_ends_cancelled_ones(own_broker: OwnBroker) -> None:
    """Processes that left their group can't be found there, nor the boot id: see the limits in docs/reliability.md."""
    beat = own_broker.folder / "beat"
    own_broker.handlers.write("beat.sh", f"while :; do echo >> {beat}; sleep 0.05; done")
    own_broker.thing.configure(jobs={"stop-grace-seconds": 0.2})
    own_broker.start_online(prefix=mounted("mount -t tmpfs tmpfs /proc"))
    assert own_broker.run(operation("echo", "hi", includeStdOut=True)).details["stdout"] == "hi\n"
    job = own_broker.add(own_handler("beat.sh"))
    wait_until(beat.exists, JOB_SECONDS, "the handler to run")
    own_broker.service.remove(own_broker.thing.name, job)
    own_broker.agent.wait_log(f"job {job} #1: no report, dropped")
    size = beat.stat().st_size
    _works_again(own_broker)
    assert beat.stat().st_size == size, "the handler is gone"
    assert "a callback failed" not in own_broker.agent.log()


# Preloaded into the agent: while JUMPS exists it is ten years later, or before, in turn; while PAST exists, before.
ANOTHER_CLOCK = """
#define _GNU_SOURCE
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>
#define YEARS (10L * 365 * 86400)

static void change(time_t *seconds) {
    static long turn;
    if (access(JUMPS, F_OK) == 0)
        *seconds += ++turn % 2 ? YEARS : -YEARS;
    if (access(PAST, F_OK) == 0)
        *seconds -= YEARS;
}
int clock_gettime(clockid_t clock, struct timespec *now) {
    int result = (int)syscall(SYS_clock_gettime, clock, now);
    if (result == 0 && clock == CLOCK_REALTIME)
        change(&now->tv_sec);
    return result;
}
time_t time(time_t *now) {
    struct timespec read;
    clock_gettime(CLOCK_REALTIME, &read);
    if (now)
        *now = read.tv_sec;
    return read.tv_sec;
}
"""


class Clock:
    """Another clock for an agent that is started with `env`: touch `jumps` or `past`, remove it again."""

    def __init__(self, folder: Path) -> None:
        self.jumps, self.past = folder / "jumps", folder / "past"
        source, library = folder / "clock.c", folder / "clock.so"
        source.write_text(ANOTHER_CLOCK)
        files = [f'-DJUMPS="{self.jumps}"', f'-DPAST="{self.past}"', "-o", str(library), str(source)]
        subprocess.run(["gcc", "-shared", "-fPIC", *files], check=True)
        self.env = {"LD_PRELOAD": str(library)}


@pytest.mark.usefixtures("source_only")
def test_a_clock_that_jumps_by_years_disturbs_no_running_job(own_broker: OwnBroker) -> None:
    """Deadlines and pauses are of the monotonic clock. (A wrong clock does keep TLS from connecting: certificates.)"""
    clock = Clock(own_broker.folder)
    own_broker.thing.configure(jobs={"max-run-seconds": 3600})
    own_broker.start_online(env=clock.env)
    clock.jumps.touch()
    for _ in range(5):
        _works_again(own_broker)
    timeout = own_broker.run(operation("sleep", "600", timeout=1))
    assert timeout.details["reason"] == "Timed out: the step's timeout of 1 s is over"
    _works_again(own_broker)
    assert len({row[:4] for row in own_broker.agent.log().splitlines()[-20:]}) > 1, "the agent's clock did not jump"


@pytest.mark.usefixtures("source_only")
def test_a_board_without_the_right_time_connects_as_soon_as_its_clock_is_set(own_broker: OwnBroker) -> None:
    """No battery, so it starts years ago: certificates are not valid yet, which is said, and tried again."""
    clock = Clock(own_broker.folder)
    clock.past.touch()
    own_broker.thing.configure(mqtt=QUICK_RECONNECT)
    own_broker.agent.start(env=clock.env)
    own_broker.agent.wait_log(r"the device's clock says \d{4}-\d\d-\d\d, which can't be right: set it \(NTP\)")
    clock.past.unlink()
    _works_again(own_broker)

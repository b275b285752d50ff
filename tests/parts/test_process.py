# SPDX-FileCopyrightText: The aws-iot-device-client authors
# SPDX-License-Identifier: Apache-2.0
"""Real processes: what a handler sees, what is kept of what it prints, and how its end is told."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from dc.jobs.core.details import output
from dc.jobs.run.command import Command
from dc.jobs.run.process import PROGRESS
from tests.fakes.process_bench import ENV, ProcessBench, descriptors, file_command, process_bench, shell

ROOT = Path(__file__).resolve().parents[2]
MEGABYTE = 1024 * 1024


@pytest.fixture
def bench() -> Iterator[ProcessBench]:
    with process_bench() as made:
        yield made


def test_exit_status_and_both_streams(bench: ProcessBench) -> None:
    result = bench.run(shell("echo out; echo err >&2; exit 3"))
    assert (result.status, result.signal, result.error) == (3, None, "")
    assert (output(result.stdout), output(result.stderr)) == ("out\n", "err\n")
    assert sorted(bench.seen) == [("stderr", b"err\n"), ("stdout", b"out\n")]


@pytest.mark.parametrize("status", [0, 1, 126, 127, 128, 137, 255])
def test_an_exit_status_is_never_taken_for_a_signal(bench: ProcessBench, status: int) -> None:
    result = bench.run(shell(f"exit {status}"))
    assert (result.status, result.signal) == (status, None)


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM, signal.SIGSEGV, signal.SIGPIPE, signal.SIGHUP])
def test_killed_by_a_signal(bench: ProcessBench, number: signal.Signals) -> None:
    result = bench.run(shell(f"kill -{number.value} $$"))
    assert (result.status, result.signal) == (None, number.value)


def test_the_handler_sees_descriptors_0_1_2_only(bench: ProcessBench, tmp_path: Path) -> None:
    leaky = os.open(tmp_path, os.O_RDONLY)
    os.set_inheritable(leaky, True)
    try:
        result = bench.run(shell("cd /proc/self/fd && echo *"))
    finally:
        os.close(leaky)
    numbers = set(output(result.stdout).split())
    # 3 at most: the directory that the shell itself has open to list it.
    assert {"0", "1", "2"} <= numbers <= {"0", "1", "2", "3"}


def test_the_handler_sees_no_descriptor_of_the_agent_by_its_target(bench: ProcessBench) -> None:
    leaks = [os.open("/etc/passwd", os.O_RDONLY) for _ in range(5)]
    for fd in leaks:
        os.set_inheritable(fd, True)
    try:
        result = bench.run(shell("ls -l /proc/$$/fd"))
    finally:
        for fd in leaks:
            os.close(fd)
    assert "passwd" not in output(result.stdout)
    assert output(result.stdout).count("pipe:") == 2
    assert "/dev/null" in output(result.stdout)


def test_a_handler_that_may_tell_its_progress_has_descriptor_3_for_it_and_no_other(bench: ProcessBench) -> None:
    command = Command("/bin/sh", ("sh", "-c", "echo half=done >&3; cd /proc/self/fd && echo *"), ENV, progress=True)
    result = bench.run(command)
    assert (PROGRESS, b"half=done\n") in bench.seen
    assert {"0", "1", "2", "3"} <= set(output(result.stdout).split()) <= {"0", "1", "2", "3", "4"}
    assert "half" not in output(result.stdout)


def test_standard_input_is_at_its_end(bench: ProcessBench) -> None:
    assert output(bench.run(shell("cat; wc -c")).stdout).strip() == "0"


def test_the_environment_is_the_commands_and_nothing_else(bench: ProcessBench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "x")
    result = bench.run(Command("/usr/bin/env", ("env",), {"A": "1", "B": "é = ✓"}))
    assert sorted(output(result.stdout).splitlines()) == ["A=1", "B=é = ✓"]


def test_signals_are_as_they_are_at_a_login_and_the_group_is_its_own(bench: ProcessBench) -> None:
    masks = output(bench.run(Command("/bin/grep", ("grep", "^Sig[BI]", "/proc/self/status"), ENV)).stdout).split()
    blocked, ignored = int(masks[1], 16), int(masks[3], 16)
    # glibc's posix_spawn leaves 32 and 33, which are its own, ignored.
    assert (blocked, ignored & 0x7FFFFFFF) == (0, 0)
    pid, _, stat = output(bench.run(Command("/bin/cat", ("cat", "/proc/self/stat"), ENV)).stdout).partition(" ")
    assert stat.rpartition(")")[2].split()[2] == pid != str(os.getpgrp())


def test_arguments_travel_byte_for_byte(bench: ProcessBench) -> None:
    arguments = ["", " ", "a b", "$(reboot)", "`id`;&|<>*?", "100%20%s", "-n", "\n\t", "é✓😀", "'\"\\", "\udcff"]
    result = bench.run(shell('for word; do printf "%s\\0" "$word"; done', *arguments))
    assert result.stdout.raw() == b"".join(word.encode("utf-8", "surrogateescape") + b"\0" for word in arguments)


def test_ten_megabytes_on_both_pipes_at_once_keep_only_the_tails(bench: ProcessBench) -> None:
    code = "import os\nfor n in range(160): os.write(1, b'o' * 65536); os.write(2, b'e' * 65536)\nos.write(1, b'end')"
    result = bench.run(Command(sys.executable, ("python", "-I", "-S", "-c", code), ENV))
    assert (result.status, result.stdout.total, result.stderr.total) == (0, 10 * MEGABYTE + 3, 10 * MEGABYTE)
    assert output(result.stdout) == "o" * 1021 + "end"
    assert output(result.stderr) == "e" * 1024
    assert (result.stdout.lines, result.stderr.lines) == (1, 1)


def test_stderr_far_beyond_a_pipe_before_stdout_ends_is_no_deadlock(bench: ProcessBench) -> None:
    result = bench.run(
        shell(
            "i=0; while [ $i -lt 3000 ]; do echo 012345678901234567890123456789012345678901234 >&2; i=$((i+1)); done; echo ok"
        )
    )
    assert (result.stderr.lines, output(result.stdout)) == (3000, "ok\n")


def test_a_handler_that_closes_its_streams_is_waited_for(bench: ProcessBench) -> None:
    result = bench.run(shell("exec >&- 2>&-; sleep 0.05; exit 4"))
    assert result.status == 4


def test_a_background_child_that_keeps_the_pipe_holds_the_step_no_longer_than_the_grace(bench: ProcessBench) -> None:
    result = bench.run(shell("echo before; sleep 300 & exit 0"), output_grace=0.1)
    assert (result.status, output(result.stdout)) == (0, "before\n")


def test_what_a_background_child_still_prints_within_the_grace_counts(bench: ProcessBench) -> None:
    result = bench.run(shell("(sleep 0.1; echo late) & exit 0"), output_grace=20.0)
    assert output(result.stdout) == "late\n"


def test_the_last_line_so_far(bench: ProcessBench) -> None:
    assert bench.start(shell("echo one; echo two; printf ' \\n'; read x < /proc/self/fd/0; sleep 300")) == ""
    assert bench.process is not None
    bench.run_until(lambda: bench.process and bench.process.last_line() == b"two", "the last line that is not blank")
    bench.process.kill(0.0)
    bench.finish()


def write(path: Path, content: bytes, mode: int = 0o700) -> Path:
    path.write_bytes(content)
    path.chmod(mode)
    return path


@pytest.mark.parametrize(
    ("content", "mode", "hint"),
    [
        (None, 0o700, "not found, or its interpreter"),
        (b"#!/no/such/interpreter\n", 0o700, "its interpreter (the #! line) /no/such/interpreter is missing"),
        (b"#!/bin/sh\r\necho\r\n", 0o700, "its #! line ends in a carriage return (CR)"),
        (b"#! /bin/sh\r\necho\r\n", 0o700, "so its interpreter /bin/sh is not found; fix: sed -i 's/\\r$//' "),
        (b"#!/bin/sh\n", 0o600, "not executable for the agent's user"),
        (b"echo\0binary\n", 0o700, "not a program for this machine, and no script either"),
        (b"\x7fELF\x01\x01\x01" + b"\0" * 100, 0o700, "not a program for this machine"),
        (b"", 0o700, "not a program for this machine"),
    ],
)
def test_what_can_not_be_executed_is_told_with_the_cause(
    bench: ProcessBench, tmp_path: Path, content: bytes | None, mode: int, hint: str
) -> None:
    path = tmp_path / "handler"
    if content is not None:
        write(path, content, mode)
    before = descriptors()
    reason = bench.start(file_command(path))
    assert reason.startswith(f"Cannot start {path}: ")
    assert hint in reason
    assert descriptors() == before


def test_a_handler_that_is_still_being_written_is_told_so(bench: ProcessBench, tmp_path: Path) -> None:
    path = write(tmp_path / "handler", Path("/bin/true").read_bytes())
    with path.open("ab"):
        assert "open for writing" in bench.start(file_command(path))


def test_arguments_beyond_what_the_system_takes_are_told_so(bench: ProcessBench) -> None:
    assert "arguments are longer" in bench.start(Command("/bin/true", ("true", "x" * 200_000), ENV))


def test_no_descriptor_and_no_zombie_is_left_by_many_steps(bench: ProcessBench) -> None:
    bench.run(shell("exit 0"))
    before = descriptors()
    for _ in range(30):
        bench.run(shell("echo x; echo y >&2"))
    assert descriptors() == before
    with pytest.raises(ChildProcessError):
        os.waitpid(-1, os.WNOHANG)


LIMITED = """
import resource
from tests.fakes.process_bench import process_bench, shell
from dc.jobs.core.details import output
resource.setrlimit(resource.RLIMIT_NOFILE, ({limit}, {limit}))
with process_bench() as bench:
    reason = bench.start(shell("echo started"))
    print(reason or output(bench.finish().stdout))
"""


def limited(limit: int) -> str:
    done = subprocess.run(
        [sys.executable, "-c", LIMITED.format(limit=limit)], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


@pytest.mark.parametrize("limit", [32, 64, 1024])
def test_a_low_limit_of_open_files_is_no_reason_to_fail(limit: int) -> None:
    assert limited(limit) == "started"


def test_too_few_descriptors_are_told_as_that() -> None:
    assert limited(8).endswith("the agent has too many files open")


def resident() -> int:
    """Bytes of memory in use."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def test_memory_does_not_grow_with_what_a_handler_prints(bench: ProcessBench) -> None:
    bench.keep = False
    talk = shell("head -c 30000000 /dev/zero; head -c 30000000 /dev/zero >&2")
    bench.run(talk)
    before = resident()
    result = bench.run(talk)
    assert result.stdout.total == result.stderr.total == 30_000_000
    assert resident() - before < MEGABYTE

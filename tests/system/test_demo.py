# SPDX-FileCopyrightText: The aws-iot-device-client authors
# SPDX-License-Identifier: Apache-2.0
"""`make demo` as a person runs it: on a terminal, in a log, with something broken, and stopped half-way."""

from __future__ import annotations

import json
import os
import pty
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from demo.jobs import JOBS
from localcloud.waiting import wait_until
from toolchains.base import ROOT

DEMO_SECONDS = 100.0
ALL = len(JOBS)
EXECUTION_KEYS = {
    "jobId",
    "status",
    "statusDetails",
    "thingArn",
    "queuedAt",
    "startedAt",
    "lastUpdatedAt",
    "executionNumber",
    "versionNumber",
}


@contextmanager
def demo(target: str, folder: Path, out: int, **env: str) -> Iterator[subprocess.Popen[bytes]]:
    """The demo as a process that writes to the descriptor `out`; all its files lie below `folder`."""
    process = subprocess.Popen(
        [sys.executable, "-m", "demo", "--arch", target],
        cwd=ROOT,
        env=os.environ | {"TMPDIR": str(folder)} | env,
        stdin=subprocess.DEVNULL,
        stdout=out,
        stderr=out,
        start_new_session=True,
    )
    try:
        yield process
    finally:
        process.kill()
        process.wait()


def run_to_file(target: str, folder: Path, **env: str) -> tuple[int, str]:
    """Run the demo to its end, without a terminal; return exit status and output."""
    path = folder / "output"
    with path.open("wb") as out, demo(target, folder, out.fileno(), **env) as process:
        status = process.wait(DEMO_SECONDS)
    return status, path.read_text()


def run_on_terminal(target: str, folder: Path) -> tuple[int, str]:
    """Run the demo to its end on a terminal; return exit status and everything that was written to it."""
    ours, theirs = pty.openpty()
    shown = b""
    with demo(target, folder, theirs, TERM="xterm", COLUMNS="100", LINES="40") as process:
        os.close(theirs)
        while chunk := read_terminal(ours):
            shown += chunk
        status = process.wait(DEMO_SECONDS)
    os.close(ours)
    return status, shown.decode().replace("\r\n", "\n")


def read_terminal(descriptor: int) -> bytes:
    """Read what there is, or nothing when the other end is closed, which a terminal tells by an error."""
    try:
        return os.read(descriptor, 65536)
    except OSError:
        return b""


def left_running(folder: Path) -> list[str]:
    """Command lines of processes that name `folder` in their arguments or environment."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            words = (process / "cmdline").read_bytes()
            if str(folder).encode() in words + (process / "environ").read_bytes():
                found.append(words.replace(b"\0", b" ").decode(errors="replace"))
        except OSError:
            continue  # it has ended meanwhile, or belongs to somebody else
    return found


def put_program(folder: Path, name: str, body: str) -> str:
    """Put a program before all others; return the PATH that makes it so."""
    folder.mkdir()
    program = folder / name
    program.write_text(f"#!/bin/sh\n{body}\n")
    program.chmod(0o700)
    return f"{folder}:{os.environ['PATH']}"


def test_demo_on_a_terminal_shows_every_expected_outcome_and_leaves_nothing(target: str, tmp_path: Path) -> None:
    status, shown = run_on_terminal(target, tmp_path)
    assert status == 0, shown
    assert f"{ALL} of {ALL} outcomes as expected" in shown
    assert re.search(r"\x1b\[\d+A\r\x1b\[J", shown), "the table is redrawn in place"
    last_table = shown[shown.rindex("  JOB ") :]
    for job in JOBS:
        assert re.search(rf"^  {job.job_id} +{job.status} ", last_table, re.MULTILINE), job.job_id
    assert left_running(tmp_path) == []
    assert list(tmp_path.glob("aws-iot-demo-*")) == []


def test_demo_in_a_log_names_what_differs_and_fails(target: str, tmp_path: Path) -> None:
    path = put_program(tmp_path / "first", "yes", "echo no")
    status, shown = run_to_file(target, tmp_path, PATH=path)
    assert status == 1, shown
    assert f"{ALL - 1} of {ALL} outcomes as expected" in shown
    assert re.search(r"^talker: stdout is 'no\\n", shown, re.MULTILINE), shown
    assert "\x1b" not in shown, "neither escapes of our own nor those of a handler"
    assert re.search(r"^ *[\d.]+ s  while-off: QUEUED ", shown, re.MULTILINE), shown
    execution = json.JSONDecoder().raw_decode(shown, shown.index("{\n"))[0]["execution"]
    assert execution.keys() == EXECUTION_KEYS
    assert execution["statusDetails"]["detailsMap"].keys() == {"reason", "stderr"}
    assert left_running(tmp_path) == []


def test_ctrl_c_twice_while_a_handler_runs_leaves_nothing(target: str, tmp_path: Path) -> None:
    path = put_program(tmp_path / "first", "yes", "exec sleep 1000")
    output = tmp_path / "output"
    with output.open("wb") as out, demo(target, tmp_path, out.fileno(), PATH=path) as process:
        wait_until(
            lambda: "talker: IN_PROGRESS" in output.read_text(),
            DEMO_SECONDS,
            lambda: output.read_text()[-4000:],
        )
        process.send_signal(signal.SIGINT)
        wait_until(lambda: "ending everything" in output.read_text(), DEMO_SECONDS, "the demo to end")
        process.send_signal(signal.SIGINT)
        assert process.wait(DEMO_SECONDS) == 128 + signal.SIGINT, output.read_text()
    assert left_running(tmp_path) == []
    assert list(tmp_path.glob("aws-iot-demo-*")) == []

# SPDX-FileCopyrightText: The aws-iot-device-client authors
# SPDX-License-Identifier: Apache-2.0
"""The journal is torn, garbage, on a full disk, or can't be written at all: jobs run, and what is lost is said."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from dc.jobs.journal import FILE_NAME
from tests.fakes.documents import operation, own
from tests.system.harness.namespaces import mounted
from tests.system.harness.skips import needs_root
from tests.system.reliability.line import Line


def _written_to(line: Line, content: bytes) -> Path:
    line.thing.state.mkdir(mode=0o700)
    path = line.thing.state / FILE_NAME
    path.write_bytes(content)
    return path


GARBAGE = {
    "empty": b"",
    "zeros, as an unclean file system leaves them": bytes(4096),
    "text": b"no journal at all\n" * 100,
    "a record torn in the middle": b'\n0a1b2c3d {"job":"job-1","numb',
    "a record with a wrong checksum": b'\n00000000 {"job":"job-1","number":1,"running":true}\n',
    "one long line": b"x" * 1_000_000,
    "what is no record": b"\n99914b93 []\n",
}


@pytest.mark.parametrize("content", GARBAGE.values(), ids=GARBAGE.keys())
def test_a_journal_that_can_not_be_read_is_begun_anew(line: Line, content: bytes) -> None:
    path = _written_to(line, content)
    line.start_online()
    assert line.run(operation("true")).status == "SUCCEEDED"
    assert content == b"" or content not in path.read_bytes(), "the garbage is gone"


def test_garbage_behind_the_last_good_record_costs_only_itself(line: Line) -> None:
    """A power cut tore the record that was being written: the one before it counts, so the step is resumed."""
    line.write_ledger_handler("long.sh", '[ "$AWS_IOT_JOB_ATTEMPT" = 2 ] || sleep 600')
    line.start_online()
    job = line.add(own("long.sh"))
    line.wait_ledger(f"start {job} long.sh 1")
    line.agent.kill()
    with (line.thing.state / FILE_NAME).open("ab") as journal:
        journal.write(b'\n0a1b2c3d {"job":"' + bytes(512))
    line.start_online()
    assert line.result(job).status == "SUCCEEDED"
    assert line.ledger() == [f"start {job} long.sh 1", f"start {job} long.sh 2", f"end {job} long.sh 2"]


UNWRITABLE = {
    "full": (
        "mount -t tmpfs -o size=16k tmpfs {state} && {{ head -c 1M /dev/zero > {state}/filler || true; }}",
        "space",
    ),
    "read-only": ("mount -t tmpfs -o ro tmpfs {state}", "Read-only"),
    "a file": ("rmdir {state} && touch {state}", "(Not a directory|File exists)"),
}


@needs_root
@pytest.mark.parametrize("state", UNWRITABLE)
def test_a_state_folder_that_can_not_be_written_stops_no_job(line: Line, state: str) -> None:
    """It is said in the log, once, and to the cloud in statusDetails of IN_PROGRESS from the first job on."""
    script, word = UNWRITABLE[state]
    line.thing.state.mkdir(mode=0o700)
    line.start_online(prefix=mounted(script.format(state=line.thing.state)))
    jobs = [line.add(operation("echo", "hi", includeStdOut=True)) for _ in range(3)]
    for job in jobs:
        ended = line.result(job)
        assert (ended.status, ended.details["stdout"]) == ("SUCCEEDED", "hi\n")
    assert line.agent.log().count("no promise to resume a job after a restart") == 1
    line.agent.wait_log(rf"\[WARN\] .*no promise to resume a job after a restart: {line.thing.state}.*{word}")
    details = line.service.requests("update", jobs[0])[0].body["statusDetails"]
    assert re.match(f"no promise to resume after a restart: .*{word}", details["journal"])


def test_without_a_journal_an_interrupted_job_that_is_failed_leaves_nothing_running_beside_the_next(line: Line) -> None:
    line.thing.state.write_text("a file where the folder should be")
    line.thing.configure(jobs={"on-interrupted": "fail"})
    line.write_ledger_handler("long.sh", "sleep 600")
    line.start_online()
    job = line.add(own("long.sh"))
    line.wait_ledger(f"start {job} long.sh 1")
    line.agent.kill()
    assert line.family(job)
    line.start_online()
    ended = line.result(job)
    assert (ended.status, ended.details["reason"]) == ("FAILED", "Interrupted by restart")
    assert not line.family(job)


@needs_root
def test_a_disk_that_has_room_again_is_used_again(line: Line) -> None:
    """No restart is needed, and no word about the journal is left."""
    script, _ = UNWRITABLE["full"]
    line.thing.state.mkdir(mode=0o700)
    line.handlers.write("tidy.sh", f"rm {line.thing.state}/filler")
    line.start_online(prefix=mounted(script.format(state=line.thing.state)))
    assert line.run(own("tidy.sh")).status == "SUCCEEDED"
    job = line.add(operation("true"))
    line.result(job)
    assert "journal" not in line.service.requests("update", job)[0].body.get("statusDetails", {})

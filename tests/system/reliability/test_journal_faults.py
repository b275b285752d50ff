# SPDX-FileCopyrightText: The aws-iot-device-client authors
# SPDX-License-Identifier: Apache-2.0
"""The journal is torn, garbage, on a full disk, or can't be written at all: jobs run, and what is lost is said."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from dc.jobs.journal import file_name
from tests.fakes.documents import operation, own_handler
from tests.system.harness.namespaces import mounted
from tests.system.harness.skips import needs_root
from tests.system.reliability.own_broker import OwnBroker


def _written_to(own_broker: OwnBroker, content: bytes) -> Path:
    own_broker.thing.state.mkdir(mode=0o700)
    path = own_broker.thing.state / file_name(own_broker.thing.name)
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
def test_a_journal_that_can_not_be_read_is_begun_anew(own_broker: OwnBroker, content: bytes) -> None:
    path = _written_to(own_broker, content)
    own_broker.start_online()
    assert own_broker.run(operation("true")).status == "SUCCEEDED"
    assert content == b"" or content not in path.read_bytes(), "the garbage is gone"


def test_garbage_behind_the_last_good_record_costs_only_itself(own_broker: OwnBroker) -> None:
    """A power cut tore the record that was being written: the one before it counts, so the step is resumed."""
    own_broker.write_ledger_handler("long.sh", '[ "$AWS_IOT_JOB_ATTEMPT" = 2 ] || sleep 600')
    own_broker.start_online()
    job = own_broker.add(own_handler("long.sh"))
    own_broker.wait_ledger(f"start {job} long.sh 1")
    own_broker.agent.kill()
    with (own_broker.thing.state / file_name(own_broker.thing.name)).open("ab") as journal:
        journal.write(b'\n0a1b2c3d {"job":"' + bytes(512))
    own_broker.start_online()
    assert own_broker.result(job).status == "SUCCEEDED"
    assert own_broker.ledger() == [f"start {job} long.sh 1", f"start {job} long.sh 2", f"end {job} long.sh 2"]


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
def test_a_state_folder_that_can_not_be_written_stops_no_job(own_broker: OwnBroker, state: str) -> None:
    """It is said in the log, once, and to the cloud in statusDetails of IN_PROGRESS from the first job on."""
    script, word = UNWRITABLE[state]
    own_broker.thing.state.mkdir(mode=0o700)
    own_broker.start_online(prefix=mounted(script.format(state=own_broker.thing.state)))
    jobs = [own_broker.add(operation("echo", "hi", includeStdOut=True)) for _ in range(3)]
    for job in jobs:
        ended = own_broker.result(job)
        assert (ended.status, ended.details["stdout"]) == ("SUCCEEDED", "hi\n")
    assert own_broker.agent.log().count("a job may not resume after a restart") == 1
    own_broker.agent.wait_log(
        rf"\[WARN\] .*a job may not resume after a restart, its journal can't be kept: {own_broker.thing.state}.*{word}"
    )
    details = own_broker.service.requests("update", jobs[0])[0].body["statusDetails"]
    assert re.match(f"may not resume after a restart: .*{word}", details["journal"])


def test_without_a_journal_an_interrupted_job_that_is_failed_leaves_nothing_running_beside_the_next(
    own_broker: OwnBroker,
) -> None:
    own_broker.thing.state.write_text("a file where the folder should be")
    own_broker.thing.configure(jobs={"on-interrupted": "fail"})
    own_broker.write_ledger_handler("long.sh", "sleep 600")
    own_broker.start_online()
    job = own_broker.add(own_handler("long.sh"))
    own_broker.wait_ledger(f"start {job} long.sh 1")
    own_broker.agent.kill()
    assert own_broker.family(job)
    own_broker.start_online()
    ended = own_broker.result(job)
    assert (ended.status, ended.details["reason"]) == ("FAILED", "Interrupted by restart")
    assert not own_broker.family(job)


@needs_root
def test_a_disk_that_has_room_again_is_used_again(own_broker: OwnBroker) -> None:
    """No restart is needed, and no word about the journal is left."""
    script, _ = UNWRITABLE["full"]
    own_broker.thing.state.mkdir(mode=0o700)
    own_broker.handlers.write("tidy.sh", f"rm {own_broker.thing.state}/filler")
    own_broker.start_online(prefix=mounted(script.format(state=own_broker.thing.state)))
    assert own_broker.run(own_handler("tidy.sh")).status == "SUCCEEDED"
    job = own_broker.add(operation("true"))
    own_broker.result(job)
    assert "journal" not in own_broker.service.requests("update", job)[0].body.get("statusDetails", {})

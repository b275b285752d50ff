# SPDX-FileCopyrightText: The aws-iot-device-client authors
# SPDX-License-Identifier: Apache-2.0
"""A job that reboots the board, or restarts the agent, ends SUCCEEDED when the board, or the agent, is back.

The board is a process namespace with a boot id of its own, so that a SIGKILL to it is a power cut; its `reboot` asks for
one and waits to be ended, as the real one does.
"""

from __future__ import annotations

import os
import shutil

import pytest

from localcloud.scripted import Ended
from localcloud.waiting import wait_until
from tests.fakes.documents import operation, own_handler, run_command, run_handler, steps
from tests.system.harness.namespaces import other_boot
from tests.system.harness.rig import JOB_SECONDS
from tests.system.harness.skips import needs_root
from tests.system.reliability.own_broker import OwnBroker
from toolchains.base import ROOT

FIRST, SECOND = "11111111-1111-4111-8111-111111111111", "22222222-2222-4222-8222-222222222222"


class Board:
    """The thing's board: `up` under a boot id, `power_cut`; `asked` for reboots or restarts so far. `in_memory`: its
    state folder is empty after a power cut."""

    def __init__(self, own_broker: OwnBroker) -> None:
        self.own_broker = own_broker
        self.in_memory = False
        self.bin = own_broker.folder / "bin"
        self.bin.mkdir()
        self._asked = own_broker.folder / "asked"
        self.tool("reboot", f"echo reboot >> {self._asked}; exec sleep 600")
        self.tool("stat", "echo ext2/ext3")  # on a machine whose /tmp is in memory, reboot.sh would refuse
        for name in ("common.sh", "reboot.sh", "restart-services.sh"):
            own_broker.handlers.write_raw(name, (ROOT / "sample-job-handlers" / name).read_bytes())

    def tool(self, name: str, body: str) -> None:
        """A command that comes first on the PATH of the agent and its handlers."""
        path = self.bin / name
        path.write_text(f"#!/bin/sh\n{body}\n")
        path.chmod(0o755)

    @property
    def env(self) -> dict[str, str]:
        """For the agent."""
        return {"PATH": f"{self.bin}:{os.environ['PATH']}"}

    @property
    def asked(self) -> list[str]:
        """Every request for a reboot, or for a restart of the agent."""
        return self._asked.read_text().split() if self._asked.exists() else []

    def up(self, boot: str) -> None:
        """Boot."""
        self.own_broker.agent.start(env=self.env, prefix=other_boot(self.own_broker.folder, boot))

    def power_cut(self, job: str) -> None:
        """Everything on the board is gone at once."""
        self.own_broker.agent.kill()
        wait_until(lambda: not self.own_broker.family(job), JOB_SECONDS, "the processes of the board to be gone")
        if self.in_memory:
            shutil.rmtree(self.own_broker.thing.state)

    def reboot_when_asked(self, job: str, times: int = 1) -> None:
        """Wait for the request number `times`, and do it."""
        wait_until(
            lambda: len(self.asked) >= times, JOB_SECONDS, lambda: f"a reboot; {self.own_broker.agent.log()[-4000:]}"
        )
        self.power_cut(job)
        self.up(SECOND)


@pytest.fixture
def board(own_broker: OwnBroker) -> Board:
    return Board(own_broker)


def _succeeded(execution: Ended) -> None:
    assert execution.status == "SUCCEEDED", execution.details


def _reboots_once_between_two_steps(board: Board) -> None:
    own_broker = board.own_broker
    own_broker.write_ledger_handler("note.sh", "")
    document = steps(
        run_handler("note.sh", name="before"),
        run_command("reboot", name="reboot"),
        run_handler("note.sh", name="after"),
    )
    job = own_broker.add(document)
    board.reboot_when_asked(job)
    _succeeded(own_broker.result(job))
    assert [row for row in own_broker.ledger() if row.startswith("start")] == [
        f"start {job} before 1",
        f"start {job} after 1",
    ]
    assert board.asked == ["reboot"]


@needs_root
def test_a_sample_handler_that_reboots_succeeds_when_the_board_is_back(board: Board) -> None:
    board.up(FIRST)
    job = board.own_broker.add(own_handler("reboot.sh", includeStdOut=True))
    board.reboot_when_asked(job)
    ended = board.own_broker.result(job)
    _succeeded(ended)
    assert ended.details["stdout"] == "the board was rebooted\n"
    assert board.asked == ["reboot"]


@needs_root
def test_a_reboot_as_the_whole_operation_succeeds_when_the_board_is_back(board: Board) -> None:
    board.up(FIRST)
    job = board.own_broker.add(operation("reboot"))
    board.reboot_when_asked(job)
    ended = board.own_broker.result(job)
    _succeeded(ended)
    assert (ended.details["reason"], board.asked) == ("Rebooted", ["reboot"])


@needs_root
def test_a_reboot_in_the_middle_of_steps_repeats_none_of_them(board: Board) -> None:
    board.up(FIRST)
    _reboots_once_between_two_steps(board)


@needs_root
@pytest.mark.parametrize("journal", ["in memory", "not writable"])
def test_a_board_that_can_keep_no_journal_is_rebooted_only_once(board: Board, journal: str) -> None:
    """What the cloud was told of the step takes the journal's place; else the board would reboot for ever."""
    board.in_memory = journal == "in memory"
    if not board.in_memory:
        board.own_broker.thing.state.write_text("a file where the folder should be")
    board.up(FIRST)
    _reboots_once_between_two_steps(board)


@needs_root
def test_a_reboot_that_only_the_agent_died_of_is_asked_for_again(board: Board) -> None:
    """The boot id is the same, so the board was not rebooted."""
    board.up(FIRST)
    job = board.own_broker.add(operation("reboot"))
    wait_until(lambda: board.asked, JOB_SECONDS, "the reboot")
    board.power_cut(job)
    board.up(FIRST)
    board.reboot_when_asked(job, times=2)
    _succeeded(board.own_broker.result(job))
    assert board.asked == ["reboot", "reboot"]


@needs_root
def test_a_handler_cut_off_by_a_power_cut_is_started_again_and_told_so(board: Board) -> None:
    own_broker = board.own_broker
    own_broker.write_ledger_handler(
        "long.sh", '[ "$AWS_IOT_JOB_ATTEMPT" = 2 ] || sleep 600; echo "$AWS_IOT_JOB_REBOOTED"'
    )
    board.up(FIRST)
    job = own_broker.add(own_handler("long.sh", includeStdOut=True))
    own_broker.wait_ledger(f"start {job} long.sh 1")
    board.power_cut(job)
    board.up(SECOND)
    ended = own_broker.result(job)
    _succeeded(ended)
    assert ended.details["stdout"] == "true\n"
    assert own_broker.ledger() == [f"start {job} long.sh 1", f"start {job} long.sh 2", f"end {job} long.sh 2"]


@needs_root
def test_a_report_that_a_power_cut_kept_from_going_out_is_made_afterwards(board: Board) -> None:
    own_broker = board.own_broker
    own_broker.write_ledger_handler("note.sh", "")
    own_broker.service.script("update", "accept", "silence")
    board.up(FIRST)
    job = own_broker.add(own_handler("note.sh"))
    own_broker.service.wait_requests("update", 2, job)
    board.power_cut(job)
    board.up(SECOND)
    _succeeded(own_broker.result(job))
    assert own_broker.ledger() == [f"start {job} note.sh 1", f"end {job} note.sh 1"]


def test_a_sample_handler_that_restarts_the_agent_succeeds_under_the_next_one(board: Board) -> None:
    own_broker = board.own_broker
    board.tool("systemctl", f"echo restart >> {own_broker.folder}/asked")
    own_broker.thing.configure(jobs={"stop-grace-seconds": 0.2})
    own_broker.start_online(env=board.env)
    service = "aws-iot-device-client"
    job = own_broker.add(own_handler("restart-services.sh", "", service, includeStdOut=True))
    wait_until(lambda: board.asked, JOB_SECONDS, lambda: f"the restart; {own_broker.agent.log()[-4000:]}")
    assert own_broker.agent.stop() == 0
    own_broker.start_online(env=board.env)
    ended = own_broker.result(job)
    _succeeded(ended)
    assert (ended.details["stdout"], board.asked) == ("the agent was restarted\n", ["restart"])


def test_a_handler_that_kills_the_agent_is_run_again_under_the_next_one(own_broker: OwnBroker) -> None:
    """A package upgrade may do so. The handler sees in AWS_IOT_JOB_ATTEMPT that it was here before."""
    own_broker.write_ledger_handler("upgrade.sh", '[ "$AWS_IOT_JOB_ATTEMPT" != 1 ] || { kill -9 "$PPID"; sleep 600; }')
    own_broker.start_online()
    job = own_broker.add(own_handler("upgrade.sh"))
    own_broker.agent.wait()
    own_broker.start_online()
    _succeeded(own_broker.result(job))
    assert own_broker.ledger() == [f"start {job} upgrade.sh 1", f"start {job} upgrade.sh 2", f"end {job} upgrade.sh 2"]


@pytest.mark.parametrize("journal", ["kept", "not writable"])
def test_a_job_that_ends_the_agent_every_time_is_failed_at_the_third_attempt(
    own_broker: OwnBroker, journal: str
) -> None:
    """jobs.max-attempts is 3: a crash loop must not keep the board from its other jobs."""
    if journal == "not writable":
        own_broker.thing.state.write_text("a file where the folder should be")
    own_broker.write_ledger_handler("crash.sh", 'kill -9 "$PPID"; sleep 600')
    job = own_broker.add(own_handler("crash.sh"))
    for attempt in (1, 2, 3):
        own_broker.agent.start()
        own_broker.agent.wait()
        assert own_broker.ledger()[-1] == f"start {job} crash.sh {attempt}"
    own_broker.agent.start()
    ended = own_broker.result(job)
    assert (ended.status, ended.details["reason"]) == (
        "FAILED",
        "Interrupted by restart 3 times; jobs.max-attempts allows no further attempt",
    )
    assert own_broker.run(operation("true")).status == "SUCCEEDED"
    assert len(own_broker.ledger()) == 3

# SPDX-FileCopyrightText: The aws-iot-device-client authors
# SPDX-License-Identifier: Apache-2.0
"""A whole system of the target's architecture: the agent, /bin/sh and the sample handlers, from BusyBox and nothing else.

Entered by chroot; a foreign architecture runs under qemu through binfmt_misc (ci/qemu/).
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from localcloud.cloud import Cloud
from localcloud.waiting import wait_until
from tests.fakes.documents import operation, own_handler, run_command, steps
from tests.system.harness.agent import Agent
from tests.system.harness.contract import contract_errors
from tests.system.harness.rig import JOB_SECONDS, Rig
from tests.system.harness.rootfs import RootFs, RootFsAgent, configure, install
from tests.system.harness.skips import BINARY_ONLY, needs_root
from toolchains.agent import is_emulated
from toolchains.base import ROOT
from toolchains.target import Target

pytestmark = needs_root

PATH = "/usr/sbin:/usr/bin:/sbin:/bin"
SAMPLES = sorted((ROOT / "sample-job-handlers").glob("*.sh"))


@pytest.fixture(scope="module")
def board(cloud: Cloud, target: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Rig]:
    """A board with the agent as root and the sample handlers, shared by the tests of this file."""
    if target == "source":
        pytest.skip(BINARY_ONLY)
    before = cloud.mark()
    folder = tmp_path_factory.mktemp("board")
    thing = cloud.make_thing(f"board-{target}", folder / "thing")
    configure(thing)
    install(thing.handlers, SAMPLES)
    agent = RootFsAgent(RootFs.userland(target, folder / "root"), thing)

    def start(*flags: str, of: object, **more: object) -> Agent:
        assert of is thing and not more
        return agent.start(*flags, env={"PATH": PATH, "HOME": "/root"})

    rig = Rig(cloud, thing, start)
    rig.start_online()
    yield rig
    stopped = agent.stop()
    agent.finish()
    errors = contract_errors(cloud.publishes(thing, since=before))
    assert not errors, "\n".join(errors)
    assert stopped == 0


@pytest.fixture(autouse=True)
def _shown_log(board: Rig, request: pytest.FixtureRequest) -> Iterator[None]:
    before = len(board.agent.log())
    yield
    request.node.add_report_section("teardown", "agent's log", board.agent.log()[before:][-20000:])


def test_the_shell_and_its_tools_are_of_the_targets_architecture(board: Rig, target: str) -> None:
    about = Target.of(target)
    header = about.elf_machine.to_bytes(2, "little").hex(" ")
    # The agent hands down nothing of its environment: without QEMU_CPU the emulator is its newest processor. By its path,
    # or the shell is its own uname.
    cpu = f"QEMU_CPU={about.emulated_cpu} " if about.emulated_cpu else ""
    script = (
        f"{cpu}/bin/uname -m; readlink -f /bin/sh; od -An -tx1 -j18 -N2 /proc/self/exe; od -An -tx1 -j18 -N2 /bin/sh"
    )
    board.handlers.write("where.sh", script)
    result = board.run(own_handler("where.sh", includeStdOut=True))
    assert result.status == "SUCCEEDED"
    assert [line.strip() for line in result.stdout.splitlines()] == [about.uname[0], "/bin/busybox", header, header]


def test_no_process_of_a_job_leaves_the_architecture(board: Rig, target: str) -> None:
    """Seen from outside: the agent, the shell of the handler and what it starts are all run by the emulator."""
    board.handlers.write("long.sh", "sleep 3600 & wait")
    job = board.create(own_handler("long.sh"))
    board.result(job, "IN_PROGRESS")
    pids = wait_until(
        lambda: seen if len(seen := board.agent.children()) >= 2 else None, JOB_SECONDS, "shell and sleep"
    )
    programs = {Path(os.readlink(f"/proc/{pid}/exe")).name for pid in (board.agent.pid, *pids)}
    board.cloud.cancel_execution(job, board.thing, force=True)
    wait_until(lambda: not board.agent.children(), JOB_SECONDS, "the handler's processes to be gone")
    expected = {Target.of(target).emulator[0]} if is_emulated(target) else {"aws-iot-device-client", "busybox"}
    assert programs == expected


def test_a_job_condition_on_the_architecture_holds(board: Rig, target: str) -> None:
    met = steps(
        run_command("true"),
        conditions=[{"key": "architecture", "value": [Target.of(target).uname[0]], "type": "stringEqual"}],
    )
    unmet = steps(
        run_command("true"), conditions=[{"key": "architecture", "value": ["riscv64"], "type": "stringEqual"}]
    )
    assert [board.run(document).status for document in (met, unmet)] == ["SUCCEEDED", "REJECTED"]


def test_echo_runs_from_path(board: Rig) -> None:
    result = board.run(operation("echo", "Hello world!", includeStdOut=True))
    assert (result.status, result.stdout) == ("SUCCEEDED", "Hello world!\n")


def test_the_sample_health_check_runs_by_its_sample_document(board: Rig) -> None:
    document = json.loads((ROOT / "sample-job-docs/health-check.json").read_text())
    result = board.run(document | {"includeStdOut": "true"})
    assert (result.status, result.stdout) == ("SUCCEEDED", "healthy: the agent runs job handlers\n")


def test_a_failing_handler_is_reported_with_its_stderr(board: Rig) -> None:
    result = board.run_script("echo broken >&2; exit 7")
    assert (result.status, result.reason, result.stderr) == ("FAILED", "Exited with status: 7", "broken\n")


def test_a_handler_killed_by_a_signal_is_reported_as_such(board: Rig) -> None:
    result = board.run_script("kill -9 $$")
    assert (result.status, result.reason) == ("FAILED", "Killed by signal: 9")


def test_a_command_for_another_user_runs_as_that_user(board: Rig) -> None:
    """The agent starts its own file again to change the user: found by /proc/self/exe, of the target's architecture."""
    command = r"sh,-c,echo $(id -u):$(id -g):$(id -G):$USER"
    result = board.run(steps(run_command(command, runAsUser="nobody"), includeStdOut=True))
    assert (result.status, result.stdout) == ("SUCCEEDED", "65534:65534:65534:nobody\n")


def test_output_on_both_pipes_arrives_whole(board: Rig) -> None:
    """More than a pipe holds, stderr first: neither side may wait for the other."""
    body = "head -c 300000 /dev/zero | tr '\\0' e >&2; head -c 300000 /dev/zero | tr '\\0' o; echo; echo last"
    board.handlers.write("much.sh", body)
    result = board.run(own_handler("much.sh", includeStdOut=True, allowStdErr=2))
    assert result.status == "SUCCEEDED"
    assert result.stdout.endswith("o\nlast\n")
    assert set(result.stderr) == {"e"}


def test_a_cancelled_job_leaves_no_process_behind_not_even_one_that_left_its_group(board: Rig) -> None:
    board.handlers.write("strays.sh", "setsid sleep 3600 & sleep 3600")
    job = board.create(own_handler("strays.sh"))
    board.result(job, "IN_PROGRESS")
    wait_until(lambda: len(board.agent.children()) >= 3, JOB_SECONDS, "the handler and its two children")
    pids = board.agent.children()
    board.cloud.cancel_execution(job, board.thing, force=True)
    wait_until(lambda: not any(Path(f"/proc/{pid}").exists() for pid in pids), JOB_SECONDS, f"{pids} to be gone")
    assert board.run(operation("true")).status == "SUCCEEDED"

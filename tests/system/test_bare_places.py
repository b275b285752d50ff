# SPDX-FileCopyrightText: The aws-iot-device-client authors
# SPDX-License-Identifier: Apache-2.0
"""The binary where there is next to nothing: it runs a job, or says clearly why it can't."""

from __future__ import annotations

import platform
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from localcloud.cloud import Cloud
from localcloud.thing import Thing
from tests.fakes.documents import operation, own_handler, run_command, steps
from tests.system.harness.agent import Agent
from tests.system.harness.rig import QUICK_RECONNECT, Rig
from tests.system.harness.rootfs import (
    NAME,
    THING,
    RootFs,
    RootFsAgent,
    busybox_root,
    configure,
    give,
    install,
)
from tests.system.harness.skips import BINARY_ONLY, EMULATOR_NEEDS, needs_root
from toolchains.agent import is_emulated
from toolchains.base import ROOT
from toolchains.target import Target

NOBODY_KNOWS = 54321  # a user without an entry in any passwd file
MIB = 1 << 20
PATH = "/usr/sbin:/usr/bin:/sbin:/bin"

Settle = Callable[[RootFs], Rig]


@pytest.fixture(autouse=True)
def _a_binary(target: str) -> None:
    if target == "source":
        pytest.skip(BINARY_ONLY)


@pytest.fixture
def settle(cloud: Cloud, thing: Thing, request: pytest.FixtureRequest) -> Iterator[Settle]:
    """Make the thing live in a place: with its own binary and a static BusyBox as handlers."""
    agents: list[RootFsAgent] = []

    def make(root_fs: RootFs) -> Rig:
        agent = RootFsAgent(root_fs, thing)
        agents.append(agent)
        # By its number: there is neither a hosts file nor a resolver.
        configure(thing, endpoint=f"127.0.0.1:{thing.port}")
        install(
            thing.handlers, [root_fs.root / root_fs.program.lstrip("/"), busybox_root(root_fs.target) / "bin/busybox"]
        )

        def start(*flags: str, of: Thing, **more: Any) -> Agent:
            return agent.start(*flags, **more)

        return Rig(cloud, thing, start)

    yield make
    for each in agents:
        each.finish()
        request.node.add_report_section("teardown", f"log {each.log_path}", each.log()[-20000:])


def _runs_both_handlers(rig: Rig) -> None:
    version = rig.run(own_handler(NAME, "--version", includeStdOut=True))
    assert (version.status, version.stdout[:1]) == ("SUCCEEDED", "v"), version
    echo = rig.run(own_handler("busybox", "echo", "hello", includeStdOut=True))
    assert (echo.status, echo.stdout) == ("SUCCEEDED", "hello\n"), echo
    failed = rig.run(own_handler("busybox", "false"))
    assert (failed.status, failed.reason) == ("FAILED", "Exited with status: 1"), failed


# -- a root file system with nothing in it


@needs_root
def test_in_an_empty_read_only_root_static_handlers_run(settle: Settle, target: str, tmp_path: Path) -> None:
    """No /proc, /dev, /tmp, /etc; nothing can be written, not even the agent's own folder."""
    rig = settle(RootFs.empty(target, tmp_path / "root", read_only=True))
    rig.start_online()
    assert sorted(path.name for path in (tmp_path / "root").iterdir()) == [NAME, THING.name]
    _runs_both_handlers(rig)
    rig.agent.wait_log(r"a job may not resume after a restart, .*: /thing/state\S*: Read-only file system")
    assert rig.agent.stop() == 0


@needs_root
def test_in_an_empty_root_with_an_empty_environment_and_no_such_user_static_handlers_run(
    settle: Settle, thing: Thing, target: str, tmp_path: Path
) -> None:
    rig = settle(RootFs.empty(target, tmp_path / "root", user=NOBODY_KNOWS))
    give(thing.folder, NOBODY_KNOWS)
    rig.start_online(env={})
    _runs_both_handlers(rig)
    assert rig.agent.stop() == 0


@needs_root
def test_without_a_home_the_missing_setting_is_named(settle: Settle, thing: Thing, target: str, tmp_path: Path) -> None:
    """A handler directory by default is below the home folder, and this user has none."""
    rig = settle(RootFs.empty(target, tmp_path / "root", user=NOBODY_KNOWS))
    configure(thing, jobs={"handler-directory": None, "state-directory": None})
    give(thing.folder, NOBODY_KNOWS)
    agent = rig.start(env={})
    assert agent.wait() == 1
    assert "HOME" in agent.log()
    assert "fix:" in agent.log()


@needs_root
def test_without_hosts_file_and_resolver_the_unknown_endpoint_is_named_and_the_agent_keeps_trying(
    settle: Settle, thing: Thing, target: str, tmp_path: Path
) -> None:
    rig = settle(RootFs.empty(target, tmp_path / "root"))
    configure(thing, endpoint="broker.example:8883", mqtt=QUICK_RECONNECT)
    agent = rig.start(env={})
    first = agent.wait_log(r"broker\.example.*(could not be found|resolve|DNS|unknown)")
    agent.wait_log(r"broker\.example.*(could not be found|resolve|DNS|unknown)", after=first.end())
    assert agent.stop() == 0


@needs_root
def test_the_endpoint_is_found_by_a_hosts_file_alone(settle: Settle, thing: Thing, target: str, tmp_path: Path) -> None:
    rig = settle(RootFs.empty(target, tmp_path / "root"))
    (tmp_path / "root/etc").mkdir()
    (tmp_path / "root/etc/hosts").write_text("127.0.0.1 localhost\n")
    configure(thing)
    rig.start_online()
    _runs_both_handlers(rig)


@needs_root
def test_a_script_where_there_is_no_shell_fails_and_the_missing_interpreter_is_named(
    settle: Settle, target: str, tmp_path: Path
) -> None:
    rig = settle(RootFs.empty(target, tmp_path / "root"))
    rig.start_online()
    result = rig.run_script("echo never")
    assert result.status == "FAILED"
    assert "interpreter" in result.reason
    _runs_both_handlers(rig)


@needs_root
def test_a_whole_system_on_a_read_only_disk_runs_jobs(settle: Settle, target: str, tmp_path: Path) -> None:
    """As many boards are: /proc and /dev are there, nothing can be written, /tmp included."""
    root_fs = RootFs.userland(target, tmp_path / "root")
    rig = settle(RootFs(target, root_fs.root, root_fs.binds, read_only=True))
    rig.start_online(env={"PATH": PATH})
    assert rig.run_script("echo x >/tmp/file").status == "FAILED"
    _runs_both_handlers(rig)


# -- a process that was given little


def _starve(agent_of: Callable[..., Agent], cloud: Cloud, thing: Thing, **more: Any) -> Rig:
    rig = Rig(cloud, thing, agent_of)
    rig.start_online(**more)
    return rig


@pytest.mark.parametrize("closed", ["<&-", ">&-", "2>&-", "<&- >&- 2>&-"], ids=["stdin", "stdout", "stderr", "all"])
def test_with_closed_standard_descriptors_a_job_runs_and_its_output_goes_nowhere_else(
    closed: str, cloud: Cloud, thing: Thing, agent: Callable[..., Agent]
) -> None:
    """Descriptors 0 to 2 are the next to be given out: no file or socket of the agent may be taken for a stream."""
    log = thing.folder / "log"
    thing.configure(logging={"type": "file", "file": str(log)})
    rig = _starve(agent, cloud, thing, prefix=("sh", "-c", f'exec "$@" {closed}', "sh"))
    rig.handlers.write("both.sh", "echo out; echo err >&2; ls /proc/self/fd; cat")
    result = rig.run(own_handler("both.sh", includeStdOut=True, allowStdErr=1))
    assert result.status == "SUCCEEDED"
    assert (result.stdout.split(), result.stderr) == (["out", "0", "1", "2", "3"], "err\n")
    assert rig.agent.stop() == 0
    assert "SUCCEEDED" in log.read_text()


def test_in_64_mebibytes_of_address_space_a_job_runs(
    cloud: Cloud, thing: Thing, agent: Callable[..., Agent], target: str
) -> None:
    if is_emulated(target):
        pytest.skip(f"{EMULATOR_NEEDS}: it maps the whole address space of the program")
    rig = _starve(agent, cloud, thing, prefix=("prlimit", f"--as={64 * MIB}", "--"))
    result = rig.run_script("ulimit -v")
    assert result.status == "SUCCEEDED"
    echo = rig.run(operation("echo", "hello", includeStdOut=True))
    assert (echo.status, echo.stdout) == ("SUCCEEDED", "hello\n")


def test_with_few_descriptors_and_processes_to_spare_a_job_runs(
    cloud: Cloud, thing: Thing, agent: Callable[..., Agent]
) -> None:
    rig = _starve(agent, cloud, thing, prefix=("prlimit", "--nofile=32", "--"))
    for _ in range(3):
        assert rig.run(operation("true")).status == "SUCCEEDED"


def test_on_the_oldest_kernel_a_job_runs(cloud: Cloud, thing: Thing, agent: Callable[..., Agent], target: str) -> None:
    """Emulated, the kernel calls itself that old; natively, system calls that came later are missing."""
    about = Target.of(target)
    if is_emulated(target):
        rig = _starve(agent, cloud, thing, env={"QEMU_UNAME": about.oldest_kernel})
        old = {"key": "kernelRelease", "value": [about.oldest_kernel], "type": "stringEqual"}
        assert rig.run(steps(run_command("true"), conditions=[old])).status == "SUCCEEDED"
        return
    old_kernel = (sys.executable, "-I", str(ROOT / "ci/qemu/old_kernel.py"), str(about.newest_call))
    rig = _starve(agent, cloud, thing, prefix=old_kernel)
    result = rig.run(operation("grep", "^Seccomp:", "/proc/self/status", includeStdOut=True))
    assert (result.status, result.stdout) == ("SUCCEEDED", "Seccomp:\t2\n")


@pytest.mark.parametrize(("newest", "words"), [(-1, "Function not implemented"), (0, "")], ids=["without", "with"])
def test_the_stand_in_for_an_old_kernel_takes_away_what_came_later_and_no_more(newest: int, words: str) -> None:
    number = {"x86_64": 319, "aarch64": 279}[platform.machine()] + newest
    probe = [sys.executable, "-c", "import os; os.memfd_create('probe')"]
    old_kernel = [sys.executable, "-I", str(ROOT / "ci/qemu/old_kernel.py"), str(number)]
    done = subprocess.run([*old_kernel, *probe], capture_output=True, text=True)
    assert (done.returncode == 0, words in done.stderr) == (not words, True)

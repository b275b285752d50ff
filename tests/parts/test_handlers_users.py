# SPDX-FileCopyrightText: The aws-iot-device-client authors
# SPDX-License-Identifier: Apache-2.0
"""A runCommand for another user runs as that user, with nothing of the agent's rights, or not at all."""

from __future__ import annotations

import grp
import os
import pwd
from collections.abc import Iterator
from pathlib import Path

import pytest

from dc.jobs.core.details import output
from dc.jobs.core.outcome import HandlerError
from dc.jobs.run import users
from dc.jobs.run.command import Command
from dc.jobs.run.handlers import Handlers
from tests.fakes.handler_folder import JOB, Device, step
from tests.fakes.process_bench import ENV, ProcessBench, process_bench

ROOT_ONLY = pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another user")
OTHER = "nobody"


@pytest.fixture
def bench() -> Iterator[ProcessBench]:
    with process_bench() as made:
        yield made


@pytest.fixture
def device(tmp_path: Path) -> Device:
    return Device(tmp_path)


def command_for(user: str, line: str) -> Command:
    return Handlers("/nonexistent", {"PATH": ENV["PATH"]}).command(step("runCommand", user, command=line), JOB)


@ROOT_ONLY
def test_root_becomes_the_user_with_its_groups_and_can_not_come_back(bench: ProcessBench) -> None:
    entry = pwd.getpwnam(OTHER)
    text = output(
        bench.run(command_for(OTHER, "grep,-E,^(Uid|Gid|Groups|NoNewPrivs|CapEff|CapPrm),/proc/self/status")).stdout
    )
    lines = {name: value.split() for name, value in (line.split(":") for line in text.splitlines())}
    groups = sorted(os.getgrouplist(OTHER, entry.pw_gid))
    assert lines["Uid"] == [str(entry.pw_uid)] * 4
    assert lines["Gid"] == [str(entry.pw_gid)] * 4
    assert sorted(int(group) for group in lines["Groups"]) == groups
    assert lines["NoNewPrivs"] == ["1"]
    assert {int(lines[name][0], 16) for name in ("CapEff", "CapPrm")} == {0}


@ROOT_ONLY
def test_the_users_environment_names_the_user_and_keeps_the_jobs_variables(bench: ProcessBench) -> None:
    entry = pwd.getpwnam(OTHER)
    made = dict(line.split("=", 1) for line in output(bench.run(command_for(OTHER, "env")).stdout).splitlines())
    assert (made["USER"], made["LOGNAME"], made["HOME"]) == (OTHER, OTHER, entry.pw_dir)
    assert made["AWS_IOT_JOB_ID"] == JOB["AWS_IOT_JOB_ID"]


@ROOT_ONLY
def test_arguments_and_status_pass_through(bench: ProcessBench) -> None:
    result = bench.run(
        command_for(OTHER, r"sh,-c,printf '%s|' \"$@\" \; exit 5,sh,a b,%20,é".replace(r"\;", ";").replace(r"\"", '"'))
    )
    assert (result.status, output(result.stdout)) == (5, "a b|%20|é|")


@ROOT_ONLY
def test_a_program_the_user_may_not_execute_is_not_run(bench: ProcessBench, device: Device) -> None:
    device.bin.chmod(0o755)
    program = device.put(device.bin, "only-root", 0o700)
    result = bench.run(command_for(OTHER, program))
    assert result.status == 127
    assert f'cannot execute {program} as user "{OTHER}": Permission denied' in output(result.stderr)


@ROOT_ONLY
def test_a_user_that_vanished_between_check_and_start_fails_closed(bench: ProcessBench, device: Device) -> None:
    witness = device.root / "witness"
    command = command_for(OTHER, f"touch,{witness}")
    argv = tuple("no-such-user" if word == OTHER else word for word in command.argv)
    result = bench.run(Command(command.program, argv, command.env))
    assert result.status == 126
    assert 'cannot become user "no-such-user"' in output(result.stderr)
    assert not witness.exists()


@pytest.mark.parametrize("user", ["no-such-user", "", "root\nx", "-u", "0", "65534"])
def test_an_unknown_user_is_a_reason_and_never_the_agents_own(user: str) -> None:
    with pytest.raises(HandlerError, match="this device has no such user"):
        users.as_user(user, "/bin/id", ("id",), ENV["PATH"])


def test_the_agents_own_user_needs_no_change() -> None:
    own = pwd.getpwuid(os.geteuid()).pw_name
    assert users.as_user(own, "/bin/id", ("id", "x"), ENV["PATH"]) == ("/bin/id", ("id", "x"))


def test_another_agent_than_root_uses_sudo_without_a_prompt(device: Device, monkeypatch: pytest.MonkeyPatch) -> None:
    sudo = device.put(device.bin, "sudo")
    monkeypatch.setattr(os, "geteuid", lambda: 4242)
    made = users.as_user(OTHER, "/bin/id", ("id", "-u"), f"/nonexistent::{device.bin}")
    assert made == (sudo, ("sudo", "-n", "-u", OTHER, "--", "/bin/id", "-u"))


def test_another_agent_than_root_without_sudo_fails_with_the_reason(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 4242)
    with pytest.raises(HandlerError, match="the agent runs as uid 4242 and there is no sudo"):
        users.as_user(OTHER, "/bin/id", ("id",), "/nonexistent")


def test_a_handler_runs_as_the_agents_user_and_is_told_the_name(bench: ProcessBench, device: Device) -> None:
    path = device.jobs / "h.sh"
    path.write_text('#!/bin/sh\necho "$(id -un) $1 $2"\n')
    path.chmod(0o700)
    device.environ["PATH"] = ENV["PATH"]
    command = device.command(step("runHandler", OTHER, handler="h.sh", args=["x"], path="default"))
    assert output(bench.run(command).stdout) == f"{pwd.getpwuid(os.geteuid()).pw_name} {OTHER} x\n"


def test_the_user_of_these_tests_exists() -> None:
    assert grp.getgrgid(pwd.getpwnam(OTHER).pw_gid)

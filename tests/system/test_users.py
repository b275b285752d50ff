# SPDX-FileCopyrightText: The aws-iot-device-client authors
# SPDX-License-Identifier: Apache-2.0
"""runAsUser: a command for another user runs as that user or not at all."""

from __future__ import annotations

import os
import pwd
import tempfile
from pathlib import Path

import pytest

from tests.fakes.documents import own_handler, run_command, run_handler, steps
from tests.system.harness.rig import Rig
from tests.system.harness.skips import needs_root

OTHER = "nobody"


@needs_root
@pytest.mark.usefixtures("reexecuted")
def test_a_command_for_another_user_runs_as_that_user_with_its_groups_and_no_way_back(shared_rig: Rig) -> None:
    entry = pwd.getpwnam(OTHER)
    words = "grep,-E,^(Uid|Gid|Groups|NoNewPrivs|CapEff):,/proc/self/status"
    result = shared_rig.run(steps(run_command(words, runAsUser=OTHER), includeStdOut=True))
    assert result.status == "SUCCEEDED"
    lines = {key: value.split() for key, _, value in (line.partition(":") for line in result.stdout.splitlines())}
    assert lines["Uid"] == [str(entry.pw_uid)] * 4
    assert lines["Gid"] == [str(entry.pw_gid)] * 4
    assert lines["Groups"] == [str(group) for group in os.getgrouplist(OTHER, entry.pw_gid)]
    assert lines["NoNewPrivs"] == ["1"]
    assert int(lines["CapEff"][0], 16) == 0


@needs_root
@pytest.mark.usefixtures("reexecuted")
def test_such_a_command_has_that_users_environment_and_keeps_its_words(shared_rig: Rig) -> None:
    entry = pwd.getpwnam(OTHER)
    command = r"""sh,-c,printf '%s|' "$HOME" "$USER" "$LOGNAME" "$0" "$1",a b,it's 100%\, really"""
    result = shared_rig.run(steps(run_command(command, runAsUser=OTHER), includeStdOut=True))
    assert result.stdout == f"{entry.pw_dir}|{OTHER}|{OTHER}|a b|it's 100%, really|"


@needs_root
@pytest.mark.usefixtures("reexecuted")
def test_such_a_commands_exit_status_and_signal_are_told_as_its_own(shared_rig: Rig) -> None:
    assert shared_rig.run(steps(run_command("sh,-c,exit 7", runAsUser=OTHER))).reason == "Exited with status: 7"
    result = shared_rig.run(steps(run_command("sh,-c,kill -9 $$", runAsUser=OTHER)))
    assert (result.status, result.reason) == ("FAILED", "Killed by signal: 9")


@needs_root
@pytest.mark.usefixtures("reexecuted")
def test_the_agents_own_secrets_are_out_of_that_users_reach(shared_rig: Rig) -> None:
    key = shared_rig.thing.key
    result = shared_rig.run(steps(run_command(f"cat,{key}", runAsUser=OTHER), includeStdOut=True))
    assert (result.status, result.stdout) == ("FAILED", "")


def test_a_command_for_an_unknown_user_fails_and_never_runs_as_the_agents_user(shared_rig: Rig, tmp_path: Path) -> None:
    trace = tmp_path / "ran"
    result = shared_rig.run(steps(run_command(f"touch,{trace}", runAsUser="no-such-user")))
    assert result.status == "FAILED"
    assert result.reason == 'Cannot run as user "no-such-user": this device has no such user'
    assert not trace.exists()


@pytest.mark.parametrize("user", ["root ", "0", "-u", "nobody:nogroup", "no/body", "\u212a"])
def test_a_user_name_that_is_no_name_fails(shared_rig: Rig, tmp_path: Path, user: str) -> None:
    trace = tmp_path / "ran"
    result = shared_rig.run(steps(run_command(f"touch,{trace}", runAsUser=user)))
    assert result.status == "FAILED" and "this device has no such user" in result.reason
    assert not trace.exists()


def test_a_command_for_the_agents_own_user_just_runs(shared_rig: Rig) -> None:
    own_name = pwd.getpwuid(os.geteuid()).pw_name
    result = shared_rig.run(steps(run_command("id,-un", runAsUser=own_name), includeStdOut=True))
    assert (result.status, result.stdout) == ("SUCCEEDED", f"{own_name}\n")


def test_a_handler_for_another_user_runs_as_the_agents_user_and_gets_the_name(shared_rig: Rig) -> None:
    """The C++ contract: sample handlers call sudo themselves."""
    shared_rig.handlers.write("who.sh", 'echo "$(id -u) $1"')
    result = shared_rig.run(steps(run_handler("who.sh", runAsUser=OTHER), includeStdOut=True))
    assert (result.status, result.stdout) == ("SUCCEEDED", f"{os.geteuid()} {OTHER}\n")


@needs_root
@pytest.mark.usefixtures("reexecuted")
def test_a_command_for_another_user_is_ended_with_its_job(shared_rig: Rig) -> None:
    job = shared_rig.create(steps(run_command("sleep,600", runAsUser=OTHER)))
    shared_rig.result(job, "IN_PROGRESS")
    shared_rig.agent.wait_log(r"runs as process", after=len(shared_rig.agent.log()) - 200)
    shared_rig.cloud.cancel_execution(job, shared_rig.thing, force=True)
    shared_rig.result(job, "CANCELED")
    assert shared_rig.run(steps(run_command("true"))).status == "SUCCEEDED"
    assert shared_rig.agent.children() == []


def _plain_user(rig: Rig) -> tuple[str, ...]:
    """Give the thing's files to OTHER; return the prefix that runs an agent as OTHER.

    The capability lets it read what the tests run on, wherever that lies; it may change nothing by it.
    """
    entry = pwd.getpwnam(OTHER)
    for path in [rig.thing.folder, *rig.thing.folder.rglob("*")]:
        os.chown(path, entry.pw_uid, entry.pw_gid)
    ids = (f"--reuid={entry.pw_uid}", f"--regid={entry.pw_gid}", "--clear-groups")
    return ("setpriv", *ids, "--inh-caps=+dac_read_search", "--ambient-caps=+dac_read_search")


@needs_root
def test_an_agent_that_is_not_root_and_has_no_sudo_says_so(rig: Rig, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    prefix = ("/usr/bin/env", f"PATH={tmp_path / 'empty'}")
    rig.start(prefix=(*_plain_user(rig), *prefix))
    result = rig.run(steps(run_command("/bin/true", runAsUser="root")))
    assert result.status == "FAILED"
    assert "there is no sudo" in result.reason and "run the agent as root" in result.reason


@needs_root
def test_an_agent_that_is_not_root_asks_sudo_without_a_password(rig: Rig) -> None:
    """The stand-in for sudo lies where every user may look: access(2) leaves the capability out."""
    with tempfile.TemporaryDirectory() as folder:
        sudo = Path(folder, "sudo")
        sudo.write_text("#!/bin/sh\nprintf '<%s>' \"$@\"\n")
        for path in (sudo, sudo.parent):
            path.chmod(0o755)
        rig.start(prefix=(*_plain_user(rig), "/usr/bin/env", f"PATH={folder}:/usr/bin:/bin"))
        result = rig.run(steps(run_command("echo,-n,a b", runAsUser="root"), includeStdOut=True))
    assert result.status == "SUCCEEDED"
    assert result.stdout == "<-n><-u><root><--></usr/bin/echo><-n><a b>"


@needs_root
def test_an_agent_that_is_not_root_runs_its_own_handlers(rig: Rig) -> None:
    rig.handlers.write("who.sh", "id -u")
    rig.start(prefix=_plain_user(rig))
    assert rig.run(own_handler("who.sh", includeStdOut=True)).stdout == f"{pwd.getpwnam(OTHER).pw_uid}\n"

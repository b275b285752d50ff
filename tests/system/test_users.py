# SPDX-FileCopyrightText: The aws-iot-device-client authors
# SPDX-License-Identifier: Apache-2.0
"""runAsUser: a command for another user runs as that user or not at all."""

from __future__ import annotations

import os
import pwd
import tempfile
from pathlib import Path

import pytest

from tests.fakes.documents import own, run_command, run_handler, steps
from tests.system.harness.skips import needs_root
from tests.system.harness.station import Station

OTHER = "nobody"


@needs_root
@pytest.mark.usefixtures("reexecuted")
def test_a_command_for_another_user_runs_as_that_user_with_its_groups_and_no_way_back(station: Station) -> None:
    entry = pwd.getpwnam(OTHER)
    words = "grep,-E,^(Uid|Gid|Groups|NoNewPrivs|CapEff):,/proc/self/status"
    result = station.run(steps(run_command(words, runAsUser=OTHER), includeStdOut=True))
    assert result.status == "SUCCEEDED"
    lines = {key: value.split() for key, _, value in (line.partition(":") for line in result.stdout.splitlines())}
    assert lines["Uid"] == [str(entry.pw_uid)] * 4
    assert lines["Gid"] == [str(entry.pw_gid)] * 4
    assert lines["Groups"] == [str(group) for group in os.getgrouplist(OTHER, entry.pw_gid)]
    assert lines["NoNewPrivs"] == ["1"]
    assert int(lines["CapEff"][0], 16) == 0


@needs_root
@pytest.mark.usefixtures("reexecuted")
def test_such_a_command_has_that_users_environment_and_keeps_its_words(station: Station) -> None:
    entry = pwd.getpwnam(OTHER)
    command = r"""sh,-c,printf '%s|' "$HOME" "$USER" "$LOGNAME" "$0" "$1",a b,it's 100%\, really"""
    result = station.run(steps(run_command(command, runAsUser=OTHER), includeStdOut=True))
    assert result.stdout == f"{entry.pw_dir}|{OTHER}|{OTHER}|a b|it's 100%, really|"


@needs_root
@pytest.mark.usefixtures("reexecuted")
def test_such_a_commands_exit_status_and_signal_are_told_as_its_own(station: Station) -> None:
    assert station.run(steps(run_command("sh,-c,exit 7", runAsUser=OTHER))).reason == "Exited with status: 7"
    result = station.run(steps(run_command("sh,-c,kill -9 $$", runAsUser=OTHER)))
    assert (result.status, result.reason) == ("FAILED", "Killed by signal: 9")


@needs_root
@pytest.mark.usefixtures("reexecuted")
def test_the_agents_own_secrets_are_out_of_that_users_reach(station: Station) -> None:
    key = station.thing.key
    result = station.run(steps(run_command(f"cat,{key}", runAsUser=OTHER), includeStdOut=True))
    assert (result.status, result.stdout) == ("FAILED", "")


def test_a_command_for_an_unknown_user_fails_and_never_runs_as_the_agents_user(
    station: Station, tmp_path: Path
) -> None:
    trace = tmp_path / "ran"
    result = station.run(steps(run_command(f"touch,{trace}", runAsUser="no-such-user")))
    assert result.status == "FAILED"
    assert result.reason == 'Cannot run as user "no-such-user": this device has no such user'
    assert not trace.exists()


@pytest.mark.parametrize("user", ["root ", "0", "-u", "nobody:nogroup", "no/body", "\u212a"])
def test_a_user_name_that_is_no_name_fails(station: Station, tmp_path: Path, user: str) -> None:
    trace = tmp_path / "ran"
    result = station.run(steps(run_command(f"touch,{trace}", runAsUser=user)))
    assert result.status == "FAILED" and "this device has no such user" in result.reason
    assert not trace.exists()


def test_a_command_for_the_agents_own_user_just_runs(station: Station) -> None:
    own_name = pwd.getpwuid(os.geteuid()).pw_name
    result = station.run(steps(run_command("id,-un", runAsUser=own_name), includeStdOut=True))
    assert (result.status, result.stdout) == ("SUCCEEDED", f"{own_name}\n")


def test_a_handler_for_another_user_runs_as_the_agents_user_and_gets_the_name(station: Station) -> None:
    """The C++ contract: sample handlers call sudo themselves."""
    station.handlers.write("who.sh", 'echo "$(id -u) $1"')
    result = station.run(steps(run_handler("who.sh", runAsUser=OTHER), includeStdOut=True))
    assert (result.status, result.stdout) == ("SUCCEEDED", f"{os.geteuid()} {OTHER}\n")


@needs_root
@pytest.mark.usefixtures("reexecuted")
def test_a_command_for_another_user_is_ended_with_its_job(station: Station) -> None:
    job = station.create(steps(run_command("sleep,600", runAsUser=OTHER)))
    station.result(job, "IN_PROGRESS")
    station.agent.wait_log(r"runs as process", after=len(station.agent.log()) - 200)
    station.cloud.cancel_execution(job, station.thing, force=True)
    station.result(job, "CANCELED")
    assert station.run(steps(run_command("true"))).status == "SUCCEEDED"
    assert station.agent.children() == []


def _plain_user(station: Station) -> tuple[str, ...]:
    """Give the thing's files to OTHER; return the prefix that runs an agent as OTHER.

    The capability lets it read what the tests run on, wherever that lies; it may change nothing by it.
    """
    entry = pwd.getpwnam(OTHER)
    for path in [station.thing.folder, *station.thing.folder.rglob("*")]:
        os.chown(path, entry.pw_uid, entry.pw_gid)
    ids = (f"--reuid={entry.pw_uid}", f"--regid={entry.pw_gid}", "--clear-groups")
    return ("setpriv", *ids, "--inh-caps=+dac_read_search", "--ambient-caps=+dac_read_search")


@needs_root
def test_an_agent_that_is_not_root_and_has_no_sudo_says_so(fresh: Station, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    prefix = ("/usr/bin/env", f"PATH={tmp_path / 'empty'}")
    fresh.start(prefix=(*_plain_user(fresh), *prefix))
    result = fresh.run(steps(run_command("/bin/true", runAsUser="root")))
    assert result.status == "FAILED"
    assert "there is no sudo" in result.reason and "run the agent as root" in result.reason


@needs_root
def test_an_agent_that_is_not_root_asks_sudo_without_a_password(fresh: Station) -> None:
    """The stand-in for sudo lies where every user may look: access(2) leaves the capability out."""
    with tempfile.TemporaryDirectory() as folder:
        sudo = Path(folder, "sudo")
        sudo.write_text("#!/bin/sh\nprintf '<%s>' \"$@\"\n")
        for path in (sudo, sudo.parent):
            path.chmod(0o755)
        fresh.start(prefix=(*_plain_user(fresh), "/usr/bin/env", f"PATH={folder}:/usr/bin:/bin"))
        result = fresh.run(steps(run_command("echo,-n,a b", runAsUser="root"), includeStdOut=True))
    assert result.status == "SUCCEEDED"
    assert result.stdout == "<-n><-u><root><--></usr/bin/echo><-n><a b>"


@needs_root
def test_an_agent_that_is_not_root_runs_its_own_handlers(fresh: Station) -> None:
    fresh.handlers.write("who.sh", "id -u")
    fresh.start(prefix=_plain_user(fresh))
    assert fresh.run(own("who.sh", includeStdOut=True)).stdout == f"{pwd.getpwnam(OTHER).pw_uid}\n"

# SPDX-FileCopyrightText: The aws-iot-device-client authors
# SPDX-License-Identifier: Apache-2.0
"""What the agent writes down: how much by default, without secrets, and into its own files only."""

from __future__ import annotations

import stat

from localcloud.waiting import wait_until
from tests.fakes.documents import operation
from tests.system.harness.rig import JOB_SECONDS, Rig


def test_by_default_a_steps_output_is_not_logged(rig: Rig) -> None:
    rig.thing.configure(logging=None)
    rig.start_online()
    result = rig.run(operation("echo", "seen by the cloud only", includeStdOut=True))
    assert result.stdout == "seen by the cloud only\n"
    assert "seen by" not in rig.agent.log() and "[DEBUG]" not in rig.agent.log()
    assert "[INFO]" in rig.agent.log()


def test_a_secret_that_a_step_prints_goes_neither_to_the_log_nor_to_the_cloud(rig: Rig) -> None:
    rig.start_online()
    body = "echo 'GET /x?X-Amz-Signature=hunter2&x=1'; echo 'Authorization: Bearer hunter2'; echo PASSWORD=hunter2 >&2"
    result = rig.run_script(body, includeStdOut=True, allowStdErr=1)
    assert result.stdout == "GET /x?X-Amz-Signature=***&x=1\nAuthorization: ***\n"
    assert result.stderr == "PASSWORD=***\n"
    assert "hunter2" not in rig.agent.log() and "X-Amz-Signature=***" in rig.agent.log()


def test_the_runtimes_log_is_for_its_owner_only(rig: Rig) -> None:
    """The C++ client refuses to start with one that others can read, so a way back would be barred."""
    path = rig.thing.folder / "sdk.log"
    rig.thing.configure(logging={"enable-sdk-logging": True, "sdk-log-file": str(path)})
    path.touch(0o644)
    rig.start_online()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    wait_until(lambda: path.stat().st_size, JOB_SECONDS, "the runtime to log")


def test_the_runtimes_log_follows_no_link(rig: Rig) -> None:
    victim = rig.thing.folder / "victim"
    victim.write_text("kept")
    for kind in ("symbolic", "hard"):
        path = rig.thing.folder / f"{kind}.log"
        path.symlink_to(victim) if kind == "symbolic" else path.hardlink_to(victim)
        rig.thing.configure(logging={"enable-sdk-logging": True, "sdk-log-file": str(path)})
        rig.start_online()
        rig.agent.wait_log(f"cannot log the AWS runtime to {path}")
        assert rig.run(operation("true")).status == "SUCCEEDED"
        assert rig.agent.stop() == 0
    assert victim.read_text() == "kept"


def test_no_control_character_of_a_file_reaches_stderr(rig: Rig) -> None:
    rig.thing.configure(cert="/no/\x1b]0;title\x07\x9b31m")
    assert rig.start().wait() == 1
    said = rig.agent.log()
    assert "must abort" in said and all(letter.isprintable() or letter == "\n" for letter in said), repr(said)

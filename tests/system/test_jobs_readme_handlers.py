# SPDX-FileCopyrightText: The aws-iot-device-client authors
# SPDX-License-Identifier: Apache-2.0
"""The C++ client's Jobs README, "Creating your own Job Handler" and "Debugging your Job": one test per sentence it promises."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.fakes.documents import own_handler
from tests.system.harness.rig import Rig

SAMPLES = Path(__file__).resolve().parents[2] / "sample-job-handlers"
FOO = '#!/usr/bin/env python3\nprint("foo ran")\n'


def test_foo_py_in_the_default_handler_directory_is_run_by_a_foo_job(rig: Rig) -> None:
    """The page's walk-through: Foo.py in ~/.aws-iot-device-client/jobs/, mode 700, and its own create-job line."""
    rig.thing.configure(jobs={"handler-directory": None})
    home = rig.thing.folder / ".aws-iot-device-client"
    home.mkdir(mode=0o700)
    rig.handlers.folder = home / "jobs"
    rig.handlers.folder.mkdir(mode=0o700)
    rig.handlers.write_raw("Foo.py", FOO.encode())
    rig.start_online()
    document = '{"operation": "Foo.py", "path": "default"}'
    create = ["iot", "create-job", "--job-id", "run-foo-by-cli", "--document", document]
    rig.cloud.aws(*create, "--targets", rig.thing.arn)
    assert rig.result("run-foo-by-cli").status == "SUCCEEDED"
    assert rig.agent.wait_log(r"stdout: foo ran$")


def test_the_pages_install_packages_job_installs_what_it_names_with_the_sample_handler(
    rig: Rig, tmp_path: Path
) -> None:
    """`{"operation": "install-packages.sh", "args": ["ifupdown"], "path": "default"}`, as printed there."""
    for name in ("common.sh", "install-packages.sh"):
        rig.handlers.write_raw(name, (SAMPLES / name).read_bytes())
    fake = tmp_path / "apt-get"
    fake.write_text('#!/bin/sh\necho "$@"\n')
    fake.chmod(0o755)
    rig.start(env={"PATH": f"{tmp_path}:/usr/bin:/bin"})
    result = rig.run(own_handler("install-packages.sh", args=["ifupdown"], includeStdOut=True))
    assert result.status == "SUCCEEDED" and result.stdout.endswith(" install -y ifupdown\n"), result


def test_a_handler_added_while_the_client_runs_is_loaded_when_its_job_comes(rig: Rig) -> None:
    rig.start_online()
    rig.handlers.write("late.sh", "echo added later")
    result = rig.run(own_handler("late.sh", includeStdOut=True))
    assert (result.status, result.stdout) == ("SUCCEEDED", "added later\n")


@pytest.mark.parametrize("mode", [0o755, 0o750, 0o701, 0o600, 0o500, 0o777, 0o4700, 0o1700], ids=oct)
def test_a_handler_needs_permissions_of_700(shared_rig: Rig, mode: int) -> None:
    path = shared_rig.handlers.write("loose.sh", "echo must not run", mode)
    result = shared_rig.run(own_handler("loose.sh", includeStdOut=True))
    assert result.status == "FAILED" and result.stdout == ""
    assert f"permissions should be 700 but found {mode:o}" in result.reason
    assert f"chmod 700 {path}" in result.reason


def test_a_handler_of_mode_700_runs_after_the_chmod_that_the_refusal_names(shared_rig: Rig) -> None:
    path = shared_rig.handlers.write("mended.sh", "echo runs now", 0o755)
    refusal = shared_rig.run(own_handler("mended.sh")).reason
    command, mode, named = refusal.split("run: ")[1].split()
    assert (command, named) == ("chmod", str(path))
    path.chmod(int(mode, 8))
    assert shared_rig.run(own_handler("mended.sh")).status == "SUCCEEDED"


@pytest.mark.parametrize("mode", [0o755, 0o750, 0o500, 0o1700], ids=oct)
def test_the_handler_directory_needs_permissions_of_700(shared_rig: Rig, mode: int) -> None:
    """The C++ client documents this and does not check it."""
    shared_rig.handlers.write("fine.sh", "echo must not run")
    shared_rig.handlers.folder.chmod(mode)
    try:
        result = shared_rig.run(own_handler("fine.sh", includeStdOut=True))
    finally:
        shared_rig.handlers.folder.chmod(0o700)
    assert result.status == "FAILED" and result.stdout == ""
    assert f"permissions should be 700 but found {mode:o}" in result.reason
    assert f"chmod 700 {shared_rig.handlers.folder}" in result.reason
    assert shared_rig.run(own_handler("fine.sh")).status == "SUCCEEDED"


def test_describe_job_execution_shows_why_a_job_failed(rig: Rig) -> None:
    """The page's sample answer, field by field, from the real `aws iot describe-job-execution`."""
    rig.handlers.write("reboot.sh", "exec mv /sbin/reboot-invalid /tmp/never")
    rig.start_online()
    job = rig.create(own_handler("reboot.sh"))
    rig.result(job)
    name = rig.thing.name
    command = ["iot", "describe-job-execution", "--region", "us-west-2", "--job-id", job, "--thing-name", name]
    execution = json.loads(rig.cloud.aws(*command))["execution"]
    wanted = {"jobId", "status", "statusDetails", "thingArn", "queuedAt", "startedAt", "lastUpdatedAt"}
    assert wanted | {"executionNumber", "versionNumber"} <= set(execution)
    assert (execution["jobId"], execution["status"]) == (job, "FAILED")
    assert execution["statusDetails"]["detailsMap"]["reason"] == "Exited with status: 1"
    stderr = execution["statusDetails"]["detailsMap"]["stderr"]
    assert stderr == "mv: cannot stat '/sbin/reboot-invalid': No such file or directory\n"
    assert execution["thingArn"] == rig.thing.arn
    assert execution["executionNumber"] == 1


def test_the_last_1024_characters_of_stderr_are_published(shared_rig: Rig) -> None:
    result = shared_rig.run_script("i=0; while [ $i -lt 400 ]; do echo line $i >&2; i=$((i+1)); done; exit 1")
    whole = "".join(f"line {i}\n" for i in range(400))
    assert result.stderr == whole[-1024:]


def test_the_last_1024_characters_of_stdout_are_published_with_include_std_out(shared_rig: Rig) -> None:
    result = shared_rig.run_script("i=0; while [ $i -lt 400 ]; do echo line $i; i=$((i+1)); done", includeStdOut=True)
    whole = "".join(f"line {i}\n" for i in range(400))
    assert result.stdout == whole[-1024:]


@pytest.mark.parametrize("length", [1023, 1024, 1025])
def test_the_limit_of_1024_is_exact(shared_rig: Rig, length: int) -> None:
    text = ("0123456789" * 103)[:length]
    assert shared_rig.run_script('printf %s "$1"', text, includeStdOut=True).stdout == text[-1024:]


def test_stderr_is_published_for_a_job_that_succeeds_too(shared_rig: Rig) -> None:
    result = shared_rig.run_script("echo a warning >&2", allowStdErr=1)
    assert (result.status, result.stderr) == ("SUCCEEDED", "a warning\n")


def test_no_credentials_of_a_url_enter_the_clients_log_or_status_details(shared_rig: Rig) -> None:
    """The page warns that what a job prints enters the log; the query of a URL, which holds keys, is masked."""
    url = "https://bucket.example/object?X-Amz-Signature=0123456789abcdef0123456789abcdef"
    result = shared_rig.run_script('echo "$1"', url, includeStdOut=True)
    assert result.stdout == "https://bucket.example/object?***\n"
    assert shared_rig.agent.wait_log(r"stdout: https://bucket\.example/object\?")
    assert "0123456789abcdef0123456789abcdef" not in shared_rig.agent.log()

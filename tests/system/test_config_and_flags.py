# SPDX-FileCopyrightText: The aws-iot-device-client authors
# SPDX-License-Identifier: Apache-2.0
"""The command line and the configuration file, of the agent as a process."""

from __future__ import annotations

import json
import os
import re
import stat
import subprocess
from pathlib import Path
from typing import Any

import pytest

from localcloud.waiting import wait_until
from tests.fakes.documents import operation
from tests.system.harness.rig import JOB_SECONDS, Rig
from tests.system.harness.target import agent_environment
from toolchains.agent import agent_command


@pytest.fixture
def command(target: str, tmp_path: Path) -> Any:
    """Run the agent with these flags until it ends; HOME is empty. Returns status, stdout and stderr."""

    def run(*flags: str, **env: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [*agent_command(target), *flags],
            env={"PATH": os.environ["PATH"], "HOME": str(tmp_path), **agent_environment(target), **env},
            cwd=tmp_path,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=JOB_SECONDS,
        )

    return run


def _ends(rig: Rig, *flags: str) -> str:
    """Start the agent, which must end with status 1; return what it said."""
    assert rig.start(*flags).wait() == 1
    assert "AWS IoT Device Client must abort execution, reason: Invalid configuration" in rig.agent.log()
    return rig.agent.log()


def test_version_is_printed_in_the_first_line(command: Any) -> None:
    done = command("--version")
    assert (done.returncode, done.stderr) == (0, "")
    assert re.match(r"v\d+\.\d+\.\d+", done.stdout)
    assert "features: jobs" in done.stdout


@pytest.mark.parametrize("asked", ["--help", "-h"])
def test_help_names_every_flag_of_the_seed_page(command: Any, asked: str) -> None:
    done = command(asked)
    assert (done.returncode, done.stderr) == (0, "")
    for flag in ("--enable-jobs", "--jobs-handler-dir", "--config-file", "--endpoint", "--thing-name", "--log-level"):
        assert flag in done.stdout


def test_help_and_version_win_over_anything_wrong_beside_them(command: Any) -> None:
    assert command("--no-such-flag", "--help").returncode == 0
    assert command("--config-file", "/no/such/file", "--version").returncode == 0


def test_an_unknown_flag_is_refused_with_the_nearest_known_name(command: Any) -> None:
    done = command("--enable-job", "true")
    assert done.returncode == 1
    assert "--enable-job" in done.stderr and "--enable-jobs" in done.stderr


def test_a_careless_file_is_started_with_and_each_fault_is_a_warning(rig: Rig, command: Any) -> None:
    """An unknown key and section, a capital, a key twice, a brace too many, a value of a feature that is off."""
    path = rig.thing.config_path
    rig.thing.configure(jobs={"handler-dir": "/x"}, shadow={"enabled": True}, **{"device-defender": {"interval": 0}})
    name = f'"Thing-Name": "{rig.thing.name}", "thing-name": "another"'
    rest = json.loads(path.read_text())
    del rest["thing-name"]
    path.write_text("{" + name + ", " + json.dumps(rest)[1:] + "}")
    rig.start()
    assert rig.run(operation("true")).status == "SUCCEEDED"
    faults = ["'jobs.handler-dir'", "'shadow'", "interval: found the number 0", "'Thing-Name'"]
    faults += ["thing-name is given more than once", "text after the end"]
    assert "fix: Did you mean jobs.handler-directory?" in rig.agent.log()
    for fault in faults:
        assert re.search(rf"\[WARN\] .*{fault}.*; fix: ", rig.agent.log()), fault
    done = command("--check-config", "--config-file", str(path))
    assert done.returncode == 1
    assert done.stdout.count("\nerror: ") == done.stdout.count("\n  fix: ") == len(faults)


def test_a_file_that_is_not_json_is_refused_with_the_place_of_the_mistake(rig: Rig) -> None:
    rig.thing.config_path.write_text('{\n  "endpoint": "x",\n  "cert" "y"\n}\n')
    said = _ends(rig)
    assert str(rig.thing.config_path) in said and "line 3" in said


def test_the_command_line_beats_the_file(rig: Rig) -> None:
    rig.thing.configure(**{"thing-name": "not-this-one", "endpoint": "localhost:1"})
    rig.start("--thing-name", rig.thing.name, "--endpoint", f"localhost:{rig.thing.port}")
    assert rig.run(operation("true")).status == "SUCCEEDED"


def test_an_agent_runs_without_any_file_by_flags_alone(rig: Rig) -> None:
    thing = rig.thing
    thing.config_path.write_text("{}")
    flags = {"endpoint": f"localhost:{thing.port}", "cert": str(thing.cert), "key": str(thing.key)}
    flags |= {"root-ca": str(thing.ca), "thing-name": thing.name}
    # Root's state folder is the machine's: this agent gets one of its own, also beside that of another target.
    alone = ("unshare", "-m", "sh", "-c", 'mount -t tmpfs none /var/lib && exec "$@"', "sh")
    words = (word for name, value in flags.items() for word in (f"--{name}", value))
    rig.start(*words, prefix=alone if os.geteuid() == 0 else ())
    assert rig.run(operation("true")).status == "SUCCEEDED"


def test_the_file_of_the_users_home_is_read_when_none_is_named(rig: Rig, command: Any, tmp_path: Path) -> None:
    folder = tmp_path / ".aws-iot-device-client"
    folder.mkdir(mode=0o700)
    (folder / "aws-iot-device-client.conf").write_text(rig.thing.config_path.read_text())
    done = command("--check-config")
    assert done.returncode == 0, done.stderr
    assert f"configuration file: {folder}/aws-iot-device-client.conf" in done.stdout
    assert f'thing-name = "{rig.thing.name}"' in done.stdout


@pytest.mark.parametrize("key", ["endpoint", "cert", "key", "thing-name"])
def test_a_setting_that_is_needed_and_missing_is_named(rig: Rig, key: str) -> None:
    rig.thing.configure(**{key: None})
    assert f"--{key}" in _ends(rig)


def test_export_default_settings_writes_json_that_the_agent_itself_takes(command: Any, tmp_path: Path) -> None:
    path = tmp_path / "settings.json"
    done = command("--export-default-settings", str(path))
    assert (done.returncode, done.stderr) == (0, "")
    assert json.loads(path.read_text())["jobs"]["handler-directory"] == "~/.aws-iot-device-client/jobs/"
    assert stat.S_IMODE(path.stat().st_mode) == 0o640
    checked = command("--check-config", "--config-file", str(path))
    assert "unknown" not in checked.stdout.lower() and checked.returncode == 1, "only endpoint and files are missing"


def test_check_config_says_where_each_value_comes_from_and_masks_secrets(rig: Rig, command: Any) -> None:
    rig.thing.configure(**{"secure-element": {"enabled": False, "secure-element-pin": "1234567"}})
    done = command("--check-config", "--config-file", str(rig.thing.config_path), "--log-level", "WARN")
    assert done.returncode == 0, done.stdout
    assert re.search(r'logging\.level = "WARN" +\(.*--log-level', done.stdout)
    assert re.search(rf'thing-name = "{rig.thing.name}" +\(.*file', done.stdout)
    assert re.search(r"mqtt\.keep-alive-seconds = 45 +\(default\)", done.stdout)
    assert "1234567" not in done.stdout + done.stderr
    assert done.stdout.endswith("The configuration is usable.\n")


def test_check_config_of_a_bad_configuration_ends_with_status_1(rig: Rig, command: Any) -> None:
    rig.thing.key.chmod(0o644)
    done = command("--check-config", "--config-file", str(rig.thing.config_path))
    assert done.returncode == 1
    assert f"chmod 600 {rig.thing.key}" in done.stdout and "not usable: 1 error" in done.stdout


def test_a_private_key_that_others_can_read_is_fatal(rig: Rig) -> None:
    rig.thing.key.chmod(0o640)
    said = _ends(rig)
    assert f"{rig.thing.key} can be read by others: its mode is 640, wanted 600" in said


def test_a_certificate_folder_with_a_loose_mode_is_a_warning_only(rig: Rig) -> None:
    rig.thing.cert.parent.chmod(0o755)
    rig.start()
    rig.agent.wait_log(r"\[WARN\] .*folder of the private key")
    assert rig.run(operation("true")).status == "SUCCEEDED"


FEATURES: dict[str, dict[str, Any]] = {
    "tunneling": {"tunneling": {"enabled": True}},
    "device-defender": {"device-defender": {"enabled": True, "interval": 300}},
    "config-shadow": {"config-shadow": {"enabled": True}},
    "sample-shadow": {"sample-shadow": {"enabled": True, "shadow-name": "s"}},
    "pub-sub": {"samples": {"pub-sub": {"enabled": True, "publish-topic": "t", "subscribe-topic": "t"}}},
}


def test_features_of_the_cpp_client_that_are_not_here_are_told_in_one_line_each(rig: Rig) -> None:
    rig.thing.configure(**{key: value for config in FEATURES.values() for key, value in config.items()})
    rig.start_online()
    for feature in FEATURES:
        lines = [line for line in rig.agent.log().splitlines() if feature in line and "{mqtt}" not in line]
        assert len(lines) == 1, (feature, lines)
    assert rig.run(operation("true")).status == "SUCCEEDED"


@pytest.mark.parametrize("level", ["DEBUG", "info", "Warn", "ERROR"])
def test_the_log_level_is_kept(rig: Rig, level: str) -> None:
    rig.start("--log-level", level)
    assert rig.run(operation("true")).status == "SUCCEEDED"
    assert rig.agent.stop() == 0
    order = ["DEBUG", "INFO", "WARN", "ERROR"]
    found = {order.index(word) for word in re.findall(r"\[(\w+)\]", rig.agent.log())}
    assert all(number >= order.index(level.upper()) for number in found)
    assert level.upper() not in ("DEBUG", "INFO") or order.index(level.upper()) in found


def test_log_lines_have_the_form_of_the_cpp_client(rig: Rig) -> None:
    rig.start_online()
    assert rig.agent.stop() == 0
    form = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z \[(DEBUG|INFO|WARN|ERROR)\] *\{[\w.]+\}: \S.*")
    for line in rig.agent.log().splitlines():
        assert form.fullmatch(line), line


def test_the_log_goes_to_a_file_of_mode_600_that_is_rotated_within_its_bounds(rig: Rig) -> None:
    path = rig.thing.folder / "logs" / "client.log"
    rig.thing.configure(logging={"type": "file", "file": str(path), "max-file-size": 4096, "max-files": 3})
    rig.start()
    for _ in range(12):
        assert rig.run(operation("echo", "x" * 200)).status == "SUCCEEDED"
    wait_until(lambda: path.with_name("client.log.2").exists(), JOB_SECONDS, "the log to be rotated twice")
    assert rig.agent.stop() == 0
    assert sorted(p.name for p in path.parent.iterdir()) == ["client.log", "client.log.1", "client.log.2"]
    for each in path.parent.iterdir():
        assert each.stat().st_size <= 4096 and stat.S_IMODE(each.stat().st_mode) == 0o600
    assert rig.agent.log() == ""


def test_nobody_who_reads_the_log_does_not_stop_the_agent(rig: Rig) -> None:
    """stdout is a pipe that is full: lines are dropped, jobs run on."""
    read, write = os.pipe()
    os.set_blocking(write, False)
    try:
        while True:
            os.write(write, b"x" * 65536)
    except BlockingIOError:
        os.set_blocking(write, True)
    try:
        shell = f'exec "$@" > /proc/{os.getpid()}/fd/{write} 2>&1'
        rig.start(prefix=("/bin/sh", "-c", shell, "sh"))
        for _ in range(3):
            assert rig.run(operation("echo", "x" * 1000)).status == "SUCCEEDED"
        assert rig.agent.stop() == 0
    finally:
        os.close(read)
        os.close(write)


def test_no_secret_is_ever_logged(rig: Rig) -> None:
    """Not the private key, nor what the configuration holds for features that are not here."""
    rig.thing.configure(
        **{
            "secure-element": {"enabled": False, "secure-element-pin": "9876543210"},
            "fleet-provisioning": {"enabled": False, "template-parameters": '{"Token": "top-secret"}'},
            "logging": {"level": "DEBUG", "type": "stdout"},
        }
    )
    rig.start(env={"AWSIOT_TUNNEL_ACCESS_TOKEN": "tunnel-secret"})
    assert rig.run(operation("true")).status == "SUCCEEDED"
    assert rig.agent.stop() == 0
    key_lines = rig.thing.key.read_text().splitlines()[1:-1]
    for secret in ("9876543210", "top-secret", "tunnel-secret", *key_lines):
        assert secret not in rig.agent.log()


@pytest.mark.parametrize("closed", ["<&-", ">&-", "2>&-", "<&- >&- 2>&-"], ids=["stdin", "stdout", "stderr", "all"])
def test_an_agent_started_with_closed_descriptors_runs_jobs_as_ever(rig: Rig, closed: str) -> None:
    """0, 1 and 2 are then given to whatever is opened first: a handler's pipes must not be mixed up with them."""
    rig.start(prefix=("/bin/sh", "-c", f'exec "$@" {closed}', "sh"))
    result = rig.run_script(
        "echo out; echo err >&2; if read -r x; then echo read; fi", includeStdOut=True, allowStdErr=1
    )
    assert (result.stdout, result.stderr) == ("out\n", "err\n")

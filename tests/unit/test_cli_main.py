# SPDX-FileCopyrightText: The aws-iot-device-client authors
# SPDX-License-Identifier: Apache-2.0
"""The program as it is called: what it prints, where, and its exit status."""

from __future__ import annotations

import json
import os
import sys
from importlib import import_module
from pathlib import Path
from types import ModuleType

import pytest

import dc.client
from dc import commands, features, signals, stdio
from dc.config import load
from dc.config.model import SETTINGS
from dc.version import VERSION
from tests.fakes.program import Program


@pytest.fixture
def program(tmp_path: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Program:
    program = Program(tmp_path, capfd)
    monkeypatch.setattr(dc.client, "run", program.run)
    monkeypatch.setattr(signals, "settle", lambda: None)  # those of the test process
    monkeypatch.setattr(load, "SYSTEM_FILES", ())
    return program


def test_the_agent_gets_the_configuration_and_its_status_is_the_programs(program: Program) -> None:
    program.write(tunneling={"enabled": True})
    assert program() == 7
    (config,) = program.started
    assert (config.endpoint, config.port, config.thing_name) == ("h", 8883, "t")
    assert [line.split(":")[0] for line in program.warnings] == ["tunneling is not in this build"]
    assert program.out + program.err == ""


def test_errors_are_reported_as_the_cpp_client_does_and_then_explained(program: Program) -> None:
    Path(str(program.settings["key"])).chmod(0o644)
    program.write(**{"thing-name": ""})
    assert program() == 1
    first, *rest = program.err.splitlines()
    assert first == "AWS IoT Device Client must abort execution, reason: Invalid configuration"
    assert "  not set: thing-name" in rest
    assert any("fix: chmod 600" in line for line in rest)
    assert (program.out, program.started) == ("", [])


@pytest.mark.parametrize("arguments", [["--nosuch"], ["--cert"], ["x"], ["--cert", "a", "--cert", "b"]])
def test_a_wrong_command_line_never_starts_the_agent(program: Program, arguments: list[str]) -> None:
    assert program(*arguments) == 1
    assert program.err.startswith("AWS IoT Device Client must abort execution, reason: Invalid configuration\n")
    assert program.started == []


@pytest.mark.parametrize(
    "arguments", [["--help"], ["-h"], ["--nosuch", "-h"], ["--nosuch", "--help"], ["--cert", "--help", "--version"]]
)
def test_help_wins_wherever_it_stands_and_names_every_flag_and_key(program: Program, arguments: list[str]) -> None:
    assert program(*arguments) == 0
    words = program.out.split()
    assert program.out.startswith("aws-iot-device-client: ")
    assert {row.flag for row in SETTINGS if row.flag} <= set(words)
    assert {row.name for row in SETTINGS if row.in_file and row.available and not row.flag} <= set(words)
    assert max(len(line) for line in program.out.splitlines()) <= 100
    assert program.err == ""


def test_version_comes_first_as_the_cpp_client_writes_it(program: Program) -> None:
    assert program("--version") == 0
    assert program.out.splitlines()[0] == f"v{VERSION}"
    assert "features: jobs" in program.out


def test_version_of_a_build_says_how_it_was_made(program: Program, monkeypatch: pytest.MonkeyPatch) -> None:
    build = ModuleType("dc_buildinfo")
    fields = {"VERSION": "9.9", "REVISION": "abc1234", "ARCH": "armv7", "LIBC": "musl 1", "CPYTHON": "3.13.5"}
    build.__dict__.update(fields | {"AWSCRT": "0.38.1", "ORJSON": "3.13.0", "NUITKA": "2.8", "FEATURES": ()})
    monkeypatch.setitem(sys.modules, "dc_buildinfo", build)
    assert program("--version") == 0
    assert program.out.splitlines() == [
        "v9.9-abc1234",
        "revision: abc1234",
        "arch: armv7",
        "libc: musl 1",
        "cpython: 3.13.5",
        "awscrt: 0.38.1",
        "orjson: 3.13.0",
        "nuitka: 2.8",
        "features: none",
    ]


def test_default_settings_are_valid_json_with_mode_640(program: Program) -> None:
    path = program.folder / "new.conf"
    assert program("--export-default-settings", "~/new.conf") == 0
    assert path.stat().st_mode & 0o777 == 0o640
    document = json.loads(path.read_text())
    assert document["jobs"]["handler-directory"] == "~/.aws-iot-device-client/jobs/"
    assert document["tunneling"]["enabled"] is False
    assert program.out == f"Default settings written to {path}\n"
    assert program.started == []


def test_exporting_never_overwrites_a_file_that_holds_something(program: Program) -> None:
    before = program.file.read_text()
    assert program("--export-default-settings", str(program.file)) == 1
    assert "exists and is not empty" in program.err
    assert program.file.read_text() == before
    empty = program.folder / "empty"
    empty.touch()
    assert program("--export-default-settings", str(empty)) == 0


def test_exporting_into_a_missing_folder_says_so(program: Program) -> None:
    assert program("--export-default-settings", "/no/such/folder/f") == 1
    assert "can't be written: No such file or directory" in program.err


def test_check_config_prints_every_setting_with_its_origin(program: Program) -> None:
    program.write(logging={"level": "warn"}, **{"device-defender": {"interval": 5}})
    program.environ["LOCK_FILE_PATH"] = "/tmp"
    assert program("--check-config", "--enable-jobs", "true") == 0
    for line in (
        f"configuration file: {program.file}",
        f'endpoint = "h:8883"    (file {program.file})',
        f'logging.level = "WARN"    (file {program.file})',
        'logging.type = "stdout"    (default)',
        "jobs.enabled = true    (flag --enable-jobs)",
        f'jobs.handler-directory = "{program.folder}/.aws-iot-device-client/jobs"    (default)',
        'LOCK_FILE_PATH = "/tmp"    (env LOCK_FILE_PATH)',
        f"device-defender.interval = 5 [not in this build]    (file {program.file})",
        "The configuration is usable.",
    ):
        assert line in program.out.splitlines()
    assert {row.name for row in SETTINGS if row.attr} <= {line.split(" ")[0] for line in program.out.splitlines()}
    assert program.started == []


def test_check_config_masks_secrets(program: Program) -> None:
    program.write(**{"secure-element": {"secure-element-pin": "hush1234"}})
    program.environ["AWSIOT_TUNNEL_ACCESS_TOKEN"] = "hush5678"
    assert program("--check-config", "--fleet-provisioning-template-parameters", "hush") == 0
    assert "hush" not in program.out
    assert program.out.count("********") == 3


def test_check_config_tells_all_errors_and_warnings_and_fails(program: Program) -> None:
    Path(str(program.settings["key"])).chmod(0o644)
    program.write(tunneling={"enabled": True}, **{"thing-name": "a b"})
    assert program("--check-config") == 1
    lines = program.out.splitlines()
    assert [line.split(":")[0] for line in lines[-6:-1]] == ["warning", "error", "  fix", "error", "  fix"]
    assert lines[-1] == "The configuration is not usable: 2 errors."


def careless(program: Program) -> list[str]:
    """Puts one fault of each kind into the file; what names them."""
    program.write(shadow={"enabled": True}, jobs={"Enabled": True}, **{"device-defender": {"interval": 0}})
    program.file.write_text(program.file.read_text().replace('"endpoint"', '"thing-name": "t", "Endpoint"') + "}")
    return ["text after", "'Endpoint'", "thing-name is given", "'shadow'", "'jobs.Enabled'", "device-defender.interval"]


def test_a_careless_configuration_starts_with_a_line_for_each_fault(program: Program) -> None:
    names = careless(program)
    assert program() == 7
    assert program.started[0].endpoint == "h"
    assert len(program.warnings) == len(names)
    for name in names:
        (line,) = [line for line in program.warnings if name in line]
        assert "; fix: " in line and "\n" not in line


def test_check_config_calls_each_of_these_faults_an_error_and_says_how_to_mend_it(program: Program) -> None:
    names = careless(program)
    assert program("--check-config") == 1
    lines = program.out.splitlines()
    errors = [at for at, line in enumerate(lines) if line.startswith("error: ")]
    assert len(errors) == len(names)
    assert all(lines[at].endswith(" (passed over at a start, with a warning)") for at in errors)
    assert all(lines[at + 1].startswith("  fix: ") for at in errors)
    assert lines[-1] == "The configuration is faulty: 6 errors, with which the agent starts nevertheless."


def test_a_mistyped_key_is_shown_where_it_leaves_a_needed_setting_missing(program: Program) -> None:
    program.file.write_text(program.file.read_text().replace("thing-name", "thing_nam"))
    assert program() == 1
    assert "    fix: Did you mean thing-name?" in program.err.splitlines()
    assert "  not set: thing-name" in program.err.splitlines()


def test_flags_of_features_that_are_not_in_this_build_do_not_keep_the_agent_from_starting(program: Program) -> None:
    assert program("--device-defender-interval", "0") == 7
    assert [line.split(":")[0] for line in program.warnings] == ["--device-defender-interval"]
    assert program("--device-defender-interval", "0", "--check-config") == 1


@pytest.mark.parametrize("kept", [10, 100, -1])
def test_a_file_that_is_cut_off_never_starts_the_agent(program: Program, kept: int) -> None:
    program.file.write_text(program.file.read_text()[:kept])
    assert program() == 1
    assert "cut off: write it again" in program.err
    assert program.started == []


def test_a_value_nested_deeper_than_python_recurses_is_shown_in_short(program: Program) -> None:
    deep = '{"a":' * 900 + "1" + "}" * 900
    program.file.write_text(program.file.read_text()[:-1] + ', "runtime-config": {"device-config": ' + deep + "}}")
    assert program("--check-config") == 0
    assert f"runtime-config.device-config = an object    (file {program.file})" in program.out.splitlines()


def test_check_config_makes_nothing(program: Program) -> None:
    program.write(logging={"type": "file", "file": "~/log/a.log"})
    before = sorted(os.listdir(program.folder))
    assert program("--check-config") == 0
    assert sorted(os.listdir(program.folder)) == before
    assert program() == 7
    assert (program.folder / "log").is_dir()


def test_jobs_flag_in_a_build_without_jobs_is_a_clear_error(program: Program, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(features, "FEATURES", ())
    assert program("--enable-jobs", "true") == 1
    assert "this build was made without the jobs feature" in program.err


def test_a_subcommand_runs_before_any_configuration_is_read(program: Program, monkeypatch: pytest.MonkeyPatch) -> None:
    got: list[list[str]] = []
    module = ModuleType("a_command")

    def main(arguments: list[str]) -> int:
        got.append(arguments)
        return 9

    module.__dict__["main"] = main
    monkeypatch.setitem(sys.modules, "a_command", module)
    monkeypatch.setattr(commands, "BASE", (("do", "a_command", "Does it."),))
    program.file.write_text("not json")
    assert program("do", "--help", "x") == 9
    assert got == [["--help", "x"]]
    assert program("--cert", "do") == 1


def test_the_internal_command_becomes_another_user() -> None:
    assert commands.module_of("--internal-run-as") == "dc.jobs.run.become"


def test_help_lists_the_commands_with_their_meaning_but_not_the_internal_ones(
    program: Program, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(commands, "BASE", (("do", "a_command", "Does it."),))
    program("--help")
    assert "\n  do\n          Does it.\n" in program.out
    assert "--internal-run-as" not in program.out


def test_every_command_is_a_module_with_a_main() -> None:
    assert [name for name, module, _ in commands.rows() if not hasattr(import_module(module), "main")] == []


def test_a_build_without_features_keeps_the_commands_of_the_base_client(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(commands, "BASE", (("do", "a_command", "Does it."),))
    monkeypatch.setattr(features, "COMMANDS", ())
    assert [name for name, _, _ in commands.rows()] == ["do"]
    assert commands.module_of("--internal-run-as") == ""


def test_an_abort_says_nothing_where_standard_error_was_closed_at_start(
    program: Program, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Descriptor 2 may be the lock file or the log by then."""
    monkeypatch.setattr(sys, "stderr", None)
    assert program("--nosuch") == 1
    assert program.err == ""


def test_output_that_no_one_reads_is_no_failure(program: Program) -> None:
    reader, writer = os.pipe()
    os.close(reader)
    stdio.write(writer, "x" * 100_000)
    os.close(writer)
    stdio.write(writer, "x")


def test_names_that_are_not_utf_8_are_printed_escaped(program: Program) -> None:
    assert program("--config-file", os.fsdecode(b"/no/\xff.conf")) == 1
    assert "/no/\\udcff.conf: no such file" in program.err

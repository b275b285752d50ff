# SPDX-FileCopyrightText: The aws-iot-device-client authors
# SPDX-License-Identifier: Apache-2.0
"""From an action to a command line: where a handler is looked for, its arguments, its environment."""

from __future__ import annotations

from pathlib import Path

import pytest

from dc.jobs.core.document import Action
from dc.jobs.run.handlers import FALLBACK_PATH, Handlers
from tests.fakes.handler_folder import JOB, Device, operation, step


@pytest.fixture
def device(tmp_path: Path) -> Device:
    return Device(tmp_path)


def test_path_default_is_the_handler_directory(device: Device) -> None:
    program = device.put(device.jobs, "Foo.py")
    command = device.command(operation("Foo.py", path="default"))
    assert (command.program, command.argv) == (program, (program,))


def test_arguments_of_an_operation_start_at_1(device: Device) -> None:
    device.put(device.jobs, "Foo.py")
    assert device.command(operation("Foo.py", "a", "", "c d", path="default")).argv[1:] == ("a", "", "c d")


def test_a_run_handler_gets_the_user_as_1_and_its_arguments_after_it(device: Device) -> None:
    device.put(device.jobs, "h.sh")
    for user in ("", "nobody"):
        command = device.command(step("runHandler", user, handler="h.sh", args=["a", "b"], path="default"))
        assert command.argv[1:] == (user, "a", "b")


def test_another_path_is_that_directory_whatever_the_modes(device: Device) -> None:
    program = device.put(device.bin, "h.sh", 0o755)
    assert device.command(operation("h.sh", path=str(device.bin))).program == program


def test_a_path_that_does_not_exist_is_told(device: Device) -> None:
    assert device.reason(operation("h.sh", path="/no/such")) == (
        "/no/such/h.sh is not a file; there is no directory /no/such"
    )
    assert device.reason(operation("h.sh", path=str(device.bin))) == f"{device.bin}/h.sh is not a file"


def test_without_a_path_the_agents_path_is_searched_then_the_handler_directory(device: Device) -> None:
    in_jobs = device.put(device.jobs, "h.sh")
    assert device.command(operation("h.sh")).program == in_jobs
    beside = device.put(device.jobs.parent, "h.sh")
    assert device.command(operation("h.sh")).program == beside
    in_path = device.put(device.bin, "h.sh")
    assert device.command(operation("h.sh")).program == in_path


def test_an_empty_entry_of_path_is_not_the_working_directory(
    device: Device, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    device.put(tmp_path, "here.sh")
    monkeypatch.chdir(tmp_path)
    device.environ["PATH"] = f":{device.bin}::"
    assert '"here.sh" was not found' in device.reason(operation("here.sh"))


def test_what_is_nowhere_is_told_with_the_places(device: Device) -> None:
    reason = device.reason(step("runCommand", command="missing,x"))
    assert reason == (f'"missing" was not found in PATH or the handler directory ({device.handlers().search_path})')


def test_what_is_there_but_not_executable_is_told(device: Device) -> None:
    program = device.put(device.bin, "h.sh", 0o644)
    assert device.reason(operation("h.sh")) == f"{program} is not executable for the agent's user; chmod it"


def test_a_directory_of_that_name_is_passed_over(device: Device) -> None:
    (device.bin / "h.sh").mkdir()
    program = device.put(device.jobs, "h.sh")
    assert device.command(operation("h.sh")).program == program


def test_a_name_with_a_slash_is_a_path(device: Device) -> None:
    program = device.put(device.bin, "x")
    assert device.command(step("runCommand", command=f"{program},a")).program == program
    assert device.reason(operation("/no/such/x")) == "/no/such/x is not a file; there is no directory /no/such"


def test_a_command_keeps_its_own_name_as_argument_0(device: Device) -> None:
    program = device.put(device.bin, "busybox")
    command = device.command(step("runCommand", command="busybox,echo,a b"))
    assert (command.program, command.argv) == (program, ("busybox", "echo", "a b"))


def test_the_environment_is_small_and_holds_the_jobs_variables(device: Device) -> None:
    device.put(device.bin, "h.sh")
    secrets = {"AWS_SECRET_ACCESS_KEY": "x", "LD_PRELOAD": "y", "SSL_CERT_FILE": "z", "IFS": "/"}
    device.environ |= {"HOME": "/root", "LANG": "C.UTF-8", "LC_ALL": "C", "TZ": "UTC", **secrets}
    assert device.command(operation("h.sh")).env == {
        "HOME": "/root",
        "LANG": "C.UTF-8",
        "LC_ALL": "C",
        "TZ": "UTC",
        "PATH": f"{device.bin}:{device.jobs.parent}:{device.jobs}:/usr/local/sbin:/usr/sbin:/sbin",
        "AWS_IOT_JOB_HANDLER_DIR": str(device.jobs),
        "AWS_IOT_JOB_SCHEMA": "operation",
        **JOB,
    }


def test_a_handler_is_told_how_it_is_called(device: Device) -> None:
    device.put(device.bin, "h.sh")
    for action, schema in (
        (operation("h.sh"), "operation"),
        (step("runHandler", handler="h.sh"), "steps"),
        (step("runCommand", command="h.sh"), "steps"),
    ):
        assert device.command(action).env["AWS_IOT_JOB_SCHEMA"] == schema


def test_handlers_written_for_the_cpp_client_get_an_empty_user_first_when_the_operator_says_so(device: Device) -> None:
    program = device.put(device.jobs, "h.sh")
    handlers = Handlers(str(device.jobs), device.environ, passes_user=True)
    command = handlers.command(operation("h.sh", "a", "b", path="default"), JOB)
    assert (command.argv, command.env["AWS_IOT_JOB_SCHEMA"]) == ((program, "", "a", "b"), "steps")
    told = step("runHandler", "ann", handler="h.sh", args=["a"], path="default")
    assert handlers.command(told, JOB).argv == (program, "ann", "a")


@pytest.mark.parametrize("name", ["http_proxy", "https_proxy", "ftp_proxy", "no_proxy", "all_proxy"])
def test_proxies_are_passed_on_in_both_cases(device: Device, name: str) -> None:
    device.put(device.bin, "h.sh")
    device.environ |= {name: "http://p:3128", name.upper(): "http://q:3128", "MY_" + name: "x", name + "_X": "y"}
    env = device.command(operation("h.sh")).env
    assert (env[name], env[name.upper()]) == ("http://p:3128", "http://q:3128")
    assert "MY_" + name not in env and name + "_X" not in env


def test_what_the_operator_lists_is_passed_on_and_can_replace_nothing_of_the_agents(device: Device) -> None:
    device.put(device.bin, "h.sh")
    device.environ |= {"SITE": "attic", "site": "no", "AWS_IOT_JOB_ID": "forged", "AWS_IOT_JOB_SCHEMA": "forged"}
    passed = ["SITE", "MISSING", "PATH", "AWS_IOT_JOB_ID", "AWS_IOT_JOB_SCHEMA", 7, ["x"], ""]
    env = Handlers(str(device.jobs), device.environ, passed).command(operation("h.sh"), JOB).env
    assert env["SITE"] == "attic" and "site" not in env and "MISSING" not in env
    assert (env["AWS_IOT_JOB_ID"], env["AWS_IOT_JOB_SCHEMA"]) == ("run-foo", "operation")
    assert env["PATH"] == device.handlers().search_path


def test_folders_of_the_system_that_are_in_path_are_not_added_again(device: Device) -> None:
    device.environ["PATH"] = f"/sbin:{device.bin}:/usr/sbin"
    assert device.handlers().search_path == (
        f"/sbin:{device.bin}:/usr/sbin:{device.jobs.parent}:{device.jobs}:/usr/local/sbin"
    )


def test_without_a_path_in_the_environment_there_is_a_usual_one(device: Device) -> None:
    device.environ.clear()
    assert device.handlers().search_path.startswith(FALLBACK_PATH + ":")


def test_a_relative_handler_directory_is_made_absolute(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert Handlers("jobs/", {}).directory == str(tmp_path / "jobs")


@pytest.mark.parametrize("name", ["x" * 5000, "é✓", "a\nb", "~", "$HOME", "*", "-rf"])
def test_a_strange_name_is_not_found_and_nothing_worse(device: Device, name: str) -> None:
    for action in (
        Action("n", "runHandler", (name,), operation=True),
        Action("n", "runHandler", (name,), path="default", operation=True),
        Action("n", "runHandler", (name,), path=str(device.bin), operation=True),
        Action("n", "runCommand", (name,)),
    ):
        assert device.reason(action)

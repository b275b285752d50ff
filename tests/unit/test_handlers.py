# SPDX-FileCopyrightText: The aws-iot-device-client authors
# SPDX-License-Identifier: Apache-2.0
"""From an action to a command line: where a handler is looked for, its arguments, its environment."""

from __future__ import annotations

from pathlib import Path

import pytest

from dc.jobs.core.document import Action, parse
from dc.jobs.core.outcome import HandlerError
from dc.jobs.run.command import Command
from dc.jobs.run.handlers import FALLBACK_PATH, Handlers
from tests.fakes import documents

JOB = {"AWS_IOT_JOB_ID": "run-foo", "AWS_IOT_JOB_STEP_NAME": "é"}


class Device:
    """A folder with a handler directory `jobs` and a folder `bin`, which is all of PATH."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.jobs = root / "client" / "jobs"
        self.bin = root / "bin"
        self.jobs.mkdir(parents=True)
        self.bin.mkdir()
        self.jobs.chmod(0o700)
        self.environ = {"PATH": str(self.bin)}

    def put(self, folder: Path, name: str, mode: int = 0o700) -> str:
        path = folder / name
        path.write_text("#!/bin/sh\n")
        path.chmod(mode)
        return str(path)

    def handlers(self) -> Handlers:
        return Handlers(str(self.jobs), self.environ)

    def command(self, action: Action) -> Command:
        return self.handlers().command(action, JOB)

    def reason(self, action: Action) -> str:
        with pytest.raises(HandlerError) as caught:
            self.command(action)
        return str(caught.value)


@pytest.fixture
def device(tmp_path: Path) -> Device:
    return Device(tmp_path)


def operation(name: str, *args: str, path: str = "") -> Action:
    return parse(documents.operation(name, *args, path=path)).steps[0]


def step(kind: str, user: str = "", **given: object) -> Action:
    return parse(documents.steps(documents.step("n", kind, given, runAsUser=user))).steps[0]


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
        **JOB,
    }


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

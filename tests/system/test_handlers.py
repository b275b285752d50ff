# SPDX-FileCopyrightText: The aws-iot-device-client authors
# SPDX-License-Identifier: Apache-2.0
"""How a handler is found, what is refused, and what it is told when it can't be started."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from tests.fakes.documents import operation, own_handler, run_command, run_handler, steps
from tests.system.harness.rig import Rig
from tests.system.harness.skips import needs_root


def test_a_handler_that_is_not_there_is_named(shared_rig: Rig) -> None:
    result = shared_rig.run(own_handler("missing.sh"))
    assert result.status == "FAILED"
    assert str(shared_rig.handlers.folder / "missing.sh") in result.reason
    assert "No such file or directory" in result.reason and "mode 700" in result.reason


def test_a_symbolic_link_in_the_handler_directory_is_refused_wherever_it_points(shared_rig: Rig) -> None:
    real = shared_rig.handlers.write("real.sh", "echo must not run")
    for name, target in (("inside.sh", real), ("outside.sh", Path("/bin/sh")), ("nowhere.sh", Path("/no/where"))):
        (shared_rig.handlers.folder / name).symlink_to(target)
        result = shared_rig.run(own_handler(name, includeStdOut=True))
        assert (result.status, result.stdout) == ("FAILED", ""), name
        assert "is a symbolic link" in result.reason


@pytest.mark.parametrize("name", ["../jobs/real.sh", "./real.sh", "sub/real.sh", "/bin/sh", ".", ".."])
def test_a_handler_name_with_a_way_out_of_the_directory_is_rejected(shared_rig: Rig, name: str) -> None:
    shared_rig.handlers.write("real.sh", "echo must not run")
    result = shared_rig.run(own_handler(name))
    assert result.status == "REJECTED" and "must be a file name" in result.reason
    assert shared_rig.run(steps(run_handler(name, path="default"))).status == "REJECTED"


def test_a_directory_in_place_of_a_handler_is_refused(shared_rig: Rig) -> None:
    (shared_rig.handlers.folder / "folder.sh").mkdir(mode=0o700)
    result = shared_rig.run(own_handler("folder.sh"))
    assert result.status == "FAILED" and "is not a regular file" in result.reason


def test_a_fifo_in_place_of_a_handler_is_refused_and_does_not_block_the_agent(shared_rig: Rig) -> None:
    os.mkfifo(shared_rig.handlers.folder / "fifo.sh", 0o700)
    result = shared_rig.run(own_handler("fifo.sh"))
    assert result.status == "FAILED" and "is not a regular file" in result.reason


@needs_root
def test_a_handler_of_another_owner_is_refused(shared_rig: Rig) -> None:
    path = shared_rig.handlers.write("theirs.sh", "echo must not run")
    os.chown(path, 65534, 65534)
    result = shared_rig.run(own_handler("theirs.sh", includeStdOut=True))
    assert (result.status, result.stdout) == ("FAILED", "")
    assert "Unacceptable owner" in result.reason and "65534" in result.reason and "chown" in result.reason


@needs_root
def test_a_handler_directory_of_another_owner_is_refused(rig: Rig) -> None:
    rig.handlers.write("fine.sh", "echo must not run")
    os.chown(rig.handlers.folder, 65534, 65534)
    rig.start()
    result = rig.run(own_handler("fine.sh"))
    assert result.status == "FAILED" and "Unacceptable owner" in result.reason


def test_a_handler_directory_that_others_can_replace_is_refused(rig: Rig) -> None:
    """Mode 700 proves nothing when somebody else can rename the folder above it."""
    rig.handlers.write("fine.sh", "echo must not run")
    rig.start_online()
    rig.thing.folder.chmod(0o777)
    result = rig.run(own_handler("fine.sh"))
    rig.thing.folder.chmod(0o700)
    assert result.status == "FAILED"
    assert f"{rig.thing.folder} has mode 777" in result.reason and "chmod go-w" in result.reason


def test_a_handler_directory_that_is_gone_is_named_and_works_again_when_it_is_back(shared_rig: Rig) -> None:
    shared_rig.handlers.write("back.sh", "echo back")
    moved = shared_rig.handlers.folder.with_name("moved")
    shared_rig.handlers.folder.rename(moved)
    result = shared_rig.run(own_handler("back.sh"))
    moved.rename(shared_rig.handlers.folder)
    assert result.status == "FAILED" and f"Handler directory {shared_rig.handlers.folder}" in result.reason
    assert shared_rig.run(own_handler("back.sh")).status == "SUCCEEDED"


def test_a_program_that_is_nowhere_in_the_path_is_named(shared_rig: Rig) -> None:
    result = shared_rig.run(operation("no-such-program"))
    assert result.status == "FAILED"
    assert '"no-such-program" was not found in PATH or the handler directory' in result.reason


def test_a_directory_of_the_document_that_is_missing_is_named(shared_rig: Rig) -> None:
    result = shared_rig.run(operation("x.sh", path="/no/such/folder"))
    assert result.status == "FAILED"
    assert result.reason == "/no/such/folder/x.sh is not a file; there is no directory /no/such/folder"


def test_a_file_in_the_path_that_is_not_executable_is_named_as_such(shared_rig: Rig, tmp_path: Path) -> None:
    plain = tmp_path / "plain.sh"
    plain.write_text("#!/bin/sh\n")
    result = shared_rig.run(operation("plain.sh", path=str(tmp_path)))
    assert result.status == "FAILED" and "not executable" in result.reason


def test_a_missing_interpreter_is_named(shared_rig: Rig) -> None:
    shared_rig.handlers.write_raw("orphan.sh", b"#!/no/such/interpreter\necho hi\n")
    result = shared_rig.run(own_handler("orphan.sh"))
    assert result.status == "FAILED"
    assert "orphan.sh" in result.reason and "interpreter" in result.reason


@pytest.mark.parametrize("content", [b"a\0b\n", b"", b"\x7fELF garbage"], ids=["binary", "empty", "broken ELF"])
def test_a_file_that_is_no_program_fails_with_the_reason(shared_rig: Rig, content: bytes) -> None:
    shared_rig.handlers.write_raw("data.sh", content)
    result = shared_rig.run(own_handler("data.sh"))
    assert result.status == "FAILED"
    assert "Cannot start" in result.reason and "not a program for this machine" in result.reason


def test_a_handler_without_an_interpreter_line_is_run_by_the_shell(shared_rig: Rig) -> None:
    """As execvp does, and so the C++ client did."""
    for content in (b'echo "got $1"\n', b'\n#!/no/such\necho "got $1"\n', b'# mine\necho "got $1"'):
        shared_rig.handlers.write_raw("text.sh", content)
        result = shared_rig.run(own_handler("text.sh", args=["it"], includeStdOut=True))
        assert (result.status, result.stdout) == ("SUCCEEDED", "got it\n")


def test_a_handler_knows_by_a_variable_how_it_is_called(shared_rig: Rig) -> None:
    shared_rig.handlers.write("how.sh", 'echo "$AWS_IOT_JOB_SCHEMA [$1]"')
    result = shared_rig.run(own_handler("how.sh", args=["x"], includeStdOut=True))
    assert result.stdout == "operation [x]\n"
    document = steps(run_handler("how.sh", "x", path="default"))
    assert shared_rig.run({**document, "includeStdOut": True}).stdout == "steps []\n"


def test_handlers_written_for_the_cpp_client_get_an_empty_user_first_when_the_operator_says_so(rig: Rig) -> None:
    rig.thing.configure(jobs={"operation-passes-user": True, "pass-environment": ["SITE"]})
    rig.handlers.write("cpp.sh", 'shift; echo "$1 $SITE $https_proxy"')
    rig.start(env={"SITE": "attic", "https_proxy": "http://p:1", "OTHER": "x"})
    result = rig.run(own_handler("cpp.sh", args=["x"], includeStdOut=True))
    assert (result.status, result.stdout) == ("SUCCEEDED", "x attic http://p:1\n")


def test_a_handler_written_by_windows_fails_with_its_interpreter_named(shared_rig: Rig) -> None:
    shared_rig.handlers.write_raw("crlf.sh", b"#!/bin/sh\r\necho hi\r\n")
    result = shared_rig.run(own_handler("crlf.sh"))
    assert result.status == "FAILED" and "interpreter" in result.reason
    assert "carriage return (CR)" in result.reason


def test_a_handler_that_is_a_program_and_no_script_runs(shared_rig: Rig) -> None:
    shutil.copy("/bin/true", shared_rig.handlers.folder / "program")
    (shared_rig.handlers.folder / "program").chmod(0o700)
    assert shared_rig.run(own_handler("program")).status == "SUCCEEDED"


def test_a_handler_is_replaced_between_two_jobs(shared_rig: Rig) -> None:
    assert shared_rig.run_script("echo old", includeStdOut=True).stdout == "old\n"
    assert shared_rig.run_script("echo new", includeStdOut=True).stdout == "new\n"


def test_the_handler_directory_comes_last_in_the_search(shared_rig: Rig) -> None:
    """A handler can't take the place of a program of the system by its name alone."""
    shared_rig.handlers.write("uname", "echo not the real one")
    assert shared_rig.run(operation("uname", includeStdOut=True)).stdout == "Linux\n"
    (shared_rig.handlers.folder / "uname").unlink()


def test_a_handler_found_by_search_must_pass_the_same_checks(shared_rig: Rig) -> None:
    shared_rig.handlers.write("searched.sh", "echo must not run", 0o755)
    result = shared_rig.run(operation("searched.sh", includeStdOut=True))
    assert (result.status, result.stdout) == ("FAILED", "")
    assert "permissions should be 700 but found 755" in result.reason


def test_the_working_directory_is_never_searched(rig: Rig, tmp_path: Path) -> None:
    """Not even with an empty entry in PATH, which POSIX reads as the working directory."""
    (tmp_path / "elsewhere" / "jobs").mkdir(parents=True, mode=0o700)
    rig.thing.configure(jobs={"handler-directory": str(tmp_path / "elsewhere" / "jobs")})
    planted = rig.thing.folder / "planted"
    planted.write_text("#!/bin/sh\necho must not run\n")
    planted.chmod(0o755)
    rig.start(env={"PATH": ":/usr/bin::/bin:"})
    assert rig.run(operation("planted")).status == "FAILED"
    assert rig.run(steps(run_command("planted"))).status == "FAILED"


def test_a_program_may_be_named_by_its_whole_path(shared_rig: Rig) -> None:
    for document in (operation("/bin/echo", "hi"), steps(run_command("/bin/echo,hi"))):
        assert shared_rig.run({**document, "includeStdOut": True}).stdout == "hi\n"


def test_a_handler_name_of_blanks_and_letters_of_all_kinds_works(shared_rig: Rig) -> None:
    name = "größe ✓ $(id) 'x'.sh"
    shared_rig.handlers.write(name, 'printf "%s" "${0##*/}"')
    result = shared_rig.run(own_handler(name, includeStdOut=True))
    assert (result.status, result.stdout) == ("SUCCEEDED", name)

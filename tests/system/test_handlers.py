# SPDX-FileCopyrightText: The aws-iot-device-client authors
# SPDX-License-Identifier: Apache-2.0
"""How a handler is found, what is refused, and what it is told when it can't be started."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from tests.fakes.documents import operation, own, run_command, run_handler, steps
from tests.system.harness.skips import needs_root
from tests.system.harness.station import Station


def test_a_handler_that_is_not_there_is_named(station: Station) -> None:
    result = station.run(own("missing.sh"))
    assert result.status == "FAILED"
    assert str(station.handlers.folder / "missing.sh") in result.reason
    assert "No such file or directory" in result.reason and "mode 700" in result.reason


def test_a_symbolic_link_in_the_handler_directory_is_refused_wherever_it_points(station: Station) -> None:
    real = station.handlers.write("real.sh", "echo must not run")
    for name, target in (("inside.sh", real), ("outside.sh", Path("/bin/sh")), ("nowhere.sh", Path("/no/where"))):
        (station.handlers.folder / name).symlink_to(target)
        result = station.run(own(name, includeStdOut=True))
        assert (result.status, result.stdout) == ("FAILED", ""), name
        assert "is a symbolic link" in result.reason


@pytest.mark.parametrize("name", ["../jobs/real.sh", "./real.sh", "sub/real.sh", "/bin/sh", ".", ".."])
def test_a_handler_name_with_a_way_out_of_the_directory_is_rejected(station: Station, name: str) -> None:
    station.handlers.write("real.sh", "echo must not run")
    result = station.run(own(name))
    assert result.status == "REJECTED" and "must be a file name" in result.reason
    assert station.run(steps(run_handler(name, path="default"))).status == "REJECTED"


def test_a_directory_in_place_of_a_handler_is_refused(station: Station) -> None:
    (station.handlers.folder / "folder.sh").mkdir(mode=0o700)
    result = station.run(own("folder.sh"))
    assert result.status == "FAILED" and "is not a regular file" in result.reason


def test_a_fifo_in_place_of_a_handler_is_refused_and_does_not_block_the_agent(station: Station) -> None:
    os.mkfifo(station.handlers.folder / "fifo.sh", 0o700)
    result = station.run(own("fifo.sh"))
    assert result.status == "FAILED" and "is not a regular file" in result.reason


@needs_root
def test_a_handler_of_another_owner_is_refused(station: Station) -> None:
    path = station.handlers.write("theirs.sh", "echo must not run")
    os.chown(path, 65534, 65534)
    result = station.run(own("theirs.sh", includeStdOut=True))
    assert (result.status, result.stdout) == ("FAILED", "")
    assert "Unacceptable owner" in result.reason and "65534" in result.reason and "chown" in result.reason


@needs_root
def test_a_handler_directory_of_another_owner_is_refused(fresh: Station) -> None:
    fresh.handlers.write("fine.sh", "echo must not run")
    os.chown(fresh.handlers.folder, 65534, 65534)
    fresh.start()
    result = fresh.run(own("fine.sh"))
    assert result.status == "FAILED" and "Unacceptable owner" in result.reason


def test_a_handler_directory_that_others_can_replace_is_refused(fresh: Station) -> None:
    """Mode 700 proves nothing when somebody else can rename the folder above it."""
    fresh.handlers.write("fine.sh", "echo must not run")
    fresh.start_online()
    fresh.thing.folder.chmod(0o777)
    result = fresh.run(own("fine.sh"))
    fresh.thing.folder.chmod(0o700)
    assert result.status == "FAILED"
    assert f"{fresh.thing.folder} has mode 777" in result.reason and "chmod go-w" in result.reason


def test_a_handler_directory_that_is_gone_is_named_and_works_again_when_it_is_back(station: Station) -> None:
    station.handlers.write("back.sh", "echo back")
    moved = station.handlers.folder.with_name("moved")
    station.handlers.folder.rename(moved)
    result = station.run(own("back.sh"))
    moved.rename(station.handlers.folder)
    assert result.status == "FAILED" and f"Handler directory {station.handlers.folder}" in result.reason
    assert station.run(own("back.sh")).status == "SUCCEEDED"


def test_a_program_that_is_nowhere_in_the_path_is_named(station: Station) -> None:
    result = station.run(operation("no-such-program"))
    assert result.status == "FAILED"
    assert '"no-such-program" was not found in PATH or the handler directory' in result.reason


def test_a_directory_of_the_document_that_is_missing_is_named(station: Station) -> None:
    result = station.run(operation("x.sh", path="/no/such/folder"))
    assert result.status == "FAILED"
    assert result.reason == "/no/such/folder/x.sh is not a file; there is no directory /no/such/folder"


def test_a_file_in_the_path_that_is_not_executable_is_named_as_such(station: Station, tmp_path: Path) -> None:
    plain = tmp_path / "plain.sh"
    plain.write_text("#!/bin/sh\n")
    result = station.run(operation("plain.sh", path=str(tmp_path)))
    assert result.status == "FAILED" and "not executable" in result.reason


def test_a_missing_interpreter_is_named(station: Station) -> None:
    station.handlers.write_raw("orphan.sh", b"#!/no/such/interpreter\necho hi\n")
    result = station.run(own("orphan.sh"))
    assert result.status == "FAILED"
    assert "orphan.sh" in result.reason and "interpreter" in result.reason


@pytest.mark.parametrize("content", [b"no first line\n", b"", b"\x7fELF garbage"], ids=["text", "empty", "broken ELF"])
def test_a_file_that_is_no_program_fails_with_the_reason(station: Station, content: bytes) -> None:
    """Without a #! line nothing is guessed: no shell is put in between."""
    station.handlers.write_raw("data.sh", content)
    result = station.run(own("data.sh"))
    assert result.status == "FAILED"
    assert "Cannot start" in result.reason and "not a program for this machine" in result.reason


def test_a_handler_written_by_windows_fails_with_its_interpreter_named(station: Station) -> None:
    station.handlers.write_raw("crlf.sh", b"#!/bin/sh\r\necho hi\r\n")
    result = station.run(own("crlf.sh"))
    assert result.status == "FAILED" and "interpreter" in result.reason


def test_a_handler_that_is_a_program_and_no_script_runs(station: Station) -> None:
    shutil.copy("/bin/true", station.handlers.folder / "program")
    (station.handlers.folder / "program").chmod(0o700)
    assert station.run(own("program")).status == "SUCCEEDED"


def test_a_handler_is_replaced_between_two_jobs(station: Station) -> None:
    assert station.run_script("echo old", includeStdOut=True).stdout == "old\n"
    assert station.run_script("echo new", includeStdOut=True).stdout == "new\n"


def test_the_handler_directory_comes_last_in_the_search(station: Station) -> None:
    """A handler can't take the place of a program of the system by its name alone."""
    station.handlers.write("uname", "echo not the real one")
    assert station.run(operation("uname", includeStdOut=True)).stdout == "Linux\n"
    (station.handlers.folder / "uname").unlink()


def test_a_handler_found_by_search_must_pass_the_same_checks(station: Station) -> None:
    station.handlers.write("searched.sh", "echo must not run", 0o755)
    result = station.run(operation("searched.sh", includeStdOut=True))
    assert (result.status, result.stdout) == ("FAILED", "")
    assert "permissions should be 700 but found 755" in result.reason


def test_the_working_directory_is_never_searched(fresh: Station, tmp_path: Path) -> None:
    """Not even with an empty entry in PATH, which POSIX reads as the working directory."""
    (tmp_path / "elsewhere" / "jobs").mkdir(parents=True, mode=0o700)
    fresh.thing.configure(jobs={"handler-directory": str(tmp_path / "elsewhere" / "jobs")})
    planted = fresh.thing.folder / "planted"
    planted.write_text("#!/bin/sh\necho must not run\n")
    planted.chmod(0o755)
    fresh.start(env={"PATH": ":/usr/bin::/bin:"})
    assert fresh.run(operation("planted")).status == "FAILED"
    assert fresh.run(steps(run_command("planted"))).status == "FAILED"


def test_a_program_may_be_named_by_its_whole_path(station: Station) -> None:
    for document in (operation("/bin/echo", "hi"), steps(run_command("/bin/echo,hi"))):
        assert station.run({**document, "includeStdOut": True}).stdout == "hi\n"


def test_a_handler_name_of_blanks_and_letters_of_all_kinds_works(station: Station) -> None:
    name = "größe ✓ $(id) 'x'.sh"
    station.handlers.write(name, 'printf "%s" "${0##*/}"')
    result = station.run(own(name, includeStdOut=True))
    assert (result.status, result.stdout) == ("SUCCEEDED", name)

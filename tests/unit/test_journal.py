# SPDX-FileCopyrightText: The aws-iot-device-client authors
# SPDX-License-Identifier: Apache-2.0
"""The journal gives back the last record that is whole, whatever became of the file, and never stops a job."""

from __future__ import annotations

import errno
import os
from binascii import crc32
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dc.jobs.journal import MAX_BYTES, OLD_NAME, Disk, Journal, file_name
from tests.fakes.clock import KeptLog
from tests.fakes.examples import examples

if TYPE_CHECKING:
    from dc.jobs.core.snapshot import Snapshot

FILE_NAME = file_name("thing")
FIRST: Snapshot = {"job": "job-1", "number": 1, "step": 0, "running": True, "details": {"reason": "née ✓"}}
SECOND: Snapshot = {**FIRST, "step": 1}


def journal(folder: Path) -> Journal:
    return Journal(str(folder), "thing", Disk(), KeptLog())


def written(folder: Path, *records: Snapshot) -> bytes:
    made = journal(folder)
    assert all(made.write(record) for record in records)
    return (folder / FILE_NAME).read_bytes()


def test_what_was_written_last_is_read_by_the_next_agent(tmp_path: Path) -> None:
    written(tmp_path, FIRST, SECOND)
    assert journal(tmp_path).load() == SECOND


def test_no_file_and_no_folder_are_an_empty_journal(tmp_path: Path) -> None:
    empty = journal(tmp_path / "not" / "there")
    assert (empty.load(), empty.degraded) == ({}, "")


def test_the_folder_is_made_for_the_agents_user_only(tmp_path: Path) -> None:
    folder = tmp_path / "not" / "there"
    written(folder, FIRST)
    assert folder.stat().st_mode & 0o777 == 0o700
    assert (folder / FILE_NAME).stat().st_mode & 0o777 == 0o600


def test_a_record_torn_at_any_byte_leaves_the_one_before_it(tmp_path: Path) -> None:
    whole = written(tmp_path, FIRST, SECOND)
    start = len(written(tmp_path / "one", FIRST))
    for length in range(start, len(whole) - 1):  # without its newline the record is whole
        (tmp_path / FILE_NAME).write_bytes(whole[:length])
        assert journal(tmp_path).load() == FIRST, f"cut after {length} of {len(whole)} bytes"


def test_a_record_with_any_byte_changed_is_not_believed(tmp_path: Path) -> None:
    whole = written(tmp_path, FIRST, SECOND)
    start = len(written(tmp_path / "one", FIRST)) + 1
    for at in range(start, len(whole) - 1):
        (tmp_path / FILE_NAME).write_bytes(whole[:at] + bytes((whole[at] ^ 0x01,)) + whole[at + 1 :])
        found = journal(tmp_path).load()
        # Upper and lower case of the checksum's digits say the same.
        assert found == FIRST or (found == SECOND and at < start + 8), f"byte {at}"


def test_a_record_after_a_torn_one_counts(tmp_path: Path) -> None:
    path = tmp_path / FILE_NAME
    path.write_bytes(written(tmp_path, FIRST)[:-20])
    Disk().append(str(path), written(tmp_path / "other", SECOND), True)
    assert journal(tmp_path).load() == SECOND


@given(st.binary(max_size=400), st.booleans())
@examples(300)
def test_nothing_that_a_file_can_hold_is_an_error(garbage: bytes, behind: bool) -> None:
    class Memory(Disk):
        def read(self, path: str) -> bytes:
            return good + garbage if behind else garbage

    text = b'{"job":"x"}'
    good = b"\n%08x %s\n" % (crc32(text), text)
    assert Journal("/nowhere", "thing", Memory(), KeptLog()).load() == ({"job": "x"} if behind else {})


@given(st.dictionaries(st.text(max_size=8), st.one_of(st.text(max_size=40), st.integers(0, 1 << 40), st.booleans())))
@examples(200)
def test_every_record_comes_back_as_it_was(record: Snapshot) -> None:
    class Memory(Disk):
        held = b""

        def read(self, path: str) -> bytes:
            return self.held

        def replace(self, path: str, data: bytes) -> None:
            self.held = data

    disk = Memory()
    assert Journal("/nowhere", "thing", disk, KeptLog()).write(record)
    assert Journal("/nowhere", "thing", disk, KeptLog()).load() == record


def test_the_file_stays_small_over_many_jobs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "fsync", lambda fd: None)  # 500 of them can take seconds, and say nothing about the size
    made = journal(tmp_path)
    largest = 0
    for number in range(500):
        assert made.write({**FIRST, "stdout": "x" * 1000, "step": number})
        largest = max(largest, (tmp_path / FILE_NAME).stat().st_size)
    assert MAX_BYTES / 2 < largest <= MAX_BYTES
    assert journal(tmp_path).load().get("step") == 499


def test_a_restarted_agent_begins_the_file_anew(tmp_path: Path) -> None:
    """So that garbage of a crash does not stay, nor grow the file beyond its bound."""
    (tmp_path / FILE_NAME).write_bytes(b"x" * MAX_BYTES)
    assert written(tmp_path, SECOND).count(b"\n") == 2


def test_what_a_crash_left_of_a_rewrite_is_of_no_importance(tmp_path: Path) -> None:
    written(tmp_path, FIRST)
    (tmp_path / f"{FILE_NAME}.new").write_bytes(b"torn")
    made = journal(tmp_path)
    assert made.load() == FIRST
    assert made.write(SECOND)
    assert journal(tmp_path).load() == SECOND


def test_a_record_is_on_the_disk_when_write_returns(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Both ways: appended, and as a new file in place of the old one, whose name must be on the disk too."""
    calls: list[str] = []
    real_fsync, real_rename = os.fsync, os.rename

    def fsync(fd: int) -> None:
        calls.append(f"sync {os.path.basename(os.readlink(f'/proc/self/fd/{fd}'))}")
        real_fsync(fd)

    def rename(old: str, new: str) -> None:
        calls.append(f"rename {os.path.basename(old)} {os.path.basename(new)}")
        real_rename(old, new)

    monkeypatch.setattr(os, "fsync", fsync)
    monkeypatch.setattr(os, "rename", rename)
    made = journal(tmp_path)
    made.write(FIRST)
    assert calls == [f"sync {FILE_NAME}.new", f"rename {FILE_NAME}.new {FILE_NAME}", f"sync {tmp_path.name}"]
    calls.clear()
    made.write(SECOND)
    assert calls == [f"sync {FILE_NAME}"]
    calls.clear()
    made.write({}, sync=False)
    assert calls == [], "that no job is at hand may be lost"


class BadDisk(Disk):
    """Fails every write while `code` is set."""

    code = 0

    def append(self, path: str, data: bytes, sync: bool) -> None:
        if self.code:
            super().append(path, data[: len(data) // 2], False)
            raise OSError(self.code, os.strerror(self.code))
        super().append(path, data, sync)

    def replace(self, path: str, data: bytes) -> None:
        if self.code:
            raise OSError(self.code, os.strerror(self.code))
        super().replace(path, data)


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EROFS, errno.EIO, errno.EMFILE])
def test_a_disk_that_fails_is_told_and_used_again_when_it_works(tmp_path: Path, code: int) -> None:
    disk = BadDisk()
    made = Journal(str(tmp_path), "thing", disk, KeptLog())
    assert made.write(FIRST)
    disk.code = code
    assert not made.write(SECOND)
    assert made.degraded == f"{made.path}: {os.strerror(code)}"
    assert journal(tmp_path).load() == FIRST, "half a record does not hide the one before"
    disk.code = 0
    assert made.write(SECOND)
    assert made.degraded == ""
    assert journal(tmp_path).load() == SECOND


def test_the_log_says_once_why_a_journal_can_not_be_kept(tmp_path: Path) -> None:
    disk, log = BadDisk(), KeptLog()
    made = Journal(str(tmp_path), "thing", disk, log)
    disk.code = errno.ENOSPC
    for _ in range(3):
        made.write(FIRST)
    disk.code = errno.EROFS
    made.write(FIRST)
    assert [line[1].rpartition(": ")[2] for line in log.lines] == [os.strerror(errno.ENOSPC), os.strerror(errno.EROFS)]


def test_a_journal_that_can_not_be_read_is_told(tmp_path: Path) -> None:
    (tmp_path / FILE_NAME).mkdir()
    made = journal(tmp_path)
    assert made.load() == {}
    assert made.degraded == f"{made.path}: Is a directory"


def test_a_symbolic_link_in_its_place_is_not_followed(tmp_path: Path) -> None:
    """In a state folder that others can write to, it would let them choose which file the agent overwrites."""
    victim = tmp_path / "victim"
    victim.write_text("precious")
    (tmp_path / f"{FILE_NAME}.new").symlink_to(victim)
    assert not journal(tmp_path).write(FIRST)
    assert victim.read_text() == "precious"


def test_each_thing_has_a_journal_of_its_own(tmp_path: Path) -> None:
    """Two agents of one board may share the state folder: neither may take the other's job for its own."""
    one, other = (Journal(str(tmp_path), thing, Disk(), KeptLog()) for thing in ("one", "other"))
    assert one.write(FIRST)
    assert other.write(SECOND)
    assert (one.load(), other.load()) == (FIRST, SECOND)


def test_the_journal_of_an_earlier_version_is_taken_over_once(tmp_path: Path) -> None:
    written(tmp_path, FIRST)
    (tmp_path / FILE_NAME).rename(tmp_path / OLD_NAME)
    assert journal(tmp_path).load() == FIRST
    assert not (tmp_path / OLD_NAME).exists()
    assert Journal(str(tmp_path), "another", Disk(), KeptLog()).load() == {}


def test_an_old_journal_never_replaces_a_newer_one(tmp_path: Path) -> None:
    written(tmp_path, SECOND)
    (tmp_path / OLD_NAME).write_bytes(b"old")
    assert journal(tmp_path).load() == SECOND

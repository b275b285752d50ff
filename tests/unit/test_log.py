# SPDX-FileCopyrightText: The aws-iot-device-client authors
# SPDX-License-Identifier: Apache-2.0
"""The logger: the line's form, what is masked, bounded files, and that it never blocks or ends the agent."""

from __future__ import annotations

import fcntl
import os
import re
import select
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dc.log import MAX_LINE, PERIOD, SAID, Log
from dc.mask import masked, plain
from tests.fakes.clock import defaults
from tests.fakes.examples import examples

LINE = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z \[(DEBUG|INFO|WARN|ERROR)\] {1,2}\{(\w+)\}: (.*)\n")


@pytest.fixture
def logged(tmp_path: Path) -> Path:
    return tmp_path / "agent.log"


def file_log(path: Path, max_bytes: int = 0, files: int = 3, level: str = "DEBUG") -> Log:
    log = Log(level)
    log.to_file(str(path), max_bytes, files)
    return log


class Pipe:
    """A pipe in the place of stdout; `fill` leaves no room in it."""

    def __init__(self) -> None:
        self.read, self.write = os.pipe()
        os.set_blocking(self.read, False)

    def log(self) -> Log:
        log = Log("DEBUG")
        log._fd = self.write
        return log

    def fill(self, room: int = 0) -> None:
        fcntl.fcntl(self.write, fcntl.F_SETPIPE_SZ, 65536)
        os.write(self.write, b"." * (65536 - room))

    def content(self) -> str:
        text = b""
        while select.select([self.read], [], [], 0)[0]:
            text += os.read(self.read, 65536)
        return text.decode()


@pytest.fixture
def pipe() -> Iterator[Pipe]:
    made = Pipe()
    yield made
    os.close(made.read)
    os.close(made.write)


def test_lines_are_those_of_the_cpp_client(logged: Path) -> None:
    log = file_log(logged)
    for level in ("debug", "info", "warn", "error"):
        getattr(log, level)("jobs", f"{level} text")
    lines = logged.read_text().splitlines(keepends=True)
    found = [LINE.fullmatch(line) for line in lines]
    assert [match and match.groups() for match in found] == [
        (level.upper(), "jobs", f"{level} text") for level in ("debug", "info", "warn", "error")
    ]
    assert [line[25:33] for line in lines] == ["[DEBUG] ", "[INFO]  ", "[WARN]  ", "[ERROR] "]


def test_lines_below_the_level_are_not_written(logged: Path) -> None:
    log = file_log(logged, level="WARN")
    log.debug("a", "x")
    log.info("a", "x")
    log.warn("a", "y")
    assert logged.read_text().count("\n") == 1
    assert (log.enabled("INFO"), log.enabled("WARN"), log.enabled("ERROR")) == (False, True, True)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("get https://host/path?X-Amz-Signature=abc&x=1 now", "get https://host/path?*** now"),
        ("'https://h/p?a=1' \"https://h/p?b=2\"", "'https://h/p?***' \"https://h/p?***\""),
        ("https://h/p#token https://h/q?x#y?z end", "https://h/p#*** https://h/q?*** end"),
        ("s3://bucket/key?versionId=1\nnext", "s3://bucket/key?***\nnext"),
        ("https://h/p is fine? yes", "https://h/p is fine? yes"),
        ("no url? here # either", "no url? here # either"),
        ("://?", "://?***"),
        ("a://b?c://d?e", "a://b?***"),
        ("<a href=https://h/?k>", "<a href=https://h/?***>"),
    ],
)
def test_queries_of_urls_are_masked(text: str, shown: str) -> None:
    assert masked(text) == shown


@examples(300)
@given(
    st.text(st.characters() | st.sampled_from(":/?# \"'"), max_size=40),
    st.text("abcXYZ019-_%=&", min_size=8, max_size=20),
)
def test_no_secret_of_a_query_survives_whatever_stands_around_it(around: str, secret: str) -> None:
    text = f"{around} https://bucket.example/key?{secret} {around}"
    assert f"?{secret}" not in masked(text)
    assert masked(masked(text)) == masked(text)


def test_every_line_is_one_line_without_control_characters(logged: Path) -> None:
    log = file_log(logged)
    log.info("jobs", "a\nb\x1b[31mc\x00\u2028d\u202ee\ud800")
    assert logged.read_text().count("\n") == 1
    assert plain(logged.read_text()[:-1]) == logged.read_text()[:-1]
    assert "a b [31mc  d e " in logged.read_text()


def test_a_masked_line_and_an_endless_line_are_cut(logged: Path) -> None:
    file_log(logged).info("jobs", "x" * 1_000_000)
    assert logged.stat().st_size < MAX_LINE + 100


def test_a_log_file_is_only_for_its_owner(logged: Path) -> None:
    logged.touch(0o644)
    file_log(logged).info("a", "x")
    assert stat.S_IMODE(logged.stat().st_mode) == 0o600


def test_a_log_file_that_is_a_symbolic_link_is_refused(logged: Path, tmp_path: Path) -> None:
    (tmp_path / "elsewhere").touch()
    logged.symlink_to(tmp_path / "elsewhere")
    with pytest.raises(OSError, match="symbolic"):
        file_log(logged)


def test_rotation_keeps_the_newest_lines_in_a_bounded_number_of_bounded_files(logged: Path) -> None:
    log = file_log(logged, max_bytes=2000, files=3)
    for number in range(500):
        log.info("a", f"line {number}")
    names = sorted(path.name for path in logged.parent.iterdir())
    assert names == ["agent.log", "agent.log.1", "agent.log.2"]
    assert all(0 < (logged.parent / name).stat().st_size <= 2000 for name in names)
    kept = [line for name in reversed(names) for line in (logged.parent / name).read_text().splitlines()]
    assert [line.rpartition(" ")[2] for line in kept] == [str(n) for n in range(500 - len(kept), 500)]
    assert all(stat.S_IMODE((logged.parent / name).stat().st_mode) == 0o600 for name in names)


def test_a_single_file_starts_anew_when_it_is_full(logged: Path) -> None:
    log = file_log(logged, max_bytes=500, files=1)
    for number in range(100):
        log.info("a", f"line {number}")
    assert [path.name for path in logged.parent.iterdir()] == ["agent.log"]
    assert logged.stat().st_size <= 500
    assert logged.read_text().endswith("line 99\n")


def test_an_earlier_log_is_continued_and_counts(logged: Path) -> None:
    logged.write_text("old\n" * 400)
    log = file_log(logged, max_bytes=1650, files=2)
    log.info("a", "x")
    log.info("a", "y")
    assert (logged.parent / "agent.log.1").read_text().startswith("old\n")


def test_a_log_whose_folder_was_deleted_goes_on_where_somebody_can_read_it(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "log"
    folder.mkdir()
    log = file_log(folder / "agent.log", max_bytes=200, files=2)
    log.info("a", "before")
    (folder / "agent.log").unlink()
    folder.rmdir()
    for number in range(5):
        log.info("a", f"after {number}")
    assert "after 4" in capfd.readouterr().out


def test_a_full_pipe_drops_lines_counts_them_and_never_blocks(pipe: Pipe) -> None:
    pipe.fill()
    log = pipe.log()
    for _ in range(7):
        log.info("a", "x" * 100)
    assert set(pipe.content()) == {"."}
    log.info("a", "seen again")
    text = pipe.content()
    assert "seen again" in text
    assert "(7 lines were dropped" in text


def assert_no_wait(pipe: Pipe, text: str) -> None:
    """Log `text` with a page of room left, the least that poll calls writable; more than that must not be written."""
    pipe.fill(room=select.PIPE_BUF)
    log = pipe.log()
    os.set_blocking(pipe.write, False)  # so that a write that would wait is cut short here
    log._dropped = 1_000_000
    log.info("connection", text)
    assert pipe.content().endswith("\n")


def test_a_long_line_fits_in_what_a_nearly_full_pipe_takes_at_once(pipe: Pipe) -> None:
    assert_no_wait(pipe, "x" * 9000)


def test_a_long_line_of_wide_characters_fits_as_well(pipe: Pipe) -> None:
    assert_no_wait(pipe, "\U0001f600" * 9000)


def test_a_closed_stdout_is_survived(pipe: Pipe) -> None:
    log = pipe.log()
    log._fd = 987
    log.info("a", "x")
    log.error("a", "y")


def test_a_traceback_is_logged_line_by_line(logged: Path) -> None:
    log = file_log(logged)
    try:
        raise ValueError("https://h/p?secret=1")
    except ValueError:
        log.traceback("client", "a callback failed")
    lines = logged.read_text().splitlines(keepends=True)
    assert all(LINE.fullmatch(line) for line in lines)
    assert "a callback failed" in lines[0]
    assert "ValueError: https://h/p?***" in lines[-1]


# --- a file whose name no longer leads to it


@pytest.mark.parametrize("max_bytes", [0, 100_000])
def test_a_log_file_that_was_renamed_is_left_for_a_new_one(logged: Path, max_bytes: int) -> None:
    """As logrotate does; without a signal too."""
    log = file_log(logged, max_bytes)
    log.info("a", "before")
    logged.rename(logged.with_suffix(".old"))
    log.info("a", "after")
    assert "after" in logged.read_text() and "after" not in logged.with_suffix(".old").read_text()
    assert stat.S_IMODE(logged.stat().st_mode) == 0o600


def test_a_log_file_that_was_replaced_by_another_is_left(logged: Path) -> None:
    log = file_log(logged)
    logged.with_suffix(".new").touch()
    logged.with_suffix(".new").replace(logged)
    log.info("a", "after")
    assert "after" in logged.read_text()


def test_a_log_file_that_was_replaced_by_a_link_is_given_up_for_stdout(
    logged: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    log = file_log(logged)
    victim = logged.with_suffix(".victim")
    victim.touch()
    logged.unlink()
    logged.symlink_to(victim)
    log.info("a", "after")
    assert victim.read_text() == "" and "after" in capfd.readouterr().out


def test_a_log_file_that_is_a_pipe_or_has_a_second_name_is_refused_at_once(logged: Path, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "victim").write_text("kept")
    (tmp_path / "second").hardlink_to(tmp_path / "victim")
    for name in ("pipe", "second"):
        with pytest.raises(OSError):
            file_log(tmp_path / name)
    assert (tmp_path / "victim").read_text() == "kept"


def test_files_are_opened_anew_without_leaving_descriptors_behind(logged: Path) -> None:
    log = file_log(logged)
    before = len(os.listdir("/proc/self/fd"))
    for _ in range(5):
        log.follow(defaults(log_type="file", log_file=str(logged), log_level="WARN"))
    assert len(os.listdir("/proc/self/fd")) == before and not log.enabled("INFO")
    log.follow(defaults(log_type="stdout"))
    assert len(os.listdir("/proc/self/fd")) == before - 1


# --- warnings that repeat


def test_a_warning_that_repeats_is_said_and_then_counted(logged: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    clock = [1000.0]
    monkeypatch.setattr("dc.log.time.monotonic", lambda: clock[0])
    log = file_log(logged)
    timers: list[float] = []
    log.later = lambda seconds, call: timers.append(seconds)
    for number in range(SAID + 500):
        log.warn("jobs", f"a message on $aws/things/thing/jobs/notify-next is ignored: {number}")
    log.warn("jobs", "something else")
    assert logged.read_text().count("\n") == SAID + 1
    clock[0] += PERIOD
    log.tell_counts()
    last = logged.read_text().splitlines()[-1]
    assert last.endswith("a message on $aws/things/thing/j... was said 500 times more in the last minute")
    assert timers[:1] == [PERIOD]
    log.warn("jobs", "a message on $aws/things/thing/jobs/notify-next is ignored: again")
    assert logged.read_text().endswith("again\n")


def test_what_happens_as_expected_is_never_counted(logged: Path) -> None:
    log = file_log(logged)
    for _ in range(100):
        log.info("a", "x")
    assert logged.read_text().count("\n") == 100


def test_warnings_without_end_that_all_differ_cost_bounded_memory(logged: Path) -> None:
    log = file_log(logged)
    for number in range(5000):
        log.error("a", f"{number} is wrong")
    assert len(log._known) <= 32


def test_an_error_nobody_foresaw_that_repeats_is_counted_as_one(logged: Path) -> None:
    log = file_log(logged)
    for _ in range(SAID + 50):
        try:
            raise ValueError("x")
        except ValueError:
            log.traceback("client", "a callback failed")
    assert logged.read_text().count("a callback failed") == SAID == logged.read_text().count("ValueError: x")

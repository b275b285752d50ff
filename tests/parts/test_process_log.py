# SPDX-FileCopyrightText: The aws-iot-device-client authors
# SPDX-License-Identifier: Apache-2.0
"""What of a step's output comes into the log, and how a step that can't run is told."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from dc.jobs.core.outcome import StepResult
from dc.jobs.progress import Progress
from dc.jobs.run.handlers import Handlers
from dc.jobs.run.runner import LOGGED_BYTES, Runner
from dc.log import Log
from tests.fakes.handler_folder import JOB, step
from tests.fakes.process_bench import ProcessBench, process_bench

MARK = {**JOB, "AWS_IOT_THING_NAME": "board-7", "AWS_IOT_JOB_EXECUTION_NUMBER": "1"}


@pytest.fixture
def bench() -> Iterator[ProcessBench]:
    with process_bench() as made:
        yield made


@pytest.fixture
def told() -> dict[str, str]:
    """The progress that the running step told."""
    return {}


@pytest.fixture
def run(bench: ProcessBench, told: dict[str, str], tmp_path: Path) -> Callable[..., tuple[StepResult, str]]:
    """Runs a command line of a job document through a Runner; gives the result and the log."""

    def run_it(*words: str, level: str = "DEBUG", progress: bool = False) -> tuple[StepResult, str]:
        log = Log(level)
        log.to_file(str(tmp_path / "log"), 0, 1)
        runner = Runner(bench.loop, log, str(tmp_path), {"PATH": "/usr/bin:/bin"}, 5.0)
        runner.ended = bench.results.append
        shown = Progress(bench.loop, told.update)
        shown.begin()
        runner.on_progress = shown.feed
        action = step("runCommand", command=",".join(word.replace(",", "\\,") for word in words))
        action.progress = progress
        runner.run(action, MARK)
        result = bench.finish()
        shown.due()
        return result, (tmp_path / "log").read_text()

    return run_it


def test_output_is_logged_at_debug_line_by_line_and_cleaned(run: Callable[..., tuple[StepResult, str]]) -> None:
    _, log = run("printf", r"one\n\033[31mtwo\033[0m\r\n\007three")
    lines = [line.split("}: ")[1] for line in log.splitlines() if "[DEBUG]" in line]
    assert lines == ["stdout: one", "stdout: two", "stdout:  three"]


def test_output_is_not_logged_at_info(run: Callable[..., tuple[StepResult, str]]) -> None:
    result, log = run("echo", "private", level="INFO")
    assert result.stdout.raw() == b"private\n"
    assert "private" not in log
    assert "exit status 0, 8 bytes on stdout, 0 on stderr" in log


def test_only_the_start_of_a_long_output_is_logged(run: Callable[..., tuple[StepResult, str]]) -> None:
    _, log = run("head", "-c", "1000000", "/dev/zero")
    assert len(log) < LOGGED_BYTES + 1000
    assert "more follows that is not logged" in log


def test_queries_of_urls_in_output_are_masked(run: Callable[..., tuple[StepResult, str]]) -> None:
    _, log = run("echo", "got https://bucket/key?X-Amz-Signature=SECRET done")
    assert "SECRET" not in log
    assert "https://bucket/key?*** done" in log


def test_the_query_of_a_url_that_comes_in_two_pieces_is_masked(run: Callable[..., tuple[StepResult, str]]) -> None:
    _, log = run("sh", "-c", "printf 'https://bucket/key?X-Amz-'; sleep 0.2; echo Signature=SECRET")
    assert "SECRET" not in log


def test_progress_is_taken_line_by_line_and_only_what_fits_the_rules(
    run: Callable[..., tuple[StepResult, str]], told: dict[str, str]
) -> None:
    script = r"printf 'done=1\nbad key=x\nreason=forged\nempty=\nno equals\ndo' >&3; printf 'ne=2\033[1m of 3\n' >&3"
    run("sh", "-c", script, progress=True)
    assert told == {"done": "2 of 3"}


def test_a_command_that_is_not_there_ends_the_step_with_the_reason(run: Callable[..., tuple[StepResult, str]]) -> None:
    result, log = run("no-such-command")
    assert '"no-such-command" was not found' in result.error
    assert result.error in log


def test_a_file_that_can_not_be_executed_ends_the_step_with_the_reason(
    run: Callable[..., tuple[StepResult, str]], tmp_path: Path
) -> None:
    (tmp_path / "text").write_bytes(b"\0 no script\n")
    (tmp_path / "text").chmod(0o755)
    tmp_path.chmod(0o755)
    (tmp_path / "bin").mkdir()
    (tmp_path / "text").rename(tmp_path / "bin" / "text")
    result, _ = run(str(tmp_path / "bin" / "text"))
    assert "no script either" in result.error


def test_a_handler_directory_that_vanishes_while_it_is_looked_at_fails_the_step(
    run: Callable[..., tuple[StepResult, str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    def vanish(self: Handlers, action: object, job: object) -> None:
        raise FileNotFoundError(2, "No such file or directory", "/jobs")

    monkeypatch.setattr(Handlers, "command", vanish)
    result, _ = run("echo")
    assert "No such file or directory: '/jobs'" in result.error

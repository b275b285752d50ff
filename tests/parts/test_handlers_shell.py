# SPDX-FileCopyrightText: The aws-iot-device-client authors
# SPDX-License-Identifier: Apache-2.0
"""What has no #! line: /bin/sh runs it, as execvp does, and so did the C++ client. As another user too."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from dc.jobs.core.details import output
from dc.jobs.run import users
from dc.jobs.run.command import Command
from tests.fakes.process_bench import ENV, ProcessBench, process_bench

SAYS = b'printf "%s|" "$@"\n'
TEXTS = {
    "a command": SAYS,
    "a blank first line": b"\n#!/no/such/interpreter\n" + SAYS,
    "a blank before the line": b" #!/no/such/interpreter\n" + SAYS,
    "a comment": b"# my handler\n" + SAYS,
    "no newline at the end": SAYS.rstrip(),
    "letters of all kinds": "# größe ✓\n".encode() + SAYS,
    "a NUL far behind": SAYS + b"exit 0\n" + b"#" * 300 + b"\0",
}


@pytest.fixture
def bench() -> Iterator[ProcessBench]:
    with process_bench() as made:
        yield made


@pytest.fixture
def open_folder() -> Iterator[Path]:
    """pytest's own folders are closed to others."""
    with tempfile.TemporaryDirectory() as name:
        Path(name).chmod(0o755)
        yield Path(name)


def made(folder: Path, content: bytes, mode: int = 0o700) -> str:
    path = folder / "h"
    path.write_bytes(content)
    path.chmod(mode)
    return str(path)


@pytest.mark.parametrize("content", TEXTS.values(), ids=TEXTS)
def test_a_text_without_an_interpreter_line_is_run_by_the_shell(
    bench: ProcessBench, tmp_path: Path, content: bytes
) -> None:
    program = made(tmp_path, content)
    result = bench.run(Command(program, (program, "", "a b", "$c"), ENV))
    assert (result.status, output(result.stdout), output(result.stderr)) == (0, "|a b|$c|", "")


def test_a_byte_order_mark_is_no_obstacle(bench: ProcessBench, tmp_path: Path) -> None:
    """The shell complains about the first line, as it does under execvp, and goes on."""
    program = made(tmp_path, b"\xef\xbb\xbf#!/bin/sh\n" + SAYS)
    result = bench.run(Command(program, (program, "x"), ENV))
    assert (result.status, output(result.stdout), result.stderr.lines) == (0, "x|", 1)


def test_its_name_is_no_option_of_the_shell(
    bench: ProcessBench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "-c").mkdir()
    made(tmp_path / "-c", SAYS)
    result = bench.run(Command("-c/h", ("-c/h", "x"), ENV))
    assert (result.status, output(result.stdout)) == (0, "x|")


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another user")
def test_another_users_script_without_the_line_runs_as_that_user(bench: ProcessBench, open_folder: Path) -> None:
    program = made(open_folder, b"id -un\n" + SAYS, 0o755)
    started, words = users.as_user("nobody", program, (program, "x"), ENV["PATH"])
    result = bench.run(Command(started, words, ENV))
    assert (result.status, output(result.stdout)) == (0, "nobody\nx|")

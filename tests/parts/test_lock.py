# SPDX-FileCopyrightText: The aws-iot-device-client authors
# SPDX-License-Identifier: Apache-2.0
"""One agent per thing, and no local user who can keep it from starting."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from dc.lock import CPP_NAME, Locked, acquire
from localcloud.waiting import wait_until
from tests.fakes.clock import KeptLog
from tests.system.harness.skips import needs_root

SECONDS = 10.0

NOBODY = 65534
HOLD = "import sys; from dc.lock import acquire; from dc.log import Log; acquire(*sys.argv[1:4], Log()); print('held', flush=True); input()"


class Folders:
    """A state folder, and one that everybody may write to, as /run/lock is."""

    def __init__(self, root: Path) -> None:
        self.state = root / "state"
        self.shared = root / "shared"
        self.shared.mkdir()
        self.shared.chmod(0o1777)
        self.own = self.state / "agent-board.lock"
        self.cpp = self.shared / CPP_NAME

    def lock(self, thing: str = "board") -> list[tuple[str, str]]:
        """Acquire it; what the log then holds."""
        log = KeptLog()
        acquire(str(self.state), str(self.shared), thing, log)
        return log.lines


@pytest.fixture
def folders(tmp_path: Path) -> Folders:
    return Folders(tmp_path)


@pytest.fixture
def other(folders: Folders) -> Iterator[subprocess.Popen[str]]:
    """Another agent, which holds the lock."""
    words = [sys.executable, "-c", HOLD, str(folders.state), str(folders.shared), "board"]
    with subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None and process.stdin is not None
        assert process.stdout.readline() == "held\n"
        yield process
        process.stdin.close()


def test_a_second_agent_of_the_thing_is_told_which_process_holds_the_lock(
    folders: Folders, other: subprocess.Popen[str]
) -> None:
    with pytest.raises(Locked, match=f"process {other.pid} holds {folders.own}"):
        folders.lock()


def test_agents_of_two_things_share_a_state_folder(folders: Folders, other: subprocess.Popen[str]) -> None:
    assert folders.lock("another") == []


def test_the_lock_of_a_process_that_ended_is_free(folders: Folders, other: subprocess.Popen[str]) -> None:
    other.kill()
    other.wait()
    assert folders.lock() == []
    assert folders.cpp.read_text() == f"board\n{os.getpid()}\n"


def test_nobody_else_can_open_the_lock(folders: Folders) -> None:
    folders.lock()
    assert folders.own.stat().st_mode & 0o777 == 0o600
    assert folders.state.stat().st_mode & 0o777 == 0o700


def _of_another(path: Path) -> None:
    path.write_text("board\n1\n")
    os.chown(path, NOBODY, NOBODY)


def _hard_link(path: Path) -> None:
    victim = path.with_name("victim")
    victim.write_text("precious")
    os.link(victim, path)


def _symbolic_link(path: Path) -> None:
    victim = path.with_name("victim")
    victim.write_text("precious")
    path.symlink_to(victim)


def _open_to_all(path: Path) -> None:
    path.write_text("")
    path.chmod(0o666)


IN_THE_WAY: list[Callable[[Path], None]] = [
    _of_another,
    os.mkfifo,
    Path.mkdir,
    _hard_link,
    _symbolic_link,
    _open_to_all,
]


@needs_root
@pytest.mark.parametrize("put", IN_THE_WAY, ids=lambda put: put.__name__.strip("_"))
def test_what_another_user_has_put_in_the_way_stops_nobody(folders: Folders, put: Callable[[Path], None]) -> None:
    """As it can be after a state folder of mode 777; nothing in it is followed or emptied, and no open waits."""
    folders.state.mkdir()
    put(folders.own)
    ((level, text),) = folders.lock()
    assert (level, str(folders.own) in text) == ("WARN", True)
    victim = folders.own.with_name("victim")
    assert not victim.exists() or victim.read_text() == "precious"


@needs_root
@pytest.mark.parametrize("put", IN_THE_WAY[:5], ids=lambda put: put.__name__.strip("_"))
def test_nor_does_what_is_in_the_way_of_the_cpp_clients_file(folders: Folders, put: Callable[[Path], None]) -> None:
    put(folders.cpp)
    os.chown(folders.cpp, NOBODY, NOBODY, follow_symlinks=False)
    assert [level for level, _ in folders.lock() if level != "DEBUG"] == []
    victim = folders.cpp.with_name("victim")
    assert not victim.exists() or victim.read_text() == "precious"


@pytest.fixture
def cpp_client() -> Iterator[subprocess.Popen[bytes]]:
    """A process that looks like the C++ client."""
    with subprocess.Popen(["aws-iot-device-client", "300"], executable="/bin/sleep") as process:
        words = Path(f"/proc/{process.pid}/cmdline")  # filled in a moment after the exec that Popen awaits
        wait_until(lambda: b"aws-iot" in words.read_bytes(), SECONDS, "the process's words")
        yield process
        process.kill()


def test_the_cpp_client_of_the_same_thing_is_not_run_beside(
    folders: Folders, cpp_client: subprocess.Popen[bytes]
) -> None:
    folders.cpp.write_text(f"board\n{cpp_client.pid}\n")
    with pytest.raises(Locked, match=f"process {cpp_client.pid}, as {folders.cpp} says"):
        folders.lock()


@pytest.mark.parametrize(
    "text",
    ["board\n", "board\n-{pid}\n", "board\n{pid}x\n", "", "board\n99999999\n"],
)
def test_any_other_text_in_its_file_stops_nobody(
    folders: Folders, cpp_client: subprocess.Popen[bytes], text: str
) -> None:
    folders.cpp.write_text(text.format(pid=cpp_client.pid))
    assert folders.lock() == []
    assert folders.cpp.read_text() == f"board\n{os.getpid()}\n"


@pytest.mark.parametrize("thing", ["another", "\x1b[31m"])
def test_the_cpp_client_of_another_thing_keeps_its_file(
    folders: Folders, cpp_client: subprocess.Popen[bytes], thing: str
) -> None:
    folders.cpp.write_text(f"{thing}\n{cpp_client.pid}\n")
    assert folders.lock() == []
    assert folders.cpp.read_text() == f"{thing}\n{cpp_client.pid}\n"


def test_a_process_that_is_something_else_by_now_stops_nobody(folders: Folders) -> None:
    folders.cpp.write_text("board\n1\n")
    assert folders.lock() == []


def test_without_a_folder_for_it_there_is_no_lock(folders: Folders, other: subprocess.Popen[str]) -> None:
    log = KeptLog()
    acquire(str(folders.state), "", "board", log)
    assert log.lines == []

# SPDX-FileCopyrightText: The aws-iot-device-client authors
# SPDX-License-Identifier: Apache-2.0
"""A handler of the handler directory runs only if nobody but the agent's user could have put it there."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.fakes.handler_folder import Device, operation

OTHER = 65534
NO_MEMBER = 54321
ROOT_ONLY = pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files away")
LOOSE = [0o600, 0o711, 0o750, 0o755, 0o770, 0o777, 0o500, 0o4700, 0o2700, 0o1700, 0o000]


@pytest.fixture
def device(tmp_path: Path) -> Device:
    return Device(tmp_path)


def reason(device: Device) -> str:
    """Why h.sh is refused; by path "default" and by the search the answer is the same."""
    searched, named = device.reason(operation("h.sh")), device.reason(operation("h.sh", path="default"))
    assert searched == named
    return named


def accepted(device: Device) -> bool:
    return device.command(operation("h.sh", path="default")).program == str(device.jobs / "h.sh")


@pytest.mark.parametrize("mode", LOOSE, ids=oct)
def test_a_handler_of_any_mode_but_700_is_refused_with_the_mend(device: Device, mode: int) -> None:
    program = device.put(device.jobs, "h.sh", mode)
    assert reason(device) == (
        f"Unacceptable permissions found for job handler {program}: permissions should be 700 but found {mode:o}; "
        f"run: chmod 700 {program}"
    )
    os.chmod(program, 0o700)
    assert accepted(device)


@pytest.mark.parametrize("mode", [mode for mode in LOOSE if mode & 0o500 == 0o500], ids=oct)
def test_a_handler_directory_of_any_mode_but_700_is_refused_with_the_mend(device: Device, mode: int) -> None:
    device.put(device.jobs, "h.sh")
    device.jobs.chmod(mode)
    assert reason(device) == (
        f"Unacceptable permissions found for job handler directory {device.jobs}: permissions should be 700 but found "
        f"{mode:o}; run: chmod 700 {device.jobs}"
    )


@ROOT_ONLY
def test_a_handler_of_another_user_is_refused(device: Device) -> None:
    program = device.put(device.jobs, "h.sh")
    os.chown(program, OTHER, OTHER)
    assert f"should be the agent's user, uid 0, but found {OTHER}; run: chown 0 {program}" in reason(device)


@ROOT_ONLY
def test_a_handler_directory_of_another_user_is_refused(device: Device) -> None:
    device.put(device.jobs, "h.sh")
    os.chown(device.jobs, OTHER, OTHER)
    assert f"but found {OTHER}; run: chown 0 {device.jobs}" in reason(device)


@pytest.mark.parametrize("target", ["/bin/sh", "real.sh", "missing"])
def test_a_symbolic_link_is_refused_wherever_it_points(device: Device, target: str) -> None:
    device.put(device.jobs, "real.sh")
    (device.jobs / "h.sh").symlink_to(target)
    assert "is a symbolic link" in reason(device)


def test_a_directory_and_a_pipe_are_no_handlers(device: Device) -> None:
    (device.jobs / "h.sh").mkdir(mode=0o700)
    assert "is not a regular file" in device.reason(operation("h.sh", path="default"))
    (device.jobs / "h.sh").rmdir()
    os.mkfifo(device.jobs / "h.sh", 0o700)
    assert "is not a regular file" in reason(device)


def test_a_missing_handler_is_told_with_the_mend(device: Device) -> None:
    assert device.reason(operation("h.sh", path="default")) == (
        f"Handler {device.jobs}/h.sh: No such file or directory; put the handler there, with mode 700"
    )


def test_a_missing_handler_directory_is_told_with_the_mend(device: Device) -> None:
    device.jobs.rmdir()
    assert device.reason(operation("h.sh", path="default")) == (
        f"Handler directory {device.jobs}: No such file or directory; make it, with mode 700"
    )


def test_a_handler_directory_that_is_a_file_is_refused(device: Device) -> None:
    device.jobs.rmdir()
    device.jobs.touch(0o700)
    assert "is not a directory" in device.reason(operation("h.sh", path="default"))


def test_a_folder_above_that_others_can_write_to_is_refused_with_the_mend(device: Device) -> None:
    device.put(device.jobs, "h.sh")
    for mode in (0o777, 0o772, 0o702):
        device.jobs.parent.chmod(mode)
        assert f"{device.jobs.parent} has mode {mode:o} and owner {os.geteuid()}; run: chmod go-w" in reason(device)
    device.jobs.parent.chmod(0o1777)  # as /tmp: others can't rename what is not theirs
    assert accepted(device)


@ROOT_ONLY
def test_a_folder_above_that_a_group_can_write_to_is_refused_unless_nobody_else_is_in_it(device: Device) -> None:
    """Debian's staff has no member, and may write to /usr/local."""
    device.put(device.jobs, "h.sh")
    device.jobs.parent.chmod(0o775)
    for group, good in ((OTHER, False), (0, True), (NO_MEMBER, True)):
        os.chown(device.jobs.parent, 0, group)
        assert accepted(device) if good else "has mode 775" in reason(device)


@ROOT_ONLY
def test_a_link_on_the_way_that_another_user_could_turn_is_refused(device: Device, tmp_path: Path) -> None:
    """However it is reached: by its own name, by another link, in a sticky folder."""
    device.put(device.jobs, "h.sh")
    sticky = tmp_path / "sticky"
    sticky.mkdir()
    sticky.chmod(0o1777)
    (sticky / "theirs").symlink_to(device.jobs.parent)
    os.lchown(sticky / "theirs", OTHER, OTHER)
    (tmp_path / "ours").symlink_to("sticky/theirs/jobs")
    for way in (sticky / "theirs" / "jobs", tmp_path / "ours"):
        device.jobs = way
        assert f"{sticky / 'theirs'} has mode 777 and owner {OTHER}" in reason(device)
    os.lchown(sticky / "theirs", 0, 0)
    assert accepted(device)


@ROOT_ONLY
def test_a_folder_above_that_belongs_to_another_user_is_refused(device: Device) -> None:
    device.put(device.jobs, "h.sh")
    os.chown(device.jobs.parent, OTHER, OTHER)
    assert f"{device.jobs.parent} has mode 755 and owner {OTHER}" in reason(device)


def test_a_handler_directory_reached_by_a_link_is_checked_on_both_ways(device: Device, tmp_path: Path) -> None:
    device.put(device.jobs, "h.sh")
    link = tmp_path / "link"
    link.symlink_to(device.jobs)
    device.jobs, real = link, device.jobs
    assert accepted(device)
    real.parent.chmod(0o777)
    assert f"{real.parent} has mode 777" in device.reason(operation("h.sh", path="default"))
    real.parent.chmod(0o755)
    tmp_path.chmod(0o777)
    assert f"{tmp_path} has mode 777" in device.reason(operation("h.sh", path="default"))


@pytest.mark.parametrize("name", ["../h.sh", "sub/h.sh", "/bin/sh", "..", "."])
def test_nothing_outside_the_directory_is_reached_by_path_default(device: Device, name: str) -> None:
    """The document's parser refuses these already; the check does not rely on it."""
    action = operation("h.sh", path="default")
    action.argv = (name,)
    assert "must be a file name inside" in device.reason(action)


SPELLINGS = ["the directory", "the directory and a slash", "the whole path", "a detour", "a link to it", "PATH"]


@pytest.mark.parametrize("spelling", SPELLINGS)
def test_a_loose_handler_is_refused_however_the_document_spells_the_handler_directory(
    device: Device, spelling: str
) -> None:
    """The C++ client's Jobs README: if these permissions are not found, nothing of this directory is executed."""
    device.put(device.jobs, "h.sh", 0o755)
    (device.root / "link").symlink_to(device.jobs / "h.sh")
    device.environ["PATH"] = f"{device.bin}:{device.jobs}/"
    actions = {
        SPELLINGS[0]: operation("h.sh", path=str(device.jobs)),
        SPELLINGS[1]: operation("h.sh", path=f"{device.jobs}/"),
        SPELLINGS[2]: operation(str(device.jobs / "h.sh")),
        SPELLINGS[3]: operation("jobs/../jobs/h.sh", path=str(device.jobs.parent)),
        SPELLINGS[4]: operation(str(device.root / "link")),
        SPELLINGS[5]: operation("h.sh"),
    }
    assert "permissions should be 700" in device.reason(actions[spelling])
    (device.jobs / "h.sh").chmod(0o700)
    assert device.command(actions[spelling]).program == str(device.jobs / "h.sh")


def searched(device: Device, *folders: Path | str) -> list[str]:
    """Those of the folders that are in a handler's PATH."""
    device.environ["PATH"] = ":".join(map(str, folders))
    path = device.handlers().search_path.split(":")
    return [str(folder) for folder in folders if str(folder) in path]


def test_only_full_paths_are_searched_and_handed_on(device: Device) -> None:
    assert searched(device, "", ".", "bin", "./bin", "../bin", "~/bin", device.bin, "") == [str(device.bin)]
    assert len(device.handlers().left_out) == 7
    assert '"bin": no absolute path; fix: write it in full' in device.handlers().left_out


@pytest.mark.parametrize("mode", [0o777, 0o1777, 0o757])
def test_a_folder_that_others_can_put_programs_into_is_neither_searched_nor_handed_on(
    device: Device, mode: int
) -> None:
    device.bin.chmod(mode)
    assert searched(device, device.bin, "/usr/bin") == ["/usr/bin"]
    (why,) = device.handlers().left_out
    assert why == (
        f"{device.bin}: {device.bin} has mode {mode:o} and owner {os.geteuid()}; run: chmod go-w {device.bin}, and let root "
        f"or uid {os.geteuid()} own it"
    )
    device.bin.chmod(0o755)
    assert searched(device, device.bin) == [str(device.bin)]


@ROOT_ONLY
def test_another_users_folder_is_not_searched_nor_one_below_it_nor_one_by_his_link(device: Device) -> None:
    below = device.bin / "below"
    below.mkdir()
    link = device.root / "link"
    link.symlink_to("/usr/bin")
    os.lchown(link, OTHER, OTHER)
    assert searched(device, device.bin, below, link) == [str(device.bin), str(below)]
    os.chown(device.bin, OTHER, OTHER)
    assert searched(device, device.bin, below, link) == []


def test_the_folder_above_the_handler_directory_is_searched_by_the_same_rule(device: Device) -> None:
    above = str(device.jobs.parent)
    assert above in device.handlers().search_path.split(":")
    device.jobs.parent.chmod(0o777)
    assert above not in device.handlers().search_path.split(":")


def test_a_folder_that_is_not_there_yet_may_be_named_and_links_that_go_round_may_not(device: Device) -> None:
    (device.root / "round").symlink_to("round")
    missing = device.root / "later" / "bin"
    assert searched(device, missing, device.root / "round" / "x") == [str(missing)]

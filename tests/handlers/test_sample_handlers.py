# SPDX-FileCopyrightText: The aws-iot-device-client authors
# SPDX-License-Identifier: Apache-2.0
"""The sample job handlers: what all of them have in common, and the ones for packages."""

from __future__ import annotations

import getpass
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.fakes.handler_box import HANDLERS, OTHER_USER, SOURCE, HandlerBox, tool

# --- all of them --------------------------------------------------------------------------------------------


def test_the_eleven_handlers_are_there_and_executable() -> None:
    found = {path.name for path in SOURCE.glob("*.sh")}
    assert found == HANDLERS | {"common.sh"}
    assert all(os.access(SOURCE / name, os.X_OK) for name in HANDLERS)


def test_shellcheck_finds_nothing_in_any_handler() -> None:
    shellcheck = Path(sys.executable).parent / "shellcheck"
    command = str(shellcheck) if shellcheck.exists() else tool("shellcheck")
    done = subprocess.run(
        [command, "-s", "sh", "-x", *sorted(map(str, SOURCE.glob("*.sh")))], capture_output=True, text=True
    )
    assert (done.returncode, done.stdout) == (0, "")


def test_a_handler_run_by_the_kernel_through_its_first_line_finds_its_parts(bare: HandlerBox) -> None:
    bare.fake("systemctl")
    done = subprocess.run(
        [bare.jobs / "start-services.sh", "", "cron"], env=bare.env, cwd="/", capture_output=True, text=True
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert bare.calls() == [["systemctl", "start", "cron"]]


def test_a_handler_outside_the_handler_folder_finds_its_parts_there(box: HandlerBox) -> None:
    box.fake("systemctl")
    elsewhere = box.root / "elsewhere"
    elsewhere.mkdir()
    shutil.move(box.jobs / "start-services.sh", elsewhere)
    path = os.path.relpath(elsewhere / "start-services.sh", box.jobs)
    box.succeed(path, "", "cron", AWS_IOT_JOB_HANDLER_DIR=str(box.jobs))
    assert box.calls() == [["systemctl", "start", "cron"]]


def test_common_sh_refuses_to_be_a_handler(box: HandlerBox) -> None:
    assert "no handler" in box.refuse("common.sh", code=2)


def test_health_check_succeeds_with_and_without_a_user(box: HandlerBox) -> None:
    assert "healthy" in box.succeed("health-check.sh")
    assert "healthy" in box.succeed("health-check.sh", OTHER_USER)


# --- the operation schema: no user, the arguments begin at $1 -------------------------------------------------

OPERATION = {"AWS_IOT_JOB_SCHEMA": "operation"}


def test_the_example_of_the_readme_of_the_cpp_client_works_as_printed(box: HandlerBox) -> None:
    box.fake("apt-get")
    box.succeed("install-packages.sh", "ifupdown", **OPERATION)
    assert box.calls()[-1][-2:] == ["-y", "ifupdown"]


def test_no_argument_is_taken_for_the_user_in_the_operation_schema(box: HandlerBox) -> None:
    box.fake("systemctl")
    box.fake("sudo")
    box.succeed("start-services.sh", OTHER_USER, "cron", **OPERATION)
    assert box.calls() == [["systemctl", "start", OTHER_USER], ["systemctl", "start", "cron"]]


def test_an_empty_user_in_front_as_the_cpp_client_wanted_it_does_no_harm(box: HandlerBox) -> None:
    box.fake("systemctl")
    box.succeed("start-services.sh", "", "cron", **OPERATION)
    assert box.calls() == [["systemctl", "start", "cron"]]


@pytest.mark.parametrize("arguments", [("http://127.0.0.1/x", "there"), ("", "http://127.0.0.1/x", "there")])
def test_a_download_counts_its_arguments_without_the_user(bare: HandlerBox, arguments: tuple[str, ...]) -> None:
    bare.fake("curl", ': >"$(eval "printf %s \\"\\${$(($# - 2))}\\"")"')
    bare.succeed("download-file.sh", *arguments, **OPERATION)
    assert (bare.root / "there").exists()


def test_a_handler_without_arguments_needs_none_in_the_operation_schema(box: HandlerBox) -> None:
    assert "healthy" in box.succeed("health-check.sh", **OPERATION)
    box.fake("reboot")
    assert "still runs" in box.refuse("reboot.sh", AWS_IOT_JOB_SCHEMA="operation")
    assert "no package was named" in box.refuse("install-packages.sh", code=2, AWS_IOT_JOB_SCHEMA="operation")


def test_under_the_steps_schema_and_without_the_variable_1_is_the_user(box: HandlerBox) -> None:
    box.fake("systemctl")
    box.fake("sudo")
    box.succeed("start-services.sh", OTHER_USER, "cron", AWS_IOT_JOB_SCHEMA="steps")
    assert box.calls() == [["sudo", "-n", "-u", OTHER_USER, "--", "systemctl", "start", "cron"]]


# --- the user in $1 -----------------------------------------------------------------------------------------


def test_the_present_user_by_name_needs_no_sudo(box: HandlerBox) -> None:
    box.fake("systemctl")
    box.fake("sudo")
    box.succeed("start-services.sh", getpass.getuser(), "cron")
    assert box.calls() == [["systemctl", "start", "cron"]]


def test_another_user_goes_through_sudo_without_a_question(box: HandlerBox) -> None:
    box.fake("systemctl")
    box.fake("sudo")
    box.succeed("start-services.sh", OTHER_USER, "cron")
    assert box.calls() == [["sudo", "-n", "-u", OTHER_USER, "--", "systemctl", "start", "cron"]]


def test_a_refusal_by_sudo_fails_the_job_and_is_never_tried_without_it(box: HandlerBox) -> None:
    box.fake("systemctl")
    box.fake("sudo", "exit 1")
    assert "could not start: cron" in box.refuse("start-services.sh", OTHER_USER, "cron")
    assert box.calls("systemctl") == []


@pytest.mark.parametrize("handler", sorted(HANDLERS - {"health-check.sh"}))
def test_a_user_that_does_not_exist_is_refused_before_anything_is_done(box: HandlerBox, handler: str) -> None:
    for name in ("systemctl", "apt-get", "reboot", "shutdown", "sudo", "curl", "dpkg-query"):
        box.fake(name)
    assert "no user 'no-such-user'" in box.refuse(handler, "no-such-user", "http://127.0.0.1/x", "x")
    assert box.calls() == []


@pytest.mark.parametrize("name", ["-x", "--login", "a b"])
def test_an_option_in_place_of_a_user_is_refused(box: HandlerBox, name: str) -> None:
    box.fake("sudo")
    assert "no user name" in box.refuse("reboot.sh", name, code=2)
    assert box.calls() == []


@pytest.fixture
def open_root() -> Iterator[Path]:
    """A folder that other users can enter, as pytest's own can't be."""
    with tempfile.TemporaryDirectory() as name:
        os.chmod(name, 0o755)
        yield Path(name)


def test_without_sudo_an_agent_that_is_not_root_fails_closed(open_root: Path) -> None:
    box = HandlerBox(open_root, "dash")
    box.fake("systemctl")
    box.jobs.chmod(0o755)
    box.log.touch()
    box.log.chmod(0o666)
    for script in box.jobs.glob("*.sh"):
        script.chmod(0o755)
    root = os.geteuid() == 0
    done = subprocess.run(
        box.argv("start-services.sh", ["root", "cron"]),
        env=box.env,
        capture_output=True,
        text=True,
        user=OTHER_USER if root else None,
        extra_groups=[] if root else None,
    )
    assert done.returncode == 1 and "can't become user 'root'" in done.stderr, done
    assert box.calls() == []


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another user without sudo")
@pytest.mark.parametrize("su", ["su", "busybox su"])
def test_root_without_sudo_becomes_the_user_by_su_and_passes_arguments_as_they_are(open_root: Path, su: str) -> None:
    box = HandlerBox(open_root, "dash")
    out, seen = open_root / "out", open_root / "seen"
    out.mkdir()
    out.chmod(0o777)
    for path in (box.log, seen):
        path.touch()
        path.chmod(0o666)
    box.fake("curl", f'id -un >\'{seen}\'; while [ "$1" != -o ]; do shift; done; : >"$2"')
    program, *applet = su.split()
    (box.bin / "su").write_text(f'#!{tool("dash")}\nexec {tool(program)} {" ".join(applet)} "$@"\n')
    (box.bin / "su").chmod(0o755)
    url, target = "http://127.0.0.1/x?a=%20&b='\"$(reboot)", out / "a  name `reboot`"
    box.succeed("download-file.sh", OTHER_USER, url, str(target))
    (call,) = box.calls()
    assert call[-4:] == ["-o", f"{target}.part", "--url", url]
    assert seen.read_text() == OTHER_USER + "\n"
    assert target.owner() == OTHER_USER


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another user without sudo")
def test_root_with_neither_sudo_nor_su_fails_closed(bare: HandlerBox) -> None:
    bare.fake("systemctl")
    assert "neither sudo nor su" in bare.refuse("start-services.sh", OTHER_USER, "cron")
    assert bare.calls() == []


# --- packages -----------------------------------------------------------------------------------------------

APT = ["apt-get", "-o", "DPkg::Lock::Timeout=120"]
KEEP = ["-o", "Dpkg::Options::=--force-confdef", "-o", "Dpkg::Options::=--force-confold"]


@pytest.mark.parametrize("args", [["one", "g++", "two=1:2~3"], ["one g++  two=1:2~3"]], ids=["list", "one argument"])
@pytest.mark.parametrize(
    ("manager", "wanted"),
    [
        ("apt-get", [[*APT, *KEEP, "install", "-y"]]),
        ("dnf", [["dnf", "install", "-y"]]),
        ("yum", [["yum", "install", "-y"]]),
        ("apk", [["apk", "add", "-U"]]),
        ("opkg", [["opkg", "update"], ["opkg", "install"]]),
    ],
)
def test_packages_are_installed_without_questions(
    box: HandlerBox, manager: str, wanted: list[list[str]], args: list[str]
) -> None:
    box.fake(manager, f'echo "frontend=$DEBIAN_FRONTEND" >>"{box.root}/frontend"')
    box.succeed("install-packages.sh", "", *args)
    assert box.calls() == [*wanted[:-1], [*wanted[-1], "one", "g++", "two=1:2~3"]]
    assert (box.root / "frontend").read_text().startswith("frontend=noninteractive\n")


@pytest.mark.parametrize(
    ("manager", "wanted"),
    [
        ("apt-get", [*APT, "remove", "-y", "--purge"]),
        ("dnf", ["dnf", "remove", "-y"]),
        ("yum", ["yum", "remove", "-y"]),
        ("apk", ["apk", "del"]),
        ("opkg", ["opkg", "remove"]),
    ],
)
def test_packages_are_removed_without_questions(box: HandlerBox, manager: str, wanted: list[str]) -> None:
    box.fake(manager)
    box.succeed("remove-packages.sh", "", "one two")
    assert box.calls() == [[*wanted, "one", "two"]]


def test_a_failing_package_manager_gives_its_exit_status_and_its_words(box: HandlerBox) -> None:
    box.fake("apt-get", "echo 'E: Unable to locate package one' >&2; exit 100")
    done = box.run("install-packages.sh", "", "one")
    assert (done.returncode, done.stderr) == (100, "E: Unable to locate package one\n")


def test_opkg_installs_although_a_feed_is_dead(box: HandlerBox) -> None:
    box.fake("opkg", '[ "$1" = install ]')
    box.succeed("install-packages.sh", "", "one")
    assert box.calls() == [["opkg", "update"], ["opkg", "install", "one"]]


@pytest.mark.parametrize("handler", ["install-packages.sh", "remove-packages.sh"])
def test_without_a_package_manager_the_message_names_what_was_wanted(box: HandlerBox, handler: str) -> None:
    assert "wanted apt-get, dnf, yum, apk or opkg" in box.refuse(handler, "", "one")


@pytest.mark.parametrize("handler", sorted(name for name in HANDLERS if "packages" in name or "services" in name))
@pytest.mark.parametrize("args", [[], [""], ["", "  "], ["", "-y"], ["", "one --purge"], ["", "*"], ["", "a[b]"]])
def test_no_name_or_a_dangerous_name_is_refused_before_anything_is_done(
    box: HandlerBox, handler: str, args: list[str]
) -> None:
    for name in ("apt-get", "systemctl", "dpkg-query"):
        box.fake(name)
    assert "wrong arguments" in box.refuse(handler, *args, code=2)
    assert box.calls() == []


# What each database prints when "here" is installed and "gone" is not.
DATABASES = {
    "dpkg-query": "installed here\\ninstalled here:all\\ninstalled here=1.0\\nconfig-files gone\\n",
    "rpm": "here\\nhere.noarch\\nhere-1.0\\nhere-1.0-1\\nhere-1.0-1.noarch\\n",
    "apk": "here\\nthere\\n",
    "opkg": "here - 1.0\\nhere-too - 2.0\\n",
}


@pytest.mark.parametrize("database", DATABASES)
def test_installed_and_removed_packages_are_told_apart(box: HandlerBox, database: str) -> None:
    beside = {"dpkg-query": "apt-get", "rpm": "dnf"}
    box.fake(beside.get(database, database))
    box.fake(database, f"printf '{DATABASES[database]}'")
    box.succeed("verify-packages-installed.sh", "", "here")
    box.succeed("verify-packages-removed.sh", "", "gone her h.re")
    assert "not installed: gone" in box.refuse("verify-packages-installed.sh", "", "here gone")
    assert "still installed: here" in box.refuse("verify-packages-removed.sh", "", "gone", "here")


@pytest.mark.parametrize("name", ["here:all", "here=1.0"])
def test_a_debian_package_may_be_named_with_architecture_or_version(box: HandlerBox, name: str) -> None:
    box.fake("dpkg-query", f"printf '{DATABASES['dpkg-query']}'")
    box.fake("apt-get")
    box.succeed("verify-packages-installed.sh", "", name)


@pytest.mark.skipif(shutil.which("dpkg-query") is None, reason="not a Debian: no dpkg-query to ask")
def test_the_real_dpkg_query_of_this_machine_is_read_right(bare: HandlerBox) -> None:
    bare.link("dpkg-query")
    architecture = subprocess.check_output(["dpkg", "--print-architecture"], text=True).strip()
    bare.succeed("verify-packages-installed.sh", "", "dpkg", f"dpkg:{architecture}")
    bare.succeed("verify-packages-removed.sh", "", "no-such-package")


@pytest.mark.parametrize("handler", ["verify-packages-installed.sh", "verify-packages-removed.sh"])
@pytest.mark.parametrize("manager", ["dpkg-query", "rpm", "apk", "opkg"])
def test_a_database_that_can_not_be_read_proves_nothing(box: HandlerBox, handler: str, manager: str) -> None:
    box.fake({"dpkg-query": "apt-get", "rpm": "dnf"}.get(manager, manager))
    box.fake(manager, "exit 1")
    assert "could not be read" in box.refuse(handler, "", "one")


def test_a_refusing_sudo_is_not_taken_for_a_removed_package(box: HandlerBox) -> None:
    box.fake("apt-get")
    box.fake("dpkg-query")
    box.fake("sudo", "exit 1")
    assert "could not be read" in box.refuse("verify-packages-removed.sh", OTHER_USER, "one")

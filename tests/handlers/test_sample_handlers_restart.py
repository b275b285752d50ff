# SPDX-FileCopyrightText: The aws-iot-device-client authors
# SPDX-License-Identifier: Apache-2.0
"""The sample job handlers for services, and the ones that end the agent or the board and are run again."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from dc.jobs.run import strays
from localcloud.waiting import wait_until
from tests.fakes.handler_box import DEADLINE, JOB_ID, OTHER_USER, HandlerBox, let_go, tool

AGENT = "aws-iot-device-client"


# --- services -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("action", ["start", "stop", "restart"])
@pytest.mark.parametrize("manager", ["systemctl", "rc-service", "service", "init.d"])
def test_each_service_manager_is_asked_in_its_own_way(box: HandlerBox, manager: str, action: str) -> None:
    wanted = []
    for service in ("cron", "getty@tty1"):
        if manager == "init.d":
            box.fake(service, folder=box.init_d)
            wanted.append([service, action])
        else:
            box.fake(manager)
            wanted.append([manager, action, service] if manager == "systemctl" else [manager, service, action])
    box.succeed(f"{action}-services.sh", "", "cron getty@tty1")
    assert box.calls() == wanted


@pytest.mark.parametrize("beside", ["", "service"])
@pytest.mark.parametrize("action", ["start", "stop", "restart"])
def test_a_numbered_init_script_is_found(box: HandlerBox, action: str, beside: str) -> None:
    """As BusyBox init and Buildroot have them."""
    if beside:
        box.fake(beside)
    box.fake("S50cron", folder=box.init_d)
    box.fake("S50crond", folder=box.init_d)
    box.succeed(f"{action}-services.sh", "", "cron")
    assert box.calls() == [["S50cron", action]]


S6 = {"start": "-u", "stop": "-d", "restart": "-ru"}


@pytest.mark.parametrize("beside", ["", "service", "systemctl"])
@pytest.mark.parametrize("action", ["start", "stop", "restart"])
@pytest.mark.parametrize("supervisor", ["sv", "s6-svc"])
def test_a_supervised_service_is_its_supervisors_affair(
    box: HandlerBox, supervisor: str, action: str, beside: str
) -> None:
    box.init_d.rmdir()
    for name in filter(None, (beside, supervisor)):
        box.fake(name)
    place = box.services / "cron"
    (place / "supervise").mkdir(parents=True)
    if supervisor == "s6-svc":
        (place / "event").mkdir()
    box.succeed(f"{action}-services.sh", "", "cron")
    assert box.calls() == [[supervisor, action if supervisor == "sv" else S6[action], str(place)]]


def test_a_failing_service_does_not_keep_the_others_from_being_started(box: HandlerBox) -> None:
    box.fake("systemctl", '[ "$2" = good ]')
    assert "could not start: bad worse" in box.refuse("start-services.sh", "", "bad", "good", "worse")
    assert [call[2] for call in box.calls()] == ["bad", "good", "worse"]


def test_without_a_service_manager_the_message_names_what_was_wanted(box: HandlerBox) -> None:
    box.init_d.rmdir()
    assert "wanted systemctl, rc-service, service, sv or s6-svc" in box.refuse("stop-services.sh", "", "cron")


def test_a_path_in_place_of_a_service_is_refused(box: HandlerBox) -> None:
    box.fake("evil", folder=box.root)
    assert "holds no '/'" in box.refuse("start-services.sh", "", "../evil", code=2)
    assert box.calls() == []


# --- restarting the agent itself ----------------------------------------------------------------------------


def under_another_agent(box: HandlerBox, handler: str, *args: str, **env: str) -> subprocess.CompletedProcess[str]:
    """Runs the handler as the child of a process other than this one."""
    program = "import subprocess, sys; sys.exit(subprocess.run(sys.argv[1:]).returncode)"
    return subprocess.run(
        [sys.executable, "-c", program, *box.argv(handler, args)],
        env=box.env | env,
        capture_output=True,
        text=True,
    )


def killed_once(box: HandlerBox, handler: str, *args: str, asked: Sequence[str]) -> None:
    """Runs the handler until it has made this call, then kills it, as the agent's end or a power cut does."""
    process = box.start(handler, *args, JOB_HANDLER_REBOOT_WAIT="600", JOB_HANDLER_RESTART_WAIT="600")
    try:
        wait_until(lambda: list(asked) in box.calls() or process.poll() is not None, DEADLINE, f"a call of {asked}")
    finally:
        os.killpg(process.pid, signal.SIGKILL)
    out, err = process.communicate()
    assert process.returncode == -signal.SIGKILL, (out, err)


@pytest.mark.parametrize("name", [AGENT, AGENT + ".service"])
def test_the_agent_is_restarted_last_and_the_next_agent_reports_it_once(box: HandlerBox, name: str) -> None:
    box.fake("systemctl")
    asked = ["systemctl", "--no-block", "restart", name]
    killed_once(box, "restart-services.sh", "", f"{name} cron", asked=asked)
    assert box.calls() == [["systemctl", "restart", "cron"], asked]
    box.log.unlink()
    done = under_another_agent(box, "restart-services.sh", "", f"{name} cron")
    assert (done.returncode, done.stderr) == (0, ""), done
    assert box.calls() == []
    assert not list(box.state.iterdir())
    # Asked for again, it is done again.
    killed_once(box, "restart-services.sh", "", name, asked=asked)


def test_a_rerun_under_the_same_agent_asks_again(box: HandlerBox) -> None:
    box.fake("systemctl")
    for _ in range(2):
        box.log.unlink(missing_ok=True)
        killed_once(box, "restart-services.sh", "", AGENT, asked=["systemctl", "--no-block", "restart", AGENT])


def test_a_new_agent_that_happens_to_get_the_old_pid_is_told_by_its_start_time(box: HandlerBox) -> None:
    box.fake("systemctl")
    killed_once(box, "restart-services.sh", "", AGENT, asked=["systemctl", "--no-block", "restart", AGENT])
    lock = box.state / "restart-services.lock"
    job, identity = lock.read_text().splitlines()
    boot, pid, start = identity.split()
    assert pid == str(os.getpid())
    lock.write_text(f"{job}\n{boot} {pid} {int(start) - 1}\n")
    box.succeed("restart-services.sh", "", AGENT)


def test_an_agent_that_is_not_restarted_in_time_is_a_failure_and_leaves_no_note(box: HandlerBox) -> None:
    box.fake("systemctl")
    assert "same agent still runs" in box.refuse("restart-services.sh", "", AGENT)
    assert not list(box.state.iterdir())


def test_the_agent_is_not_restarted_when_another_service_failed(box: HandlerBox) -> None:
    box.fake("systemctl", "exit 3")
    assert "could not restart: cron" in box.refuse("restart-services.sh", "", AGENT, "cron")
    assert box.calls() == [["systemctl", "restart", "cron"]]


@pytest.mark.parametrize("manager", ["systemctl", "service"])
def test_a_refused_restart_of_the_agent_fails_at_once(box: HandlerBox, manager: str) -> None:
    box.fake(manager, "exit 4")
    box.fake("setsid", f'exec {tool("setsid")} "$@"')
    assert "exit status 4" in box.refuse("restart-services.sh", "", AGENT, JOB_HANDLER_RESTART_WAIT="600")
    assert not list(box.state.iterdir())


def test_without_systemd_the_restart_command_outlives_the_end_of_the_agent(box: HandlerBox) -> None:
    """The agent ends all that belongs to the job while it goes down, and the new agent is not up yet."""
    gate, done = box.root / "gate", box.root / "done"
    os.mkfifo(gate)
    box.fake("service", f"read -r line <'{gate}'; echo up >'{done}'")
    box.fake("setsid", f'exec {tool("setsid")} "$@"')
    killed_once(box, "restart-services.sh", "", AGENT, asked=["service", AGENT, "restart"])
    strays.signal_all((f"AWS_IOT_JOB_ID={JOB_ID}",), signal.SIGKILL)
    let_go(gate)
    wait_until(lambda: done.exists() and done.read_text(), DEADLINE, "the restart command to go on")
    assert box.calls("service") == [["service", AGENT, "restart"]]


# --- reboot -------------------------------------------------------------------------------------------------


def note(box: HandlerBox) -> Path:
    return box.state / "reboot.lock"


def after_a_boot(box: HandlerBox) -> None:
    """As if the board had been booted since: the note holds another boot id than the kernel does now."""
    job, boot = note(box).read_text().splitlines()
    assert boot == Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    note(box).write_text(f"{job}\n00000000-0000-4000-8000-000000000000\n")
    box.log.unlink()


def test_the_run_after_the_boot_succeeds_and_reboots_no_more(box: HandlerBox) -> None:
    box.fake("reboot")
    killed_once(box, "reboot.sh", "", asked=["reboot"])
    assert box.calls() == [["reboot"]]
    after_a_boot(box)
    assert "was rebooted" in box.succeed("reboot.sh", "")
    assert box.calls() == []
    assert not list(box.state.iterdir())


def test_the_word_of_the_agent_that_the_board_was_rebooted_is_enough(box: HandlerBox) -> None:
    box.fake("reboot")
    box.succeed("reboot.sh", "", AWS_IOT_JOB_REBOOTED="true")
    assert box.calls() == []
    assert "still runs" in box.refuse("reboot.sh", "", AWS_IOT_JOB_REBOOTED="false")
    assert box.calls() == [["reboot"]]


def test_the_next_reboot_job_does_reboot_although_an_older_one_left_its_note(box: HandlerBox) -> None:
    box.fake("reboot")
    for key, value in (
        ("AWS_IOT_JOB_ID", JOB_ID + "-2"),
        ("AWS_IOT_JOB_EXECUTION_NUMBER", "2"),
        ("AWS_IOT_JOB_STEP_NAME", "step-2"),
    ):
        killed_once(box, "reboot.sh", asked=["reboot"])
        after_a_boot(box)
        older, box.env = box.env, box.env | {key: value}
        assert "still runs" in box.refuse("reboot.sh")
        assert box.calls() == [["reboot"]]
        box.log.unlink()
        box.env = older


def test_a_torn_note_counts_for_nothing(box: HandlerBox) -> None:
    box.fake("reboot")
    box.state.mkdir()
    note(box).write_text(f"{JOB_ID} 1 step-1\n")
    assert "still runs" in box.refuse("reboot.sh")
    assert box.calls() == [["reboot"]]


def test_a_handler_killed_before_the_boot_asks_again(box: HandlerBox) -> None:
    box.fake("reboot")
    killed_once(box, "reboot.sh", "", asked=["reboot"])
    box.log.unlink()
    killed_once(box, "reboot.sh", "", asked=["reboot"])
    assert box.calls() == [["reboot"]]


def test_a_reboot_that_does_not_come_is_a_failure_and_leaves_no_note(box: HandlerBox) -> None:
    box.fake("reboot", "echo 'going down' >&2")
    assert "still runs after 0 s" in box.refuse("reboot.sh", "")
    assert not note(box).exists()


def test_a_refused_reboot_is_a_failure_and_leaves_no_note(box: HandlerBox) -> None:
    box.fake("sudo", "exit 7")
    assert "exit status 7" in box.refuse("reboot.sh", OTHER_USER, JOB_HANDLER_REBOOT_WAIT="600")
    assert box.calls() == [["sudo", "-n", "-u", OTHER_USER, "--", "reboot"]]
    assert not note(box).exists()


def test_the_note_is_on_disk_before_the_reboot_and_for_the_agent_only(box: HandlerBox) -> None:
    box.fake("sync", f"ls -l '{note(box)}' >>'{box.root}/synced'")
    box.link("ls")
    box.fake("reboot", f"cp -p '{note(box)}' '{box.root}/seen'; cp '{box.root}/synced' '{box.root}/before'")
    box.refuse("reboot.sh")
    assert (box.root / "seen").read_text().startswith(f"{JOB_ID} 1 step-1\n")
    assert (box.root / "seen").stat().st_mode & 0o777 == 0o600
    assert (box.root / "before").read_text().startswith("-rw-------")
    assert box.state.stat().st_mode & 0o777 == 0o700


@pytest.mark.parametrize("kind", ["tmpfs", "ramfs"])
def test_a_state_folder_that_forgets_is_refused_before_the_reboot(box: HandlerBox, kind: str) -> None:
    box.fake("reboot")
    box.fake("stat", f"echo {kind}")
    assert "is in memory" in box.refuse("reboot.sh")
    assert box.calls() == []


def test_a_note_that_can_not_be_written_forbids_the_reboot(box: HandlerBox) -> None:
    box.fake("reboot")
    note(box).with_name("reboot.lock.new").mkdir(parents=True)
    done = box.run("reboot.sh")
    assert done.returncode == 1 and "can't write" in done.stderr
    assert box.calls() == []


# --- shutdown -----------------------------------------------------------------------------------------------


def test_shutdown_leaves_a_minute_to_report_the_job(box: HandlerBox) -> None:
    box.fake("shutdown", "echo 'Shutdown scheduled' >&2")
    box.fake("setsid", f'exec {tool("setsid")} "$@"')
    box.succeed("shutdown.sh", "")
    assert box.calls("shutdown", "poweroff") == [["shutdown", "-h", "+1"]]


def test_without_shutdown_the_poweroff_of_busybox_counts_down(box: HandlerBox) -> None:
    box.fake("poweroff")
    box.fake("setsid", f'exec {tool("setsid")} "$@"')
    box.succeed("shutdown.sh", "")
    assert box.calls("shutdown", "poweroff") == [["poweroff", "-d", "60"]]


def test_without_setsid_the_shutdown_is_asked_for_all_the_same(bare: HandlerBox) -> None:
    bare.fake("shutdown")
    bare.succeed("shutdown.sh", "")
    assert bare.calls() == [["shutdown", "-h", "+1"]]


def test_a_refused_shutdown_is_a_failure(box: HandlerBox) -> None:
    box.fake("sudo", "exit 1")
    box.fake("shutdown")
    box.fake("setsid", f'exec {tool("setsid")} "$@"')
    assert "shutdown refused with exit status 1" in box.refuse("shutdown.sh", OTHER_USER)
    assert box.calls("shutdown") == []


def test_a_countdown_in_the_foreground_does_not_hold_the_job_and_outlives_it(box: HandlerBox) -> None:
    gate, done = box.root / "gate", box.root / "done"
    os.mkfifo(gate)
    box.fake("shutdown", f"read -r line <'{gate}'; echo off >'{done}'")
    box.fake("setsid", f'exec {tool("setsid")} "$@"')
    process = box.start("shutdown.sh", "", JOB_HANDLER_SHUTDOWN_TRIES="1")
    out, err = process.communicate(timeout=60)
    assert (process.returncode, err) == (0, ""), (out, err)
    wait_until(lambda: box.calls("shutdown"), DEADLINE, "a call of shutdown")
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    let_go(gate)
    wait_until(lambda: done.exists() and done.read_text(), DEADLINE, "the countdown to go on")


def test_with_neither_shutdown_nor_poweroff_the_message_says_so(bare: HandlerBox) -> None:
    assert "neither shutdown nor poweroff" in bare.refuse("shutdown.sh", "")

# SPDX-FileCopyrightText: The aws-iot-device-client authors
# SPDX-License-Identifier: Apache-2.0
"""What a handler finds when it runs: descriptors, signals, environment, arguments; and what may become of it."""

from __future__ import annotations

import os
import signal
import subprocess
from pathlib import Path

import pytest

from dc import signals
from localcloud import procfs
from localcloud.waiting import wait_until
from tests.fakes.documents import operation, own_handler, run_command, run_handler, steps
from tests.system.harness.rig import JOB_SECONDS, Rig
from tests.system.harness.skips import needs_root
from tests.system.harness.target import agent_environment

PRESIGNED = (
    "https://bucket.s3.us-west-2.amazonaws.com/key%20with%2Fescapes?X-Amz-Algorithm=AWS4-HMAC-SHA256"
    "&X-Amz-Credential=AKIA%2F20261124%2Fus-west-2%2Fs3%2Faws4_request&X-Amz-Signature=5f%25s%n%d"
)
AWKWARD = [
    PRESIGNED,
    "%s%n%x 100%",
    " leading and trailing ",
    "",
    "tab\tand newline\nand return\r",
    "'single' \"double\" `back` $HOME $(id) ${x} \\n \\",
    "é ✓ 😀 \u202e \ufeff",
    "--flag",
    "-",
    "*",
    "a;b&&c|d>e<f",
    "\x01\x1b[31m\x7f",
]


def test_a_handler_sees_descriptors_0_1_and_2_only(shared_rig: Rig) -> None:
    """`ls` itself opens the folder it lists, which is descriptor 3."""
    result = shared_rig.run(operation("ls", "/proc/self/fd", includeStdOut=True))
    assert result.stdout.split() == ["0", "1", "2", "3"]
    result = shared_rig.run_script("readlink /proc/$$/fd/0; readlink /proc/$$/fd/3 || echo none", includeStdOut=True)
    assert result.stdout == "/dev/null\nnone\n"


@needs_root
def test_a_handler_has_a_session_of_its_own_and_none_of_the_agents_standing(rig: Rig) -> None:
    """An agent that is preferred and protected, with an init script's umask; it keeps what it has."""
    begin = ("/bin/sh", "-c", 'umask 000; echo -500 > /proc/self/oom_score_adj; exec nice -n -5 "$@"', "sh")
    # Where root may not protect a process (a container without CAP_SYS_RESOURCE), there is nothing to lose.
    protected = subprocess.check_output(
        [*begin, "cat", "/proc/self/oom_score_adj"], stderr=subprocess.DEVNULL, text=True
    )
    rig.start(prefix=begin)
    script = "umask; nice; cat /proc/$$/oom_score_adj; cut -d' ' -f6 /proc/$$/stat; echo $$"
    for _ in range(2):
        umask, nice, score, session, pid = rig.run_script(script, includeStdOut=True).stdout.split()
        assert (umask, nice, score) == ("0022", "0", "0")
        assert session == pid
    assert Path(f"/proc/{rig.agent.pid}/oom_score_adj").read_text() == protected
    assert os.getpriority(os.PRIO_PROCESS, rig.agent.pid) == -5


@needs_root
def test_the_folders_that_the_agent_makes_are_nobody_elses_whatever_its_umask(rig: Rig, tmp_path: Path) -> None:
    made = tmp_path / "made"
    rig.start(
        *("--log-type", "FILE", "--log-file", str(made / "log" / "agent.log")),
        prefix=("/bin/sh", "-c", 'umask 000; exec "$@"', "sh"),
    )
    rig.run_script("true")
    assert [folder.stat().st_mode & 0o022 for folder in (made, made / "log")] == [0, 0]


def test_stdin_is_at_its_end(shared_rig: Rig) -> None:
    result = shared_rig.run_script(
        'if read -r line; then echo "got $line"; else echo at its end; fi', includeStdOut=True
    )
    assert result.stdout == "at its end\n"


def test_stdout_and_stderr_are_apart(shared_rig: Rig) -> None:
    result = shared_rig.run_script("echo out; echo err >&2", includeStdOut=True, allowStdErr=1)
    assert (result.stdout, result.stderr) == ("out\n", "err\n")


def test_a_handler_leads_a_process_group_of_its_own(shared_rig: Rig) -> None:
    result = shared_rig.run_script("echo $$; cut -d' ' -f5 /proc/$$/stat", includeStdOut=True)
    pid, group = result.stdout.split()
    assert pid == group


def test_signals_have_their_default_effect_and_none_is_blocked(shared_rig: Rig) -> None:
    """A SIGPIPE that is ignored, as Python's own children inherit it, would break `yes | head`."""
    result = shared_rig.run(operation("tail", "-n", "30", "/proc/self/status", includeStdOut=True))
    pairs = (line.split(":\t") for line in result.stdout.splitlines() if line.startswith("Sig"))
    masks = {key: int(value, 16) for key, value in pairs if key != "SigQ"}
    ignored = [n for n in signals.CATCHABLE if masks["SigIgn"] >> (n - 1) & 1]
    assert (masks["SigBlk"], ignored, masks["SigCgt"]) == (0, [], 0)
    assert shared_rig.run_script("yes | head -n 100000 | tail -n 1", includeStdOut=True).stdout == "y\n"


def test_the_environment_of_a_handler_is_small_and_documented(rig: Rig) -> None:
    """docs/handlers.md lists it: nothing else of the agent's own environment goes on."""
    given = {"PATH": "/usr/bin:/bin", "LANG": "C.UTF-8", "LC_ALL": "C", "TZ": "UTC", "HOME": "/home/of/agent"}
    rig.start(env={**given, "AWS_SECRET_ACCESS_KEY": "secret", "LD_LIBRARY_PATH": "/x", "PYTHONSTARTUP": "/y"})
    result = rig.run(steps(run_command("env", name="look around"), includeStdOut=True))
    found = dict(line.split("=", 1) for line in result.stdout.splitlines())
    folder = str(rig.handlers.folder)
    assert found == {
        **given,
        "PATH": f"/usr/bin:/bin:{rig.thing.folder}:{folder}:/usr/local/sbin:/usr/sbin:/sbin",
        "AWS_IOT_JOB_ID": result.job_id,
        "AWS_IOT_THING_NAME": rig.thing.name,
        "AWS_IOT_JOB_EXECUTION_NUMBER": "1",
        "AWS_IOT_JOB_ATTEMPT": "1",
        "AWS_IOT_JOB_STEP_NAME": "look around",
        "AWS_IOT_JOB_SCHEMA": "steps",
        "AWS_IOT_JOB_REBOOTED": "false",
        "AWS_IOT_JOB_HANDLER_DIR": folder,
        "AWS_IOT_JOB_STATE_DIR": str(rig.thing.state),
    }


def test_the_agents_own_tls_settings_do_not_leak_into_handlers(rig: Rig) -> None:
    """curl or wget in a handler would trust nothing otherwise."""
    rig.start()
    assert "SSL_CERT" not in rig.run(operation("env", includeStdOut=True)).stdout


def test_an_agent_without_any_environment_still_gives_handlers_a_path(rig: Rig, target: str) -> None:
    needed = [f"{name}={value}" for name, value in agent_environment(target).items()]
    rig.start(prefix=("/usr/bin/env", "-i", *needed))
    assert rig.run(operation("echo", "found", includeStdOut=True)).stdout == "found\n"


@pytest.mark.parametrize("schema", ["operation", "steps"])
def test_arguments_arrive_byte_for_byte(shared_rig: Rig, tmp_path: Path, schema: str) -> None:
    out = tmp_path / "arguments"
    shared_rig.handlers.write("args.sh", f"""shift $(($# - {len(AWKWARD)})); printf '%s\\0' "$@" > {out}""")
    document = own_handler("args.sh", *AWKWARD) if schema == "operation" else steps(run_handler("args.sh", *AWKWARD))
    assert shared_rig.run(document).status == "SUCCEEDED"
    assert out.read_bytes() == b"".join(word.encode() + b"\0" for word in AWKWARD)


def test_a_presigned_url_in_a_command_arrives_whole(shared_rig: Rig, tmp_path: Path) -> None:
    out = tmp_path / "url"
    shared_rig.handlers.write("save.sh", f'printf %s "$1" > {out}')
    assert shared_rig.run(steps(run_command(f"save.sh,{PRESIGNED}"))).status == "SUCCEEDED"
    assert out.read_text() == PRESIGNED


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL, signal.SIGSEGV, signal.SIGINT, signal.SIGHUP])
def test_a_handler_killed_by_a_signal_has_failed(shared_rig: Rig, number: signal.Signals) -> None:
    result = shared_rig.run_script(f"ulimit -c 0; kill -{int(number)} $$; sleep 60")
    assert (result.status, result.reason) == ("FAILED", f"Killed by signal: {int(number)}")


@pytest.mark.parametrize("status", [1, 2, 126, 127, 128, 137, 255])
def test_every_exit_status_is_told_as_it_is(shared_rig: Rig, status: int) -> None:
    result = shared_rig.run_script(f"exit {status}")
    assert (result.status, result.reason) == ("FAILED", f"Exited with status: {status}")


HUNDRED_MB = 100_000_000
TALKER = f"""\
head -c {HUNDRED_MB} /dev/zero | tr '\\0' x >&2 &
head -c {HUNDRED_MB} /dev/zero | tr '\\0' y
wait
echo end of stdout
echo end of stderr >&2
"""


def test_100_mb_on_stdout_and_on_stderr_at_once_end_with_the_right_tails(shared_rig: Rig) -> None:
    result = shared_rig.run_script(TALKER, includeStdOut=True, allowStdErr=1)
    assert result.status == "SUCCEEDED"
    assert result.stdout == "y" * (1024 - 14) + "end of stdout\n"[-14:]
    assert result.stderr == "x" * (1024 - 14) + "end of stderr\n"
    assert shared_rig.agent.wait_log(f"exit status 0, {HUNDRED_MB + 14} bytes on stdout, {HUNDRED_MB + 14} on stderr")


@pytest.mark.usefixtures("measured")
def test_the_agents_memory_grows_by_less_than_a_mebibyte_meanwhile(shared_rig: Rig) -> None:
    shared_rig.run_script("head -c 1000000 /dev/zero; head -c 1000000 /dev/zero >&2", allowStdErr=1)
    before = shared_rig.agent.rss_kib()
    shared_rig.handlers.write("handler.sh", TALKER)
    job = shared_rig.create(own_handler("handler.sh", allowStdErr=1))
    most = before

    def ended() -> bool:
        nonlocal most
        most = max(most, shared_rig.agent.rss_kib())
        return bool(shared_rig.cloud.describe(job, shared_rig.thing)["status"] == "SUCCEEDED")

    wait_until(ended, JOB_SECONDS, "the talker to end")
    assert max(most, shared_rig.agent.rss_kib()) - before < 1024


def test_stderr_that_fills_its_pipe_while_stdout_stays_open_does_not_block(shared_rig: Rig) -> None:
    """More than a pipe holds, all of it before the first byte on stdout."""
    result = shared_rig.run_script(
        "head -c 300000 /dev/zero | tr '\\0' e >&2; echo done", includeStdOut=True, allowStdErr=1
    )
    assert (result.status, result.stdout, result.stderr) == ("SUCCEEDED", "done\n", "e" * 1024)


def test_output_that_is_not_utf_8_is_made_so(shared_rig: Rig) -> None:
    result = shared_rig.run_script("printf 'ok \\377\\376 \\303\\251 \\303 end'", includeStdOut=True)
    assert result.stdout == "ok \ufffd\ufffd é \ufffd end"


def test_a_tail_that_would_begin_inside_a_character_begins_after_it(shared_rig: Rig) -> None:
    text = "😀" * 5000
    (shared_rig.thing.folder / "emoji").write_text(text)
    result = shared_rig.run(operation("cat", str(shared_rig.thing.folder / "emoji"), includeStdOut=True))
    assert result.stdout == "😀" * 512, "an emoji counts as two of the 1024 characters"


def test_colours_and_control_characters_are_taken_out(shared_rig: Rig) -> None:
    body = r"printf '\033[1;32mgreen\033[0m\tand\r\nnext\000\001\007 \033]0;title\007end'"
    result = shared_rig.run_script(body, includeStdOut=True)
    assert result.stdout == "green\tand\nnext    end"


def test_output_of_nothing_but_control_characters_is_a_success(shared_rig: Rig) -> None:
    assert shared_rig.run_script(r"printf '\033[0m\033[1m'", includeStdOut=True).status == "SUCCEEDED"


def test_a_handler_that_closes_its_output_is_waited_for(shared_rig: Rig) -> None:
    assert shared_rig.run_script("exec >&- 2>&-; sleep 0.3; exit 9").reason == "Exited with status: 9"


def test_a_background_child_that_keeps_the_output_open_holds_the_job_for_the_documented_grace(
    rig: Rig, tmp_path: Path
) -> None:
    """jobs.output-grace-seconds; what the child prints before that still counts, and the child lives on."""
    rig.thing.configure(jobs={"output-grace-seconds": 1})
    rig.start()
    pid_file = tmp_path / "pid"
    result = rig.run_script(f"sleep 600 & echo $! > {pid_file}; echo parent ends", includeStdOut=True)
    child = int(pid_file.read_text())
    try:
        assert (result.status, result.stdout) == ("SUCCEEDED", "parent ends\n")
        assert Path(f"/proc/{child}").exists()
    finally:
        os.kill(child, signal.SIGKILL)


def test_a_daemon_that_lets_go_of_the_output_does_not_hold_the_job(rig: Rig, tmp_path: Path) -> None:
    """The grace here is longer than the test may take."""
    rig.thing.configure(jobs={"output-grace-seconds": 3600})
    rig.start()
    pid_file = tmp_path / "pid"
    result = rig.run_script(f"sleep 600 < /dev/null > /dev/null 2>&1 & echo $! > {pid_file}")
    os.kill(int(pid_file.read_text()), signal.SIGKILL)
    assert result.status == "SUCCEEDED"


@needs_root
def test_an_agent_that_is_process_1_of_a_container_leaves_no_zombies(rig: Rig) -> None:
    """Orphans of handlers become its children there: somebody has to take their exit status."""
    rig.start("--log-level", "DEBUG", prefix=("unshare", "--pid", "--fork", "--mount-proc", "--kill-child"))
    rig.run_script("(sleep 0.2 < /dev/null > /dev/null 2>&1 &) ; echo $$")
    rig.run(operation("sleep", "0.4"))
    agent = rig.agent.children()[0]
    states = {pid: procfs.state(pid) for pid in _below(agent)}
    assert "Z" not in states.values(), states


def _below(pid: int) -> list[int]:
    return [int(word) for word in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def test_handlers_that_come_and_go_leave_nothing_behind(shared_rig: Rig) -> None:
    before = shared_rig.agent.fds()
    for _ in range(5):
        shared_rig.run_script("true & false | true; wait")
    assert shared_rig.agent.children() == []
    assert shared_rig.agent.fds() == before

# SPDX-FileCopyrightText: The aws-iot-device-client authors
# SPDX-License-Identifier: Apache-2.0
"""What the agent may cost: modules, memory, start-up, and doing nothing. Figures are those of docs/architecture.md."""

from __future__ import annotations

import os
import re
import statistics
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.fakes.documents import operation
from tests.system.harness.idle import Idle
from tests.system.harness.rig import JOB_SECONDS, Rig

IDLE_SECONDS = 60.0
IDLE_MILLISECONDS = 2.0
IDLE_WAKEUPS = 20
RSS_KIB = 16 * 1024 + 512  # most of it Python's own: the binary has 10 MiB
STARTS = 5
START_SECONDS = 0.120
# On a busy machine everything takes longer: the start may then take as many times a bare interpreter's as it
# does on a quiet one (0.120 s against 0.012 s).
START_RATIO = 10.0

# What the daemon may import beside its own modules and those of a bare `python -m`; each has its reason.
ALLOWED = {
    "_awscrt",  # MQTT and TLS
    "orjson",
    "orjson.orjson",
    "select",  # poll
    "fcntl",  # the lock
    "binascii",  # CRC32 of the journal
    "errno",  # built into every interpreter, and loaded by some at start
    "__future__",  # annotations stay text; nothing of it is left in the binary
    "_datetime",  # orjson's init asks for it
    "_socket",  # TCP_NODELAY for the wheel's sockets; the binary has a patch instead
}


@pytest.mark.usefixtures("source_only")
def test_the_idle_daemon_has_loaded_only_modules_that_are_on_the_list(rig: Rig, tmp_path: Path) -> None:
    """Each costs memory and start-up time: reference figures are in docs/. `-X importtime` names them all."""
    (tmp_path / "empty_program.py").write_text("")
    bare = _imported(
        subprocess.run(
            [sys.executable, "-X", "importtime", "-m", "empty_program"],
            env={"PATH": os.environ["PATH"], "PYTHONPATH": str(tmp_path), "HOME": str(tmp_path)},
            capture_output=True,
            text=True,
            check=True,
        ).stderr
    )
    rig.start(env={"PYTHONPROFILEIMPORTTIME": "1"})
    rig.agent.wait_log("no job execution is pending")
    loaded = _imported(rig.agent.log())
    assert "dc.jobs.feature" in loaded, "the list must be that of the running agent"
    own = {name for name in loaded if name.split(".")[0] == "dc"}
    assert loaded - bare - own - ALLOWED == set()
    assert ALLOWED - loaded == set(), "what is no longer loaded has no place on the list"


def _imported(text: str) -> set[str]:
    return set(re.findall(r"^import time: +\d+ \| +\d+ \| +(\S+)$", text, re.MULTILINE))


@pytest.mark.usefixtures("source_only")
def test_parts_that_only_people_use_are_not_loaded_by_the_daemon(rig: Rig) -> None:
    rig.start(env={"PYTHONPROFILEIMPORTTIME": "1"})
    rig.agent.wait_log("no job execution is pending")
    loaded = _imported(rig.agent.log())
    for name in ("dc.config.show", "dc.diagnose", "dc.jobs.run.become", "dc.jobs.run.users", "dc.jobs.facts", "awscrt"):
        assert name not in loaded


@pytest.mark.usefixtures("source_only")
def test_connected_and_idle_it_is_resident_with_less_than_16_and_a_half_mib(rig: Rig, tmp_path: Path) -> None:
    """From compiled bytecode: Python's compiler takes more of the heap than what it leaves behind."""
    env = {"PYTHONPYCACHEPREFIX": str(tmp_path / "pycache"), "PYTHONDONTWRITEBYTECODE": ""}
    rig.start(env=env)
    rig.agent.wait_log("no job execution is pending")
    rig.agent.stop()
    first = len(rig.agent.log())
    rig.start(env=env)
    rig.agent.wait_log("no job execution is pending", after=first)
    assert rig.agent.rss_kib() < RSS_KIB


@pytest.mark.usefixtures("source_only")
def test_from_exec_to_start_next_it_takes_less_than_120_ms(rig: Rig) -> None:
    """The median of several starts, each after a bare interpreter's that tells how busy the machine is."""
    rig.start_online()
    rig.agent.stop()
    bare, starts = [], []
    for _ in range(STARTS):
        began = time.monotonic()
        subprocess.run([sys.executable, "-c", "pass"], check=True)
        bare.append(time.monotonic() - began)
        mark, began = rig.cloud.mark(), time.time()
        rig.start()
        starts.append(rig.wait_published("/start-next", since=mark)[0].at - began)
        assert rig.agent.stop() == 0
    limit = max(START_SECONDS, START_RATIO * statistics.median(bare))
    assert statistics.median(starts) < limit, f"{starts} s, where a bare interpreter takes {bare} s"


@pytest.mark.usefixtures("measured")
def test_it_has_no_more_threads_than_the_loop_and_what_awscrt_needs(rig: Rig) -> None:
    """The event loop of awscrt and its resolver."""
    rig.start_online()
    assert rig.run(operation("true")).status == "SUCCEEDED"
    assert rig.agent.threads() <= 3


@pytest.mark.usefixtures("measured")
@pytest.mark.timeout(IDLE_SECONDS + JOB_SECONDS)
def test_idle_for_a_minute_it_uses_less_than_2_ms_of_cpu_and_20_wakeups(idle: Idle) -> None:
    """One keep-alive and its answer fall into that minute."""
    spent = idle.spent(IDLE_SECONDS)
    assert idle.agent.running
    assert spent.nanoseconds / 1e6 < IDLE_MILLISECONDS
    assert spent.wakeups < IDLE_WAKEUPS

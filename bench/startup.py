# SPDX-FileCopyrightText: The aws-iot-device-client authors
# SPDX-License-Identifier: Apache-2.0
"""Start-up, memory, idle cost and size of the agent, beside a bare interpreter in the same run.

exec to start-next: from the agent's exec until the jobs service has its first request, connection, TLS and
subscriptions included. The two commands take turns, so that a drifting machine hits both.
"""

from __future__ import annotations

import argparse
import statistics
import subprocess
import sys
import time
from pathlib import Path

from bench.rig import agent, milliseconds_since, scripted_broker, start
from localcloud import procfs
from localcloud.scripted import ScriptedJobs
from localcloud.thing import Thing

_OWN_RSS = "print(open('/proc/self/status').read().split('VmRSS:')[1].split()[0])"


def interpreter(name: str, command: list[str]) -> tuple[list[str], dict[str, str]]:
    """A bare interpreter to compare with, and its environment: of a binary's own libpython, else the one that runs this."""
    if name == "source":
        return [sys.executable], {}
    from toolchains import interpreter as recipe

    python, home = recipe.interpreter(name)
    return [*command[:-1], str(python)], {"PYTHONHOME": str(home)}


def bare(python: list[str], env: dict[str, str]) -> tuple[float, int]:
    """Milliseconds of `python -c pass`, and the RSS (KiB) that such an interpreter says it has."""
    began = time.monotonic()
    subprocess.run([*python, "-c", "pass"], check=True, env=env)
    took = milliseconds_since(began)
    told = subprocess.run([*python, "-c", _OWN_RSS], check=True, capture_output=True, text=True, env=env)
    return took, int(told.stdout)


def once(command: list[str], service: ScriptedJobs, thing: Thing, settle: float) -> tuple[float, int, int]:
    """Milliseconds from exec to start-next, then RSS and anonymous memory (KiB) after `settle` seconds."""
    before = len(service.requests("start-next"))
    began = time.monotonic()
    process = start(command, thing)
    try:
        service.wait_requests("start-next", before + 1)
        took = milliseconds_since(began)
        time.sleep(settle)
        return took, procfs.status(process.pid, "VmRSS"), procfs.status(process.pid, "RssAnon")
    finally:
        process.terminate()
        process.wait()


def idle(command: list[str], service: ScriptedJobs, thing: Thing, seconds: float) -> tuple[float, int]:
    """CPU milliseconds and wake-ups of an idle agent over `seconds`."""
    asked = len(service.requests("start-next"))
    process = start(command, thing)
    try:
        service.wait_requests("start-next", asked + 1)
        time.sleep(3)
        before = procfs.cost(process.pid)
        time.sleep(seconds)
        spent = procfs.cost(process.pid) - before
        return spent.nanoseconds / 1e6, spent.wakeups
    finally:
        process.terminate()
        process.wait()


def main() -> None:
    """Prints a table: median (least) of each figure."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--arch", default="host", help="host (default), source, or a built architecture")
    parser.add_argument("--runs", type=int, default=15)
    parser.add_argument("--idle", type=float, default=60.0, help="seconds to watch an idle agent")
    asked = parser.parse_args()
    name, command = agent(asked.arch)
    python, env = interpreter(name, command)
    with scripted_broker() as (service, thing):
        once(command, service, thing, 0.5)  # not counted: fills caches, writes .pyc files
        bare(python, env)
        agents, bares = [], []
        for _ in range(asked.runs):
            bares.append(bare(python, env))
            agents.append(once(command, service, thing, 0.5))
        cpu, woken = idle(command, service, thing, asked.idle)
    took = [run[0] for run in agents]
    base = [run[0] for run in bares]
    whose = "this machine's Python" if name == "source" else "the binary's own libpython"
    print(f"{name}, {asked.runs} runs in turn with a bare `python -c pass` of {whose}")
    print(f"exec to start-next  {statistics.median(took):6.1f} ms ({min(took):.1f})")
    print(f"bare python         {statistics.median(base):6.1f} ms ({min(base):.1f})")
    print(f"ratio               {statistics.median(took) / statistics.median(base):6.2f}")
    print(
        f"RSS idle            {statistics.median(run[1] for run in agents) / 1024:6.2f} MiB, bare python {statistics.median(b for _, b in bares) / 1024:.2f} MiB"
    )
    print(f"anonymous idle      {statistics.median(run[2] for run in agents) / 1024:6.2f} MiB")
    print(f"idle {asked.idle:g} s           {cpu:6.2f} ms CPU, {woken} wake-ups")
    if len(command) == 1:
        print(f"size                {Path(command[0]).stat().st_size / 1e6:6.2f} MB")


if __name__ == "__main__":
    main()

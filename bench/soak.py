# SPDX-FileCopyrightText: The aws-iot-device-client authors
# SPDX-License-Identifier: Apache-2.0
"""Many echo jobs through one agent process: every one reported once, and nothing that grows."""

from __future__ import annotations

import argparse
import time
from collections import Counter
from pathlib import Path

from bench.rig import agent, scripted_broker, start
from localcloud import procfs
from localcloud.scripted import ScriptedJobs
from localcloud.thing import Thing

BATCH = 50
WARM = 2000
LIMIT_KIB = 512


class Tally:
    """What became of the jobs so far. The service forgets them batch by batch, so that neither grows with the run."""

    def __init__(self, service: ScriptedJobs, thing: Thing) -> None:
        self.reported = self.repeated = self.bad = 0
        self._service = service
        self._thing = thing

    def batch(self, numbers: range) -> None:
        """Queue jobs, wait until all have ended, and count them."""
        for number in numbers:
            self._service.add(self._thing.name, f"soak-{number}", {"operation": "echo", "args": [str(number)]})
        ended = self._service.wait_finished(len(numbers), 120)
        reports = Counter(r.job for r in self._service.requests("update") if r.body["status"] != "IN_PROGRESS")
        self._service.forget()
        self.reported += len(reports)
        self.repeated += sum(count - 1 for count in reports.values())
        self.bad += sum(each.status != "SUCCEEDED" for each in ended)


def main() -> None:
    """Prints memory, descriptors and threads on the way; exit status 1 if memory grew by more than LIMIT_KIB."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--arch", default="host", help="host (default), source, or a built architecture")
    parser.add_argument("--jobs", type=int, default=100_000)
    asked = parser.parse_args()
    name, command = agent(asked.arch)
    warm = min(WARM, asked.jobs // 2)
    print(f"{name}: {asked.jobs} jobs; anonymous memory after the last against that after job {warm}")
    with scripted_broker() as (service, thing):
        tally = Tally(service, thing)
        process = start(command, thing)
        try:
            grown = _run(tally, process.pid, asked.jobs, warm)
        finally:
            process.terminate()
            process.wait()
    print(
        f"{tally.reported} reported, {tally.repeated} of them twice, {tally.bad} not SUCCEEDED; memory grew by {grown} KiB"
    )
    if tally.repeated or tally.bad or tally.reported != asked.jobs or grown > LIMIT_KIB:
        raise SystemExit(1)


def _run(tally: Tally, pid: int, jobs: int, warm: int) -> int:
    """By how many KiB memory has grown since job `warm`."""
    began = time.monotonic()
    base = last = 0
    for first in range(0, jobs, BATCH):
        done = min(first + BATCH, jobs)
        tally.batch(range(first, done))
        last = procfs.status(pid, "RssAnon")
        if not base and done >= warm:
            base = last
        if done % max(jobs // 20, BATCH) < BATCH:
            fds, threads = (len(list(Path(f"/proc/{pid}/{what}").iterdir())) for what in ("fd", "task"))
            rate = done / (time.monotonic() - began)
            print(
                f"{done:>8} jobs  RssAnon {last} KiB  {fds} descriptors  {threads} threads  {rate:.0f} jobs/s",
                flush=True,
            )
    return last - base


if __name__ == "__main__":
    main()

# SPDX-FileCopyrightText: The aws-iot-device-client authors
# SPDX-License-Identifier: Apache-2.0
"""Many echo jobs through one agent process: every one reported once, and nothing that grows."""

from __future__ import annotations

import argparse
import time
from pathlib import Path

from bench.world import agent, start, status_kib, world

BATCH = 50
WARM = 2000
LIMIT_KIB = 512


def main() -> None:
    """Prints memory, descriptors and threads on the way; exit status 1 if memory grew by more than LIMIT_KIB."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--arch", default="host", help="host (default), source, or a built architecture")
    parser.add_argument("--jobs", type=int, default=100_000)
    asked = parser.parse_args()
    name, command = agent(asked.arch)
    warm = min(WARM, asked.jobs // 2)
    print(f"{name}: {asked.jobs} jobs; anonymous memory after the last against that after job {warm}")
    with world() as (service, thing):
        process = start(command, thing)
        began = time.monotonic()
        base = last = 0
        try:
            for done in range(0, asked.jobs, BATCH):
                for number in range(done, min(done + BATCH, asked.jobs)):
                    service.add(thing.name, f"soak-{number}", {"operation": "echo", "args": [str(number)]})
                service.wait_finished(min(done + BATCH, asked.jobs), 120)
                last = status_kib(process.pid, "RssAnon")
                if not base and done + BATCH >= warm:
                    base = last
                if (done + BATCH) % max(asked.jobs // 20, BATCH) < BATCH:
                    fds = len(list(Path(f"/proc/{process.pid}/fd").iterdir()))
                    rate = (done + BATCH) / (time.monotonic() - began)
                    threads = len(list(Path(f"/proc/{process.pid}/task").iterdir()))
                    print(
                        f"{done + BATCH:>8} jobs  RssAnon {last} KiB  {fds} descriptors  {threads} threads  {rate:.0f} jobs/s",
                        flush=True,
                    )
        finally:
            process.terminate()
            process.wait()
        ended = [execution.job for execution in service.finished]
        bad = [execution.job for execution in service.finished if execution.status != "SUCCEEDED"]
    repeated = len(ended) - len(set(ended))
    print(
        f"{len(ended)} reported, {repeated} of them twice, {len(bad)} not SUCCEEDED; memory grew by {last - base} KiB"
    )
    if repeated or bad or len(ended) != asked.jobs or last - base > LIMIT_KIB:
        raise SystemExit(1)


if __name__ == "__main__":
    main()

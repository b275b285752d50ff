# SPDX-FileCopyrightText: The aws-iot-device-client authors
# SPDX-License-Identifier: Apache-2.0
"""What the demo shows: a table redrawn in place on a terminal, elsewhere one line per change."""

from __future__ import annotations

import os
import shutil
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TextIO

from dc.mask import plain
from demo.jobs import DemoJob

HEADER = f"  {'JOB':<16} {'STATUS':<12} {'EXPECTED':<10} {'SECONDS':>7}   WHAT IT SHOWS"
REDRAW_SECONDS, REMIND_SECONDS = 0.1, 5.0
_ERASE_LINE, _ERASE_BELOW = "\r\x1b[K", "\x1b[J"


@dataclass
class Row:
    """One job on its way: what the cloud says of it, and in what its outcome is not the expected one."""

    job: DemoJob
    status: str = ""
    details: dict[str, str] = field(default_factory=dict)
    begun: float | None = None
    seconds: float | None = None
    wrong: list[str] = field(default_factory=list)

    @property
    def ended(self) -> bool:
        """Whether a terminal status was seen."""
        return self.seconds is not None

    def text(self, now: float) -> str:
        """The row as a line of the table."""
        taken = self.seconds if self.begun is None or self.ended else now - self.begun
        job, mark = self.job, "!" if self.wrong else " "
        seconds = "" if taken is None else f"{taken:.1f}"
        return f"{mark} {job.job_id:<16} {self.status or '-':<12} {job.status:<10} {seconds:>7}   {job.what}"


class Screen:
    """Writes to `out`. `live`: it is a terminal that can be redrawn and has room for `rows` lines."""

    def __init__(self, out: TextIO, rows: int) -> None:
        size = shutil.get_terminal_size()
        self.live = out.isatty() and os.environ.get("TERM", "dumb") != "dumb" and size.lines > rows
        self._out = out
        self._began = time.monotonic()
        self._drawn = 0
        self._shown: dict[str, str] = {}
        self._activity = ""
        self._spoke_at = 0.0

    @property
    def elapsed(self) -> float:
        """Seconds since the screen was made."""
        return time.monotonic() - self._began

    def say(self, text: str = "") -> None:
        """Write whole lines, below whatever was drawn; control characters in them become spaces."""
        self._drawn = 0
        self._write("".join(f"{plain(line)}\n" for line in text.split("\n")))

    @contextmanager
    def step(self, what: str) -> Iterator[None]:
        """Show that something slow goes on, with its seconds, for as long as the block lasts."""
        began, over = time.monotonic(), threading.Event()

        def tick() -> None:
            while not over.wait(REDRAW_SECONDS if self.live else REMIND_SECONDS):
                seconds = time.monotonic() - began
                self._write(f"{_ERASE_LINE}{what} ... {seconds:.1f} s" if self.live else f"{seconds:.0f} s ... ")

        self._drawn = 0
        self._write(f"{what} ... ")
        ticker = threading.Thread(target=tick, daemon=True)
        ticker.start()
        try:
            yield
        finally:
            over.set()
            ticker.join()
            start = f"{_ERASE_LINE}{what} ... " if self.live else ""
            self._write(f"{start}{time.monotonic() - began:.1f} s\n")

    def table(self, rows: Sequence[Row], activity: str) -> None:
        """Show the executions and what the demo is doing: all of it, or what has changed since the last call."""
        if self.live:
            self._draw(rows, activity)
        else:
            self._changes(rows, activity)

    def _draw(self, rows: Sequence[Row], activity: str) -> None:
        now = time.monotonic()
        lines = [HEADER, *(row.text(now) for row in rows)]
        lines += ["", f"  {self.elapsed:.1f} s  {activity}"] if activity else []
        width = shutil.get_terminal_size().columns - 1
        up = f"\x1b[{self._drawn}A" if self._drawn else ""
        self._write(f"{up}\r{_ERASE_BELOW}" + "".join(f"{plain(line)[:width]}\n" for line in lines))
        self._drawn = len(lines)

    def _changes(self, rows: Sequence[Row], activity: str) -> None:
        lines = []
        if activity != self._activity or (activity and self.elapsed - self._spoke_at > REMIND_SECONDS):
            self._activity = activity
            lines += [activity] if activity else []
        for row in rows:
            if row.status != self._shown.get(row.job.job_id, ""):
                self._shown[row.job.job_id] = row.status
                lines.append(f"{row.job.job_id}: {row.status}  ({row.job.what})")
        if lines:
            self._spoke_at = self.elapsed
            self._write("".join(f"{self.elapsed:6.1f} s  {plain(line)}\n" for line in lines))

    def _write(self, text: str) -> None:
        self._out.write(text)
        self._out.flush()

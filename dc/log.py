# SPDX-FileCopyrightText: The aws-iot-device-client authors
# SPDX-License-Identifier: Apache-2.0
"""A small logger: lines as the C++ client writes them, to stdout or to a file of bounded size.

`2026-01-31T10:59:11.536Z [INFO]  {jobs}: text`. Logging never stops the agent and never blocks it: a line that the
reader of stdout does not take in time is dropped and counted, an unwritable file is given up for stdout. Text is cleaned of control
characters, and the query part of every URL is masked, since presigned URLs carry credentials there.
"""

from __future__ import annotations

import os
import select
import time

LEVELS = ("DEBUG", "INFO", "WARN", "ERROR")
_PAD = {"DEBUG": "[DEBUG]", "INFO": "[INFO] ", "WARN": "[WARN] ", "ERROR": "[ERROR]"}
MAX_LINE = 4000  # bytes; with a note about dropped lines still within the 4096 that a writable pipe takes at once


_URL_STARTS = ("://", ":\\/\\/")  # the second as JSON may write it


def masked(text: str) -> str:
    """`text` with the secret parts of every URL replaced: `https://***@host/path?***`."""
    for start in _URL_STARTS:
        at = text.find(start)
        while at >= 0:
            head = at + len(start)
            end = head
            while end < len(text) and text[end] > " " and text[end] not in "\"'<>`":
                end += 1
            url = _masked_url(text[head:end])
            text = text[:head] + url + text[end:]
            at = text.find(start, head + len(url))
    return text


def _masked_url(url: str) -> str:
    """`url` without its scheme: query, fragment, user and password go."""
    cut = min((found for found in (url.find(c) for c in "?#") if found >= 0), default=-1)
    if cut >= 0:
        url = f"{url[: cut + 1]}***"
    host = url.split("/", 1)[0]
    user, at, _ = host.rpartition("@")
    return f"***{url[len(user) :]}" if at else url


def plain(text: str) -> str:
    """`text` on one line: every character that is not printable is a space."""
    return text if text.isprintable() else "".join(c if c.isprintable() else " " for c in text)


class Log:
    """`debug`, `info`, `warn`, `error`: each takes the part of the agent that speaks, and the text."""

    verbose = False  # DEBUG lines are written: ask before costly text is made

    def __init__(self, level: str = "INFO") -> None:
        self._least = LEVELS.index(level)
        self.verbose = level == "DEBUG"
        self._fd = 1
        self._path = ""
        self._size = 0
        self._max_bytes = 0
        self._files = 0
        self._dropped = 0

    def to_file(self, path: str, max_bytes: int, files: int) -> None:
        """Write to `path` (mode 600), rotated to `path.1` ... at `max_bytes`; `files` in all. Raises OSError."""
        fd = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
        os.fchmod(fd, 0o600)
        self._fd, self._path, self._size = fd, path, os.fstat(fd).st_size
        self._max_bytes, self._files = max_bytes, files

    def enabled(self, level: str) -> bool:
        """Whether a line of `level` would be written: ask before costly text is made."""
        return LEVELS.index(level) >= self._least

    def debug(self, part: str, text: str) -> None:
        """What only a developer wants to know."""
        self.write("DEBUG", part, text)

    def info(self, part: str, text: str) -> None:
        """What happened as expected."""
        self.write("INFO", part, text)

    def warn(self, part: str, text: str) -> None:
        """What somebody should look at; the agent goes on."""
        self.write("WARN", part, text)

    def error(self, part: str, text: str) -> None:
        """What somebody has to fix."""
        self.write("ERROR", part, text)

    def write(self, level: str, part: str, text: str) -> None:
        """One line at `level`, one of LEVELS."""
        if LEVELS.index(level) < self._least:
            return
        now = time.time()
        stamp = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(now))
        head = f"{stamp}.{int(now * 1000) % 1000:03d}Z {_PAD[level]} {{{part}}}: "
        line = (head + plain(masked(text))[:MAX_LINE]).encode("utf-8", "replace")
        if len(line) > MAX_LINE:
            line = line[:MAX_LINE].decode("utf-8", "ignore").encode()  # no half character at the end
        self._put(line + b"\n")

    def traceback(self, part: str, text: str) -> None:
        """An error line for the exception being handled, then its traceback."""
        import traceback

        self.error(part, text)
        for line in traceback.format_exc().splitlines():
            self.error(part, line)

    def _put(self, line: bytes) -> None:
        try:
            if self._max_bytes and self._path and self._size + len(line) > self._max_bytes:
                self._rotate()
            if self._path:
                self._size += os.write(self._fd, line)
                return
            poll = select.poll()
            poll.register(self._fd, select.POLLOUT)
            if not poll.poll(0):
                self._dropped += 1
                return
            if self._dropped:
                line += f"({self._dropped} lines were dropped: nobody read them in time)\n".encode()
                self._dropped = 0
            os.write(self._fd, line)
        except OSError:
            self._dropped += 1

    def _rotate(self) -> None:
        path, old = self._path, self._fd
        try:
            self._next_file()
        except OSError as error:
            self._path, self._fd = "", 1
            os.close(old)
            self.warn("log", f"cannot rotate {path}: {error.strerror}; logging to stdout")

    def _next_file(self) -> None:
        for number in range(self._files - 1, 0, -1):
            older = self._path if number == 1 else f"{self._path}.{number - 1}"
            try:
                os.rename(older, f"{self._path}.{number}")
            except FileNotFoundError:
                pass
        if self._files < 2:
            os.ftruncate(self._fd, 0)
            self._size = 0
            return
        old = self._fd
        self.to_file(self._path, self._max_bytes, self._files)
        os.close(old)

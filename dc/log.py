# SPDX-FileCopyrightText: The aws-iot-device-client authors
# SPDX-License-Identifier: Apache-2.0
"""A small logger: lines as the C++ client writes them, to stdout or to a file of bounded size.

`2026-01-31T10:59:11.536Z [INFO]  {jobs}: text`. Logging never stops the agent and never blocks it: a line that the
reader of stdout does not take in time is dropped and counted, an unwritable file is given up for stdout. Text is cleaned of control
characters, and secrets in it are masked (dc/mask.py). A warning that comes again and again is said a few times, then counted.
"""

from __future__ import annotations

import errno
import os
import select
import stat
import time

from dc.mask import masked, plain

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from dc.config.model import Config

LEVELS = ("DEBUG", "INFO", "WARN", "ERROR")
_PAD = {"DEBUG": "[DEBUG]", "INFO": "[INFO] ", "WARN": "[WARN] ", "ERROR": "[ERROR]"}
MAX_LINE = 4000  # bytes; with a note about dropped lines still within the 4096 that a writable pipe takes at once
SAID, PERIOD = 10, 60.0  # one warning is said so often in so many seconds
_KIND = 32  # so many characters tell one warning from another: what follows quotes what was found
_KINDS = 32  # different warnings that are remembered


class Log:
    """`debug`, `info`, `warn`, `error`: each takes the part of the agent that speaks, and the text."""

    later: Callable[[float, Callable[[], None]], object] | None = None  # calls back after so many seconds

    def __init__(self, level: str = "INFO") -> None:
        self._least = LEVELS.index(level)
        self._fd = 1
        self._path = ""
        self._size = 0
        self._max_bytes = 0
        self._files = 0
        self._dropped = 0
        self._file = (0, 0)  # device and inode of the open file
        self._known: dict[tuple[str, str, str], tuple[float, int]] = {}  # warnings: said since when, how often

    def to_file(self, path: str, max_bytes: int, files: int) -> None:
        """Write to `path` (mode 600), rotated to `path.1` ... at `max_bytes`; `files` in all. Raises OSError."""
        fd, found = private_file(path)
        self._close()
        self._fd, self._path, self._size = fd, path, found.st_size
        self._file = (found.st_dev, found.st_ino)
        self._max_bytes, self._files = max_bytes, files

    def to_stdout(self) -> None:
        """Write to standard output from now on."""
        self._close()
        self._fd, self._path = 1, ""

    def _close(self) -> None:
        if self._path:
            os.close(self._fd)

    def follow(self, config: Config) -> None:
        """Level and place as in `config`. A file is opened anew: its name may have been given to another meanwhile."""
        self._least = LEVELS.index(config.log_level)
        if config.log_type != "file":
            self.to_stdout()
            return
        try:
            self.to_file(config.log_file, config.log_max_bytes, config.log_files)
        except OSError as error:
            self.to_stdout()
            self.warn("log", f"cannot log to {config.log_file}: {error.strerror}; logging to stdout")

    @property
    def verbose(self) -> bool:
        """Whether DEBUG lines are written."""
        return self._least == 0

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

    def answer(self, part: str, text: str) -> None:
        """What an operator has just asked for: written whatever the level."""
        self._line("INFO", part, text)

    def write(self, level: str, part: str, text: str) -> None:
        """One line at `level`, one of LEVELS."""
        if LEVELS.index(level) >= self._least and (level in LEVELS[:2] or not self._is_known(level, part, text)):
            self._line(level, part, text)

    def traceback(self, part: str, text: str) -> None:
        """An error line for the exception being handled, then its traceback."""
        import traceback

        if self._is_known("ERROR", part, text):
            return  # counted as one
        self._line("ERROR", part, text)
        for line in traceback.format_exc().splitlines():
            self._line("ERROR", part, line)

    def _is_known(self, level: str, part: str, text: str) -> bool:
        """Whether this warning was said often enough; it is counted then. One message a millisecond must not wash away
        all that the log holds."""
        now = time.monotonic()
        key = (level, part, text[:_KIND])
        since, count = self._known.get(key, (now, 0))
        if now - since >= PERIOD:
            self.tell_counts(now)
            since, count = now, 0
        elif key not in self._known and len(self._known) >= _KINDS:
            self._tell_count(next(iter(self._known)))
        self._known[key] = (since, count + 1)
        if count == SAID and self.later is not None:
            self.later(PERIOD, self.tell_counts)
        return count >= SAID

    def tell_counts(self, now: float | None = None) -> None:
        """Say how often the warnings of the last minute came beyond those that were said."""
        now = time.monotonic() if now is None else now
        for key in [key for key, (since, _) in self._known.items() if now - since >= PERIOD]:
            self._tell_count(key)
        if self.later is not None and any(count > SAID for _, count in self._known.values()):
            self.later(PERIOD, self.tell_counts)

    def _tell_count(self, key: tuple[str, str, str]) -> None:
        level, part, text = key
        _, count = self._known.pop(key)
        if count > SAID:
            self._line(level, part, f"{text}... was said {count - SAID} times more in the last minute")

    def _line(self, level: str, part: str, text: str) -> None:
        now = time.time()
        stamp = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(now))
        head = f"{stamp}.{int(now * 1000) % 1000:03d}Z {_PAD[level]} {{{part}}}: "
        line = (head + plain(masked(text))[:MAX_LINE]).encode("utf-8", "replace")
        if len(line) > MAX_LINE:
            line = line[:MAX_LINE].decode("utf-8", "ignore").encode()  # no half character at the end
        self._put(line + b"\n")

    def _put(self, line: bytes) -> None:
        try:
            if self._path:
                self._look(len(line))
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

    def _look(self, more: int) -> None:
        """Before `more` bytes are written: is the file full, and does its name still lead to it?"""
        path = self._path
        try:
            if not self._is_named():
                self.to_file(path, self._max_bytes, self._files)
            elif self._max_bytes and self._size + more > self._max_bytes:
                self._next_file()
        except OSError as error:
            self.to_stdout()
            self.warn("log", f"cannot rotate {path}: {error.strerror}; logging to stdout")

    def _is_named(self) -> bool:
        """False when the file was renamed or deleted under us, as logrotate does."""
        try:
            found = os.stat(self._path, follow_symlinks=False)
        except FileNotFoundError:
            return False
        return (found.st_dev, found.st_ino) == self._file

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
        self.to_file(self._path, self._max_bytes, self._files)


def private_file(path: str) -> tuple[int, os.stat_result]:
    """A descriptor to append to the file at `path`, made if need be, of mode 600; and its state. Raises OSError.

    Never through a link, symbolic or hard: root would write into whatever file somebody chose. Never a pipe: the agent
    would wait for its reader.
    """
    flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK
    fd = os.open(path, flags, 0o600)
    try:
        found = os.fstat(fd)
        if not stat.S_ISREG(found.st_mode) or found.st_nlink > 1:
            raise OSError(errno.EPERM, "it is not a regular file with one name", path)
        os.fchmod(fd, 0o600)
    except OSError:
        os.close(fd)
        raise
    return fd, found

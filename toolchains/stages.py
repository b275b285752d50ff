# SPDX-FileCopyrightText: The aws-iot-device-client authors
# SPDX-License-Identifier: Apache-2.0
"""Build stages: each one is a folder in the cache, named by a hash of everything that went into it.

A stage is built in a temporary folder and renamed into place, so an interrupted build leaves nothing half done:
deleting the cache, or any part of it, only costs time. A lock per stage keeps two builds from doing the same work.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from pathlib import Path
from typing import IO, TypeVar

from toolchains.base import BuildError, clean_environment

CACHE_VARIABLE = "DC_BUILD_CACHE"
KEY_LENGTH = 16
KEPT = 4

_Item = TypeVar("_Item")
_Result = TypeVar("_Result")


def default_cache() -> Path:
    """The cache folder: $DC_BUILD_CACHE, else aws-iot-device-client-build in the user's cache folder."""
    chosen = os.environ.get(CACHE_VARIABLE)
    if chosen:
        return Path(chosen).expanduser().resolve()
    base = os.environ.get("XDG_CACHE_HOME") or "~/.cache"
    return Path(base).expanduser().resolve() / "aws-iot-device-client-build"


def hash_files(paths: Iterable[Path]) -> str:
    """One SHA-256 over the names and contents of files, and of all files under folders, in sorted order."""
    total = hashlib.sha256()
    for top in sorted(paths):
        files = sorted(p for p in top.rglob("*") if p.is_file()) if top.is_dir() else [top]
        for file in files:
            if "__pycache__" in file.parts:
                continue
            name = file.relative_to(top.parent).as_posix()
            total.update(f"{name}\0{hashlib.sha256(file.read_bytes()).hexdigest()}\n".encode())
    return total.hexdigest()


_ENDING = (signal.SIGINT, signal.SIGTERM)


class _Commands:
    """What runs for the build, of all its threads: each command in a process group of its own, all ended by `stop`."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._running: set[subprocess.Popen[bytes]] = set()
        self._stopped = False

    def run(self, words: list[str], cwd: Path | None, environment: dict[str, str], output: IO[bytes] | None) -> int:
        """The exit status. The command ends with the build if that is interrupted."""
        came: list[int] = []
        here = threading.current_thread() is threading.main_thread()
        # A signal's exception inside Popen would leave a child behind that nobody knows of: hold it until Popen returns.
        held = {n: signal.signal(n, lambda number, _: came.append(number)) for n in _ENDING} if here else {}
        try:
            child = self._start(words, cwd, environment, output)
        finally:
            for number, handler in held.items():
                signal.signal(number, handler)
        try:
            for signum in came:
                signal.raise_signal(signum)
            return child.wait()
        except BaseException:
            os.killpg(child.pid, signal.SIGTERM)
            child.wait()
            raise
        finally:
            with self._lock:
                self._running.remove(child)

    def _start(
        self, words: list[str], cwd: Path | None, environment: dict[str, str], output: IO[bytes] | None
    ) -> subprocess.Popen[bytes]:
        with self._lock:
            if self._stopped:
                raise BuildError("the build was stopped")
            child = subprocess.Popen(
                words, cwd=cwd, env=environment, stdin=subprocess.DEVNULL, stdout=output, stderr=output, process_group=0
            )
            self._running.add(child)
            return child

    def stop(self) -> None:
        """End what runs, and let nothing more begin."""
        with self._lock:
            self._stopped = True
            for child in self._running:
                with contextlib.suppress(ProcessLookupError):
                    os.killpg(child.pid, signal.SIGTERM)


class Stages:
    """Runs stages and prints one line for each: name, seconds, cached or built.

    `cache` is the cache folder, `jobs` how many commands a stage may run at once. One thread's own; see `each`.
    """

    def __init__(self, cache: Path, jobs: int | None = None, verbose: bool = False) -> None:
        self._commands = _Commands()
        self.cache = cache
        self.jobs = jobs or os.cpu_count() or 1
        self.verbose = verbose
        self.log_file: Path | None = None
        for part in ("tmp", "logs", "locks"):
            (cache / part).mkdir(parents=True, exist_ok=True)

    def each(
        self, items: Iterable[_Item], work: Callable[[Stages, _Item], _Result], then: Callable[[_Item, _Result], None]
    ) -> None:
        """`work(stages, item)` for every item, `jobs` of them at a time, each with a Stages of its own; and, here, one after
        the other, `then(item, result)`. When one of them fails, or all are interrupted, the commands of the others end.
        """
        with ThreadPoolExecutor(self.jobs) as pool:
            made = {pool.submit(work, self._sibling(), item): item for item in items}
            try:
                for future in as_completed(made):
                    then(made[future], future.result())
            except BaseException:
                self._commands.stop()
                pool.shutdown(wait=False, cancel_futures=True)
                raise

    def _sibling(self) -> Stages:
        other = Stages(self.cache, self.jobs, self.verbose)
        other._commands = self._commands
        return other

    def say(self, text: str) -> None:
        """One line for whoever watches."""
        sys.stderr.write(f"{text}\n")  # in one piece: other threads have something to say too
        sys.stderr.flush()

    def stage(self, name: str, inputs: Sequence[str | Path], make: Callable[[Path], None]) -> Path:
        """The folder of stage `name`, made by `make(folder)` unless a folder for the same inputs is there.

        A `Path` among the inputs stands for the contents of that file or folder, except a folder of the cache, which
        is another stage and stands for its own name. Raises BuildError if the build fails.
        """
        parts = [p.name if p.parent == self.cache else hash_files([p]) for p in inputs if isinstance(p, Path)]
        parts += [p for p in inputs if isinstance(p, str)]
        key = hashlib.sha256("\n".join([name, *parts]).encode()).hexdigest()[:KEY_LENGTH]
        final = self.cache / f"{name}-{key}"
        started = time.monotonic()
        if not final.exists():
            self._make(final, make)
            how = "built"
        else:
            os.utime(final)
            how = "cached"
        self.say(f"  {name:<28} {time.monotonic() - started:7.1f} s  {how}")
        return final

    def _make(self, final: Path, make: Callable[[Path], None]) -> None:
        with open(self.cache / "locks" / final.name, "w", encoding="ascii") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            if final.exists():
                return
            self.say(f"  {final.name.rpartition('-')[0]:<28} building ...")
            work = self.cache / "tmp" / final.name
            shutil.rmtree(work, ignore_errors=True)
            work.mkdir()
            outer, self.log_file = self.log_file, self.cache / "logs" / f"{final.name}.log"
            self.log_file.write_bytes(b"")
            try:
                make(work)
                work.rename(final)
            finally:
                self.log_file = outer

    def prune(self) -> None:
        """Of every stage keep the KEPT results that were used last: each change of an input leaves one more behind."""
        results: dict[str, list[Path]] = {}
        for folder in self.cache.iterdir():
            name, _, key = folder.name.rpartition("-")
            if len(key) == KEY_LENGTH and not set(key) - set("0123456789abcdef"):
                results.setdefault(name, []).append(folder)
        for folders in results.values():
            for folder in sorted(folders, key=lambda path: path.stat().st_mtime)[:-KEPT]:
                # Out of the way at once: half a result under its name would be taken for a whole one.
                old = self.cache / "tmp" / f"old-{folder.name}"
                shutil.rmtree(old, ignore_errors=True)
                folder.rename(old)
                shutil.rmtree(old)

    def run(
        self,
        command: Sequence[str | Path],
        *,
        cwd: Path | None = None,
        env: Mapping[str, str] | None = None,
    ) -> None:
        """Run one command, output to the stage's log. Raises BuildError with the log's end if it fails."""
        words = [str(word) for word in command]
        environment = clean_environment() if env is None else dict(env)
        assert self.log_file is not None, "commands run inside a stage"
        with open(self.log_file, "ab") as log:
            log.write(("$ " + " ".join(words) + "\n").encode())
            log.flush()
            output = None if self.verbose else log
            try:
                status = self._commands.run(words, cwd, environment, output)
            except FileNotFoundError as error:
                raise BuildError(
                    f"{words[0]}: no such command ({error}); see 'What you need' in docs/building.md"
                ) from error
        if status:
            tail = self.log_file.read_text(errors="replace").splitlines()[-40:]
            raise BuildError("\n".join([*tail, f"'{words[0]}' ended with {status}; whole log: {self.log_file}"]))

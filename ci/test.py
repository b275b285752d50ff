# SPDX-FileCopyrightText: The aws-iot-device-client authors
# SPDX-License-Identifier: Apache-2.0
"""Runs the tests, part by part, and says at the end how many ran on what.

Usage: test.py all | check | lint | unit | parts | handlers | localcloud | sim | build | system [TARGET...]
The system tests run on the source and on every binary in dist/; a binary that is not built is named, with the command
that builds it. Under CI a missing binary, like a skip that tests/allowed_skips.py does not list, is a failure.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
import threading
import time
import xml.etree.ElementTree as ElementTree
from collections.abc import Callable
from concurrent.futures import FIRST_COMPLETED, ThreadPoolExecutor, wait
from functools import partial
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))  # a script has its own folder there

from toolchains.agent import SOURCE, binary, is_emulated
from toolchains.base import ROOT
from toolchains.target import ci_suite

NO_TESTS_COLLECTED = 5
WORKERS = 3
FAULTS = "tests/system/reliability"
# Those that run once, whatever is built; again the longest first.
FOLDERS = ("localcloud", "sim", "handlers", "unit", "parts")
EXAMPLES = "--hypothesis-profile=full"
PROGRESS_SECONDS = 30.0


class Part:
    """One command to run. `counts` is filled from pytest's own report: passed, failed, skipped."""

    def __init__(self, name: str, words: list[str], *, pytest: bool = True) -> None:
        self.name = name
        self.words = words
        self.pytest = pytest
        self.counts = (0, 0, 0)
        self.seconds = 0.0
        self.good = False

    def run(self) -> None:
        """Run, and note how it went. What it printed is shown in one piece when it has ended."""
        report = ROOT / ".pytest_cache" / f"report-{self.name.replace(' ', '-')}.xml"
        report.parent.mkdir(exist_ok=True)
        report.unlink(missing_ok=True)
        words = self.words
        if self.pytest:
            words = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", f"--junitxml={report}", *words]
        began = time.monotonic()
        print(f"--- {self.name} begins", flush=True)
        with tempfile.TemporaryFile() as output:
            status = subprocess.run(words, cwd=ROOT, stdout=output, stderr=subprocess.STDOUT).returncode
            output.seek(0)
            text = output.read().decode("utf-8", "replace")
        self.seconds = time.monotonic() - began
        if report.exists():
            self.counts = _counts(report)
        self.good = status == 0 or (status == NO_TESTS_COLLECTED and not os.environ.get("CI"))
        with _printing:
            print(
                f"=== {self.name}: {'ok' if self.good else 'FAILED'} after {self.seconds:.0f} s\n{text.rstrip()}",
                flush=True,
            )


_printing = threading.Lock()


def run_all(parts: list[Part]) -> None:
    """All parts, one more at a time than there are processors, at most WORKERS: they wait more than they compute."""
    running: dict[str, float] = {}
    began = time.monotonic()

    def run(part: Part) -> None:
        running[part.name] = time.monotonic()
        part.run()
        del running[part.name]

    with ThreadPoolExecutor(min(WORKERS, 1 + (os.cpu_count() or 1))) as pool:
        left = {pool.submit(run, part) for part in parts}
        while left:
            done, left = wait(left, timeout=PROGRESS_SECONDS, return_when=FIRST_COMPLETED)
            for future in done:
                future.result()
            if not done:
                names = ", ".join(f"{name} ({time.monotonic() - since:.0f} s)" for name, since in list(running.items()))
                print(f"    ... {time.monotonic() - began:.0f} s, running: {names}", flush=True)


def _counts(report: Path) -> tuple[int, int, int]:
    passed = failed = skipped = 0
    for suite in ElementTree.parse(report).getroot().iter("testsuite"):
        bad = int(suite.get("failures", 0)) + int(suite.get("errors", 0))
        left = int(suite.get("skipped", 0))
        passed += int(suite.get("tests", 0)) - bad - left
        failed += bad
        skipped += left
    return passed, failed, skipped


def quick_lint() -> list[Part]:
    """The linters that need no more than requirements/check.txt, each over the whole tree."""
    here = Path(sys.executable).parent
    return [
        Part("mypy", [str(here / "mypy")], pytest=False),
        Part("ruff", [str(here / "ruff"), "check", "."], pytest=False),
        Part("format", [str(here / "ruff"), "format", "--check", "."], pytest=False),
    ]


def lint() -> list[Part]:
    """All linters."""
    here = Path(sys.executable).parent
    return [
        *quick_lint(),
        Part("pyright", [str(here / "pyright"), "--pythonpath", sys.executable], pytest=False),
        Part("shellcheck", [str(here / "shellcheck"), *_shell_scripts()], pytest=False),
    ]


def check() -> list[Part]:
    """What a change should pass before anything else."""
    return [*folder("unit"), *quick_lint()]


def _shell_scripts() -> list[str]:
    listed = subprocess.run(["git", "ls-files", "-co", "--exclude-standard"], cwd=ROOT, capture_output=True, text=True)
    names = [name for name in listed.stdout.splitlines() if (ROOT / name).is_file()]
    return [name for name in names if _is_shell(ROOT / name)]


def _is_shell(path: Path) -> bool:
    with path.open("rb") as file:
        first = file.readline(80)
    return first.startswith(b"#!") and first.rstrip().endswith(b"sh")


def folder(name: str, *options: str) -> list[Part]:
    """The tests of one folder."""
    return [Part(name, [f"tests/{name}", *options])]


def binaries() -> list[Part]:
    """What the binaries must be like; needs them built."""
    return [Part("build", ["tests/build"])] if any(binary(arch).exists() for arch in ci_suite()) else []


def system(targets: list[str]) -> list[Part]:
    """The same system tests on each of `targets`; none given: the source and whatever is built.

    In two parts each, the longer ones first, so that all workers have something to do to the end.
    """
    chosen = targets or [SOURCE, *(arch for arch in ci_suite() if binary(arch).exists())]
    # What is emulated takes longest and begins first, so that nothing long is left for the end.
    chosen.sort(key=lambda name: (not is_emulated(name), name != SOURCE))
    return [
        *(Part(f"system {name}", ["tests/system", f"--ignore={FAULTS}", f"--target={name}"]) for name in chosen),
        *(Part(f"faults {name}", [FAULTS, f"--target={name}"]) for name in chosen),
    ]


def main(words: list[str]) -> int:
    """Exit status 0 if everything passed."""
    what, targets = (words[0], words[1:]) if words else ("all", [])
    choices: dict[str, Callable[[], list[Part]]] = {
        "all": lambda: [
            *lint(),
            *system([]),
            *binaries(),
            *(part for name in FOLDERS for part in folder(name, EXAMPLES)),
        ],
        "check": check,
        "lint": lint,
        **{name: partial(folder, name) for name in FOLDERS},
        "build": binaries,
        "system": lambda: system(targets),
    }
    parts = choices[what]()
    run_all(parts)
    return _summary(parts, what)


def _summary(parts: list[Part], what: str) -> int:
    print("=== summary")
    for part in parts:
        counted = "{} passed, {} failed, {} skipped".format(*part.counts) if part.pytest else ""
        print(f"{'ok  ' if part.good else 'FAIL'} {part.name:<16} {part.seconds:6.1f} s  {counted}".rstrip())
    absent = [arch for arch in ci_suite() if not binary(arch).exists()] if what in ("all", "system") else []
    for arch in absent:
        print(
            f"{'FAIL' if os.environ.get('CI') else '    '} {arch}: not built, so not tested; build it with: make binary ARCH={arch}"
        )
    bad = sum(1 for part in parts if not part.good) + (len(absent) if os.environ.get("CI") else 0)
    passed, failed, skipped = (sum(column) for column in zip(*(part.counts for part in parts), strict=True))
    print(f"{passed} passed, {failed + (0 if failed else bad)} failed, {skipped} skipped")
    return 1 if bad else 0


if __name__ == "__main__":
    os.environ["PATH"] = f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin"
    if shutil.which("git") is None:
        sys.exit("test: git is needed")
    sys.exit(main(sys.argv[1:]))

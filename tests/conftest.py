# SPDX-FileCopyrightText: The aws-iot-device-client authors
# SPDX-License-Identifier: Apache-2.0
"""Options that every test folder knows."""

from __future__ import annotations

import signal
from collections.abc import Generator
from pathlib import Path

import pluggy
import pytest
from _pytest.terminal import TerminalReporter

from tests.allowed_skips import is_allowed
from tests.fakes.examples import register_profiles
from tests.needs import stop_if_missing
from toolchains.agent import TARGETS

HERE = Path(__file__).parent

register_profiles()


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--target",
        choices=TARGETS,
        default="source",
        help="what tests/system runs: the source, or the binary of dist/TARGET (under qemu if it is foreign)",
    )


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "refused: the broker is meant to refuse something the agent asks for")
    config.stash[_UNEXPECTED] = []
    if signal.getsignal(signal.SIGINT) == signal.SIG_IGN:  # as a shell starts what runs in the background
        signal.signal(signal.SIGINT, signal.default_int_handler)  # or no test could stop a process by it


def pytest_collection_finish(session: pytest.Session) -> None:
    stop_if_missing(item.path.relative_to(HERE).parts[0] for item in session.items)


_UNEXPECTED = pytest.StashKey[list[str]]()


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pluggy.Result[pytest.TestReport], None]:
    outcome = yield
    report = outcome.get_result()
    if report.skipped and isinstance(report.longrepr, tuple) and not is_allowed(report.longrepr[2]):
        item.config.stash[_UNEXPECTED].append(f"{item.nodeid}: {report.longrepr[2]}")


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session: pytest.Session) -> None:
    if session.config.stash[_UNEXPECTED]:
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


def pytest_terminal_summary(terminalreporter: TerminalReporter, config: pytest.Config) -> None:
    for line in config.stash[_UNEXPECTED]:
        terminalreporter.write_line(f"skipped for a reason that tests/allowed_skips.py does not list: {line}", red=True)

# SPDX-FileCopyrightText: The aws-iot-device-client authors
# SPDX-License-Identifier: Apache-2.0
"""Scenarios that mostly wait, run at the same time and judged one by one."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import pytest

Scenario = Callable[[str, Path], None]


class ConcurrentScenarios:
    """Decorate functions of (target, folder) with `add`; `start` those that were selected, each in a thread of its own."""

    def __init__(self) -> None:
        self._scenarios: dict[str, Scenario] = {}

    def add(self, scenario: Scenario) -> Scenario:
        """A decorator."""
        self._scenarios[scenario.__name__] = scenario
        return scenario

    @property
    def names(self) -> list[str]:
        """What to parametrize a test with."""
        return list(self._scenarios)

    @contextmanager
    def start(self, names: list[str], target: str, folder: Path) -> Iterator[dict[str, Future[None]]]:
        """Run these scenarios; the outcome of each by its name."""
        with ThreadPoolExecutor(max_workers=max(1, len(names))) as pool:
            yield {name: pool.submit(self._scenarios[name], target, folder / str(n)) for n, name in enumerate(names)}


def selected(items: Sequence[pytest.Item], test: str) -> list[str]:
    """The scenario names of a run's `items` that are cases of `test`."""
    mine = [item for item in items if isinstance(item, pytest.Function) and item.originalname == test]
    return [str(item.callspec.params["name"]) for item in mine]

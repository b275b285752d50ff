# SPDX-FileCopyrightText: The aws-iot-device-client authors
# SPDX-License-Identifier: Apache-2.0
"""The simulator takes every row of both transition tables: a row that can't happen has no place in them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from dc.jobs.core import execution, update
from tests.sim.simulator.explore import plain
from tests.sim.simulator.scenarios import ALL

TABLES: dict[str, dict[tuple[str, type], Any]] = {"execution": execution.TABLE, "update": update.TABLE}


def test_every_row_of_both_tables_is_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    taken: set[tuple[str, str, str]] = set()

    def noting(act: Callable[..., object], row: tuple[str, str, str]) -> Callable[..., object]:
        def noted(*arguments: object) -> object:
            taken.add(row)
            return act(*arguments)

        return noted

    rows = set()
    for name, table in TABLES.items():
        for (state, event), (act, *rest) in list(table.items()):
            row = (name, state, event.__name__)
            rows.add(row)
            monkeypatch.setitem(table, (state, event), (noting(act, row), *rest))
    for scenario in ALL:
        plain(scenario)
    assert sorted(rows - taken) == []

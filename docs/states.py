# SPDX-FileCopyrightText: The aws-iot-device-client authors
# SPDX-License-Identifier: Apache-2.0
"""Draws states.md from the agent's two transition tables: `make docs`."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path

from dc.jobs.core import events, execution, outcome, state, update

TARGET = Path(__file__).resolve().with_name("states.md")
COMMAND = "make docs"

_CONSTANT = re.compile(r'^([A-Z_]+) = "\1"(?:  # (.*))?$', re.MULTILINE)

_TEXT = """<!-- SPDX-FileCopyrightText: The aws-iot-device-client authors -->
<!-- SPDX-License-Identifier: Apache-2.0 -->
<!-- Generated from the tables in dc/jobs/core/ by `{command}`; a test fails when it is stale. -->
# The states of a job execution

Two machines decide what becomes of an execution. Its **life** (`dc/jobs/core/execution.py`) goes from the offer over the
claim and the steps to the report. The **update under way** (`dc/jobs/core/update.py`) is sent, answered, lost and sent
again in whatever state the life is. An event of the cloud, the connection or the reply timer goes to the update first;
the last column of its table names what the life learns of it. A pair of state and event that is in no table is the error
`NoTransition`, a defect of the agent. The simulator takes every row of both tables (tests/sim).

Events that leave a state as it is are not drawn; the tables have them all.

## The life

```mermaid
stateDiagram-v2
    [*] --> OFFERED
{life_edges}
    ENDED --> [*]
```

| state | meaning |
|---|---|
{life_states}

| state | event | may lead to | done by |
|---|---|---|---|
{life}

## The update under way

```mermaid
stateDiagram-v2
    [*] --> QUIET
    [*] --> OFFLINE
{update_edges}
```

| state | meaning |
|---|---|
{update_states}

| state | event | may lead to | done by | the life learns |
|---|---|---|---|---|
{update}

## Events

| event | meaning |
|---|---|
{events}
"""


def render() -> str:
    """The whole page."""
    return _TEXT.format(
        command=COMMAND,
        life_edges=_lines(_edges((*pair, targets) for pair, (_, targets) in execution.TABLE.items())),
        life_states=_lines(_states(state.__file__)),
        life=_lines(
            f"| {name} | {event.__name__} | {', '.join(targets)} | `{act.__name__}` |"
            for (name, event), (act, targets) in execution.TABLE.items()
        ),
        update_edges=_lines(_edges((*pair, row[1]) for pair, row in update.TABLE.items())),
        update_states=_lines(_states(update.__file__)),
        update=_lines(
            f"| {name} | {event.__name__} | {', '.join(targets)} | `{act.__name__}` | {learnt.__name__ if learnt else ''} |"
            for (name, event), (act, targets, learnt) in update.TABLE.items()
        ),
        events=_lines(f"| {event.__name__} | {_meaning(event)} |" for event in _events()),
    )


def _lines(lines: Iterable[str]) -> str:
    return "\n".join(lines)


def _states(path: str) -> Iterable[str]:
    """Rows for the constants that are named like their value, with the comments beside them."""
    found = _CONSTANT.findall(Path(path).read_text(encoding="utf-8"))
    return [f"| {name} | {meaning} |" for name, meaning in found]


def _events() -> list[type]:
    """All events, in the order of their definition."""
    classes = [each for each in vars(events).values() if isinstance(each, type) and not issubclass(each, Exception)]
    return [*classes, outcome.StepResult]


def _meaning(event: type) -> str:
    return " ".join((event.__doc__ or "").split())


def _edges(rows: Iterable[tuple[str, type, tuple[str, ...]]]) -> list[str]:
    labels: dict[tuple[str, str], list[str]] = {}
    for name, event, targets in rows:
        for target in targets:
            if target != name:
                labels.setdefault((name, target), []).append(event.__name__)
    return [f"    {name} --> {target}: {', '.join(those)}" for (name, target), those in labels.items()]


if __name__ == "__main__":
    TARGET.write_text(render(), encoding="utf-8")

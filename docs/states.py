# SPDX-FileCopyrightText: The aws-iot-device-client authors
# SPDX-License-Identifier: Apache-2.0
"""Draws states.md from the agent's transition table: `make docs`."""

from __future__ import annotations

import re
from pathlib import Path

from dc.jobs.core import events
from dc.jobs.core import state as states
from dc.jobs.core.execution import TABLE

TARGET = Path(__file__).resolve().with_name("states.md")
COMMAND = "make docs"

_CONSTANT = re.compile(r'^([A-Z_]+) = "\1"(?:  # (.*))?$', re.MULTILINE)

_TEXT = """<!-- SPDX-FileCopyrightText: The aws-iot-device-client authors -->
<!-- SPDX-License-Identifier: Apache-2.0 -->
<!-- Generated from TABLE in dc/jobs/core/execution.py by `{command}`; a test fails when it is stale. -->
# The life of one job execution

```mermaid
stateDiagram-v2
    [*] --> OFFERED
{edges}
    ENDED --> [*]
```

Events that leave a state as it is are not drawn; the table below has them all. A pair that is not in the table is the
error `NoTransition`.

## States

| state | meaning |
|---|---|
{states}

## Events

| event | meaning |
|---|---|
{events}

## Transitions

| state | event | may lead to | done by |
|---|---|---|---|
{transitions}
"""


def render() -> str:
    """The whole page."""
    return _TEXT.format(
        command=COMMAND,
        edges="\n".join(_edges()),
        states="\n".join(f"| {name} | {meaning} |" for name, meaning in _constants(states.__file__).items()),
        events="\n".join(f"| {name} | {meaning} |" for name, meaning in _constants(events.__file__).items()),
        transitions="\n".join(
            f"| {state} | {event} | {', '.join(targets)} | `{act.__name__}` |"
            for (state, event), (act, targets) in TABLE.items()
        ),
    )


def _constants(path: str) -> dict[str, str]:
    """Constants that are named like their value, with the comments beside them."""
    found = _CONSTANT.findall(Path(path).read_text(encoding="utf-8"))
    return {name: meaning or f"the connection is {name.lower()}" for name, meaning in found}


def _edges() -> list[str]:
    labels: dict[tuple[str, str], list[str]] = {}
    for (state, event), (_, targets) in TABLE.items():
        for target in targets:
            if target != state:
                labels.setdefault((state, target), []).append(event)
    return [f"    {state} --> {target}: {', '.join(events)}" for (state, target), events in labels.items()]


if __name__ == "__main__":
    TARGET.write_text(render(), encoding="utf-8")

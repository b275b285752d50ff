# SPDX-FileCopyrightText: The aws-iot-device-client authors
# SPDX-License-Identifier: Apache-2.0
"""Whatever JSON a job document is, it becomes a Document or a DocumentError, and a Document that can be run."""

from __future__ import annotations

import copy
import random
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from dc.jobs.core.document import RUN_COMMAND, RUN_HANDLER, Document, DocumentError, parse, unmet_condition
from tests.fakes.json_values import JSON, junk

OPERATION: dict[str, object] = {
    "operation": "echo",
    "args": ["a", "b"],
    "path": "default",
    "includeStdOut": True,
    "allowStdErr": 1,
    "timeout": 9,
    "version": "",
}
ACTION: dict[str, object] = {
    "name": "n",
    "type": "runHandler",
    "input": {"handler": "h", "args": ["x"], "path": "", "command": "a,b"},
    "runAsUser": "u",
    "allowStdErr": 0,
    "ignoreStepFailure": "false",
    "timeout": 1,
}
STEPS: dict[str, object] = {
    "version": "1.0",
    "steps": [{"action": ACTION}, {"action": {**ACTION, "type": "runCommand"}}],
    "finalStep": {"action": ACTION},
    "conditions": [{"key": "k", "value": ["v"], "type": "stringEqual"}],
    "includeStdOut": "true",
}


def checked(given: object) -> None:
    try:
        made = parse(given)
    except DocumentError as error:
        assert error.path.startswith("$")
        assert error.rule
        return
    assert isinstance(made, Document)
    assert made.actions
    for action in made.actions:
        assert action.kind in (RUN_HANDLER, RUN_COMMAND)
        assert action.argv[0].strip()
        assert all(isinstance(word, str) and "\0" not in word for word in action.argv)
        assert isinstance(action.run_as_user, str)
        assert action.allow_std_err is None or action.allow_std_err >= 0
        assert 0 <= action.timeout <= 604800
    unmet = unmet_condition(made, {"k": "v"})
    assert unmet is None or unmet.path.startswith("$.conditions[")


@settings(max_examples=900, deadline=None)
@given(JSON)
def test_any_json_at_all(given: object) -> None:
    checked(given)


@settings(max_examples=500, deadline=None)
@given(st.dictionaries(st.sampled_from([*OPERATION, *STEPS]), JSON, max_size=4))
def test_known_keys_with_any_values(given: object) -> None:
    checked(given)


@settings(max_examples=6500, deadline=None)
@given(st.integers(0, 2**64 - 1))
def test_a_good_document_with_a_few_places_broken(seed: int) -> None:
    dice = random.Random(seed)
    made: Any = copy.deepcopy(dice.choice([OPERATION, STEPS]))
    for _ in range(dice.randint(1, 3)):
        break_one_place(dice, made)
    checked(made)


def break_one_place(dice: random.Random, node: Any) -> None:
    """Walk to a random place and put something else there, or take it away."""
    while True:
        keys = list(node) if isinstance(node, dict) else list(range(len(node)))
        if not keys:
            return
        key = dice.choice(keys)
        if isinstance(node[key], (dict, list)) and node[key] and dice.random() < 0.7:
            node = node[key]
            continue
        if dice.random() < 0.2:
            del node[key]
        else:
            node[key] = junk(dice)
        return

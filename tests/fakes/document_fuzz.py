# SPDX-FileCopyrightText: The aws-iot-device-client authors
# SPDX-License-Identifier: Apache-2.0
"""Documents with every key there is, and what must hold for whatever is made of them."""

from __future__ import annotations

from dc.jobs.core.document import RUN_COMMAND, RUN_HANDLER, Document, DocumentError, unmet_condition
from dc.jobs.core.parser import parse

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

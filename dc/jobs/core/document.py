# SPDX-FileCopyrightText: The aws-iot-device-client authors
# SPDX-License-Identifier: Apache-2.0
"""A job document as plain records, and whether its conditions hold here. Pure: no I/O, no clock. parser.py makes them."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

RUN_HANDLER = "runHandler"
RUN_COMMAND = "runCommand"
DEFAULT_PATH = "default"
KNOWN_VERSION = "1.0"
_MAX_NOTES = 10


class DocumentError(ValueError):
    """The job document can't ever work here. `path`: JSON path; `rule`: what is wanted and what was found."""

    def __init__(self, path: str, rule: str) -> None:
        super().__init__(f"{path}: {rule}")
        self.path = path
        self.rule = rule


class Action:
    """One thing to run. `argv`: for runHandler (handler, *args); for runCommand the command's words."""

    __slots__ = (
        "name",
        "kind",
        "argv",
        "path",
        "run_as_user",
        "allow_std_err",
        "ignore_failure",
        "progress",
        "timeout",
        "operation",
    )

    def __init__(
        self,
        name: str,
        kind: str,
        argv: tuple[str, ...],
        *,
        path: str = "",
        run_as_user: str = "",
        allow_std_err: int | None = None,
        ignore_failure: bool = False,
        progress: bool = False,
        timeout: int = 0,
        operation: bool = False,
    ) -> None:
        self.name = name
        self.kind = kind
        self.argv = argv
        self.path = path
        self.run_as_user = run_as_user
        self.allow_std_err = allow_std_err  # lines; None: any number
        self.ignore_failure = ignore_failure
        self.progress = progress  # the handler gets a descriptor to tell how far it is
        self.timeout = timeout  # seconds; 0: none
        self.operation = operation  # operation schema: the handler's arguments start at $1, no user before them


class Condition:
    """`key` names a fact about the device; the condition holds when the fact equals one of `values`."""

    __slots__ = ("key", "values")

    def __init__(self, key: str, values: tuple[str, ...]) -> None:
        self.key = key
        self.values = values


class Document:
    """A whole job document. `steps` run in order, `final_step` only after all of them succeeded.

    `notes`: what was read otherwise than its author may expect, for the log."""

    __slots__ = ("version", "steps", "final_step", "actions", "include_std_out", "conditions", "notes")

    def __init__(
        self,
        version: str,
        steps: tuple[Action, ...],
        final_step: Action | None = None,
        include_std_out: bool = False,
        conditions: tuple[Condition, ...] = (),
        notes: list[str] | None = None,
    ) -> None:
        self.version = version
        self.steps = steps
        self.final_step = final_step
        self.actions = steps if final_step is None else (*steps, final_step)  # everything to run, in order
        self.include_std_out = include_std_out
        self.conditions = conditions
        self.notes = tuple((notes or ())[:_MAX_NOTES])


def unmet_condition(document: Document, facts: Mapping[str, str]) -> DocumentError | None:
    """The first condition that does not hold on a device with these facts, as the reason to reject; else None.

    A condition holds when its fact equals one of its values, case and all (`stringEqual`); every condition must
    hold. A key that names no known fact never holds: running a job that was meant for other devices is worse.
    """
    for index, condition in enumerate(document.conditions):
        path = f"$.conditions[{index}]"
        if condition.key not in facts:
            return DocumentError(
                f"{path}.key", f'unknown fact "{condition.key[:64]}", known: {", ".join(sorted(facts))}'
            )
        if facts[condition.key] not in condition.values:
            return DocumentError(
                path,
                f'not met: {condition.key} is "{facts[condition.key]}", wanted one of: {", ".join(condition.values)}',
            )
    return None

# SPDX-FileCopyrightText: The aws-iot-device-client authors
# SPDX-License-Identifier: Apache-2.0
"""A job document, in either schema, as plain records. Pure: no I/O, no clock.

Two schemas are understood (C++ client's Jobs README; AWS managed job templates, template version 1.0):

* operation schema (no `version`): `operation`, `args`, `path`, `includeStdOut`, `allowStdErr`;
* version "1.0": `steps`, `finalStep`, `conditions`, `includeStdOut`, each step an `action`.

Keys are taken in any case and unknown ones ignored, all but `runAsUser` (run_as.py). What can't ever work raises
`DocumentError`, which names the JSON path, the rule and what was found; the execution is then REJECTED, which AWS never
retries. `timeout` (whole seconds) and `progress` (true: the handler gets a descriptor to tell how far it is), both of
the operation or of one action, are extensions of ours, ignored with a note where they do not fit.
"""

from __future__ import annotations

from dc.jobs.core import fields
from dc.jobs.core.fields import BLANKS, DocumentError, found
from dc.jobs.core.run_as import Users

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

RUN_HANDLER = "runHandler"
RUN_COMMAND = "runCommand"
DEFAULT_PATH = "default"
KNOWN_VERSION = "1.0"
_MAX_NOTES = 10


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


def parse(document: object) -> Document:
    """`document`: what the JSON of a job document became. Raises `DocumentError`."""
    if not isinstance(document, dict):
        raise DocumentError("$", f"must be an object, found {found(document)}")
    version = fields.get(document, "version")
    notes: list[str] = []
    if isinstance(version, bool) or not isinstance(version, (str, int, float, type(None))):
        raise DocumentError("$.version", f'must be the string "{KNOWN_VERSION}" or absent, found {found(version)}')
    numbered = isinstance(version, str) and version != ""
    steps = numbered or (version not in (None, "") and fields.get(document, "steps") is not None)
    if version not in (None, "", KNOWN_VERSION):
        schema = f'a document of version "{KNOWN_VERSION}"' if steps else "one of the operation schema"
        notes.append(f'$.version: {found(version)}; it is read as {schema}; fix: "version": "{KNOWN_VERSION}"')
    users = Users(document)
    if steps:
        return _steps_schema(document, users, notes)
    return _operation_schema(document, *users.at_the_top(), notes)


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


def _operation_schema(document: dict[str, object], user: str, place: str, notes: list[str]) -> Document:
    operation = fields.text(document, "operation", "$", required=True)
    path = fields.text(document, "path", "$")
    allowed = fields.count(document, "allowStdErr", "$")
    words = fields.words(document, "args", "$", notes)
    progress = fields.extra_flag(document, "progress", "$", notes)
    timeout = fields.extra_seconds(document, "timeout", "$", notes)
    include_std_out = fields.flag(document, "includeStdOut", "$")
    if path == DEFAULT_PATH:
        _bare_name(operation, "$.operation")
        if user:
            raise DocumentError(
                place,
                f'"{user[:32]}" can\'t run what lies in the handler directory; fix: use version "{KNOWN_VERSION}", whose '
                f'"{RUN_HANDLER}" tells the handler the user',
            )
    action = Action(
        operation,
        RUN_HANDLER,
        (operation, *words),
        path=path,
        run_as_user=user,
        allow_std_err=0 if allowed is None else allowed,
        progress=progress,
        timeout=timeout,
        operation=True,
    )
    return Document("", (action,), include_std_out=include_std_out, notes=notes)


def _steps_schema(document: dict[str, object], users: Users, notes: list[str]) -> Document:
    steps = fields.get(document, "steps")
    if not isinstance(steps, list) or not steps:
        raise DocumentError("$.steps", f"must be a list of at least one step, found {found(steps)}")
    final = fields.get(document, "finalStep")
    places = [f"$.steps[{index}]" for index in range(len(steps))]
    users.check_places({part for place in (*places, "$.finalStep") for part in _parts(place)})
    return Document(
        KNOWN_VERSION,
        tuple(_step(step, place, users, notes) for step, place in zip(steps, places, strict=True)),
        None if final is None else _step(final, "$.finalStep", users, notes),
        fields.flag(document, "includeStdOut", "$"),
        _conditions(fields.get(document, "conditions")),
        notes,
    )


def _parts(step: str) -> tuple[str, str, str]:
    """Where in a step its user may be named."""
    return step, f"{step}.action", f"{step}.action.input"


def _step(step: object, place: str, users: Users, notes: list[str]) -> Action:
    if not isinstance(step, dict):
        raise DocumentError(place, f'must be an object with "action", found {found(step)}')
    action = fields.an_object(step, "action", place)
    _, path, where = _parts(place)
    name = fields.text(action, "name", path, required=True)
    kind = fields.text(action, "type", path, required=True)
    given = fields.an_object(action, "input", path)
    directory = fields.text(given, "path", where)
    if kind == RUN_HANDLER:
        handler = fields.text(given, "handler", where, required=True)
        if directory == DEFAULT_PATH:
            _bare_name(handler, f"{where}.handler")
        argv = (handler, *fields.words(given, "args", where, notes))
    elif kind == RUN_COMMAND:
        argv = split_command(fields.text(given, "command", where, required=True), f"{where}.command")
        directory = ""
    else:
        raise DocumentError(f"{path}.type", f'must be "{RUN_HANDLER}" or "{RUN_COMMAND}", found "{kind[:64]}"')
    return Action(
        name,
        kind,
        argv,
        path=directory,
        run_as_user=users.of(*_parts(place)),
        allow_std_err=fields.count(action, "allowStdErr", path),
        ignore_failure=fields.flag(action, "ignoreStepFailure", path),
        progress=fields.extra_flag(action, "progress", path, notes),
        timeout=fields.extra_seconds(action, "timeout", path, notes),
    )


def _conditions(value: object) -> tuple[Condition, ...]:
    if value is None:
        return ()
    if not isinstance(value, list):
        raise DocumentError("$.conditions", f"must be a list, found {found(value)}")
    made = []
    for index, item in enumerate(value):
        path = f"$.conditions[{index}]"
        if not isinstance(item, dict):
            raise DocumentError(path, f'must be an object with "key" and "value", found {found(item)}')
        kind = fields.text(item, "type", path) or "stringEqual"
        if kind != "stringEqual":
            raise DocumentError(f"{path}.type", f'must be "stringEqual", found "{kind[:64]}"')
        key = fields.text(item, "key", path, required=True)
        given = fields.get(item, "value")
        values: object = [given] if isinstance(given, str) else given
        if not isinstance(values, list) or not values:
            raise DocumentError(f"{path}.value", f"must be a list of at least one string, found {found(values)}")
        made.append(Condition(key, fields.strings(values, f"{path}.value")))
    return tuple(made)


def split_command(command: str, path: str = "$.command") -> tuple[str, ...]:
    r"""Words of a runCommand: separated by commas, `\,` is a comma; blanks around a word and empty words go.

    The first word names a program, so it may hold no blank. Raises `DocumentError`.
    """
    pieces = command.replace("\\,", "\0").split(",")
    words = tuple(word for word in (piece.replace("\0", ",").strip(BLANKS) for piece in pieces) if word)
    if not words:
        raise DocumentError(path, "holds no command, only commas and blanks")
    if any(blank in words[0] for blank in BLANKS):
        raise DocumentError(path, f'words are separated by commas, but the first one holds a blank: "{words[0][:64]}"')
    return words


def _bare_name(name: str, path: str) -> None:
    if "/" in name or name in (".", ".."):
        raise DocumentError(path, f'with path "default" must be a file name without "/", found "{name[:64]}"')

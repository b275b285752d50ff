# SPDX-FileCopyrightText: The aws-iot-device-client authors
# SPDX-License-Identifier: Apache-2.0
"""A job document, in either schema, as plain records. Pure: no I/O, no clock.

Two schemas are understood (C++ client's Jobs README; AWS managed job templates, template version 1.0):

* operation schema (no `version`): `operation`, `args`, `path`, `includeStdOut`, `allowStdErr`;
* version "1.0": `steps`, `finalStep`, `conditions`, `includeStdOut`, each step an `action`.

Unknown keys are ignored. Anything else that can't ever work raises `DocumentError`, which names the JSON path, the
rule and what was found; the execution is then REJECTED, which AWS never retries.
`timeout` (whole seconds) and `progress` (true: the handler gets a descriptor to tell how far it is), both of the
operation or of one action, are extensions of ours.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

RUN_HANDLER = "runHandler"
RUN_COMMAND = "runCommand"
DEFAULT_PATH = "default"
KNOWN_VERSION = "1.0"
MAX_SECONDS = 10080 * 60  # AWS's longest job timer is 10080 minutes
_BLANKS = " \t\n\v\f\r"


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
    """A whole job document. `steps` run in order, `final_step` only after all of them succeeded."""

    __slots__ = ("version", "steps", "final_step", "actions", "include_std_out", "conditions")

    def __init__(
        self,
        version: str,
        steps: tuple[Action, ...],
        final_step: Action | None = None,
        include_std_out: bool = False,
        conditions: tuple[Condition, ...] = (),
    ) -> None:
        self.version = version
        self.steps = steps
        self.final_step = final_step
        self.actions = steps if final_step is None else (*steps, final_step)  # everything to run, in order
        self.include_std_out = include_std_out
        self.conditions = conditions


def parse(document: object) -> Document:
    """`document`: what the JSON of a job document became. Raises `DocumentError`."""
    if not isinstance(document, dict):
        raise DocumentError("$", f"must be an object, found {_found(document)}")
    version = document.get("version")
    if version is None or version == "":
        return _operation_schema(document)
    if not isinstance(version, str):
        raise DocumentError("$.version", f'must be the string "{KNOWN_VERSION}" or absent, found {_found(version)}')
    if version != KNOWN_VERSION:
        raise DocumentError("$.version", f'unknown version "{version[:32]}", this agent knows "{KNOWN_VERSION}"')
    return _steps_schema(document)


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


def _operation_schema(document: dict[str, object]) -> Document:
    operation = _text(document, "operation", "$", required=True)
    path = _text(document, "path", "$")
    if path == DEFAULT_PATH:
        _bare_name(operation, "$.operation")
    allowed = _count(document, "allowStdErr", "$")
    action = Action(
        operation,
        RUN_HANDLER,
        (operation, *_strings(document, "args", "$")),
        path=path,
        allow_std_err=0 if allowed is None else allowed,
        progress=_flag(document, "progress", "$"),
        timeout=_seconds(document, "$"),
        operation=True,
    )
    return Document("", (action,), include_std_out=_flag(document, "includeStdOut", "$"))


def _steps_schema(document: dict[str, object]) -> Document:
    steps = document.get("steps")
    if not isinstance(steps, list) or not steps:
        raise DocumentError("$.steps", f"must be a list of at least one step, found {_found(steps)}")
    final = document.get("finalStep")
    return Document(
        KNOWN_VERSION,
        tuple(_step(step, f"$.steps[{index}]") for index, step in enumerate(steps)),
        None if final is None else _step(final, "$.finalStep"),
        _flag(document, "includeStdOut", "$"),
        _conditions(document.get("conditions")),
    )


def _step(step: object, path: str) -> Action:
    if not isinstance(step, dict):
        raise DocumentError(path, f'must be an object with "action", found {_found(step)}')
    action = _object(step, "action", path)
    path += ".action"
    name = _text(action, "name", path, required=True)
    kind = _text(action, "type", path, required=True)
    given = _object(action, "input", path)
    where = f"{path}.input"
    directory = _text(given, "path", where)
    if kind == RUN_HANDLER:
        handler = _text(given, "handler", where, required=True)
        if directory == DEFAULT_PATH:
            _bare_name(handler, f"{where}.handler")
        argv = (handler, *_strings(given, "args", where))
    elif kind == RUN_COMMAND:
        argv = split_command(_text(given, "command", where, required=True), f"{where}.command")
        directory = ""
    else:
        raise DocumentError(f"{path}.type", f'must be "{RUN_HANDLER}" or "{RUN_COMMAND}", found "{kind[:64]}"')
    return Action(
        name,
        kind,
        argv,
        path=directory,
        run_as_user=_text(action, "runAsUser", path),
        allow_std_err=_count(action, "allowStdErr", path),
        ignore_failure=_flag(action, "ignoreStepFailure", path),
        progress=_flag(action, "progress", path),
        timeout=_seconds(action, path),
    )


def _conditions(value: object) -> tuple[Condition, ...]:
    if value is None:
        return ()
    if not isinstance(value, list):
        raise DocumentError("$.conditions", f"must be a list, found {_found(value)}")
    made = []
    for index, item in enumerate(value):
        path = f"$.conditions[{index}]"
        if not isinstance(item, dict):
            raise DocumentError(path, f'must be an object with "key" and "value", found {_found(item)}')
        kind = _text(item, "type", path) or "stringEqual"
        if kind != "stringEqual":
            raise DocumentError(f"{path}.type", f'must be "stringEqual", found "{kind[:64]}"')
        key = _text(item, "key", path, required=True)
        values = item.get("value")
        if isinstance(values, str):
            values = [values]
        if not isinstance(values, list) or not values:
            raise DocumentError(f"{path}.value", f"must be a list of at least one string, found {_found(values)}")
        made.append(Condition(key, _strings({"value": values}, "value", path)))
    return tuple(made)


def split_command(command: str, path: str = "$.command") -> tuple[str, ...]:
    r"""Words of a runCommand: separated by commas, `\,` is a comma; blanks around a word and empty words go.

    The first word names a program, so it may hold no blank. Raises `DocumentError`.
    """
    pieces = command.replace("\\,", "\0").split(",")
    words = tuple(word for word in (piece.replace("\0", ",").strip(_BLANKS) for piece in pieces) if word)
    if not words:
        raise DocumentError(path, "holds no command, only commas and blanks")
    if any(blank in words[0] for blank in _BLANKS):
        raise DocumentError(path, f'words are separated by commas, but the first one holds a blank: "{words[0][:64]}"')
    return words


def _found(value: object) -> str:
    if value is None:
        return "nothing"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return f'"{value[:32]}"' if value else "an empty string"
    if isinstance(value, (int, float)):
        return f"the number {value}"
    if isinstance(value, list):
        return "a list" if value else "an empty list"
    return "an object"


def _object(parent: dict[str, object], key: str, path: str) -> dict[str, object]:
    value = parent.get(key)
    if not isinstance(value, dict):
        raise DocumentError(f"{path}.{key}", f"must be an object, found {_found(value)}")
    return value


def _text(parent: dict[str, object], key: str, path: str, required: bool = False) -> str:
    value = parent.get(key)
    if value is None and not required:
        return ""
    if not isinstance(value, str) or (required and not value.strip(_BLANKS)):
        wanted = "a non-empty string" if required else "a string"
        raise DocumentError(f"{path}.{key}", f"must be {wanted}, found {_found(value)}")
    _no_nul(value, f"{path}.{key}")
    return value


def _no_nul(value: str, path: str) -> None:
    if "\0" in value:
        raise DocumentError(path, "holds a NUL character, which no program argument can carry")


def _bare_name(name: str, path: str) -> None:
    if "/" in name or name in (".", ".."):
        raise DocumentError(path, f'with path "default" must be a file name without "/", found "{name[:64]}"')


def _strings(parent: dict[str, object], key: str, path: str) -> tuple[str, ...]:
    value = parent.get(key)
    if value is None:
        return ()
    if not isinstance(value, list):
        raise DocumentError(f"{path}.{key}", f"must be a list of strings, found {_found(value)}")
    for index, item in enumerate(value):
        if not isinstance(item, str):
            raise DocumentError(f"{path}.{key}[{index}]", f"must be a string, found {_found(item)}")
        _no_nul(item, f"{path}.{key}[{index}]")
    return tuple(value)


def _flag(parent: dict[str, object], key: str, path: str) -> bool:
    """The C++ client's Jobs README has booleans, the C++ client reads the strings "true" and "false": both are taken."""
    value = parent.get(key)
    if value is None:
        return False
    if isinstance(value, bool):
        return value
    if isinstance(value, str) and value.lower() in ("true", "false", ""):
        return value.lower() == "true"
    raise DocumentError(f"{path}.{key}", f"must be true or false, found {_found(value)}")


def _count(parent: dict[str, object], key: str, path: str) -> int | None:
    value = parent.get(key)
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int) or value < 0:
        raise DocumentError(f"{path}.{key}", f"must be a whole number of lines, 0 or more, found {_found(value)}")
    return value


def _seconds(parent: dict[str, object], path: str) -> int:
    value = parent.get("timeout")
    if value is None:
        return 0
    if isinstance(value, bool) or not isinstance(value, int) or not 1 <= value <= MAX_SECONDS:
        raise DocumentError(f"{path}.timeout", f"must be whole seconds from 1 to {MAX_SECONDS}, found {_found(value)}")
    return value

# SPDX-FileCopyrightText: The aws-iot-device-client authors
# SPDX-License-Identifier: Apache-2.0
"""A job document, in either schema, read as leniently as the C++ client does, or refused by name. Pure: no I/O, no clock.

Two schemas are understood (C++ client's Jobs README; AWS managed job templates, template version 1.0):

* operation schema (no `version`): `operation`, `args`, `path`, `includeStdOut`, `allowStdErr`;
* version "1.0": `steps`, `finalStep`, `conditions`, `includeStdOut`, each step an `action`.

Keys are taken in any case and unknown ones ignored, all but `runAsUser` (run_as.py). What can't ever work raises
`DocumentError`, which names the JSON path, the rule and what was found; the execution is then REJECTED, which AWS never
retries. `timeout` (whole seconds) and `progress` (true: the handler gets a descriptor to tell how far it is), both of
the operation or of one action, are extensions of ours, ignored with a note where they do not fit.
"""

from __future__ import annotations

from dc.jobs.core.document import (
    DEFAULT_PATH,
    KNOWN_VERSION,
    RUN_COMMAND,
    RUN_HANDLER,
    Action,
    Condition,
    Document,
    DocumentError,
)
from dc.jobs.core.run_as import Users

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

MAX_SECONDS = 10080 * 60  # AWS's longest job timer is 10080 minutes
BLANKS = " \t\n\v\f\r"
_RUN_AS_USER = "runasuser"
_EXACT = 1 << 53  # from here on a float may be another number than the text was
_DIGITS = 18  # more could not be counted, and int() refuses very many


def parse(document: object) -> Document:
    """`document`: what the JSON of a job document became. Raises `DocumentError`."""
    if not isinstance(document, dict):
        raise DocumentError("$", f"must be an object, found {found(document)}")
    version = get(document, "version")
    notes: list[str] = []
    if isinstance(version, bool) or not isinstance(version, (str, int, float, type(None))):
        raise DocumentError("$.version", f'must be the string "{KNOWN_VERSION}" or absent, found {found(version)}')
    numbered = isinstance(version, str) and version != ""
    steps = numbered or (version not in (None, "") and get(document, "steps") is not None)
    if version not in (None, "", KNOWN_VERSION):
        schema = f'a document of version "{KNOWN_VERSION}"' if steps else "one of the operation schema"
        notes.append(f'$.version: {found(version)}; it is read as {schema}; fix: "version": "{KNOWN_VERSION}"')
    named = _users_named(document)
    users = Users(named) if named else None
    if steps:
        return _steps_schema(document, users, notes)
    return _operation_schema(document, *(users.at_the_top() if users else ("", "")), notes)


def _operation_schema(document: dict[str, object], user: str, place: str, notes: list[str]) -> Document:
    operation = text(document, "operation", "$", required=True)
    path = _folder(document, "$")
    allowed = count(document, "allowStdErr", "$")
    arguments = words(document, "args", "$", notes)
    progress = extra_flag(document, "progress", "$", notes)
    timeout = extra_seconds(document, "timeout", "$", notes)
    include_std_out = flag(document, "includeStdOut", "$")
    _program(operation, path, "$.operation")
    if path == DEFAULT_PATH:
        if user:
            raise DocumentError(
                place,
                f'"{user[:32]}" can\'t run what lies in the handler directory; fix: use version "{KNOWN_VERSION}", whose '
                f'"{RUN_HANDLER}" tells the handler the user',
            )
    action = Action(
        operation,
        RUN_HANDLER,
        (operation, *arguments),
        path=path,
        run_as_user=user,
        allow_std_err=0 if allowed is None else allowed,
        progress=progress,
        timeout=timeout,
        operation=True,
    )
    return Document("", (action,), include_std_out=include_std_out, notes=notes)


def _steps_schema(document: dict[str, object], users: Users | None, notes: list[str]) -> Document:
    steps = get(document, "steps")
    if not isinstance(steps, list) or not steps:
        raise DocumentError("$.steps", f"must be a list of at least one step, found {found(steps)}")
    final = get(document, "finalStep")
    places = [f"$.steps[{index}]" for index in range(len(steps))]
    if users:
        users.check_places({part for place in (*places, "$.finalStep") for part in _parts(place)})
    return Document(
        KNOWN_VERSION,
        tuple(_step(step, place, users, notes) for step, place in zip(steps, places, strict=True)),
        None if final is None else _step(final, "$.finalStep", users, notes),
        flag(document, "includeStdOut", "$"),
        _conditions(get(document, "conditions")),
        notes,
    )


def _parts(step: str) -> tuple[str, str, str]:
    """Where in a step its user may be named."""
    return step, f"{step}.action", f"{step}.action.input"


def _step(step: object, place: str, users: Users | None, notes: list[str]) -> Action:
    if not isinstance(step, dict):
        raise DocumentError(place, f'must be an object with "action", found {found(step)}')
    action = an_object(step, "action", place)
    _, path, where = _parts(place)
    name = text(action, "name", path, required=True)
    kind = text(action, "type", path, required=True)
    given = an_object(action, "input", path)
    directory = ""
    if kind == RUN_HANDLER:
        directory = _folder(given, where)
        handler = text(given, "handler", where, required=True)
        _program(handler, directory, f"{where}.handler")
        argv = (handler, *words(given, "args", where, notes))
    elif kind == RUN_COMMAND:
        argv = split_command(text(given, "command", where, required=True), f"{where}.command")
        _program(argv[0], directory, f"{where}.command")
    else:
        raise DocumentError(f"{path}.type", f'must be "{RUN_HANDLER}" or "{RUN_COMMAND}", found "{kind[:64]}"')
    return Action(
        name,
        kind,
        argv,
        path=directory,
        run_as_user=users.of(*_parts(place)) if users else "",
        allow_std_err=count(action, "allowStdErr", path),
        ignore_failure=flag(action, "ignoreStepFailure", path),
        progress=extra_flag(action, "progress", path, notes),
        timeout=extra_seconds(action, "timeout", path, notes),
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
        kind = text(item, "type", path) or "stringEqual"
        if kind != "stringEqual":
            raise DocumentError(f"{path}.type", f'must be "stringEqual", found "{kind[:64]}"')
        key = text(item, "key", path, required=True)
        given = get(item, "value")
        values: object = [given] if isinstance(given, str) else given
        if not isinstance(values, list) or not values:
            raise DocumentError(f"{path}.value", f"must be a list of at least one string, found {found(values)}")
        made.append(Condition(key, strings(values, f"{path}.value")))
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


def _folder(parent: dict[str, object], place: str) -> str:
    """`path`: "default", "" or the whole way: the agent's working folder is nothing that a document could know."""
    path = text(parent, "path", place)
    if path not in ("", DEFAULT_PATH) and not path.startswith("/"):
        raise DocumentError(f"{place}.path", f'must be "{DEFAULT_PATH}" or begin with "/", found "{path[:64]}"')
    return path


def _program(name: str, path: str, place: str) -> None:
    """The same for what is run; in the handler directory it is a bare name."""
    if path == DEFAULT_PATH and ("/" in name or name in (".", "..")):
        raise DocumentError(place, f'with path "{DEFAULT_PATH}" must be a file name without "/", found "{name[:64]}"')
    if not path and "/" in name and not name.startswith("/"):
        raise DocumentError(place, f'must be a name without "/" or begin with "/", found "{name[:64]}"')


# --- runAsUser, wherever it is named


def _is_name(key: str) -> bool:
    """Whether somebody who wrote this meant runAsUser: run_as_user, RunAsUser, "runasuser " ..."""
    return "".join(letter for letter in key if letter.isalnum()).lower() == _RUN_AS_USER


def _users_named(document: dict[str, object]) -> list[tuple[str, str, str]]:
    """(path of the object, path of the key, user) in the order of the document; those without a user are left out."""
    made = []
    left: list[tuple[str, object]] = [("$", document)]
    while left:
        path, value = left.pop()
        if isinstance(value, list):
            left.extend((f"{path}[{at}]", item) for at, item in enumerate(value) if isinstance(item, (dict, list)))
        if not isinstance(value, dict):
            continue
        for key, item in value.items():
            if _is_name(key):
                if name := _user(item, f"{path}.{key}"):
                    made.append((path, f"{path}.{key}", name))
            elif isinstance(item, (dict, list)):
                left.append((f"{path}.{key}", item))
    return made


def _user(value: object, path: str) -> str:
    if value is None:
        return ""
    if not isinstance(value, str):
        raise DocumentError(path, f"must be a string, found {found(value)}")
    no_nul(value, path)
    return value


# --- single values


def get(parent: dict[str, object], key: str) -> object:
    """The value of `key`, spelled in any case; None without it."""
    if key in parent:
        return parent[key]
    wanted = key.lower()
    for name, value in parent.items():
        if name.lower() == wanted:
            return value
    return None


def found(value: object) -> str:
    """`value` in the words of a refusal."""
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


def an_object(parent: dict[str, object], key: str, path: str) -> dict[str, object]:
    """An object that must be there."""
    value = get(parent, key)
    if not isinstance(value, dict):
        raise DocumentError(f"{path}.{key}", f"must be an object, found {found(value)}")
    return value


def text(parent: dict[str, object], key: str, path: str, required: bool = False) -> str:
    """A string; "" without one."""
    value = get(parent, key)
    if value is None and not required:
        return ""
    if not isinstance(value, str) or (required and not value.strip(BLANKS)):
        wanted = "a non-empty string" if required else "a string"
        raise DocumentError(f"{path}.{key}", f"must be {wanted}, found {found(value)}")
    no_nul(value, f"{path}.{key}")
    return value


def no_nul(value: str, path: str) -> None:
    """Refuse what no argument of a program can carry."""
    if "\0" in value:
        raise DocumentError(path, "holds a NUL character, which no program argument can carry")


def words(parent: dict[str, object], key: str, path: str, notes: list[str]) -> tuple[str, ...]:
    """A list of strings, in which numbers and booleans become their JSON text."""
    value = get(parent, key)
    if value is None:
        return ()
    if not isinstance(value, list):
        raise DocumentError(f"{path}.{key}", f"must be a list of strings, found {found(value)}")
    return tuple(_word(item, f"{path}.{key}[{index}]", notes) for index, item in enumerate(value))


def _word(item: object, path: str, notes: list[str]) -> str:
    if isinstance(item, str):
        no_nul(item, path)
        return item
    if isinstance(item, float) and abs(item) >= _EXACT:
        raise DocumentError(path, f"is a number too large to be passed on as written, {item}; make it a string")
    if not isinstance(item, (bool, int, float)):
        raise DocumentError(path, f"must be a string, found {found(item)}")
    said = found(item) if isinstance(item, bool) else str(item)
    notes.append(f'{path} is no string and is passed on as "{said}"; fix: write "{said}"')
    return said


def strings(value: Sequence[object], path: str) -> tuple[str, ...]:
    """Strings and nothing else: a condition must not hold by the way a number is written."""
    made = []
    for index, item in enumerate(value):
        if not isinstance(item, str):
            raise DocumentError(f"{path}[{index}]", f"must be a string, found {found(item)}")
        made.append(item)
    return tuple(made)


def _truth(value: object) -> bool | None:
    """The C++ client's Jobs README has booleans, the C++ client reads the strings "true" and "false": both are taken."""
    if isinstance(value, bool):
        return value
    if value is None or (isinstance(value, str) and value.lower() in ("true", "false", "")):
        return value is not None and value.lower() == "true"
    return None


def flag(parent: dict[str, object], key: str, path: str) -> bool:
    """True or false; false without it."""
    value = get(parent, key)
    made = _truth(value)
    if made is None:
        raise DocumentError(f"{path}.{key}", f"must be true or false, found {found(value)}")
    return made


def _whole(value: object) -> int | None:
    """A whole number, also one that is written as digits in a string or as 2.0; None for anything else."""
    if isinstance(value, str):
        digits = value.strip(BLANKS)
        return int(digits) if digits.isascii() and digits.isdigit() and len(digits) <= _DIGITS else None
    if isinstance(value, float):
        return int(value) if value.is_integer() and abs(value) < _EXACT else None
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def count(parent: dict[str, object], key: str, path: str) -> int | None:
    """A number of lines; None without it."""
    value = get(parent, key)
    if value is None or value == "":
        return None
    made = _whole(value)
    if made is None or made < 0:
        raise DocumentError(f"{path}.{key}", f"must be a whole number of lines, 0 or more, found {found(value)}")
    return made


# --- extensions of ours: another maker's document may use these keys for something else, so what does not fit is no error


def extra_seconds(parent: dict[str, object], key: str, path: str, notes: list[str]) -> int:
    """Whole seconds; 0 without them, or when they do not fit."""
    value = parent.get(key)
    if value is None or value == "":
        return 0
    made = _whole(value)
    if made is not None and 1 <= made <= MAX_SECONDS:
        return made
    _unfit(f"{path}.{key}", f"whole seconds from 1 to {MAX_SECONDS}", value, notes)
    return 0


def extra_flag(parent: dict[str, object], key: str, path: str, notes: list[str]) -> bool:
    """True or false; false without it, or when it does not fit."""
    value = parent.get(key)
    made = _truth(value)
    if made is None:
        _unfit(f"{path}.{key}", "true or false", value, notes)
    return bool(made)


def _unfit(path: str, wanted: str, value: object, notes: list[str]) -> None:
    notes.append(f"{path} is ignored: wanted {wanted}, found {found(value)}; fix: correct it or leave it out")

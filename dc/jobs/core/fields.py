# SPDX-FileCopyrightText: The aws-iot-device-client authors
# SPDX-License-Identifier: Apache-2.0
"""Single values of a job document: read as leniently as the C++ client does, or refused by name. Pure.

A key is found in any case, as there; the exact spelling goes first. What was read in a way that its author may not
expect is added to `notes`, which the agent logs (docs/decisions/0016-lenient-documents.md).
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

MAX_SECONDS = 10080 * 60  # AWS's longest job timer is 10080 minutes
BLANKS = " \t\n\v\f\r"
_EXACT = 1 << 53  # from here on a float may be another number than the text was
_DIGITS = 18  # more could not be counted, and int() refuses very many


class DocumentError(ValueError):
    """The job document can't ever work here. `path`: JSON path; `rule`: what is wanted and what was found."""

    def __init__(self, path: str, rule: str) -> None:
        super().__init__(f"{path}: {rule}")
        self.path = path
        self.rule = rule


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

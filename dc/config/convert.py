# SPDX-FileCopyrightText: The aws-iot-device-client authors
# SPDX-License-Identifier: Apache-2.0
"""One value of the table, from JSON or from text (a flag, the environment). Pure."""

from __future__ import annotations

from dc.config.model import ANY, BOOL, CHOICE, INT, LIST, PATH, SECONDS, TEXT, Setting
from dc.config.problems import ConfigError

_SHOWN = 60  # characters of a wrong value that an error repeats
_LONGEST_NUMBER = 20  # characters; more can't be in any range of the table
_PLACEHOLDER = "<replace_with"  # what the C++ client's template holds where a value is to be filled in


def from_json(setting: Setting, value: object, place: str) -> object:
    """The setting's value from a parsed JSON `value`; `place` is the file and the key, for errors.

    None means "not set": null, and "" where text is wanted, which is what the C++ client's setup writes for
    things left out. Raises ConfigError naming place, found and wanted.
    """
    if value is None or (value == "" and setting.kind in (TEXT, PATH, CHOICE)):
        return None
    kind = setting.kind
    if kind == ANY or (kind == LIST and isinstance(value, list)):
        return value
    if kind == BOOL and isinstance(value, bool):
        return value
    if kind in (INT, SECONDS) and isinstance(value, (int, float)) and not isinstance(value, bool):
        return _number(setting, value, place)
    if kind in (TEXT, PATH, CHOICE, BOOL) and isinstance(value, str):
        return from_text(setting, value, place)
    raise mismatch(setting, value, place)


def from_text(setting: Setting, text: str, place: str) -> object:
    """The setting's value from `text`; `place` names the flag, variable or key. Raises ConfigError."""
    kind = setting.kind
    if "\0" in text:
        raise ConfigError(f"{place}: the value holds a NUL character", "Remove it.")
    if kind in (TEXT, PATH):
        if setting.available and text.startswith(_PLACEHOLDER):
            raise ConfigError(f"{place}: still holds the template's {text}", "Replace it with the value.")
        return text
    if kind == BOOL and text.lower() in ("true", "false"):
        return text.lower() == "true"
    if kind == CHOICE:
        for choice in setting.choices:
            if choice.lower() == text.lower():
                return choice
    if kind in (INT, SECONDS) and len(text) <= _LONGEST_NUMBER:
        try:
            return _number(setting, int(text) if kind == INT else float(text), place)
        except ValueError:
            pass
    raise mismatch(setting, text, place)


def _number(setting: Setting, value: float, place: str) -> float:
    whole = isinstance(value, int)
    if (setting.kind == INT and not whole) or not setting.low <= value <= setting.high:  # NaN is in no range
        raise mismatch(setting, value, place)
    return value


def mismatch(setting: Setting, value: object, place: str) -> ConfigError:
    """The error for a value of the wrong type or outside its range; a secret is never repeated."""
    found = type_name(value) if setting.secret else describe(value)
    return ConfigError(f"{place}: found {found}, wanted {wanted(setting)}")


def type_name(value: object) -> str:
    """The JSON name of a value's type, with its article."""
    if value is None:
        return "null"
    for kind, name in ((bool, "a boolean"), (str, "a string"), (list, "a list"), (dict, "an object")):
        if isinstance(value, kind):
            return name
    return "a number"


def describe(value: object) -> str:
    """A value as an error repeats it: short ones in full, others by type."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return f"the string {value[:_SHOWN]!a}" + ("..." if len(value) > _SHOWN else "")
    if isinstance(value, (int, float)):
        return f"the number {value!r}"
    return type_name(value)


def wanted(setting: Setting) -> str:
    """What a setting takes, in words."""
    if setting.kind == BOOL:
        return "true or false"
    if setting.kind == CHOICE:
        return "one of " + ", ".join(setting.choices)
    if setting.kind == INT:
        return f"a whole number from {setting.low} to {setting.high}"
    if setting.kind == SECONDS:
        return f"seconds from {setting.low} to {setting.high}"
    return "a list" if setting.kind == LIST else "a string"

# SPDX-FileCopyrightText: The aws-iot-device-client authors
# SPDX-License-Identifier: Apache-2.0
"""Reads a JSON configuration file against the table; unknown keys and wrong types are errors, all of them reported."""

from __future__ import annotations

import os
import stat

from dc.config.convert import from_json, type_name
from dc.config.problems import ConfigError
from dc.jsonlib import JSONDecodeError, loads

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from dc.config.model import Setting
    from dc.config.problems import Problems

LIMIT = 64 * 1024  # bytes; the C++ client stops at 5000
_MOST_GUESSES = 20  # a file with more unknown keys is some other file
_SHOWN = 80  # characters of an unknown key that an error repeats
_BOM = b"\xef\xbb\xbf"


def read(path: str, settings: Iterable[Setting], problems: Problems) -> dict[str, object]:
    """The settings that the file at `path` gives, by name; what is wrong in it is added to `problems`.

    Keys that start with "_" are comments. Raises ConfigError when the file can't be read, is over LIMIT bytes
    or is not a JSON object.
    """
    try:
        document = loads(load_bytes(path).removeprefix(_BOM))
    except JSONDecodeError as error:
        raise ConfigError(f"{path}: not valid JSON: {_where(error)}", "Correct the file at that place.") from None
    if not isinstance(document, dict):
        raise ConfigError(f"{path}: found {type_name(document)}, wanted a JSON object", "Start the file with {.")
    known = {setting.name: setting for setting in settings if setting.in_file}
    return dict(_values(document, "", known, path, problems))


def load_bytes(path: str) -> bytes:
    """The content of a regular file of at most LIMIT bytes. Raises ConfigError."""
    try:
        # NONBLOCK: opening a named pipe must not hang; it is refused just below.
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    except OSError as error:
        raise unreadable(path, error) from None
    try:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise ConfigError(f"{path}: not a regular file", "Name a file.")
        content = b""
        while len(content) <= LIMIT and (part := os.read(descriptor, LIMIT + 1 - len(content))):
            content += part
    except OSError as error:
        raise unreadable(path, error) from None
    finally:
        os.close(descriptor)
    if len(content) > LIMIT:
        raise ConfigError(f"{path}: larger than {LIMIT} bytes", "Is it the right file? Shorten it.")
    return content


def unreadable(path: str, error: OSError) -> ConfigError:
    """The error for a file that can't be opened or read."""
    if isinstance(error, FileNotFoundError):
        return ConfigError(f"{path}: no such file", "Create it, or correct the path.")
    if isinstance(error, PermissionError):
        hint = f"Let uid {os.geteuid()}, which the agent runs as, read the file and enter its folders."
        return ConfigError(f"{path}: may not be read", hint)
    return ConfigError(f"{path}: {error.strerror}")


def _where(error: JSONDecodeError) -> str:
    """The parser's complaint with line and column, never with the text itself: that may hold a PIN."""
    if len(error.args) != 3:
        return str(error)
    message, text, at = error.args
    line_start = text.rfind("\n", 0, at) + 1
    return f"{message} (line {text.count(chr(10), 0, at) + 1}, column {at - line_start + 1})"


def _values(
    section: dict[str, object], prefix: str, known: dict[str, Setting], path: str, problems: Problems
) -> Iterator[tuple[str, object]]:
    """Name and value of each setting in one JSON object, whose keys all start with `prefix`."""
    for key, value in section.items():
        name = prefix + key
        if key.startswith("_"):
            continue
        if name in known and "." not in key:
            converted = problems.attempt(from_json, known[name], value, f"{path}: {name}")
            if converted is not None:
                yield name, converted
        elif "." not in key and any(other.startswith(name + ".") for other in known):
            if isinstance(value, dict):
                yield from _values(value, name + ".", known, path, problems)
            elif value is not None:
                problems.error(f"{path}: {name}: found {type_name(value)}, wanted an object")
        else:
            problems.errors.append(_unknown(path, name, known, guess=len(problems.errors) < _MOST_GUESSES))


def _unknown(path: str, name: str, known: dict[str, Setting], *, guess: bool) -> ConfigError:
    from dc.config.nearest import did_you_mean

    sections = {other[:dot] for other in known for dot, letter in enumerate(other) if letter == "."}
    hint = did_you_mean(name, [*known, *sections]) if guess else ""
    rule = "Remove it, or start its name with _ if it is a comment."
    return ConfigError(f"{path}: {name[:_SHOWN]!a} is not a known key", hint or rule)

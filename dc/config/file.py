# SPDX-FileCopyrightText: The aws-iot-device-client authors
# SPDX-License-Identifier: Apache-2.0
"""Reads a JSON configuration file against the table, and reports all that is wrong in it.

What the C++ client starts with is passed over with a line in the log; what would leave the agent without an identity,
without a trusted server or doing what nobody asked for is an error.
"""

from __future__ import annotations

import os
import stat

from dc.config.convert import from_json, type_name, wanted
from dc.config.lax import Reader, Section
from dc.config.problems import ConfigError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from dc.config.model import Setting
    from dc.config.problems import Problems

LIMIT = 64 * 1024  # bytes; the C++ client stops at 5000
_MOST_GUESSES = 20  # a file with more unknown keys is some other file
_SHOWN = 80  # characters of an unknown key that an error repeats
_CRUCIAL = frozenset(("endpoint", "cert", "key", "root-ca", "thing-name"))  # who we are and whom we trust: no default
_BOM = b"\xef\xbb\xbf"


def read(
    path: str, settings: Iterable[Setting], problems: Problems, flags: Mapping[str, object] | None = None
) -> dict[str, object]:
    """The settings that the file at `path` gives, by name; what is wrong in it is added to `problems`.

    `flags` can switch a feature on or off, which decides how grave a bad value of it is. Keys that start with "_" are
    comments. Raises ConfigError when the file can't be read, is over LIMIT bytes or is not a JSON object.
    """
    reader = Reader(load_bytes(path).removeprefix(_BOM))
    try:
        document = reader.document()
    except ConfigError as error:
        raise ConfigError(f"{path}: {error.message}", error.hint) from None
    if not isinstance(document, Section):
        raise ConfigError(f"{path}: found {type_name(document)}, wanted a JSON object", "Start the file with {.")
    for what, where in reader.odd.items():
        problems.passed_over.append(ConfigError(f"{path}: {what} ({where})", "Correct the file at that place."))
    walk = _Walk(path, {setting.name: setting for setting in settings if setting.in_file}, problems)
    walk.through(document, "")
    walk.judge(flags or {})
    return walk.values


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


class _Walk:
    """The way through one document."""

    __slots__ = ("_bad", "_known", "_path", "_problems", "_seen", "values")

    def __init__(self, path: str, known: dict[str, Setting], problems: Problems) -> None:
        self.values: dict[str, object] = {}
        self._path = path
        self._known = known
        self._problems = problems
        self._seen: set[str] = set()
        self._bad: list[tuple[Setting, object, ConfigError]] = []

    def through(self, section: Section, prefix: str) -> None:
        """Takes the settings of one object, whose names all start with `prefix`."""
        for key, value in section.items():
            if key.startswith("_"):
                continue
            name = self._meant(prefix, key)
            if not name:
                self._unknown(prefix + key)
            elif name in self._seen:
                self._again(name)
            else:
                self._seen.add(name)
                if name != prefix + key:
                    self._pass_over(f"{prefix + key!a} is not in the case it is known in", f"Write {name}.")
                self._take(name, value)
        for key in section.repeated:
            name = self._meant(prefix, key)
            if name and not key.startswith("_"):
                self._again(name)

    def judge(self, flags: Mapping[str, object]) -> None:
        """Sorts the values that can't be used into what forbids a start and what the default can stand in for."""
        for setting, value, error in self._bad:
            switch = setting.feature + ".enabled"
            off = not flags.get(switch, self.values.get(switch, True))
            if off or value == "" or _has_stand_in(setting):
                hint = error.hint or f"Write {wanted(setting)}, or remove the key; as it is it counts as not set."
                self._problems.passed_over.append(ConfigError(error.message, hint))
            else:
                self._problems.errors.append(error)

    def _meant(self, prefix: str, key: str) -> str:
        """The name of the setting or section that `key` stands for, in whatever case; "" for none."""
        name = prefix + (key.lower() if key.isascii() else key)
        known = "." not in key and (name in self._known or self._is_section(name))
        return name if known else ""

    def _is_section(self, name: str) -> bool:
        return any(other.startswith(name + ".") for other in self._known)

    def _take(self, name: str, value: object) -> None:
        setting = self._known.get(name)
        if setting is None:
            if isinstance(value, Section):
                self.through(value, name + ".")
            elif value is not None:
                self._pass_over(
                    f"{name}: found {type_name(value)}, wanted an object", "Remove it, or give it its keys."
                )
            return
        try:
            converted = from_json(setting, value, f"{self._path}: {name}")
        except ConfigError as error:
            if name == setting.feature + ".enabled" and setting.available and value != "":
                self.values[name] = False  # root's programs are not run by a guess
                self._problems.passed_over.append(
                    ConfigError(error.message, "Write true or false: as it is, it counts as false.")
                )
            else:
                self._bad.append((setting, value, error))
            return
        if converted is not None:
            self.values[name] = converted

    def _again(self, name: str) -> None:
        self._pass_over(f"{name} is given more than once, the first one counts", "Remove the others.")

    def _unknown(self, name: str) -> None:
        from dc.config.nearest import did_you_mean

        sections = {other[:dot] for other in self._known for dot, letter in enumerate(other) if letter == "."}
        guess = len(self._problems.passed_over) < _MOST_GUESSES
        hint = did_you_mean(name, [*self._known, *sections]) if guess else ""
        rule = "Remove it, or start its name with _ if it is a comment."
        self._pass_over(f"{name[:_SHOWN]!a} is not a known key", hint or rule)

    def _pass_over(self, fault: str, hint: str) -> None:
        self._problems.passed_over.append(ConfigError(f"{self._path}: {fault}", hint))


def _has_stand_in(setting: Setting) -> bool:
    """Whether the C++ client, told nonsense, goes on with its default, and that endangers nothing here."""
    return not setting.available or not (setting.own or setting.name in _CRUCIAL)

# SPDX-FileCopyrightText: The aws-iot-device-client authors
# SPDX-License-Identifier: Apache-2.0
"""What the program prints about itself: help, version, default settings, the settings in force.

Loaded only for the flags that need it, never by the running agent.
"""

from __future__ import annotations

import errno
import os
import stat
import sys

from dc import commands, features
from dc.config.checks import CONFIG_MODE
from dc.config.model import ACTIONS, BOOL, INT, PATH, PROGRAM, SECONDS, SETTINGS, Config, Setting
from dc.config.problems import ConfigError
from dc.jsonlib import dumps
from dc.version import VERSION

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from dc.config.problems import Problems

_BUILD_FIELDS = ("REVISION", "ARCH", "LIBC", "CPYTHON", "AWSCRT", "ORJSON", "NUITKA")
_MASK = "********"
_WIDTH = 100
_INDENT = 10
_HEAD = f"""{PROGRAM}: runs the jobs that AWS IoT sends to this device.

Usage: {PROGRAM} [--FLAG VALUE | --FLAG=VALUE]...

A flag beats the same key of the configuration file. Without --config-file, the file is
~/.aws-iot-device-client/aws-iot-device-client.conf, else the one of that name in
/etc/aws-iot-device-client or /etc/.aws-iot-device-client."""


def help_text() -> str:
    """The text of --help, made from the table."""
    known = [setting for setting in SETTINGS if setting.available]
    lines = [_HEAD, *_command_lines(), *_flag_lines("Actions", ACTIONS)]
    lines += _flag_lines("Settings", [setting for setting in known if setting.flag])
    lines += _name_lines("Only in the configuration file", [s for s in known if s.in_file and not s.flag])
    lines += _name_lines("Environment", [s for s in known if s.in_environment])
    absent = [s for s in SETTINGS if s.flag and not s.available]
    lines += ["", "Accepted for compatibility with the C++ client, without effect in this build:"]
    lines += _wrapped(" ".join(setting.flag for setting in absent), 2)
    return "\n".join(lines) + "\n"


def _command_lines() -> list[str]:
    shown_rows = [(name, line) for name, _, line in commands.rows() if line]
    lines = ["", f"Commands ({PROGRAM} COMMAND ...):"] if shown_rows else []
    for name, line in shown_rows:
        lines.append(f"  {name}")
        lines += _wrapped(line, _INDENT)
    return lines


def _flag_lines(title: str, settings: Sequence[Setting]) -> list[str]:
    lines = ["", title + ":"]
    for setting in settings:
        value = "" if setting.is_switch else " " + _value_word(setting)
        lines.append(f"  {setting.flag}{value}")
        lines += _wrapped(_sentence(setting), _INDENT)
    return lines


def _name_lines(title: str, settings: Sequence[Setting]) -> list[str]:
    lines = ["", title + ":"] if settings else []
    for setting in settings:
        lines.append(f"  {setting.name} = {_value_word(setting)}")
        lines += _wrapped(_sentence(setting), _INDENT)
    return lines


def _value_word(setting: Setting) -> str:
    if setting.kind == BOOL:
        return "true|false"
    if setting.choices:
        return "|".join(setting.choices)
    return {PATH: "PATH", INT: "NUMBER", SECONDS: "SECONDS"}.get(setting.kind, "VALUE")


def _sentence(setting: Setting) -> str:
    parts = [setting.help]
    if setting.flag and setting.in_file:
        parts.append(f"Key: {setting.name}.")
    if setting.default not in ("", None) and not setting.flag.startswith("--config") and setting not in ACTIONS:
        parts.append(f"Default: {shown(setting.default)}.")
    return " ".join(parts)


def _wrapped(text: str, indent: int) -> list[str]:
    lines: list[str] = []
    for word in text.split():
        if lines and len(lines[-1]) + 1 + len(word) <= _WIDTH:
            lines[-1] += " " + word
        else:
            lines.append(" " * indent + word)
    return lines


def version_text() -> str:
    """The text of --version: the version first, as the C++ client writes it, then how it was built."""
    names: tuple[str, ...] = features.FEATURES
    try:
        import dc_buildinfo as build  # made by the build, absent from the sources
    except ImportError:
        python = ".".join(str(number) for number in sys.version_info[:3])
        first, lines = f"v{VERSION}", [f"run from source by {sys.implementation.name} {python}"]
    else:
        first = f"v{build.VERSION}-{build.REVISION}"
        lines = [f"{field.lower()}: {getattr(build, field)}" for field in _BUILD_FIELDS]
        names = build.FEATURES
    return "\n".join([first, *lines, f"features: {', '.join(names) or 'none'}"]) + "\n"


def default_settings() -> bytes:
    """Every key of the configuration file at its default, as JSON; "" and null mean "not set"."""
    root: dict[str, object] = {}
    for setting in SETTINGS:
        if not setting.in_file:
            continue
        *sections, key = setting.name.split(".")
        section = root
        for name in sections:
            inner = section.setdefault(name, {})
            assert isinstance(inner, dict)
            section = inner
        section[key] = list(setting.default) if isinstance(setting.default, tuple) else setting.default
    return _indented(root, 0).encode() + b"\n"


def _indented(value: object, depth: int) -> str:
    if not isinstance(value, dict):
        return dumps(value).decode()
    pad = "  " * (depth + 1)
    rows = [f"{pad}{dumps(key).decode()}: {_indented(inner, depth + 1)}" for key, inner in value.items()]
    return "{\n" + ",\n".join(rows) + "\n" + "  " * depth + "}"


def export(path: str) -> None:
    """Writes default_settings to `path`, mode 640. Raises ConfigError; a file with content is kept."""
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, CONFIG_MODE)
        try:
            found = os.fstat(descriptor)
            if stat.S_ISREG(found.st_mode):
                if found.st_size:
                    raise ConfigError(f"{path}: exists and is not empty", "Name another file, or remove this one.")
                os.fchmod(descriptor, CONFIG_MODE)
            rest = default_settings()
            while rest:
                rest = rest[os.write(descriptor, rest) :]
        finally:
            os.close(descriptor)
    except OSError as error:
        hint = "Create its folder first." if error.errno == errno.ENOENT else ""
        raise ConfigError(f"{path}: can't be written: {error.strerror}", hint) from None


def report(config: Config, problems: Problems) -> str:
    """The text of --check-config: a line for each setting in force, then warnings, errors and a verdict."""
    lines = [f"configuration file: {config.config_file or 'none'}"]
    for setting in SETTINGS:
        if setting.attr or config.is_set(setting.name):
            lines.append(f"{setting.name} = {_effective(config, setting)}    ({config.origins[setting.name]})")
    lines += [f"warning: {warning}" for warning in problems.warnings]
    for error in problems.passed_over:
        lines += [f"error: {error.message} (passed over at a start, with a warning)", f"  fix: {error.hint}"]
    for error in problems.errors:
        lines.append(f"error: {error.message}")
        if error.hint:
            lines.append(f"  fix: {error.hint}")
    return "\n".join([*lines, f"The configuration is {_verdict(problems)}."]) + "\n"


def _verdict(problems: Problems) -> str:
    grave, count = len(problems.errors), len(problems.errors) + len(problems.passed_over)
    errors = f"{count} error{'s' * (count > 1)}"
    if grave:
        return f"not usable: {errors}"
    return f"faulty: {errors}, with which the agent starts nevertheless" if count else "usable"


def _effective(config: Config, setting: Setting) -> str:
    """The value as the agent uses it, a secret masked; what this build does not have is said to be unused."""
    value = config.values[setting.name]
    if setting.secret and value:
        return _MASK
    if setting.attr and setting.name != "endpoint":  # the endpoint's value still has its port
        value = getattr(config, setting.attr)
    return shown(value) + ("" if setting.available else " [not in this build]")


def shown(value: object) -> str:
    """A value as JSON writes it, for people."""
    if isinstance(value, str):
        return f'"{value}"' if value.isprintable() else ascii(value)
    if isinstance(value, bool):
        return "true" if value else "false"
    return (
        "unset" if value is None else f"a list of {len(value)}" if isinstance(value, (list, tuple)) else _other(value)
    )


def _other(value: object) -> str:
    return "an object" if isinstance(value, dict) else str(value)  # however deep it is nested

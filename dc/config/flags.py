# SPDX-FileCopyrightText: The aws-iot-device-client authors
# SPDX-License-Identifier: Apache-2.0
"""The command line: `--flag value` and `--flag=value`, checked against the table. Pure."""

from __future__ import annotations

from dc.config.convert import from_text, wanted
from dc.config.model import PROGRAM, Setting, flag_rows
from dc.config.problems import ConfigError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from dc.config.problems import Problems


def parse(arguments: Sequence[str], problems: Problems | None = None) -> dict[str, object]:
    """What the flags give, by the name of their row (model.ACTIONS too); `arguments` without the program.

    An empty value empties a text or a path. Raises ConfigError for an unknown, repeated or incomplete flag,
    for a value of the wrong kind and for a stray word, as the C++ client refuses all of these. A value of a feature
    that this build does not have is passed over, and noted in `problems`.
    """
    known = {setting.flag: setting for setting in flag_rows()}
    values: dict[str, object] = {}
    at = 0
    while at < len(arguments):
        flag, equals, attached = arguments[at].partition("=")
        at += 1
        setting = known.get(flag)
        if setting is None:
            raise _unknown(flag, equals, known)
        if setting.name in values:
            raise ConfigError(f"{flag} is given more than once", "Give it once.")
        if setting.is_switch:
            if equals:
                raise ConfigError(f"{flag} takes no value", f"Write {flag} alone.")
            values[setting.name] = True
            continue
        if not equals:
            if at == len(arguments) or arguments[at].partition("=")[0] in known:
                raise ConfigError(f"{flag} needs a value", f"Write {flag}=VALUE: {wanted(setting)}.")
            attached = arguments[at]
            at += 1
        try:
            values[setting.name] = from_text(setting, attached, flag)
        except ConfigError as error:
            if setting.available or problems is None:
                raise
            problems.passed_over.append(ConfigError(error.message, error.hint or f"Leave {flag} out."))
    return values


def first_of(arguments: Sequence[str], wanted_flags: tuple[str, ...]) -> str:
    """The first of `wanted_flags` among the arguments, wherever it stands, or ""."""
    for argument in arguments:
        if argument in wanted_flags:
            return argument
    return ""


def _unknown(flag: str, equals: str, known: dict[str, Setting]) -> ConfigError:
    from dc.config.nearest import did_you_mean

    help_hint = f"`{PROGRAM} --help` lists all flags."
    if not flag.startswith("-"):
        if equals:  # the rest may be anything, a secret included
            flag += "=..."
        return ConfigError(f"{flag!a} does not belong to a flag", help_hint)
    hint = did_you_mean(flag, known)
    return ConfigError(f"{flag!a} is not a known flag", f"{hint} {help_hint}".strip())

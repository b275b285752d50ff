# SPDX-FileCopyrightText: The aws-iot-device-client authors
# SPDX-License-Identifier: Apache-2.0
"""From the settings as given to the attributes of Config: the only place that replaces a value by another.

Paths are written out in full, the endpoint is split, and a log that can't be written goes to stdout, as in the C++
client. Looks at files, changes none.
"""

from __future__ import annotations

import os

from dc.config.model import BOOL, PATH, SETTINGS, Setting
from dc.config.paths import expand
from dc.config.problems import ConfigError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Protocol

    from dc.config.problems import Problems

    class Given(Protocol):
        """The settings as given: a value and its origin for every row of the table, and the circumstances."""

        values: dict[str, object]
        origins: dict[str, str]
        environ: Mapping[str, str]
        uid: int
        problems: Problems


ROOT_STATE_DIR = "/var/lib/aws-iot-device-client"
USER_STATE_DIR = "~/.aws-iot-device-client"

_LETTERS = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789")
_HOST = _LETTERS | frozenset(".-_")
_IPV6 = frozenset("0123456789abcdefABCDEF:.%")


def attributes(sources: Given) -> dict[str, object]:
    """The attributes of Config, by name. Adds what is wrong to `sources.problems`."""
    problems = sources.problems
    found: dict[str, object] = {}
    for setting in SETTINGS:
        if setting.attr:
            value = sources.values[setting.name]
            found[setting.attr] = False if setting.kind == BOOL and not setting.available else value
    found["endpoint"], found["port"] = problems.attempt(split_endpoint, found["endpoint"]) or ("", None)
    found["state_dir"] = found["state_dir"] or (ROOT_STATE_DIR if sources.uid == 0 else USER_STATE_DIR)
    for setting in SETTINGS:
        if setting.attr and setting.kind == PATH:
            needed = setting.feature != "jobs" or found["jobs_enabled"]
            found[setting.attr] = _in_full(setting, str(found[setting.attr]), sources) if needed else ""
    if found["log_type"] == "file" and not _log_file(str(found["log_file"]), "logging to stdout instead", problems):
        found["log_type"] = "stdout"
    if found["sdk_log_enabled"]:
        found["sdk_log_enabled"] = _log_file(str(found["sdk_log_file"]), "SDK logging is switched off", problems)
    return found


def split_endpoint(text: str) -> tuple[str, int | None]:
    """HOST, HOST:PORT, IPV6 or [IPV6]:PORT -> host and port (None when not given). Raises ConfigError."""
    hint = "Write HOST or HOST:PORT; `aws iot describe-endpoint --endpoint-type iot:Data-ATS` prints the host."
    if "/" in text:
        raise ConfigError(f"endpoint: found {text!a}, wanted a host without a scheme and a path", hint)
    if text.startswith("["):
        host, bracket, rest = text[1:].partition("]")
        colon, digits = rest[:1], rest[1:]
        wrong = not bracket or not host or not _IPV6.issuperset(host) or colon not in ("", ":")
    elif text.count(":") > 1:
        host, colon, digits = text, "", ""
        wrong = not _IPV6.issuperset(host)
    else:
        host, colon, digits = text.partition(":")
        wrong = not _HOST.issuperset(host) or (not host and bool(colon))
    if wrong:
        raise ConfigError(f"endpoint: {text!a} is not a host", hint)
    if not colon:
        return host, None
    if not (digits.isascii() and digits.isdigit() and len(digits) <= 5 and 1 <= int(digits) <= 65535):
        raise ConfigError(f"endpoint: found port {digits!a}, wanted 1 to 65535", hint)
    return host, int(digits)


def _in_full(setting: Setting, text: str, sources: Given) -> str:
    """The absolute path; "" when it is unset or when an error was noted."""
    if not text:
        return ""
    origin, _, source = sources.origins[setting.name].partition(" ")
    place = source if origin in ("flag", "env") else f"{source or origin}: {setting.name}"
    return sources.problems.attempt(expand, text, sources.environ, sources.uid, place) or ""


def _log_file(path: str, otherwise: str, problems: Problems) -> bool:
    """Whether the log file can be written, or will be once its folder is made; a warning ending in `otherwise` if not."""
    problem = _log_problem(path) if path else "no path"
    if problem:
        problems.warn(f"log file {path}: {problem}; {otherwise}")
    return not problem


def _log_problem(path: str) -> str:
    folder = os.path.dirname(path)
    if not os.path.isdir(folder):
        return "" if _can_make(folder) else f"its folder {folder} is missing and can't be made"
    if os.path.lexists(path):
        if not os.path.isfile(path):
            return "not a regular file"
        return "" if os.access(path, os.W_OK) else "may not be written"
    return "" if os.access(folder, os.W_OK | os.X_OK) else f"its folder {folder} may not be written"


def _can_make(folder: str) -> bool:
    """Whether the user could make the folder: the nearest one that exists may be written."""
    while not os.path.lexists(folder):
        folder = os.path.dirname(folder)
    return os.path.isdir(folder) and os.access(folder, os.W_OK | os.X_OK)

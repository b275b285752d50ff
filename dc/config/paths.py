# SPDX-FileCopyrightText: The aws-iot-device-client authors
# SPDX-License-Identifier: Apache-2.0
"""Paths as people write them: a leading `~`, `$NAME` and `${NAME}`, and nothing else.

The C++ client hands paths to wordexp(3), which also expands globs and runs `$(command)`: a configuration file
that can start programs is no longer a configuration file, so those are refused.
"""

from __future__ import annotations

import os

from dc.config.problems import ConfigError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping


def home(environ: Mapping[str, str], uid: int) -> str:
    """The home folder: HOME, else the passwd entry, else /root for root; "" when there is none."""
    return environ.get("HOME", "") or _passwd_home(uid) or ("/root" if uid == 0 else "")


def _passwd_home(user: int | str) -> str:
    import pwd  # a built-in module, needed only where HOME is not set

    try:
        entry = pwd.getpwuid(user) if isinstance(user, int) else pwd.getpwnam(user)
    except (KeyError, OSError):
        return ""
    return entry.pw_dir


def expand(text: str, environ: Mapping[str, str], uid: int, place: str) -> str:
    """`text` as an absolute path without a slash at its end. Raises ConfigError, naming `place`."""
    if "$(" in text or "`" in text:
        raise ConfigError(f"{place}: commands in a path are not run: {text!a}", "Write the path itself.")
    text = _variables(_tilde(text, environ, uid, place), environ, place)
    if not text.startswith("/"):
        try:
            text = os.path.join(os.getcwd(), text)
        except OSError as error:
            raise ConfigError(
                f"{place}: {text!a} is relative and the working folder is gone ({error.strerror})",
                "Write the whole path, from / on.",
            ) from None
    return text.rstrip("/") or "/"


def _tilde(text: str, environ: Mapping[str, str], uid: int, place: str) -> str:
    if not text.startswith("~"):
        return text
    user, slash, rest = text[1:].partition("/")
    folder = _passwd_home(user) if user else home(environ, uid)
    if folder:
        return folder + slash + rest
    if user:
        raise ConfigError(f"{place}: {text!a} names a user without an entry in the passwd file")
    raise ConfigError(
        f"{place}: {text!a} needs a home folder, but HOME is not set and uid {uid} has no passwd entry",
        f"Set HOME, or give {place.rsplit(': ')[-1]} a path that starts with /.",
    )


def _variables(text: str, environ: Mapping[str, str], place: str) -> str:
    parts: list[str] = []
    at = 0
    while (dollar := text.find("$", at)) >= 0:
        parts.append(text[at:dollar])
        name, at = _name_after(text, dollar + 1, place)
        if not name:
            parts.append("$")
        elif name in environ:
            parts.append(environ[name])
        else:
            raise ConfigError(f"{place}: {text!a} uses {name}, which the environment does not have")
    parts.append(text[at:])
    return "".join(parts)


def _name_after(text: str, start: int, place: str) -> tuple[str, int]:
    """The variable's name that starts at `start` ("" for a lone dollar sign) and where the text goes on."""
    braced = text.startswith("{", start)
    end = first = start + braced
    while end < len(text) and text[end].isascii() and (text[end].isalnum() or text[end] == "_"):
        end += 1
    name = text[first:end]
    plain = bool(name) and not name[0].isdigit()
    if not braced:
        return (name, end) if plain else ("", start)
    if plain and text.startswith("}", end):
        return name, end + 1
    raise ConfigError(f"{place}: {text!a} has a ${{ without a name and a closing brace")

# SPDX-FileCopyrightText: The aws-iot-device-client authors
# SPDX-License-Identifier: Apache-2.0
"""The command line's entry: actions that print and exit, subcommands, or the agent itself."""

from __future__ import annotations

import os

from dc.config import flags
from dc.config.model import ConfigError
from dc.features import COMMANDS

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from dc.config.load import Loaded

STDOUT = 1
STDERR = 2


def main(argv: Sequence[str], environ: Mapping[str, str]) -> int:
    """Runs the program with `argv` (the program's name first); gives the exit status."""
    arguments = argv[1:]
    command = COMMANDS.get(arguments[0]) if arguments else None
    if command:
        status = __import__(command, fromlist=("main",)).main(list(arguments[1:]))
        return int(status)
    asked = flags.first_of(arguments, ("--help", "--version"))
    if asked:
        from dc.config import show

        write(STDOUT, show.help_text() if asked == "--help" else show.version_text())
        return 0
    try:
        given = flags.parse(arguments)
        if "--export-default-settings" in given:
            return _export(str(given["--export-default-settings"]), environ)
    except ConfigError as error:
        return abort([error])
    loaded = _load(given, environ, prepare="--check-config" not in given)
    if "--check-config" in given:
        from dc.config import show

        write(STDOUT, show.report(loaded.config, loaded.warnings, loaded.errors))
        return 1 if loaded.errors else 0
    if loaded.errors:
        return abort(loaded.errors)
    from dc.client import run

    return run(loaded.config, loaded.warnings)


def _load(given: Mapping[str, object], environ: Mapping[str, str], *, prepare: bool) -> Loaded:
    from dc.config import checks, load

    uid = os.geteuid()
    loaded = load.load(given, environ, uid)
    checks.examine(loaded.config, uid, loaded.warnings, loaded.errors, prepare=prepare and not loaded.errors)
    return loaded


def _export(path: str, environ: Mapping[str, str]) -> int:
    from dc.config import paths, show

    full = paths.expand(path, environ, os.geteuid(), "--export-default-settings")
    show.export(full)
    write(STDOUT, f"Default settings written to {full}\n")
    return 0


def abort(errors: Sequence[ConfigError], reason: str = "Invalid configuration") -> int:
    """Says on standard error why the program can't go on, first as the C++ client does; exit status 1."""
    lines = [f"AWS IoT Device Client must abort execution, reason: {reason}"]
    for error in errors:
        lines.append(f"  {error.message}")
        if error.hint:
            lines.append(f"    mend: {error.hint}")
    write(STDERR, "\n".join(lines) + "\n")
    return 1


def write(descriptor: int, text: str) -> None:
    """Writes all of `text`; a closed or full descriptor is no reason to fail."""
    rest = text.encode("utf-8", "backslashreplace")
    try:
        while rest:
            rest = rest[os.write(descriptor, rest) :]
    except OSError:
        pass

# SPDX-FileCopyrightText: The aws-iot-device-client authors
# SPDX-License-Identifier: Apache-2.0
"""The command line's entry: actions that print and exit, commands, or the agent itself."""

from __future__ import annotations

import os

from dc import commands
from dc.config import flags
from dc.config.problems import ConfigError, Problems
from dc.stdio import STDOUT, abort, write

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from dc.config.model import Config


def main(argv: Sequence[str], environ: Mapping[str, str]) -> int:
    """Runs the program with `argv` (the program's name first); gives the exit status."""
    arguments = argv[1:]
    command = commands.module_of(arguments[0]) if arguments else ""
    if command:
        status = __import__(command, fromlist=("main",)).main(list(arguments[1:]))
        return int(status)
    asked = flags.first_of(arguments, ("--help", "-h", "--version"))
    if asked:
        from dc.config import show

        write(STDOUT, show.version_text() if asked == "--version" else show.help_text())
        return 0
    problems = Problems()
    try:
        given = flags.parse(arguments, problems)
        if "--export-default-settings" in given:
            return _export(str(given["--export-default-settings"]), environ)
    except ConfigError as error:
        return _refuse([error])
    config = _configure(given, environ, problems)
    if "--check-config" in given:
        from dc.config import show

        write(STDOUT, show.report(config, problems))
        return 1 if problems.errors or problems.passed_over else 0
    if problems.errors:
        return _refuse([*problems.passed_over, *problems.errors])  # a mistyped key may be why another is missing
    return _run(config, problems, lambda found: _configure(given, environ, found))


def _configure(given: Mapping[str, object], environ: Mapping[str, str], problems: Problems) -> Config:
    from dc.config import checks, load

    uid = os.geteuid()
    config = load.load(given, environ, uid, problems)
    checks.examine(config, uid, problems)
    return config


def _run(config: Config, problems: Problems, configure: Callable[[Problems], Config]) -> int:
    from dc import signals

    signals.settle()  # before the slow imports
    os.umask(0o022)  # an init script may leave 000: the folders on the way to logs and state would be everybody's
    from dc.client import run
    from dc.config.prepare import make_folders

    make_folders(config, problems)
    return run(config, problems.lines(), configure)


def _export(path: str, environ: Mapping[str, str]) -> int:
    from dc.config import paths, show

    full = paths.expand(path, environ, os.geteuid(), "--export-default-settings")
    show.export(full)
    write(STDOUT, f"Default settings written to {full}\n")
    return 0


def _refuse(errors: Sequence[ConfigError]) -> int:
    lines: list[str] = []
    for error in errors:
        lines.append(f"  {error.message}")
        if error.hint:
            lines.append(f"    fix: {error.hint}")
    return abort("Invalid configuration", *lines)

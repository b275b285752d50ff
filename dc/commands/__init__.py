# SPDX-FileCopyrightText: The aws-iot-device-client authors
# SPDX-License-Identifier: Apache-2.0
"""The commands: what runs instead of the agent when the command line begins with their name.

A new command is a module with `main(arguments) -> exit status`, here or in its feature's package, and a row: in
BASE, or in dc/features.py when it belongs to a feature and must be absent from a build without it. The agent itself
reads this table at every start, so nothing but the rows stands here; a command's module is imported when it is called.
"""

from __future__ import annotations

from dc import features

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    Row = tuple[str, str, str]  # name, module, line for --help; "": internal, not shown

BASE: tuple[Row, ...] = ()


def rows() -> Iterator[Row]:
    """Every command of this build."""
    yield from BASE
    yield from features.COMMANDS


def module_of(name: str) -> str:
    """The module of the command `name`, "" when there is no such command."""
    for command, module, _ in rows():
        if command == name:
            return module
    return ""

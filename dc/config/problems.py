# SPDX-FileCopyrightText: The aws-iot-device-client authors
# SPDX-License-Identifier: Apache-2.0
"""What is wrong with a configuration, collected while it is read and checked, so that one run shows all of it. Pure."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import TypeVar

    T = TypeVar("T")


class ConfigError(Exception):
    """A setting that can't be used: `message` says what was found and wanted, `hint` how to fix it, or is ""."""

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint


class Problems:
    """`errors` forbid a start; `warnings` are lines for the log.

    `passed_over` are faults that the C++ client starts with: a line for the log at a start, since a board that does
    not start can't be mended by a job; an error for --check-config, which a person reads.
    """

    __slots__ = ("_subjects", "errors", "passed_over", "warnings")

    def __init__(self) -> None:
        self.errors: list[ConfigError] = []
        self.passed_over: list[ConfigError] = []
        self.warnings: list[str] = []
        self._subjects: set[str] = set()

    def error(self, message: str, hint: str = "") -> None:
        """Note an error; the rest is still checked."""
        self.errors.append(ConfigError(message, hint))

    def warn(self, text: str, subject: str = "") -> None:
        """Note a warning. A second one about the same `subject` is dropped."""
        if subject and subject in self._subjects:
            return
        self._subjects.add(subject)
        self.warnings.append(text)

    def lines(self) -> list[str]:
        """All that an agent which starts has to say, one line each."""
        faults = [f"{fault.message}{'; fix: ' * bool(fault.hint)}{fault.hint}" for fault in self.passed_over]
        return faults + self.warnings

    def attempt(self, rule: Callable[..., T], *arguments: object) -> T | None:
        """What `rule(*arguments)` answers; None when it raised ConfigError, which is noted."""
        try:
            return rule(*arguments)
        except ConfigError as error:
            self.errors.append(error)
            return None

# SPDX-FileCopyrightText: The aws-iot-device-client authors
# SPDX-License-Identifier: Apache-2.0
"""`runAsUser`, wherever a job document names it. Pure.

It is the one key that must never be ignored: a step that should have run as an ordinary user and runs as root is worse
than one that does not run. So it is looked for in the whole document, in any spelling, and what it can't be honoured
for is refused.
"""

from __future__ import annotations

from dc.jobs.core.document import DocumentError

_WHERE = "in an action, in its input, beside it in the step, or at the top of the document"


class Users:
    """Whom the document wants its actions run as."""

    __slots__ = ("_named",)

    def __init__(self, named: list[tuple[str, str, str]]) -> None:
        """`named`: (path of the object, path of the key, user), in the order of the document."""
        self._named = named

    def of(self, *places: str) -> str:
        """The user for the action that these JSON paths belong to, "" for none. Raises `DocumentError`."""
        wanted = {place.lower() for place in ("$", *places)}
        user, at = "", ""
        for parent, path, name in self._named:
            if parent.lower() not in wanted:
                continue
            if user and name != user:
                raise DocumentError(
                    path, f'names the user "{name[:32]}", but {at} names "{user[:32]}"; fix: leave one of them out'
                )
            user, at = name, path
        return user

    def at_the_top(self) -> tuple[str, str]:
        """The user of a document that runs one thing, and where it is named. Raises `DocumentError`."""
        self.check_places(set())
        return self.of(), self._named[0][1] if self._named else ""

    def check_places(self, places: set[str]) -> None:
        """Raises `DocumentError` for a mention outside of these JSON paths: nobody could say what it is meant for."""
        known = {"$", *(place.lower() for place in places)}
        for parent, path, name in self._named:
            if parent.lower() not in known:
                raise DocumentError(path, f'names the user "{name[:32]}" where nothing runs; fix: put it {_WHERE}')

# SPDX-FileCopyrightText: The aws-iot-device-client authors
# SPDX-License-Identifier: Apache-2.0
"""Replace a named function of MiniStack by one of ours that is handed the original."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any


def replaces(owner: Any, name: str) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Decorate the replacement of `owner.name`; it receives the original as its first argument.

    Raises RuntimeError when MiniStack has no such name: a new release renamed it and the overlay must follow.
    """
    original = getattr(owner, name, None)
    if original is None:
        raise RuntimeError(
            f"the installed ministack has no {owner.__name__}.{name}: install the one requirements/ pins"
        )

    def put(function: Callable[..., Any]) -> Callable[..., Any]:
        def replacement(*args: Any, **kwargs: Any) -> Any:
            return function(original, *args, **kwargs)

        setattr(owner, name, replacement)
        return function

    return put

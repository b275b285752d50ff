# SPDX-FileCopyrightText: The aws-iot-device-client authors
# SPDX-License-Identifier: Apache-2.0
"""Job documents as an operator writes them. Whatever is named further goes in as it is, also in place of what is there."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

Document = dict[str, Any]


def operation(name: str, /, *args: str, **more: Any) -> Document:
    """A document of the operation schema."""
    return {"operation": name, **({"args": list(args)} if args else {}), **more}


def own_handler(name: str, /, *args: str, **more: Any) -> Document:
    """A document of the operation schema for a handler in the handler directory."""
    return operation(name, *args, **{"path": "default", **more})


def steps(*given: Document, **more: Any) -> Document:
    """A document of version "1.0"."""
    return {"version": "1.0", "steps": list(given), **more}


def step(name: str, kind: str, given: Mapping[str, Any], /, **action: Any) -> Document:
    """A step of version "1.0", of any type and input."""
    return {"action": {"name": name, "type": kind, "input": given, **action}}


def run_handler(handler: str, /, *args: str, name: str = "step", path: str = "default", **action: Any) -> Document:
    """A step that runs a handler with arguments."""
    return step(name, "runHandler", {"handler": handler, "args": list(args), "path": path}, **action)


def run_command(command: str, /, *, name: str = "step", **action: Any) -> Document:
    """A step that runs a command, whose words are separated by commas."""
    return step(name, "runCommand", {"command": command}, **action)

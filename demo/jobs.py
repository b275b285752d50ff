# SPDX-FileCopyrightText: The aws-iot-device-client authors
# SPDX-License-Identifier: Apache-2.0
"""What the demo runs: its handlers, its jobs, and the one outcome each of them must have."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

FAILING = "failing"
SHOWN_CHARACTERS = 90

# 50 bytes with the newline, two million times: 100 MB.
_TALK = "a handler that talks a lot, one line upon another"
_LAST = "this was the last line"
_EXIT_0, _EXIT_1 = "Exited with status: 0", "Exited with status: 1"
_WARNINGS = "warning: the disk is nearly full\nwarning: the clock was off\n"
_NO_IMAGE = "install-firmware.sh: there is no image /boot/no-such-image.bin"

HANDLERS = {
    "Foo.py": '#!/usr/bin/env python3\nprint("Foo ran")\n',
    "health.sh": "#!/bin/sh\nprintf '\\033[1;32mhealthy\\033[0m\\n'\n",
    "install-firmware.sh": f"#!/bin/sh\necho '{_NO_IMAGE}' >&2\nexit 1\n",
    "warn.sh": f"#!/bin/sh\nprintf '%s' '{_WARNINGS}' >&2\n",
    "greet.sh": '#!/bin/sh\necho "user \\"$1\\", arguments $2 and $3"\n',
    "talk.sh": f"#!/bin/sh\nyes '{_TALK}' | head -n 2000000\necho '{_LAST}'\n",
}


@dataclass(frozen=True)
class DemoJob:
    """A job and its expected outcome.

    `reason` is how statusDetails' reason must begin; `output` is exactly what else statusDetails holds.
    `offline`: it is created while the agent does not run.
    """

    job_id: str
    what: str
    document: Mapping[str, Any]
    status: str
    reason: str = _EXIT_0
    output: Mapping[str, str] = field(default_factory=dict)
    offline: bool = False

    def differences(self, status: str, details: Mapping[str, str]) -> Iterator[str]:
        """Say in what an outcome is not the expected one; nothing when it is."""
        if status != self.status:
            yield f"status is {status or 'missing'}, expected {self.status}"
        reason = details.get("reason", "")
        if not reason.startswith(self.reason):
            yield f"reason is {reason!r}, expected {self.reason!r}"
        for key in sorted((self.output.keys() | details.keys()) - {"reason"}):
            found, wanted = details.get(key), self.output.get(key)
            if found != wanted:
                yield f"{key} is {_end_of(found)}, expected {_end_of(wanted)}"


def write_handlers(folder: Path) -> None:
    """Put the demo's handlers into a handler directory, with mode 700."""
    for name, text in HANDLERS.items():
        path = folder / name
        path.touch(mode=0o700)
        path.chmod(0o700)
        path.write_text(text)


def _end_of(text: str | None) -> str:
    if text is None or len(text) <= SHOWN_CHARACTERS:
        return repr(text)
    return f"... {text[-SHOWN_CHARACTERS:]!r} ({len(text)} characters)"


def _step(name: str, kind: str, **given: Any) -> dict[str, Any]:
    return {"action": {"name": name, "type": kind, "input": given}}


def _handler(name: str, **more: Any) -> dict[str, Any]:
    return {"operation": name, "path": "default", **more}


JOBS = (
    DemoJob(
        "hello",
        "a program found in PATH",
        {"operation": "echo", "args": ["Hello world!"]},
        "SUCCEEDED",
    ),
    DemoJob("run-foo", "a handler from the handler directory", _handler("Foo.py"), "SUCCEEDED"),
    DemoJob(
        "include-stdout",
        "includeStdOut: coloured output comes back as plain text",
        _handler("health.sh", includeStdOut=True),
        "SUCCEEDED",
        output={"stdout": "healthy\n"},
    ),
    DemoJob(
        FAILING,
        "a handler that fails and says why on stderr",
        _handler("install-firmware.sh"),
        "FAILED",
        reason=_EXIT_1,
        output={"stderr": f"{_NO_IMAGE}\n"},
    ),
    DemoJob(
        "stderr-allowed",
        "two lines on stderr, allowStdErr 2",
        _handler("warn.sh", allowStdErr=2),
        "SUCCEEDED",
        output={"stderr": _WARNINGS},
    ),
    DemoJob(
        "stderr-too-long",
        "two lines on stderr, allowStdErr 1",
        _handler("warn.sh", allowStdErr=1),
        "FAILED",
        reason=f"{_EXIT_0}, but with 2 lines on stderr",
        output={"stderr": _WARNINGS},
    ),
    DemoJob(
        "steps",
        'a document of version "1.0": two steps and a finalStep',
        {
            "version": "1.0",
            "includeStdOut": True,
            "steps": [
                _step("first", "runCommand", command="echo,one\\, with a comma"),
                _step("second", "runHandler", handler="greet.sh", args=["two", "three"], path="default"),
            ],
            "finalStep": _step("last", "runCommand", command="echo,the end"),
        },
        "SUCCEEDED",
        output={"stdout": 'one, with a comma\nuser "", arguments two and three\nthe end\n'},
    ),
    DemoJob(
        "talker",
        "100 MB on stdout; the last 1024 characters come back",
        _handler("talk.sh", includeStdOut=True),
        "SUCCEEDED",
        output={"stdout": (f"{_TALK}\n" * 30 + f"{_LAST}\n")[-1024:]},
    ),
    DemoJob(
        "malformed",
        "args is not a list: refused before anything runs",
        {"operation": "echo", "args": "Hello world!"},
        "REJECTED",
        reason="Invalid job document: $.args: ",
    ),
    DemoJob(
        "while-off",
        "created while the device was off",
        {"operation": "echo", "args": ["good morning"], "includeStdOut": True},
        "SUCCEEDED",
        output={"stdout": "good morning\n"},
        offline=True,
    ),
)

# SPDX-FileCopyrightText: The aws-iot-device-client authors
# SPDX-License-Identifier: Apache-2.0
"""Executions to drive by hand: documents, results of steps, and what to look for among effects."""

from __future__ import annotations

from dc.jobs.core import events as fx
from dc.jobs.core.document import Document, parse
from dc.jobs.core.execution import Execution
from dc.jobs.core.outcome import StepResult
from dc.jobs.core.state import CLAIMING, ENDED, OFFERED, REPORTING, RUNNING, STOPPING
from dc.jobs.core.tail import Tail
from tests.fakes import documents

EVENTS = tuple(sorted(name for name, value in vars(fx).items() if name.isupper() and value == name))
STATES = (OFFERED, CLAIMING, RUNNING, STOPPING, REPORTING, ENDED)
TERMINAL = ("SUCCEEDED", "FAILED", "REJECTED")


def command(name: str, **keys: object) -> dict[str, object]:
    return documents.run_command(name, name=name, **keys)


OPERATION = parse({"operation": "echo", "args": ["hi"], "timeout": 9})
STEPS = parse(
    {
        "version": "1.0",
        "includeStdOut": True,
        "steps": [command("one", timeout=5), command("two", ignoreStepFailure=True), command("three", allowStdErr=0)],
        "finalStep": command("last"),
    }
)
REBOOT = parse({"version": "1.0", "steps": [command("reboot")], "finalStep": command("after")})
DOCUMENTS = (OPERATION, STEPS, REBOOT)


def tail(text: str) -> Tail:
    made = Tail()
    made.feed(text.encode())
    return made


def ended(
    status: int | None = 0, signal: int | None = None, out: str = "", err: str = "", error: str = ""
) -> StepResult:
    return StepResult(status if signal is None and not error else None, signal, error, tail(out), tail(err))


RESULTS = (
    ended(0, out="done\n"),
    ended(0, err="warning\n"),
    ended(1, err="bad\n"),
    ended(signal=15),
    ended(error="Cannot start one: not found"),
)


def offered(document: Document = OPERATION, version: int = 1, online: bool = True) -> Execution:
    return Execution("run-foo", 1, version, document, queued_at=1700000000, online=online)


def claiming(document: Document = OPERATION, version: int = 1) -> Execution:
    made = offered(document, version)
    made.handle(fx.BEGIN)
    return made


def running(document: Document = OPERATION, version: int = 1) -> Execution:
    made = claiming(document, version)
    made.handle(fx.ACCEPTED)
    return made


def reporting(document: Document = OPERATION, version: int = 1, result: StepResult | None = None) -> Execution:
    made = running(document, version)
    made.handle(fx.STEP_ENDED, result or ended(1, err="bad\n"))
    assert made.state == REPORTING
    return made


def sends(effects: list[object]) -> list[fx.Send]:
    return [effect for effect in effects if isinstance(effect, fx.Send)]


def runs(effects: list[object]) -> list[fx.Run]:
    return [effect for effect in effects if isinstance(effect, fx.Run)]


def notes(effects: list[object]) -> list[str]:
    return [effect.text for effect in effects if isinstance(effect, fx.Note)]


def outcomes(effects: list[object]) -> list[str]:
    return [effect.outcome for effect in effects if isinstance(effect, fx.End)]


def has(effects: list[object], kind: type) -> bool:
    return any(isinstance(effect, kind) for effect in effects)

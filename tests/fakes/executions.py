# SPDX-FileCopyrightText: The aws-iot-device-client authors
# SPDX-License-Identifier: Apache-2.0
"""Executions to drive by hand: documents, results of steps, and what to look for among effects."""

from __future__ import annotations

from dc.jobs.core import effects as fx
from dc.jobs.core import events as ev
from dc.jobs.core import update
from dc.jobs.core.document import Document
from dc.jobs.core.execution import Execution
from dc.jobs.core.messages import NOTIFY_NEXT, Offer
from dc.jobs.core.outcome import StepResult
from dc.jobs.core.parser import parse
from dc.jobs.core.state import CLAIMING, ENDED, OFFERED, REPORTING, RUNNING, STOPPING
from dc.jobs.core.tail import Tail
from tests.fakes import documents

EVENTS = (
    *(kind for kind in vars(ev).values() if isinstance(kind, type) and not issubclass(kind, Exception)),
    StepResult,
)
STATES = (OFFERED, CLAIMING, RUNNING, STOPPING, REPORTING, ENDED)
UPDATE_STATES = (update.QUIET, update.SENT, update.PAUSED, update.ASKED, update.OFFLINE)
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


class Rules:
    """As `state.Rules`, with the defaults."""

    def __init__(self, on_interrupted: str = "rerun", max_attempts: int = 3) -> None:
        self.jobs_on_interrupted = on_interrupted
        self.jobs_max_attempts = max_attempts
        self.jobs_max_run_seconds = 0.0
        self.jobs_step_timeout = 0


def offer(version: int = 1) -> Offer:
    return Offer(NOTIFY_NEXT, "", "run-foo", 1, version, "QUEUED", None, 1700000000)


def offered(
    document: Document = OPERATION, version: int = 1, online: bool = True, rules: Rules | None = None
) -> Execution:
    return Execution(offer(version), document, rules or Rules(), online=online)


def happen(e: Execution, event: ev.Event, kept: bool = True) -> list[fx.Effect]:
    """`event`, and what follows at once: a journal that works (or not: `kept`) answers `Prepare`."""
    effects = e.handle(event)
    if has(effects, fx.Prepare):
        effects += e.handle(ev.Kept() if kept else ev.Unkept())
    return effects


def claiming(document: Document = OPERATION, version: int = 1) -> Execution:
    made = offered(document, version)
    happen(made, ev.Begin())
    return made


def running(document: Document = OPERATION, version: int = 1) -> Execution:
    made = claiming(document, version)
    happen(made, ev.Accepted())
    return made


def reporting(document: Document = OPERATION, version: int = 1, result: StepResult | None = None) -> Execution:
    made = running(document, version)
    happen(made, result or ended(1, err="bad\n"))
    assert made.state == REPORTING
    return made


def sends(effects: list[fx.Effect]) -> list[fx.Send]:
    return [effect for effect in effects if isinstance(effect, fx.Send)]


def runs(effects: list[fx.Effect]) -> list[fx.Run]:
    return [effect for effect in effects if isinstance(effect, fx.Run)]


def notes(effects: list[fx.Effect]) -> list[str]:
    return [effect.text for effect in effects if isinstance(effect, fx.Note)]


def outcomes(effects: list[fx.Effect]) -> list[str]:
    return [effect.outcome for effect in effects if isinstance(effect, fx.End)]


def has(effects: list[fx.Effect], kind: type) -> bool:
    return any(isinstance(effect, kind) for effect in effects)

# SPDX-FileCopyrightText: The aws-iot-device-client authors
# SPDX-License-Identifier: Apache-2.0
"""Random walks: an execution against a cloud that loses, delays and refuses; nothing lost, nothing twice, no standstill."""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dc.jobs.core import effects as fx
from dc.jobs.core import events as ev
from dc.jobs.core.key import DROPPED, INTERRUPTED, REPORTED, STUCK
from dc.jobs.core.state import CLAIMING, ENDED, REPORTING, RUNNING, STOPPING
from dc.jobs.core.update import MAX_PAUSE_SECONDS, OFFLINE, SENT
from tests.fakes.examples import examples
from tests.fakes.executions import DOCUMENTS, RESULTS, TERMINAL, happen, offered

SIMPLE: dict[str, ev.Event] = {"stop": ev.Stop(), "cut_off": ev.CutOff(), "doubt": ev.Doubt()}
STEPS_OF_A_WALK = 40
STEPS_TO_AN_END = 60


class Surroundings:
    """The cloud's side of one execution, and the shell's: timers, the step's process, requests on their way."""

    def __init__(self, dice: random.Random, duplicates: bool) -> None:
        self.dice = dice
        self.duplicates = duplicates
        self.status, self.version = "QUEUED", dice.choice([1, 4])
        self.meddled = False  # somebody else acted on this execution
        self.refused = False  # the cloud did not like what an update said
        self.e = offered(version=dice.choice([self.version, 0]), document=dice.choice(DOCUMENTS))
        self.timers: set[str] = set()
        self.process = False
        self.claimed = False
        self.mail: list[fx.Send] = []
        self.answers: list[tuple[int, ev.Event]] = []
        self.asked = False
        self.terminal_sent: set[str] = set()
        self.runs: list[tuple[int, int]] = []

    def give(self, event: ev.Event) -> None:
        assert self.e.state != ENDED
        for effect in happen(self.e, event, kept=self.dice.random() < 0.8):
            self.perform(effect)
        assert self.process == (self.e.state in (RUNNING, STOPPING))
        if self.e.update.state != OFFLINE and self.e.state in (CLAIMING, REPORTING):
            assert fx.REPLY_TIMER in self.timers or self.asked, f"a standstill after {event}"

    def perform(self, effect: fx.Effect) -> None:
        assert not self.e.outcome or isinstance(effect, (fx.Disarm, fx.Note, fx.End, fx.Persist)), effect
        if isinstance(effect, fx.Send):
            self.mail.append(effect)
            if effect.status in TERMINAL:
                self.terminal_sent.add(effect.status)
                assert not self.process
        elif isinstance(effect, fx.Run):
            assert self.claimed, "run without a claim"
            assert not self.process, "two processes at once"
            self.process = True
            self.runs.append((effect.index, effect.attempt))
        elif isinstance(effect, fx.Arm):
            self.timers.add(effect.timer)
        elif isinstance(effect, fx.Disarm):
            self.timers.discard(effect.timer)
        elif isinstance(effect, fx.AskNext):
            self.asked = True
        elif isinstance(effect, fx.Kill):
            assert self.process

    def cloud_takes(self, send: fx.Send) -> ev.Event:
        """What the cloud makes of an update, as AWS does: the state first, then the version."""
        if self.status not in ("QUEUED", "IN_PROGRESS"):
            return ev.Gone(self.status)
        if send.version and send.version != self.version:
            return ev.Stale(self.version)
        self.status, self.version = send.status, self.version + 1
        return ev.Accepted()

    def deliver(self) -> None:
        """Hand over the oldest answer, unless it is to an earlier request: the shell drops those."""
        serial, event = self.answers.pop(0)
        if self.e.update.state != SENT or serial != self.e.update.serial:
            return
        accepted = isinstance(event, ev.Accepted)
        if self.duplicates and accepted and self.dice.random() < 0.3:
            self.answers.insert(0, (serial, event))
        self.claimed = self.claimed or accepted
        self.give(event)

    def answer(self, honest: bool) -> None:
        """Let the cloud see the oldest request on its way."""
        send = self.mail.pop(0)
        fate = "answer" if honest else self.dice.choice(["answer"] * 4 + ["lost", "silent", "busy", "unfit"])
        if fate == "lost":
            return
        if fate in ("busy", "unfit"):
            self.refused = self.refused or fate == "unfit"
            if fate == "busy" and self.dice.random() < 0.5:
                self.cloud_takes(send)  # an internal error after it counted
            self.answers.append((send.serial, ev.Busy() if fate == "busy" else ev.Unfit("m")))
            return
        event = self.cloud_takes(send)
        if fate != "silent":
            self.answers.append((send.serial, event))

    def tell_front(self) -> None:
        """The answer to start-next."""
        self.asked = False
        if self.status in ("QUEUED", "IN_PROGRESS"):
            if self.status == "QUEUED":
                self.status, self.version = "IN_PROGRESS", self.version + 1
            self.give(ev.Redelivered(self.version))
        else:
            self.give(ev.Absent())

    def connect(self, up: bool) -> None:
        if not up:
            self.mail.clear()
            self.answers.clear()
            self.asked = False
        self.give(ev.Online() if up else ev.Offline())

    def meddle(self) -> None:
        self.meddled = True
        if self.status in ("QUEUED", "IN_PROGRESS"):
            self.version += 1
            self.status = self.dice.choice([self.status, "CANCELED", "TIMED_OUT"])

    def end_step(self) -> None:
        self.process = False
        self.give(self.dice.choice(RESULTS))


def possible(w: Surroundings) -> list[str]:
    e, names = w.e, ["meddle", "doubt", "connect"]
    names += ["answer"] * 4 if w.mail else []
    names += ["deliver"] * 4 if w.answers else []
    names += ["front"] * 2 if w.asked else []
    names += ["end_step"] * 2 if w.process else []
    names += ["retry"] if fx.REPLY_TIMER in w.timers else []
    names += ["overdue", "progress"] if e.state == RUNNING else []
    names += ["stop"] if w.dice.random() < 0.1 else []
    return names + (["cut_off"] if e.stopping and e.state == RUNNING else [])


def act(w: Surroundings, name: str) -> None:
    if name == "answer":
        w.answer(honest=False)
    elif name == "deliver":
        w.deliver()
    elif name == "front":
        w.tell_front()
    elif name == "end_step":
        w.end_step()
    elif name == "meddle":
        w.meddle() if w.dice.random() < 0.1 else None
    elif name == "connect":
        w.connect(w.e.update.state == OFFLINE) if w.e.update.state == OFFLINE or w.dice.random() < 0.3 else None
    elif name == "retry":
        w.timers.discard(fx.REPLY_TIMER)
        w.give(ev.Retry())
    elif name == "overdue":
        w.give(ev.Overdue("Timed out: x")) if w.dice.random() < 0.2 else None
    elif name == "progress":
        w.give(ev.Progress({"line": "half"}))
    else:
        w.give(SIMPLE[name])


def settle(w: Surroundings) -> None:
    """From here on the network is well, the cloud answers, and every process ends."""
    if w.e.update.state == OFFLINE and w.e.state != ENDED:
        w.connect(True)
    for _ in range(STEPS_TO_AN_END):
        if w.e.state == ENDED:
            return
        if w.answers:
            w.deliver()
        elif w.mail:
            w.answer(honest=True)
        elif w.asked:
            w.tell_front()
        elif w.process:
            w.end_step()
        else:
            assert fx.REPLY_TIMER in w.timers, f"standstill in {w.e.state}"
            w.timers.discard(fx.REPLY_TIMER)
            w.give(ev.Retry())
    raise AssertionError(
        f"no end within {STEPS_TO_AN_END} answers; {w.e.state}, version {w.e.update.version} of {w.version}"
    )


def walk(seed: int, duplicates: bool = False) -> Surroundings:
    dice = random.Random(seed)
    w = Surroundings(dice, duplicates)
    if dice.random() < 0.1:
        w.give(ev.Refuse("$: must be an object"))
    else:
        w.give(ev.Begin())
    for _ in range(dice.randrange(STEPS_OF_A_WALK)):
        if w.e.state == ENDED:
            break
        act(w, dice.choice(possible(w)))
    settle(w)
    return w


def assert_truthful(w: Surroundings) -> None:
    assert not w.process
    assert len(w.terminal_sent) <= 1, "two different ends were reported"
    assert w.runs == sorted(set(w.runs)), "a step ran twice, or out of order"
    if w.e.outcome == REPORTED:
        assert w.status == w.e.status
    if w.e.outcome in (DROPPED, STUCK):
        assert w.meddled or w.refused, "a report was lost"
    if w.e.outcome == INTERRUPTED and not w.meddled:
        assert w.status in ("QUEUED", "IN_PROGRESS") or w.e.status == w.status


@examples(2500)
@given(st.integers(0, 2**64 - 1))
def test_every_walk_ends_with_one_truthful_status(seed: int) -> None:
    assert_truthful(walk(seed))


@examples(1000)
@given(st.integers(0, 2**64 - 1))
def test_an_answer_that_is_delivered_twice_counts_once(seed: int) -> None:
    assert_truthful(walk(seed, duplicates=True))


@pytest.mark.parametrize("events", [(ev.Retry(),), (ev.Busy(), ev.Retry())], ids=["silence", "busy"])
def test_a_day_of_silence_is_survived(events: tuple[ev.Event, ...]) -> None:
    """More than 1,024 doublings are more than a float holds."""
    e = offered(DOCUMENTS[0])
    e.handle(ev.Begin())
    for _ in range(1500):
        for event in events:
            (arm,) = [effect for effect in e.handle(event) if isinstance(effect, fx.Arm)]
            assert 0 < arm.seconds <= MAX_PAUSE_SECONDS


def test_a_foreign_version_is_not_asked_about_again_and_again_without_a_pause() -> None:
    """A running execution whose updates stay stale while start-next names others: at most a few requests, then a pause."""
    e = offered(DOCUMENTS[0])
    happen(e, ev.Begin())
    happen(e, ev.Accepted())
    asked = len([1 for effect in e.handle(ev.Doubt()) if isinstance(effect, fx.Send)])
    for _ in range(20):
        if e.update.state != SENT:
            break
        e.handle(ev.Stale(9))
        asked += len([1 for effect in e.handle(ev.Absent()) if isinstance(effect, fx.Send)])
    assert asked < 5

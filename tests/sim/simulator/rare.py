# SPDX-FileCopyrightText: The aws-iot-device-client authors
# SPDX-License-Identifier: Apache-2.0
"""Scenarios whose timing is exact: each takes a row of the transition tables that others seldom take.

A message takes 0.05 s, so a job of second 0.9 is notified at 0.95, asked for, offered at 1.05 and claimed at 1.10, and
its first step runs from 1.15 on. What it shows of its progress after 30 s sets out at 31.15 and is answered at 31.25; where another client has
updated the execution meanwhile, start-next is asked at 31.30 whose it is, and the answer is there at 31.35.
"""

from __future__ import annotations

from localcloud.jobs_model import Job
from tests.sim.simulator import happenings
from tests.sim.simulator.board import Behaviour
from tests.sim.simulator.network import DOWN, LATE, LOSE, REFUSE, THROTTLE, TWICE, UP, Rule
from tests.sim.simulator.scenario import Scenario, operation, steps

GOOD, BAD = "SUCCEEDED", "FAILED"
LONG = Behaviour(70.0)
STUBBORN = Behaviour(60.0, stubborn=True)
ONE = [(0.9, Job("one", operation()))]
AT_THE_FIRST_QUESTION = [(0.24, Job("one", operation()))]  # start-next, asked at 0.2, names it as notify-next does
LIMITED = [(0.9, Job("one", steps("first", timeouts={"first": 30})))]
PROGRESS_THROTTLED = (Rule(UP, "claim", 2, THROTTLE),)


REFUSALS = (
    Scenario("claim-refused", ONE, [GOOD], rules=(Rule(UP, "claim", 1, REFUSE),)),
    Scenario("progress-refused", ONE, [GOOD], handlers={"work": [LONG]}, rules=(Rule(UP, "claim", 2, REFUSE),)),
    Scenario(
        "progress-refused-as-the-step-times-out",
        LIMITED,
        [BAD],
        handlers={"first": [STUBBORN]},
        rules=(Rule(UP, "claim", 2, REFUSE),),
    ),
)

# An update is under way, and something else happens.
CROSSINGS = (
    Scenario("step-times-out-under-way", LIMITED, [BAD], handlers={"first": [STUBBORN]}),
    Scenario("step-ends-under-way", ONE, [GOOD], handlers={"work": [Behaviour(30.05)]}),
    Scenario(
        "cancelled-under-way",
        ONE,
        ["CANCELED"],
        handlers={"work": [LONG]},
        happenings=[(31.12, happenings.cancel)],
        steady=False,
    ),
    Scenario(
        "cancelled-as-the-step-times-out",
        LIMITED,
        ["CANCELED"],
        handlers={"first": [STUBBORN]},
        happenings=[(31.18, happenings.cancel)],
        steady=False,
    ),
    Scenario(
        "offline-as-progress-is-due",
        ONE,
        [GOOD],
        handlers={"work": [LONG]},
        happenings=[(20, happenings.down), (50, happenings.up)],
    ),
    Scenario("first-question-answered-late", ONE, [GOOD], rules=(Rule(DOWN, "no-offer", 1, LATE),)),
    Scenario(
        "notified-twice-of-what-is-claimed", AT_THE_FIRST_QUESTION, [GOOD], rules=(Rule(DOWN, "notify-next", 1, TWICE),)
    ),
    Scenario("first-offer-late", AT_THE_FIRST_QUESTION, [GOOD], rules=(Rule(DOWN, "offer", 1, LATE),)),
    Scenario(
        "notified-late-of-what-runs",
        ONE,
        [GOOD],
        happenings=[(1.1, happenings.down), (1.2, happenings.up)],
        rules=(Rule(DOWN, "notify-next", 1, LATE),),
    ),
    Scenario(
        "made-again-and-one-notice-lost",
        ONE,
        ["DELETED", GOOD],
        handlers={"work": [Behaviour(9.0)]},
        happenings=[(5.0, happenings.delete), (5.1, happenings.create_again)],
        rules=(Rule(DOWN, "notify-next", 2, LOSE),),
        steady=False,
    ),
)

# The cloud is busy, and something else happens before the pause is over.
PAUSES = (
    Scenario("step-ends-in-a-pause", ONE, [GOOD], handlers={"work": [Behaviour(30.5)]}, rules=PROGRESS_THROTTLED),
    Scenario(
        "offline-in-a-pause",
        ONE,
        [GOOD],
        handlers={"work": [LONG]},
        happenings=[(31.5, happenings.down), (40.0, happenings.up)],
        rules=PROGRESS_THROTTLED,
    ),
    Scenario(
        "cancelled-in-a-pause",
        ONE,
        ["CANCELED"],
        handlers={"work": [LONG]},
        happenings=[(31.4, happenings.cancel)],
        rules=PROGRESS_THROTTLED,
        steady=False,
    ),
    Scenario(
        "made-again-in-a-pause",
        ONE,
        ["DELETED", GOOD],
        handlers={"work": [LONG]},
        happenings=[(31.4, happenings.delete), (31.5, happenings.create_again)],
        rules=(*PROGRESS_THROTTLED, Rule(DOWN, "notify-next", 2, LOSE)),
        steady=False,
    ),
    Scenario(
        "first-question-answered-in-a-pause",
        ONE,
        [GOOD],
        rules=(Rule(DOWN, "no-offer", 1, LATE), Rule(UP, "claim", 1, THROTTLE)),
    ),
    Scenario(
        "notified-in-a-pause",
        AT_THE_FIRST_QUESTION,
        [GOOD],
        rules=(Rule(DOWN, "notify-next", 1, LATE), Rule(UP, "claim", 1, THROTTLE), Rule(UP, "claim", 2, THROTTLE)),
    ),
)

# Another client has updated the execution, and something else happens before start-next has told whose it is.
QUESTIONS = (
    Scenario(
        "claim-of-another",
        ONE,
        ["CANCELED"],
        happenings=[(1.08, happenings.meddle), (1.17, happenings.cancel)],
        steady=False,
    ),
    Scenario(
        "report-of-another",
        ONE,
        ["CANCELED"],
        happenings=[(3.18, happenings.meddle), (3.27, happenings.cancel)],
        steady=False,
    ),
    Scenario(
        "progress-of-another",
        ONE,
        ["CANCELED"],
        handlers={"work": [LONG]},
        happenings=[(20.0, happenings.meddle), (31.27, happenings.cancel)],
        steady=False,
    ),
    Scenario(
        "job-times-out-in-a-question",
        ONE,
        ["CANCELED"],
        handlers={"work": [STUBBORN]},
        happenings=[(20.0, happenings.meddle), (31.27, happenings.cancel)],
        config={"jobs_max_run_seconds": 30.15},
        steady=False,
    ),
    Scenario(
        "step-ends-in-a-question",
        ONE,
        [GOOD],
        handlers={"work": [Behaviour(30.13)]},
        happenings=[(20.0, happenings.meddle)],
    ),
    Scenario(
        "offline-in-a-question",
        ONE,
        [GOOD],
        handlers={"work": [LONG]},
        happenings=[(20.0, happenings.meddle), (31.28, happenings.down), (40.0, happenings.up)],
    ),
    Scenario(
        "made-again-in-a-question",
        ONE,
        ["DELETED", GOOD],
        handlers={"work": [LONG]},
        happenings=[(20.0, happenings.meddle), (31.24, happenings.delete), (31.26, happenings.create_again)],
        steady=False,
    ),
)

ALL = (*REFUSALS, *CROSSINGS, *PAUSES, *QUESTIONS)

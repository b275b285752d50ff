# SPDX-FileCopyrightText: The aws-iot-device-client authors
# SPDX-License-Identifier: Apache-2.0
"""The scenarios that are ended at every point. Times in seconds; what a handler does is in `handlers`."""

from __future__ import annotations

from localcloud.jobs_model import Job
from tests.sim.simulator import happenings, rare
from tests.sim.simulator.board import CUT, KILL_AGENT, REBOOT, STOP_AGENT, Behaviour
from tests.sim.simulator.network import DOWN, INTERNAL, LATE, LOSE, REFUSE, THROTTLE, TWICE, UP, Rule
from tests.sim.simulator.scenario import Scenario, operation, steps

GOOD, BAD = "SUCCEEDED", "FAILED"
LONG = Behaviour(70.0)


def _one(document: object, **more: float) -> list[tuple[float, Job]]:
    return [(0.9, Job("one", document, timeout=more.get("timeout", 0.0), lag=more.get("lag", 0.0)))]


THREE = steps("first", "second", final="last")
TWO = [(0.9, Job("one", operation())), (2.0, Job("two", operation("other")))]
FAIL = {"jobs_on_interrupted": "fail"}
CUTS = {"second": [Behaviour(30.0, deed=CUT)]}
REBOOT_STEPS = steps("first", "reboot", "last")
REBOOTS = {"reboot": [Behaviour(90.0, deed=REBOOT)]}
STUBBORN = Behaviour(40.0, stubborn=True)

DOCUMENTS = (
    Scenario("operation", _one(operation()), [GOOD]),
    Scenario("operation-fails", _one(operation()), [BAD], handlers={"work": [Behaviour(status=3)]}),
    Scenario(
        "would-succeed-the-second-time",
        _one(operation()),
        [BAD],
        handlers={"work": [Behaviour(status=3), Behaviour()]},
        steady=False,
    ),
    Scenario("operation-killed", _one(operation()), [BAD], handlers={"work": [Behaviour(signal=9)]}),
    Scenario("cannot-start", _one(operation()), [BAD], handlers={"work": [Behaviour(error="no such file")]}),
    Scenario("steps", _one(THREE), [GOOD]),
    Scenario("many-steps", _one(steps(*(f"s{number}" for number in range(8)))), [GOOD]),
    Scenario("second-step-fails", _one(THREE), [BAD], handlers={"second": [Behaviour(status=1)]}),
    Scenario("last-step-fails", _one(THREE), [BAD], handlers={"last": [Behaviour(status=1)]}),
    Scenario(
        "failure-ignored",
        _one(steps("first", "second", final="last", ignored=("second",))),
        [GOOD],
        handlers={"second": [Behaviour(status=1)]},
    ),
    Scenario("rejected", _one({"version": "9.0", "steps": []}), ["REJECTED"]),
    Scenario("not-for-this-board", _one({**THREE, "conditions": [{"key": "no", "value": ["x"]}]}), ["REJECTED"]),
    Scenario(
        "writes-progress",
        _one(steps("first", "second")),
        [GOOD],
        handlers={"first": [Behaviour(20.0, writes=(0.1, 0.2, 0.3, 7.0, 7.1, 19.9, 19.99))]},
    ),
    Scenario("long-with-progress", _one(steps("first", "second")), [GOOD], handlers={"first": [LONG]}),
)

QUEUES = (
    Scenario("two-jobs", [(1.0, Job("one", THREE)), (2.0, Job("two", operation()))], [GOOD, GOOD]),
    Scenario(
        "rejected-then-good", [(1.0, Job("one", {"version": 1})), (1.0, Job("two", operation()))], ["REJECTED", GOOD]
    ),
    Scenario(
        "queued-before-the-start",
        [(0.0, Job("one", operation())), (0.0, Job("two", operation("other"))), (0.0, Job("three", THREE))],
        [GOOD, GOOD, GOOD],
    ),
    Scenario(
        "retried",
        [(1.0, Job("one", operation(), retries=1)), (2.0, Job("two", operation("other")))],
        [BAD, GOOD, GOOD],
        handlers={"work#1": [Behaviour(status=1)], "work#2": [Behaviour()]},
    ),
)

CANCELS = (
    Scenario("cancelled-before", _one(operation()), happenings=[(1.02, happenings.cancel)], steady=False),
    Scenario("cancelled-during", _one(THREE), ["CANCELED"], happenings=[(4.5, happenings.cancel)], steady=False),
    Scenario(
        "cancelled-stubborn",
        [(1.0, Job("one", operation())), (2.0, Job("two", THREE))],
        ["CANCELED", GOOD],
        handlers={"work": [STUBBORN]},
        happenings=[(4.5, happenings.cancel)],
        steady=False,
    ),
    Scenario("cancelled-after", _one(operation()), [GOOD], happenings=[(60.0, happenings.cancel)]),
    Scenario("cancelled-at-the-report", _one(operation()), happenings=[(3.17, happenings.cancel)], steady=False),
    Scenario(
        "cancelled-offline",
        _one(operation()),
        ["CANCELED"],
        handlers={"work": [LONG]},
        happenings=[(4.0, happenings.down), (5.0, happenings.cancel), (9.0, happenings.up)],
        steady=False,
    ),
    Scenario(
        "cancelled-and-nobody-told",
        TWO,
        ["CANCELED", GOOD],
        handlers={"work": [LONG]},
        happenings=[(4.0, happenings.cancel)],
        rules=(Rule(DOWN, "notify-next", 2, LOSE),),
        steady=False,
    ),
    Scenario(
        "deleted-during",
        TWO,
        ["DELETED", GOOD],
        handlers={"work": [LONG]},
        happenings=[(4.0, happenings.delete)],
        steady=False,
    ),
    Scenario(
        "deleted-and-made-again",
        _one(operation()),
        ["DELETED", GOOD],
        handlers={"work": [Behaviour(5.0)]},
        happenings=[(3.0, happenings.delete), (3.5, happenings.create_again)],
        steady=False,
    ),
    Scenario(
        "deleted-and-made-again-offline",
        _one(operation()),
        ["DELETED", GOOD],
        handlers={"work": [Behaviour(5.0)]},
        happenings=[
            (3.0, happenings.down),
            (4.0, happenings.delete),
            (4.5, happenings.create_again),
            (15.0, happenings.up),
        ],
        steady=False,
    ),
)

TIMEOUTS = (
    Scenario(
        "step-timeout",
        _one(steps("first", "second", timeouts={"second": 5})),
        [BAD],
        handlers={"second": [LONG]},
    ),
    Scenario(
        "step-timeout-stubborn",
        _one(steps("first", "second", timeouts={"second": 5})),
        [BAD],
        handlers={"second": [STUBBORN]},
    ),
    Scenario(
        "step-timeout-exit-0",
        _one(steps("first", timeouts={"first": 5})),
        [BAD],
        handlers={"first": [Behaviour(70.0, on_term=0)]},
    ),
    Scenario("job-limit", _one(THREE), [BAD], handlers={"second": [LONG]}, config={"jobs_max_run_seconds": 10}),
    Scenario("cloud-timeout", _one(THREE, timeout=20.0), handlers={"second": [LONG]}, steady=False),
    Scenario("cloud-timeout-lags", _one(THREE, timeout=20.0, lag=40.0), handlers={"second": [LONG]}, steady=False),
)

NETWORKS = (
    Scenario("offline-in-a-step", _one(THREE), [GOOD], happenings=[(4.0, happenings.down), (20.0, happenings.up)]),
    Scenario(
        "offline-at-the-report", _one(operation()), [GOOD], happenings=[(3.0, happenings.down), (30.0, happenings.up)]
    ),
    Scenario(
        "offline-long-at-the-report",
        _one(operation()),
        [GOOD],
        happenings=[(3.0, happenings.down), (80.0, happenings.up)],
    ),
    Scenario(
        "offline-at-the-claim", _one(operation()), [GOOD], happenings=[(1.07, happenings.down), (9.0, happenings.up)]
    ),
    Scenario(
        "offline-without-a-session",
        [(1.0, Job("one", operation())), (5.0, Job("two", THREE))],
        [GOOD, GOOD],
        happenings=[(0.5, happenings.down), (8.0, happenings.up), (10.12, happenings.down), (13.0, happenings.up)],
        session=False,
    ),
    Scenario("silence", _one(THREE), [GOOD], happenings=[(3.0, happenings.silence)]),
    Scenario("claim-lost", _one(THREE), [GOOD], rules=(Rule(UP, "claim", 1, LOSE),)),
    Scenario("claim-answer-lost", _one(THREE), [GOOD], rules=(Rule(DOWN, "accepted", 1, LOSE),)),
    Scenario("report-lost", _one(THREE), [GOOD], rules=(Rule(UP, "report", 1, LOSE),)),
    Scenario("report-answer-lost", _one(THREE), [GOOD], rules=(Rule(DOWN, "accepted", 2, LOSE),)),
    Scenario("notify-lost", _one(operation()), [GOOD], rules=(Rule(DOWN, "notify-next", 1, LOSE),)),
    Scenario("offer-lost", [(0.0, Job("one", operation()))], [GOOD], rules=(Rule(DOWN, "offer", 1, LOSE),)),
    Scenario(
        "all-answers-late",
        _one(THREE),
        [GOOD],
        rules=(Rule(DOWN, "accepted", 0, LATE), Rule(DOWN, "offer", 0, LATE), Rule(DOWN, "no-offer", 0, LATE)),
    ),
    Scenario(
        "claims-answered-late-and-lost",
        _one(operation()),
        [GOOD],
        handlers={"work": [LONG]},
        rules=(Rule(DOWN, "accepted", 1, LATE), Rule(DOWN, "accepted", 2, LOSE)),
    ),
    Scenario("claim-answer-twice", _one(THREE), [GOOD], rules=(Rule(DOWN, "accepted", 1, TWICE),)),
    Scenario(
        "everything-twice",
        [(1.0, Job("one", THREE)), (2.0, Job("two", operation()))],
        [GOOD, GOOD],
        rules=tuple(
            Rule(DOWN, kind, 0, TWICE) for kind in ("offer", "no-offer", "accepted", "rejected", "notify-next")
        ),
    ),
    Scenario(
        "requests-twice",
        [(1.0, Job("one", THREE)), (2.0, Job("two", operation()))],
        [GOOD, GOOD],
        rules=tuple(Rule(UP, kind, 0, TWICE) for kind in ("start-next", "claim", "report")),
    ),
    Scenario(
        "throttled",
        _one(THREE),
        [GOOD],
        rules=(
            Rule(UP, "start-next", 1, THROTTLE),
            *(Rule(UP, "claim", nth, THROTTLE) for nth in (1, 2)),
            *(Rule(UP, "report", nth, THROTTLE) for nth in (1, 2, 3)),
        ),
    ),
    Scenario(
        "internal-errors",
        _one(THREE),
        [GOOD],
        rules=(
            Rule(UP, "claim", 1, INTERNAL),
            Rule(DOWN, "accepted", 1, INTERNAL),
            Rule(DOWN, "accepted", 2, INTERNAL),
        ),
    ),
    Scenario(
        "details-refused", _one(THREE), [GOOD], rules=(Rule(UP, "report", 1, REFUSE), Rule(UP, "report", 2, REFUSE))
    ),
    Scenario("another-client", _one(THREE), [GOOD], happenings=[(4.0, happenings.meddle), (6.0, happenings.meddle)]),
    Scenario(
        "another-client-during-progress",
        _one(operation()),
        [GOOD],
        handlers={"work": [LONG]},
        happenings=[(20.0, happenings.meddle), (50.0, happenings.meddle)],
    ),
)

RESTARTS = (
    Scenario("stopped-in-a-step", _one(THREE), [GOOD], happenings=[(4.5, happenings.stop)]),
    Scenario(
        "stopped-in-a-long-step", _one(THREE), [GOOD], handlers={"second": [LONG]}, happenings=[(9.0, happenings.stop)]
    ),
    Scenario(
        "stopped-stubborn", _one(THREE), [GOOD], handlers={"second": [STUBBORN]}, happenings=[(9.0, happenings.stop)]
    ),
    Scenario("stopped-at-the-claim", _one(THREE), [GOOD], happenings=[(1.08, happenings.stop)]),
    Scenario(
        "stopped-at-the-report",
        _one(operation()),
        [GOOD],
        happenings=[(3.17, happenings.stop)],
        rules=(Rule(UP, "report", 1, LOSE),),
    ),
    Scenario(
        "stopped-while-cancelled",
        _one(operation()),
        ["CANCELED"],
        handlers={"work": [STUBBORN]},
        happenings=[(4.0, happenings.cancel), (5.0, happenings.stop)],
        steady=False,
    ),
    Scenario(
        "stopped-and-cancelled",
        _one(THREE),
        happenings=[(4.5, happenings.stop), (5.5, happenings.cancel)],
        steady=False,
    ),
    Scenario(
        "stopped-and-failed",
        _one(operation()),
        [BAD],
        handlers={"work": [LONG]},
        happenings=[(9.0, happenings.stop)],
        config=FAIL,
        steady=False,
    ),
    Scenario(
        "restarts-the-agent", _one(THREE), [GOOD], handlers={"second": [Behaviour(30.0, deed=STOP_AGENT), Behaviour()]}
    ),
    Scenario("kills-the-agent-for-ever", _one(THREE), [BAD], handlers={"second": [Behaviour(30.0, deed=KILL_AGENT)]}),
    Scenario("cuts-the-power-for-ever", TWO, [BAD, GOOD], handlers={"work": [Behaviour(30.0, deed=CUT)]}),
    Scenario("reboot-command", _one(REBOOT_STEPS), [GOOD], handlers=REBOOTS),
    Scenario(
        "reboot-command-returns",
        _one(REBOOT_STEPS),
        [GOOD],
        handlers={"reboot": [Behaviour(0.5, deed=REBOOT, deed_at=0.4)], "last": [Behaviour(3.0)]},
    ),
    Scenario("reboot-operation", _one(operation("reboot")), [GOOD], handlers=REBOOTS),
    Scenario(
        "reboot-in-a-handler", _one(THREE), [GOOD], handlers={"second": [Behaviour(90.0, deed=REBOOT), Behaviour()]}
    ),
    Scenario("reboot-from-outside", _one(THREE), [GOOD], happenings=[(4.5, happenings.reboot)]),
    Scenario("reboot-while-idle", _one(operation()), [GOOD], happenings=[(20.0, happenings.reboot)]),
)

DISKS = (
    Scenario("disk-full", _one(THREE), [GOOD], set_up=happenings.full),
    Scenario("disk-read-only", _one(operation()), [GOOD], set_up=happenings.read_only),
    Scenario("disk-fills-up", _one(THREE), [GOOD], happenings=[(4.0, happenings.full)]),
    Scenario(
        "disk-full-for-a-while", _one(THREE), [GOOD], happenings=[(2.0, happenings.short), (6.0, happenings.whole)]
    ),
    Scenario(
        "disk-short-writes", [(1.0, Job("one", THREE)), (2.0, Job("two", THREE))], [GOOD, GOOD], set_up=happenings.short
    ),
    Scenario(
        "disk-unreadable-at-the-restart",
        _one(THREE),
        [GOOD],
        happenings=[(4, happenings.unreadable), (4.5, happenings.stop), (20, happenings.whole)],
    ),
    *(
        scenario
        for name, set_up in (("read-only", happenings.read_only), ("in-memory", happenings.in_memory))
        for scenario in (
            Scenario(f"disk-{name}-reboot", _one(operation("reboot")), [GOOD], handlers=REBOOTS, set_up=set_up),
            Scenario(f"disk-{name}-reboot-in-steps", _one(REBOOT_STEPS), [GOOD], handlers=REBOOTS, set_up=set_up),
            Scenario(f"disk-{name}-power-cut-for-ever", _one(THREE), [BAD], handlers=CUTS, set_up=set_up),
            Scenario(
                f"disk-{name}-killed-and-failed",
                TWO,
                [BAD, GOOD],
                handlers={"work": [Behaviour(300.0, deed=KILL_AGENT)]},
                config=FAIL,
                steady=False,
                set_up=set_up,
            ),
            Scenario(
                f"disk-{name}-stopped-and-failed",
                _one(operation()),
                [BAD],
                handlers={"work": [LONG]},
                happenings=[(9.0, happenings.stop)],
                config=FAIL,
                steady=False,
                set_up=set_up,
            ),
        )
    ),
)

ALL = (*DOCUMENTS, *QUEUES, *CANCELS, *TIMEOUTS, *NETWORKS, *RESTARTS, *DISKS, *rare.ALL)
BY_NAME = {scenario.name: scenario for scenario in ALL}

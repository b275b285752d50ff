# SPDX-FileCopyrightText: The aws-iot-device-client authors
# SPDX-License-Identifier: Apache-2.0
"""Messages of every kind on every topic the agent reads: it lives, and runs the next job.

tests/corpus/messages/TOPIC/ keeps payloads byte for byte, TOPIC with "." for "/"; add those that once did harm.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from localcloud.mosquitto import Mosquitto
from localcloud.scripted import ScriptedJobs
from localcloud.thing import Thing
from tests.fakes.documents import operation
from tests.system.harness.agent import Agent
from tests.system.harness.rig import JOB_SECONDS

CORPUS = Path(__file__).resolve().parents[1] / "corpus" / "messages"
TOPICS = [
    "notify-next",
    "start-next/accepted",
    "start-next/rejected",
    "job-1/update/accepted",
    "job-1/update/rejected",
    "/update/accepted",
    f"{'j' * 200}/update/rejected",
]
EXAMPLES = 400
SLOW = (HealthCheck.too_slow, HealthCheck.function_scoped_fixture)
PACKET = 120_000  # bytes, below the broker's limit of 128 KiB

# Never a program that does anything: should an example be taken for a job, that is all it may run.
HARMLESS = st.sampled_from(["true", "false", "no-such-program", "", "../x", "no\0such"])
NUMBER = st.integers() | st.floats(allow_nan=False, allow_infinity=False)
JSON: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | NUMBER | st.text(max_size=40),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=12), inner, max_size=4),
    max_leaves=12,
)
DOCUMENT = JSON | st.fixed_dictionaries({"operation": HARMLESS | JSON.map(lambda v: [v])}, optional={"args": JSON})
EXECUTION = st.fixed_dictionaries(
    {},
    optional={
        "jobId": st.sampled_from(["job-1", "job-2", "", "a/b", "j" * 65]) | JSON,
        "executionNumber": st.integers() | JSON,
        "versionNumber": st.integers() | JSON,
        "status": st.sampled_from(["QUEUED", "IN_PROGRESS", "SUCCEEDED"]) | JSON,
        "queuedAt": st.integers() | JSON,
        "approximateSecondsBeforeTimedOut": st.integers() | JSON,
        "jobDocument": DOCUMENT | DOCUMENT.map(json.dumps),
    },
)
MESSAGE = st.fixed_dictionaries(
    {},
    optional={
        "execution": EXECUTION | JSON,
        "clientToken": JSON,
        "timestamp": JSON,
        "code": st.sampled_from(["VersionMismatch", "InvalidRequest", "InternalError", "RequestThrottled"]) | JSON,
        "message": JSON,
        "executionState": EXECUTION | JSON,
    },
)
# Python writes the last of these as Infinity and NaN, which is no JSON.
PAYLOAD = st.binary(max_size=200) | (JSON | MESSAGE | st.lists(st.floats())).map(
    lambda value: json.dumps(value).encode()
)


@dataclass
class Target:
    """An agent at a broker, and the service that speaks to it."""

    thing: Thing
    agent: Agent
    service: ScriptedJobs
    jobs: int = 0

    def send(self, topic: str, payload: bytes) -> None:
        """Send one message to the agent."""
        self.service.send(f"$aws/things/{self.thing.name}/jobs/{topic}", payload)

    def still_works(self) -> None:
        """The agent lives and runs one more job."""
        self.jobs += 1
        self.service.add(self.thing.name, f"good-{self.jobs}", operation("true"))
        done = self.service.wait_finished(self.jobs, JOB_SECONDS)[-1]
        assert (done.job, done.status) == (f"good-{self.jobs}", "SUCCEEDED")
        assert self.agent.running
        assert "a callback failed" not in self.agent.log()
        assert "please report this" not in self.agent.log()


@pytest.fixture(scope="module")
def victim(target: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Target]:
    """One agent for all of them: what harms it only in the long run shows too."""
    with Mosquitto() as broker, ScriptedJobs(broker.make_service()) as service:
        thing = broker.make_thing("victim", tmp_path_factory.mktemp("victim"))
        agent = Agent(target, thing).start()
        service.wait_requests("start-next", timeout=JOB_SECONDS)
        yield Target(thing, agent, service)
        agent.finish()


def _corpus() -> list[Path]:
    return sorted(path for path in CORPUS.glob("*/*") if path.is_file())


@pytest.mark.parametrize("path", _corpus(), ids=lambda path: f"{path.parent.name} {path.stem}")
def test_a_message_of_the_corpus_harms_nothing(victim: Target, path: Path) -> None:
    victim.send(path.parent.name.replace(".", "/"), path.read_bytes())
    victim.still_works()


LARGE = {
    "nested lists": b"[" * PACKET,
    "nested lists that are closed": b"[" * (PACKET // 2) + b"]" * (PACKET // 2),
    "nested objects": b'{"a":' * (PACKET // 6),
    "a document nested 1000 deep": b'{"execution":{"jobId":"job-1","jobDocument":{"operation":"true","x":'
    + b"[" * 1000 + b"]" * 1000 + b"}}}",
    "a document nested 20000 deep": b'{"execution":{"jobId":"job-1","jobDocument":'
    + b"[" * 20000 + b"]" * 20000 + b"}}",
    "a string of 100 KB": b'{"clientToken":"' + b"x" * 100_000 + b'"}',
    "an endless number": b'{"execution":{"jobId":"job-1","versionNumber":' + b"9" * 100_000 + b"}}",
    "zeros": bytes(PACKET),
}  # fmt: skip


@pytest.mark.parametrize("name", LARGE)
@pytest.mark.parametrize("topic", TOPICS[:3])
def test_a_large_message_harms_nothing(victim: Target, topic: str, name: str) -> None:
    victim.send(topic, LARGE[name])
    victim.still_works()


def test_messages_of_every_kind_harm_nothing(victim: Target) -> None:
    @settings(max_examples=EXAMPLES, deadline=None, database=None, suppress_health_check=SLOW)
    @given(st.sampled_from(TOPICS[:5]), PAYLOAD)
    def send(topic: str, payload: bytes) -> None:
        victim.send(topic, payload)

    send()
    victim.still_works()


def test_topics_that_no_job_has_harm_nothing(victim: Target) -> None:
    for topic in TOPICS[5:]:
        for payload in (b"", b"{}", b"\xff"):
            victim.send(topic, payload)
    victim.still_works()


def test_documents_of_every_kind_are_rejected_or_run_and_the_next_job_runs(victim: Target) -> None:
    """Well-formed offers, whose documents are anything: each gets exactly one final status."""
    before = len(victim.service.finished)
    count = 0

    @settings(max_examples=EXAMPLES // 4, deadline=None, database=None, suppress_health_check=SLOW)
    @given(DOCUMENT)
    def offer(document: Any) -> None:
        nonlocal count
        count += 1
        victim.service.add(victim.thing.name, f"any-{before}-{count}", document)

    offer()
    ended = victim.service.wait_finished(before + count, JOB_SECONDS)[before:]
    assert sorted(e.job for e in ended) == sorted(f"any-{before}-{n + 1}" for n in range(count))
    victim.jobs = len(victim.service.finished)
    victim.still_works()

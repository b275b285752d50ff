# SPDX-FileCopyrightText: The aws-iot-device-client authors
# SPDX-License-Identifier: Apache-2.0
"""Fixtures of the system tests: the local cloud, a thing, the agent, its handlers, and the contract."""

from __future__ import annotations

import errno
import re
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from localcloud.cloud import Cloud
from localcloud.mosquitto import Mosquitto
from localcloud.scripted import ScriptedJobs
from localcloud.thing import Thing
from tests.system.harness.agent import Agent
from tests.system.harness.contract import contract_errors, message_errors
from tests.system.harness.handlers import Handlers
from tests.system.harness.idle import Idle
from tests.system.harness.rig import QUICK_RECONNECT, Rig
from tests.system.harness.skips import EMULATED, NO_REEXEC, SOURCE_ONLY
from toolchains.agent import MissingTarget, agent_command, binary, is_emulated

# Seconds that a minute of a job timer lasts in the shared cloud.
MINUTE = 2.0
MAX_THING_NAME = 128
# Characters of an agent's log that a failed test shows.
SHOWN_LOG = 20_000


@pytest.fixture(scope="session")
def target(request: pytest.FixtureRequest) -> str:
    """What is under test (--target). A target that can't be run ends the whole run: nothing is skipped."""
    name = str(request.config.getoption("--target"))
    try:
        agent_command(name)
    except MissingTarget as error:
        pytest.exit(f"--target {name}: {error}", returncode=pytest.ExitCode.USAGE_ERROR)
    return name


@pytest.fixture(scope="session")
def cloud(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cloud]:
    """One local cloud for all tests; a timer minute lasts MINUTE seconds."""
    with Cloud(minute=MINUTE, folder=tmp_path_factory.mktemp("cloud")) as running:
        yield running


@pytest.fixture
def thing(cloud: Cloud, tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Thing]:
    """A fresh thing named after the test; what it publishes must keep the contract."""
    name = re.sub(r"[^\w:-]", "-", request.node.name)[-MAX_THING_NAME:]
    folder = tmp_path / "thing"
    before = cloud.mark()
    yield cloud.make_thing(name, folder)
    cloud.clear_faults()
    errors = contract_errors(cloud.publishes(since=before))
    if not request.node.get_closest_marker("refused"):
        errors += [f"the policy refuses {e['action']} {e['resource']}" for e in cloud.events("denied", since=before)]
    assert not errors, "\n".join(errors)


@pytest.fixture
def handlers(thing: Thing) -> Handlers:
    """The thing's handler directory, of mode 700 and empty."""
    return Handlers(thing.handlers)


@pytest.fixture
def agent(target: str, request: pytest.FixtureRequest) -> Iterator[Callable[..., Agent]]:
    """A factory: `agent()` starts the agent of `thing` (or of thing `of`); the rest is as in Agent.start.

    Every agent ends with the test, and its log is shown when the test fails.
    """
    made: list[Agent] = []

    def start(
        *flags: str, of: Thing | None = None, env: dict[str, str] | None = None, prefix: tuple[str, ...] = ()
    ) -> Agent:
        made.append(Agent(target, of or request.getfixturevalue("thing")))
        return made[-1].start(*flags, env=env, prefix=prefix)

    yield start
    for each in made:
        each.finish()
    for path in {each.log_path for each in made}:
        text = path.read_text(errors="replace")[-SHOWN_LOG:]
        request.node.add_report_section("teardown", f"log {path}", text)


@pytest.fixture
def broker() -> Iterator[Mosquitto]:
    """A fresh mosquitto, for tests of the transport: restart, freeze or kill it."""
    with Mosquitto() as running:
        yield running


@pytest.fixture
def device(broker: Mosquitto, tmp_path: Path) -> Thing:
    """A thing of that broker."""
    thing = broker.make_thing("device", tmp_path / "device")
    thing.configure(mqtt=QUICK_RECONNECT)
    return thing


@pytest.fixture
def device_agent(target: str, device: Thing, request: pytest.FixtureRequest) -> Iterator[Agent]:
    """That thing's agent, not started."""
    made = Agent(target, device)
    yield made
    made.finish()
    request.node.add_report_section("teardown", "agent's log", made.log()[-SHOWN_LOG:])


@pytest.fixture
def service(broker: Mosquitto) -> Iterator[ScriptedJobs]:
    """A Jobs service that follows a script, over `broker`; what the agent publishes must keep the contract."""
    with ScriptedJobs(broker.make_service()) as connected:
        yield connected
        errors = [
            f"{message.topic} {message.payload[:2000]!r}: {error}"
            for message in connected.received
            for error in message_errors(message.topic.split("/")[2], message.topic, message.payload)
        ]
    assert not errors, "\n".join(errors)


@pytest.fixture
def rig(cloud: Cloud, thing: Thing, agent: Callable[..., Agent]) -> Rig:
    """A thing of the test's own whose agent is not started yet."""
    return Rig(cloud, thing, agent)


@pytest.fixture(scope="module")
def _shared(cloud: Cloud, target: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Rig]:
    number = len(cloud.iot.list_things()["things"])
    before = cloud.mark()
    thing = cloud.make_thing(f"shared-{number}", tmp_path_factory.mktemp("shared"))
    agent = Agent(target, thing)

    def start(*flags: str, of: Thing, **more: object) -> Agent:
        assert of is thing and not more
        return agent.start(*flags)

    rig = Rig(cloud, thing, start)
    rig.start_online()
    yield rig
    stopped = agent.stop()
    agent.finish()
    errors = contract_errors(cloud.publishes(thing, since=before))
    assert not errors, "\n".join(errors)
    assert stopped == 0


@pytest.fixture
def shared_rig(_shared: Rig, request: pytest.FixtureRequest) -> Iterator[Rig]:
    """A running agent that the tests of a module share: one job after the other, as in a device's life."""
    before = len(_shared.agent.log())
    yield _shared
    request.node.add_report_section("teardown", "agent's log", _shared.agent.log()[before:][-20000:])
    assert _shared.agent.running, "the shared agent has ended"


@pytest.fixture
def measured(target: str) -> None:
    """For tests that measure the agent: skipped where an emulator would be measured."""
    if is_emulated(target):
        pytest.skip(EMULATED)


@pytest.fixture
def reexecuted(target: str) -> None:
    """For tests in which the agent starts its own file again: skipped where the kernel can't run that directly."""
    if not is_emulated(target):
        return
    try:
        subprocess.run([binary(target), "--version"], stdout=subprocess.DEVNULL, check=True)
    except OSError as error:
        if error.errno != errno.ENOEXEC:
            raise
        pytest.skip(NO_REEXEC)


@pytest.fixture
def source_only(target: str) -> None:
    """For tests that look inside the interpreter."""
    if target != "source":
        pytest.skip(SOURCE_ONLY)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Run what looks at the idle agent last: it is idle while the others run, and so costs no time of its own."""
    items.sort(key=_looks_at_idle)


@pytest.fixture(scope="session")
def idle(cloud: Cloud, target: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Idle]:
    """An agent that is connected, and has nothing to do for as long as the session lasts."""
    thing = cloud.make_thing("idle", tmp_path_factory.mktemp("idle"))
    agent = Agent(target, thing).start()
    agent.wait_log("no job execution is pending")
    yield Idle(agent)
    agent.finish()


@pytest.fixture(scope="session", autouse=True)
def _idle_from_the_beginning(request: pytest.FixtureRequest) -> None:
    if any(_looks_at_idle(item) for item in request.session.items):
        request.getfixturevalue("idle")


def _looks_at_idle(item: pytest.Item) -> bool:
    return "idle" in getattr(item, "fixturenames", ())

# SPDX-FileCopyrightText: The aws-iot-device-client authors
# SPDX-License-Identifier: Apache-2.0
"""What goes wrong with connections: one clear line with the cause and what to do; then the agent goes on trying."""

from __future__ import annotations

import datetime
import json
import re
import socket
import ssl
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from localcloud.authority import Authority
from localcloud.cloud import ACCOUNT, REGION, Cloud
from localcloud.mosquitto import Mosquitto
from localcloud.policy import minimal_policy
from localcloud.thing import Thing
from localcloud.waiting import wait_until
from tests.fakes.documents import operation
from tests.system.harness.agent import Agent
from tests.system.harness.rig import JOB_SECONDS, ONLINE, QUICK_RECONNECT, Rig
from tests.system.harness.skips import needs_root
from tests.system.harness.sockets import relay, serving, talker

DAY = datetime.timedelta(days=1)
MAXIMUM_PACKET_SIZE = b"\x27"  # the property's number in MQTT 5


@pytest.fixture(scope="module")
def broker() -> Iterator[Mosquitto]:
    """A broker with mutual TLS that all tests of this file share."""
    with Mosquitto() as running:
        yield running


def _says_once_and_goes_on(agent: Agent, *words: str) -> str:
    """Wait for the second attempt; return the one ERROR line there is, which must hold `words`."""
    wait_until(lambda: len(_attempts(agent)) >= 2, JOB_SECONDS, lambda: f"a second attempt in:\n{agent.log()}")
    errors = [line for line in agent.log().splitlines() if "[ERROR]" in line]
    assert len(errors) == 1, errors
    for word in words:
        assert word in errors[0]
    assert agent.running
    assert agent.stop() == 0
    return errors[0]


def _attempts(agent: Agent) -> list[str]:
    """Failures told, at ERROR the first time and at DEBUG from then on."""
    return [
        line for line in agent.log().splitlines() if re.search(r"\[(ERROR|DEBUG)\] *\{mqtt\}: (?!connecting)", line)
    ]


def test_a_certificate_that_ran_out(broker: Mosquitto, device: Thing, device_agent: Agent) -> None:
    certificate, key = broker.authority.client("device", since=30 * DAY, until=-DAY)
    device.write(certificate, key, broker.authority.pem)
    device.configure(mqtt=QUICK_RECONNECT)
    device_agent.start()
    yesterday = (datetime.datetime.now(datetime.UTC) - DAY).strftime("%Y-%m-%d")
    _says_once_and_goes_on(device_agent, f'"cert" {device.cert} expired on {yesterday}', "renew it or set the clock")


def test_a_certificate_that_is_not_valid_yet_by_the_devices_clock(
    broker: Mosquitto, device: Thing, device_agent: Agent
) -> None:
    certificate, key = broker.authority.client("device", since=-DAY, until=30 * DAY)
    device.write(certificate, key, broker.authority.pem)
    device.configure(mqtt=QUICK_RECONNECT)
    device_agent.start()
    _says_once_and_goes_on(device_agent, f'"cert" {device.cert} is valid only from', "set the clock")


def test_a_port_that_nothing_listens_on(device: Thing, device_agent: Agent) -> None:
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    device.configure(endpoint=f"localhost:{port}", mqtt=QUICK_RECONNECT)
    device_agent.start()
    _says_once_and_goes_on(device_agent, f"localhost:{port}: nothing listens there", "check the endpoint and its port")


@needs_root
def test_a_host_name_that_nobody_knows(device: Thing, device_agent: Agent) -> None:
    """In a network of its own, so that no question leaves this machine."""
    device.configure(endpoint="no-such-endpoint.iot.us-west-2.amazonaws.invalid:8883", mqtt=QUICK_RECONNECT)
    device_agent.start(prefix=("unshare", "--net"))
    _says_once_and_goes_on(device_agent, "the host name can't be resolved", 'check "endpoint" and the device\'s DNS')


@needs_root
def test_a_network_that_is_not_there(device: Thing, device_agent: Agent) -> None:
    device.configure(endpoint="192.0.2.1:8883", mqtt=QUICK_RECONNECT)
    device_agent.start(prefix=("unshare", "--net"))
    _says_once_and_goes_on(device_agent, "192.0.2.1:8883 can't be reached", "check the network")


def test_something_that_speaks_no_tls(device: Thing, device_agent: Agent) -> None:
    """What awscrt makes of it depends on which comes first, the text or the end of the connection."""
    with serving(talker(b"HTTP/1.1 400 Bad Request\r\n\r\n")) as port:
        device.configure(endpoint=f"localhost:{port}", mqtt=QUICK_RECONNECT)
        device_agent.start()
        line = device_agent.wait_log(r"\[ERROR\] .*$")[0]
        assert f"localhost:{port}" in line and ("TLS failed" in line or "closed the connection" in line)


def test_a_key_that_does_not_belong_to_the_certificate_ends_the_agent(
    broker: Mosquitto, device: Thing, device_agent: Agent
) -> None:
    """No retry can mend it, so this is one of the few errors that end the agent before its first connection."""
    device.key.write_text(broker.authority.client("device")[1])
    assert device_agent.start().wait() == 1
    reason = "Failed to establish MQTT connection due to credential/configuration error"
    assert f"AWS IoT Device Client must abort execution, reason: {reason}" in device_agent.log()
    assert (
        f'"key" {device.key}' in device_agent.log() and "the key must belong to the certificate" in device_agent.log()
    )


# --- credentials that are replaced while the agent runs, on a broker of the test's own


@pytest.fixture
def own(target: str, tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[tuple[Mosquitto, Agent]]:
    """A broker whose trust can be changed, and an agent that is connected to it."""
    with Mosquitto() as broker:
        thing = broker.make_thing("device", tmp_path / "own")
        thing.configure(mqtt=QUICK_RECONNECT)
        agent = Agent(target, thing).start()
        agent.wait_log(ONLINE)
        yield broker, agent
        assert agent.stop() == 0
        agent.finish()
        request.node.add_report_section("teardown", "agent's log", agent.log()[-20_000:])


def _trust(broker: Mosquitto, authority: Authority) -> None:
    """From now on the broker takes the certificates of `authority` only; its own stays as it is."""
    (broker.folder / "ca.pem").write_text(authority.pem)
    broker.restart(keep_sessions=False)


def _replace(agent: Agent, pair: tuple[str, str]) -> None:
    agent.thing.cert.write_text(pair[0])
    agent.thing.key.write_text(pair[1])


def test_a_pair_that_was_replaced_before_the_old_one_was_revoked(own: tuple[Mosquitto, Agent]) -> None:
    broker, agent = own
    later, mark = Authority(), len(agent.log())
    _replace(agent, later.client("device"))
    _trust(broker, later)
    agent.wait_log(ONLINE, after=mark)
    assert f'"cert" {agent.thing.cert} and "key" {agent.thing.key} changed on disk: connecting' in agent.log()


def test_a_pair_that_is_replaced_after_the_old_one_was_refused(own: tuple[Mosquitto, Agent]) -> None:
    broker, agent = own
    later, mark = Authority(), len(agent.log())
    _trust(broker, later)
    agent.wait_log(r"\[ERROR\] .*Trying again", after=mark)
    _replace(agent, later.client("device"))
    agent.wait_log(ONLINE, after=mark)


def test_a_new_pair_that_is_refused_leaves_the_old_one_at_work(own: tuple[Mosquitto, Agent]) -> None:
    broker, agent = own
    mark = len(agent.log())
    _replace(agent, Authority().client("device"))
    broker.restart(keep_sessions=False)
    agent.wait_log(ONLINE, after=mark)
    assert agent.log().count("what worked before is tried by turns") == 1


def test_a_new_key_that_can_not_be_used_is_named_and_the_old_pair_stays_at_work(own: tuple[Mosquitto, Agent]) -> None:
    broker, agent = own
    mark = len(agent.log())
    agent.thing.key.write_text("no PEM")
    for _ in range(2):
        broker.restart(keep_sessions=False)
        agent.wait_log(ONLINE, after=mark)
        mark = len(agent.log())
    lines = [line for line in agent.log().splitlines() if "can't be used" in line]
    assert len(lines) == 1 and "[WARN]" in lines[0] and f'"key" {agent.thing.key} changed on disk' in lines[0]


# --- TLS and packets


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1, ssl.TLSVersion.TLSv1_1], ids=["1.0", "1.1"])
def test_an_endpoint_that_speaks_only_an_old_tls_is_refused(
    broker: Mosquitto, device: Thing, device_agent: Agent, version: ssl.TLSVersion
) -> None:
    met: list[tuple[str | None, bytes]] = []
    with serving(_handshakes(broker, version, met)) as port:
        device.configure(endpoint=f"localhost:{port}", mqtt=QUICK_RECONNECT)
        device_agent.start()
        line = device_agent.wait_log(r"\[ERROR\] .*$")[0]
        device_agent.finish()
    assert "TLS failed" in line and "speaks TLS 1.2 or newer" in line
    assert met == []


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3], ids=["1.2", "1.3"])
def test_an_endpoint_that_speaks_one_of_the_two_that_aws_has_is_told_the_largest_packet(
    broker: Mosquitto, device: Thing, device_agent: Agent, version: ssl.TLSVersion
) -> None:
    met: list[tuple[str | None, bytes]] = []
    with serving(_handshakes(broker, version, met)) as port:
        device.configure(endpoint=f"localhost:{port}", mqtt=QUICK_RECONNECT)
        device_agent.start()
        wait_until(lambda: bool(met), JOB_SECONDS, "a handshake")
        device_agent.finish()
    agreed, connect = met[0]
    assert agreed == version.name.replace("_", ".")
    at = connect.index(b"MQTT\x05")
    assert MAXIMUM_PACKET_SIZE + (160 * 1024).to_bytes(4, "big") in connect[at:]


def _handshakes(
    broker: Mosquitto, version: ssl.TLSVersion, met: list[tuple[str | None, bytes]]
) -> Callable[[socket.socket], None]:
    """A server with the broker's certificate that speaks this version alone, and notes what was agreed on and the CONNECT."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.set_ciphers("ALL:@SECLEVEL=0")  # else OpenSSL itself would refuse the old ones
    context.load_cert_chain(broker.folder / "server.pem", broker.folder / "server.key")
    context.load_verify_locations(broker.folder / "ca.pem")
    context.verify_mode = ssl.CERT_REQUIRED
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        context.minimum_version = context.maximum_version = version

    def answer(connection: socket.socket) -> None:
        with context.wrap_socket(connection, server_side=True) as tls:
            met.append((tls.version(), tls.recv(4096)))

    return answer


@pytest.mark.refused
def test_a_certificate_that_is_not_active_works_as_soon_as_it_is(rig: Rig) -> None:
    rig.thing.configure(mqtt=QUICK_RECONNECT)
    arn = _certificate(rig.cloud, rig.thing)
    rig.cloud.iot.update_certificate(certificateId=arn.rsplit("/", 1)[1], newStatus="INACTIVE")
    rig.start()
    wait_until(lambda: len(_attempts(rig.agent)) >= 2, JOB_SECONDS, "two attempts")
    errors = [line for line in rig.agent.log().splitlines() if "[ERROR]" in line]
    assert len(errors) == 1 and "active" in errors[0], errors
    rig.cloud.iot.update_certificate(certificateId=arn.rsplit("/", 1)[1], newStatus="ACTIVE")
    assert rig.run(operation("true")).status == "SUCCEEDED"


@pytest.mark.refused
def test_a_policy_without_the_topic_filter_is_named_and_works_as_soon_as_it_has_it(rig: Rig) -> None:
    jobs = f"$aws/things/{rig.thing.name}/jobs"
    _change_policy(rig, "iot:Subscribe", f"topicfilter/{jobs}/*/update/accepted")
    rig.start()
    line = rig.agent.wait_log(r"\[ERROR\] .*the broker refuses.*$")[0]
    assert "iot:Subscribe" in line and f"topicfilter/{jobs}/+/update/accepted" in line
    _restore_policy(rig)
    assert rig.run(operation("true")).status == "SUCCEEDED"


@pytest.mark.refused
def test_a_policy_without_the_topic_to_publish_on_is_named_and_works_as_soon_as_it_has_it(rig: Rig) -> None:
    jobs = f"$aws/things/{rig.thing.name}/jobs"
    _change_policy(rig, "iot:Publish", f"topic/{jobs}/start-next")
    rig.start()
    line = rig.agent.wait_log(r"\[ERROR\] .*the broker refuses.*$")[0]
    assert "iot:Publish" in line and f"topic/{jobs}/start-next" in line
    _restore_policy(rig)
    assert rig.run(operation("true")).status == "SUCCEEDED"


@pytest.mark.refused
def test_a_policy_that_does_not_let_the_client_connect_is_named(rig: Rig) -> None:
    rig.thing.configure(mqtt=QUICK_RECONNECT)
    _change_policy(rig, "iot:Connect", f"client/{rig.thing.name}")
    rig.start()
    line = rig.agent.wait_log(r"\[ERROR\] .*$")[0]
    assert "iot:Connect" in line and f"client/{rig.thing.name}" in line
    _restore_policy(rig)
    rig.agent.wait_log(ONLINE)


def _certificate(cloud: Cloud, thing: Thing) -> str:
    (principal,) = cloud.iot.list_thing_principals(thingName=thing.name)["principals"]
    return str(principal)


def _change_policy(rig: Rig, action: str, resource: str) -> None:
    """Take one resource out of one statement of the thing's policy."""
    document = minimal_policy(REGION, ACCOUNT, rig.thing.name)
    arn = f"arn:aws:iot:{REGION}:{ACCOUNT}:{resource}"
    for statement in document["Statement"]:
        if statement["Action"] == action:
            statement["Resource"] = [r for r in statement["Resource"] if r != arn] or [f"{arn}-no-longer"]
    _put_policy(rig, document)


def _restore_policy(rig: Rig) -> None:
    _put_policy(rig, minimal_policy(REGION, ACCOUNT, rig.thing.name))


def _put_policy(rig: Rig, document: dict[str, Any]) -> None:
    name = f"{rig.thing.name}-device-client"
    rig.cloud.iot.create_policy_version(policyName=name, policyDocument=json.dumps(document), setAsDefault=True)


@pytest.fixture(scope="module", autouse=True)
def distrustful(broker: Mosquitto, target: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[Agent]]:
    """Two agents that can't trust their server, started first: s2n tells such a failure 10 to 30 seconds late.

    One has the CA of somebody else, the other connects by an address that is not in the server's certificate
    (127.0.0.2 is loopback as well).
    """
    folder = tmp_path_factory.mktemp("distrustful")
    things = [broker.make_thing(name, folder / name) for name in ("wrong-ca", "wrong-name")]
    things[0].ca.write_text(Authority().pem)
    with serving(relay(broker.port), host="127.0.0.2") as port:
        things[1].configure(endpoint=f"127.0.0.2:{port}")
        agents = [Agent(target, thing).start() for thing in things]
        yield agents
        for agent in agents:
            agent.finish()


def test_a_root_ca_that_did_not_sign_the_endpoints_certificate(distrustful: list[Agent]) -> None:
    agent = distrustful[0]
    line = agent.wait_log(r"\[ERROR\] .*$")[0]
    assert "TLS failed" in line and f'check that "root-ca" ({agent.thing.ca})' in line
    assert agent.running


def test_an_endpoint_whose_name_is_not_in_the_servers_certificate(distrustful: list[Agent]) -> None:
    agent = distrustful[1]
    line = agent.wait_log(r"\[ERROR\] .*$")[0]
    assert "TLS failed" in line and '"endpoint" is the name in it' in line
    assert agent.running

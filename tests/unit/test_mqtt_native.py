# SPDX-FileCopyrightText: The aws-iot-device-client authors
# SPDX-License-Identifier: Apache-2.0
"""dc.mqtt calls awscrt's native module as awscrt's own package does: recorded side by side, argument by argument."""

from __future__ import annotations

import importlib.metadata
import inspect
import re
from collections.abc import Callable
from enum import Enum
from pathlib import Path
from typing import Any

import _awscrt
import pytest
from awscrt import io, mqtt5

from dc import mqtt

ROOT = Path(__file__).resolve().parents[2]
HOST, THING = "host.example", "board-7"
CERT, KEY, CA = b"a certificate", b"a key", b"a root"
NATIVE = (
    "event_loop_group_new",
    "host_resolver_new_default",
    "client_bootstrap_new",
    "client_tls_ctx_new",
    "init_logging",
    "mqtt5_client_new",
    "mqtt5_client_start",
    "mqtt5_client_stop",
    "mqtt5_client_subscribe",
    "mqtt5_client_publish",
)
# The first parameters of each callback, by awscrt's names, in the order in which dc.mqtt reads them.
CALLBACKS = {
    "_on_publish": ("payload", "qos", "retain", "topic"),
    "_on_lifecycle_attempting_connect": (),
    "_on_lifecycle_connection_success": ("connack_session_present", "connack_reason_code"),
    "_on_lifecycle_connection_failure": (
        "error_code",
        "connack_packet_exists",
        "connack_session_present",
        "connack_reason_code",
    ),
    "_on_lifecycle_disconnection": ("error_code", "disconnect_packet_exists", "reason_code"),
    "_on_lifecycle_stopped": (),
}

Calls = dict[str, tuple[Any, ...]]


@pytest.fixture
def calls(monkeypatch: pytest.MonkeyPatch) -> Calls:
    """The native functions replaced by ones that note their arguments; a binding is the name of what made it."""
    made: Calls = {}

    def recorder(name: str) -> Callable[..., str]:
        def record(*arguments: Any) -> str:
            made[name] = arguments
            return name

        return record

    for name in NATIVE:
        monkeypatch.setattr(_awscrt, name, recorder(name))
    return made


def plain(value: Any) -> Any:
    """`value` in a form in which what the package passes and what dc.mqtt passes can be compared."""
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, (str, bytes, int, type(None))):
        return value
    if isinstance(value, list):
        return [plain(item) for item in value]
    if inspect.isroutine(value):
        return "a callable"
    if isinstance(value, (mqtt5.Client, mqtt.Client)):
        return "the client"
    if isinstance(value, (mqtt5._ClientCore, mqtt._Callbacks)):
        return "the callbacks"
    if hasattr(value, "_binding"):
        return f"made by {value._binding}"
    names = SHAPES[type(value).__name__]
    return {name: plain(getattr(value, name)) for name in names}


# What the native code reads from objects that are passed as they are.
_SOCKET = (
    "domain", "type", "connect_timeout_ms",
    "keep_alive", "keep_alive_timeout_secs", "keep_alive_interval_secs", "keep_alive_max_probes",
)  # fmt: skip
_FILTER = ("topic_filter", "qos", "no_local", "retain_as_published", "retain_handling_type")
SHAPES = {"SocketOptions": _SOCKET, "_SocketOptions": _SOCKET, "Subscription": _FILTER, "_Filter": _FILTER}


def package_bootstrap() -> Any:
    group = io.EventLoopGroup(1)
    return io.ClientBootstrap(group, io.DefaultHostResolver(group, 1))


def package_tls(alpn: str | None) -> Any:
    options = io.TlsContextOptions.create_client_with_mtls(CERT, KEY)
    options.override_default_trust_store(CA)
    options.min_tls_ver = io.TlsVersion.TLSv1_2
    options.alpn_list = [alpn] if alpn else None
    return io.ClientTlsContext(options)


def package_client() -> Any:
    socket_options = io.SocketOptions()
    socket_options.connect_timeout_ms = mqtt.CONNECT_MS
    return mqtt5.Client(
        mqtt5.ClientOptions(
            host_name=HOST,
            port=8883,
            bootstrap=package_bootstrap(),
            socket_options=socket_options,
            tls_ctx=package_tls(None),
            connect_options=mqtt5.ConnectPacket(
                client_id=THING,
                keep_alive_interval_sec=60,
                session_expiry_interval_sec=mqtt.SESSION_SECONDS,
                maximum_packet_size=mqtt.MAX_PACKET,
            ),
            session_behavior=mqtt5.ClientSessionBehaviorType.REJOIN_POST_SUCCESS,
            extended_validation_and_flow_control_options=mqtt5.ExtendedValidationAndFlowControlOptions.NONE,
            offline_queue_behavior=mqtt5.ClientOperationQueueBehaviorType.FAIL_ALL_ON_DISCONNECT,
            retry_jitter_mode=mqtt5.ExponentialBackoffJitterMode.FULL,
            min_reconnect_delay_ms=1000,
            max_reconnect_delay_ms=128000,
            min_connected_time_to_reset_reconnect_delay_ms=mqtt.STEADY_MS,
            ping_timeout_ms=mqtt.PING_MS,
            connack_timeout_ms=mqtt.CONNACK_MS,
            ack_timeout_sec=mqtt.ACK_SECONDS,
            disable_metrics=True,
        )
    )


def post(callback: Callable[..., None], *arguments: object) -> None:
    callback(*arguments)


def own_client() -> mqtt.Client:
    client = mqtt.Client(post)
    tls = mqtt.make_tls(CERT, KEY, CA, None)
    client.start(HOST, 8883, mqtt.make_bootstrap(), tls, THING, 60, (1000, 128000))
    return client


def assert_same(calls: Calls, package: Callable[[], object], own: Callable[[], object], name: str) -> None:
    """Both pass the same to the native function `name`."""
    package()
    wanted = [plain(value) for value in calls.pop(name)]
    own()
    given = [plain(value) for value in calls.pop(name)]
    assert len(given) == len(wanted)
    assert given == wanted
    assert [type(value) for value in given] == [type(value) for value in wanted]


@pytest.mark.parametrize("name", ["event_loop_group_new", "host_resolver_new_default", "client_bootstrap_new"])
def test_bootstrap(calls: Calls, name: str) -> None:
    assert_same(calls, package_bootstrap, mqtt.make_bootstrap, name)


@pytest.mark.parametrize("alpn", [None, "x-amzn-mqtt-ca"])
def test_tls_context(calls: Calls, alpn: str | None) -> None:
    assert_same(calls, lambda: package_tls(alpn), lambda: mqtt.make_tls(CERT, KEY, CA, alpn), "client_tls_ctx_new")


def test_client_new(calls: Calls) -> None:
    assert_same(calls, package_client, own_client, "mqtt5_client_new")


def test_client_start(calls: Calls) -> None:
    assert_same(calls, lambda: package_client().start(), own_client, "mqtt5_client_start")


def test_client_stop(calls: Calls) -> None:
    assert_same(calls, lambda: package_client().stop(), lambda: own_client().stop(), "mqtt5_client_stop")


def test_subscribe(calls: Calls) -> None:
    names = ("a/+/b", "c")
    packet = mqtt5.SubscribePacket(
        subscriptions=[mqtt5.Subscription(topic_filter=name, qos=mqtt5.QoS.AT_LEAST_ONCE) for name in names]
    )
    assert_same(
        calls,
        lambda: package_client().subscribe(packet),
        lambda: own_client().subscribe(names, lambda error, reasons: None),
        "mqtt5_client_subscribe",
    )


def test_publish(calls: Calls) -> None:
    packet = mqtt5.PublishPacket(topic="t", payload=b"p", qos=mqtt5.QoS.AT_LEAST_ONCE)
    assert_same(
        calls,
        lambda: package_client().publish(packet),
        lambda: own_client().publish("t", b"p", lambda error, reason: None),
        "mqtt5_client_publish",
    )


def test_native_log(calls: Calls, tmp_path: Path) -> None:
    path = str(tmp_path / "sdk.log")
    assert_same(
        calls,
        lambda: io.init_logging(io.LogLevel.Warn, path),
        lambda: mqtt.init_native_log(3, path),
        "init_logging",
    )


def parameters(function: Callable[..., object]) -> list[str]:
    return [name for name in inspect.signature(function).parameters if name != "self"]


def test_every_callback_of_the_package_is_there_and_no_other() -> None:
    def names(owner: type) -> set[str]:
        return {name for name in vars(owner) if name.startswith("_on_")}

    assert names(mqtt._Callbacks) == names(mqtt5._ClientCore) == set(CALLBACKS)


@pytest.mark.parametrize("name", sorted(CALLBACKS))
def test_a_callback_takes_what_the_package_takes_in_the_same_order(name: str) -> None:
    theirs, ours = parameters(getattr(mqtt5._ClientCore, name)), getattr(mqtt._Callbacks, name)
    assert tuple(theirs[: len(CALLBACKS[name])]) == CALLBACKS[name]
    named = [p for p in inspect.signature(ours).parameters.values() if p.kind is p.POSITIONAL_OR_KEYWORD]
    assert len(named) - 1 == len(CALLBACKS[name])
    inspect.signature(ours).bind("self", *theirs)


@pytest.mark.parametrize(
    ("native", "wanted"),
    [
        ("mqtt5_client_subscribe", ["error_code", "reason_codes", "reason_string", "user_properties_tuples"]),
        ("mqtt5_client_publish", ["error_code", "qos", "reason_code", "reason_string", "user_properties_tuples"]),
    ],
)
def test_an_answer_to_a_request_is_read_in_the_packages_order(calls: Calls, native: str, wanted: list[str]) -> None:
    client = package_client()
    heard: list[tuple[object, object]] = []
    client.subscribe(mqtt5.SubscribePacket(subscriptions=[]))
    client.publish(mqtt5.PublishPacket(topic="t", payload=b"", qos=mqtt5.QoS.AT_LEAST_ONCE))
    assert parameters(calls[native][-1]) == wanted
    own = own_client()
    own.subscribe(("f",), lambda error, reasons: heard.append((error, reasons)))
    own.publish("t", b"", lambda error, reason: heard.append((error, reason)))
    values = {"error_code": 5, "qos": 1, "reason_code": 135, "reason_codes": [1, 135]}
    calls[native][-1](*[values.get(name) for name in wanted])
    calls[native][-1](*[7 if name == "error_code" else None for name in wanted])
    assert heard == ([(5, [1, 135]), (7, [])] if "subscribe" in native else [(5, 135), (7, 0)])


def called(native: str, **values: object) -> list[tuple[object, ...]]:
    """What reaches the owner's `on_...` when the native code calls `native`; everything else is None."""
    heard: list[tuple[object, ...]] = []
    client = mqtt.Client(post)
    for name in (known for known in mqtt.Client.__annotations__ if known.startswith("on_")):
        setattr(client, name, lambda *arguments, event=name[3:]: heard.append((event, *arguments)))
    callback = getattr(mqtt._Callbacks(post, client), native)
    answer = callback(*[values.get(parameter) for parameter in parameters(getattr(mqtt5._ClientCore, native))])
    assert not answer  # True from _on_publish would mean that we send the PUBACK
    return heard


def test_what_the_callbacks_pass_on() -> None:
    assert called("_on_publish", topic="t", payload=b"p") == [("message", "t", b"p")]
    assert called("_on_lifecycle_connection_success", connack_session_present=True) == [("connected", True)]
    refused = {"error_code": 9, "connack_packet_exists": True, "connack_reason_code": 135}
    assert called("_on_lifecycle_connection_failure", **refused) == [("failed", 9, 135)]
    assert called("_on_lifecycle_connection_failure", error_code=9, connack_reason_code=0) == [("failed", 9, None)]
    lost = {"error_code": 8, "disconnect_packet_exists": True, "reason_code": 142}
    assert called("_on_lifecycle_disconnection", **lost) == [("lost", 8, 142)]
    assert called("_on_lifecycle_disconnection", error_code=8, reason_code=0) == [("lost", 8, None)]
    assert called("_on_lifecycle_stopped") == [("stopped",)]
    assert called("_on_lifecycle_attempting_connect") == [("attempt",)]


def test_the_version_is_the_one_whose_signatures_are_known_and_it_is_pinned() -> None:
    assert importlib.metadata.version("awscrt") == mqtt.AWSCRT_VERSION
    for name in ("pyproject.toml", "requirements/agent.in"):
        pins = re.findall(r"awscrt==([\d.]+)", (ROOT / name).read_text(encoding="utf-8"))
        assert pins == [mqtt.AWSCRT_VERSION], name


def test_error_names() -> None:
    assert mqtt.error_name(0) == "OK"
    assert mqtt.error_name(1029).startswith("AWS_IO_")

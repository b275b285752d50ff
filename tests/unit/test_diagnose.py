# SPDX-FileCopyrightText: The aws-iot-device-client authors
# SPDX-License-Identifier: Apache-2.0
"""One line that names the cause of a connection failure and what to do about it."""

from __future__ import annotations

import calendar
import datetime
import time
from pathlib import Path

import _awscrt
import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID
from hypothesis import given
from hypothesis import strategies as st

from dc import diagnose
from dc.config.model import SETTINGS, Config
from tests.fakes.examples import examples

HOST, PORT = "abc-ats.iot.us-west-2.amazonaws.com", 8883
NOW = datetime.datetime(2027, 3, 4, 5, 6, tzinfo=datetime.UTC)
DAY = datetime.timedelta(days=1)


@pytest.fixture
def config(monkeypatch: pytest.MonkeyPatch) -> Config:
    made = Config({setting.name: setting.default for setting in SETTINGS}, {})
    made.thing_name, made.cert, made.key, made.root_ca = "board-7", "/no/cert.pem", "/no/key.pem", ""
    monkeypatch.setattr(time, "time", NOW.timestamp)
    return made


def certificate(path: Path, begin: datetime.datetime, end: datetime.datetime) -> str:
    key = Ed25519PrivateKey.generate()
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "x")])
    builder = x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
    made = builder.serial_number(1).not_valid_before(begin).not_valid_after(end).sign(key, None)
    path.write_bytes(b"some text before\n" + made.public_bytes(Encoding.PEM))
    return str(path)


def failure(config: Config, name: str, reason: int | None = None) -> str:
    return diagnose.connect_failure(name, reason, config, HOST, PORT)


ADVICE = [
    ("AWS_IO_DNS_INVALID_NAME", 'check "endpoint" and the device\'s DNS'),
    ("AWS_IO_DNS_NO_ADDRESS_FOR_HOST", 'check "endpoint" and the device\'s DNS'),
    ("AWS_IO_DNS_QUERY_FAILED", 'check "endpoint" and the device\'s DNS'),
    ("AWS_IO_SOCKET_CONNECTION_REFUSED", "nothing listens there"),
    ("AWS_IO_SOCKET_TIMEOUT", "check the network"),
    ("AWS_IO_SOCKET_NO_ROUTE_TO_HOST", "check the network"),
    ("AWS_IO_SOCKET_NETWORK_DOWN", "check the network"),
    ("AWS_IO_SOCKET_CONNECT_ABORTED", "check the network"),
    ("AWS_IO_TLS_ERROR_NEGOTIATION_FAILURE", 'check that "root-ca"'),
    ("AWS_IO_TLS_NEGOTIATION_TIMEOUT", 'check that "root-ca"'),
    ("AWS_IO_TLS_HOST_NAME_MISMATCH", '"endpoint" is the name in it'),
    ("AWS_IO_SOCKET_CLOSED", "iot:Connect for client/board-7"),
    ("AWS_ERROR_MQTT_UNEXPECTED_HANGUP", "iot:Connect for client/board-7"),
    ("AWS_ERROR_MQTT5_CONNACK_TIMEOUT", "the broker never answered"),
]


@pytest.mark.parametrize(("name", "advice"), ADVICE)
def test_each_failure_to_connect_has_its_own_advice(config: Config, name: str, advice: str) -> None:
    text = failure(config, name)
    assert advice in text
    assert f"{HOST}:{PORT}" in text
    assert name in text
    assert "\n" not in text


def test_the_names_above_are_awscrts() -> None:
    known = {_awscrt.get_error_name(code) for code in range(6000)}
    assert {name for name, _ in ADVICE} <= known


def test_a_failure_nobody_thought_of_is_at_least_named(config: Config) -> None:
    assert failure(config, "AWS_ERROR_OOM") == f"{HOST}:{PORT}: AWS_ERROR_OOM"


@pytest.mark.parametrize(
    ("reason", "advice"),
    [
        (133, 'check "thing-name"'),
        (134, "certificate is active"),
        (135, "iot:Connect on client/board-7"),
        (137, "busy"),
        (199, "reason code 199"),
    ],
)
def test_a_refused_connect_is_told_by_its_reason(config: Config, reason: int, advice: str) -> None:
    text = failure(config, "AWS_ERROR_MQTT5_CONNACK_CONNECTION_REFUSED", reason)
    assert text.startswith(f"{HOST}:{PORT} refused the connection: ")
    assert advice in text


def test_a_clock_that_can_not_be_right_is_the_cause(config: Config, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(time, "time", lambda: 3600.0)
    text = failure(config, "AWS_IO_TLS_ERROR_NEGOTIATION_FAILURE")
    assert "the device's clock says 1970-01-01, which can't be right: set it" in text


@pytest.mark.parametrize("which", ["cert", "root_ca"])
def test_a_certificate_that_expired_is_the_cause(config: Config, tmp_path: Path, which: str) -> None:
    path = certificate(tmp_path / "x.pem", NOW - 9 * DAY, NOW - DAY)
    setattr(config, which, path)
    text = failure(config, "AWS_IO_TLS_ERROR_NEGOTIATION_FAILURE")
    assert f'"{which.replace("_", "-")}" {path} expired on 2027-03-03 05:06 UTC' in text


@pytest.mark.parametrize("clock", [3600.0, NOW.timestamp()])
def test_what_is_said_does_not_change_from_minute_to_minute(
    config: Config, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, clock: float
) -> None:
    """Else a device whose certificate expired would say so at ERROR every minute."""
    config.cert = certificate(tmp_path / "x.pem", NOW - 9 * DAY, NOW - DAY)
    texts = set()
    for minute in range(3):
        monkeypatch.setattr(time, "time", lambda minute=minute: clock + 60 * minute)
        texts.add(failure(config, "AWS_IO_TLS_ERROR_NEGOTIATION_FAILURE"))
    assert len(texts) == 1


def test_a_certificate_that_is_not_valid_yet_points_to_the_clock(config: Config, tmp_path: Path) -> None:
    config.cert = certificate(tmp_path / "x.pem", NOW + DAY, NOW + 9 * DAY)
    text = failure(config, "AWS_IO_TLS_ERROR_NEGOTIATION_FAILURE")
    assert "is valid only from 2027-03-05 05:06 UTC: set the clock" in text


@pytest.mark.parametrize("end", [NOW + DAY, datetime.datetime(2062, 1, 1, tzinfo=datetime.UTC), datetime.datetime.max])
def test_a_good_certificate_is_not_blamed(config: Config, tmp_path: Path, end: datetime.datetime) -> None:
    config.cert = certificate(tmp_path / "x.pem", NOW - DAY, end.replace(microsecond=0))
    assert "check that" in failure(config, "AWS_IO_TLS_ERROR_NEGOTIATION_FAILURE")


@pytest.mark.parametrize("content", [b"", b"junk", b"-----BEGIN CERTIFICATE-----\n!\n-----END", b"\xff" * 3000])
def test_a_file_that_is_no_certificate_is_not_blamed_for_its_dates(
    config: Config, tmp_path: Path, content: bytes
) -> None:
    (tmp_path / "x.pem").write_bytes(content)
    config.cert = str(tmp_path / "x.pem")
    assert "check that" in failure(config, "AWS_IO_TLS_ERROR_NEGOTIATION_FAILURE")


@examples(300)
@given(st.datetimes(datetime.datetime(1950, 1, 1), datetime.datetime(2049, 12, 31)), st.booleans())
def test_a_date_of_a_certificate_is_read_as_the_calendar_has_it(when: datetime.datetime, short: bool) -> None:
    digits = when.strftime("%y%m%d%H%M%S") if short else f"{when.year:04d}{when.strftime('%m%d%H%M%S')}"
    assert diagnose._seconds(digits) == calendar.timegm(when.timetuple())


@examples(300)
@given(st.binary(max_size=200))
def test_any_bytes_in_the_place_of_a_certificate_are_survived(
    tmp_path_factory: pytest.TempPathFactory, body: bytes
) -> None:
    from binascii import b2a_base64

    path = tmp_path_factory.getbasetemp() / "any.pem"
    path.write_bytes(b"-----BEGIN CERTIFICATE-----\n" + b2a_base64(body + b"\x17\x0d999999999999Z" * 3) + b"-----END")
    assert diagnose._validity(str(path)) is not None


@pytest.mark.parametrize(
    ("reason", "text"),
    [
        (None, "the connection was lost (AWS_ERROR_X)"),
        (142, "the broker ended the connection: another client connected with the same client id"),
        (200, "the broker ended the connection: reason code 200"),
    ],
)
def test_a_lost_connection(reason: int | None, text: str) -> None:
    assert diagnose.disconnection("AWS_ERROR_X", reason) == text


def test_a_refused_topic_names_the_policy_line_that_is_missing() -> None:
    text = diagnose.refused("iot:Publish", "topic/$aws/things/board-7/jobs/start-next", 135)
    assert '"Action": "iot:Publish"' in text
    assert "arn:aws:iot:REGION:ACCOUNT:topic/$aws/things/board-7/jobs/start-next" in text

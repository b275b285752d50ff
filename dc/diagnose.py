# SPDX-FileCopyrightText: The aws-iot-device-client authors
# SPDX-License-Identifier: Apache-2.0
"""From an error code to one line that names the cause and what to do. Loaded at the first failure only."""

from __future__ import annotations

import time
from binascii import Error as Base64Error
from binascii import a2b_base64

TYPE_CHECKING = False
if TYPE_CHECKING:
    from dc.config.model import Config

_EARLIEST = 1767225600  # 2026-01-01: a clock that shows an earlier date is wrong
_UTC_TIME, _GENERALIZED_TIME = b"\x17\x0d", b"\x18\x0f"  # ASN.1 tag and length of the two date forms

CONNACK_REASONS = {
    132: "the broker does not speak MQTT 5",
    133: 'the broker rejects this client id, which is the thing name; check "thing-name"',
    134: "the broker refuses the credentials; check that the certificate is active and its policy allows iot:Connect",
    135: "not authorised",
    136: "the broker is not available",
    137: "the broker is busy",
    138: "this client is banned; look at the certificate and its policy in AWS IoT",
    151: "a quota of the AWS account is exceeded",
    159: "too many connection attempts",
}
DISCONNECT_REASONS = {
    130: "protocol error",
    135: "not authorised: the policy does not allow what the agent just did",
    137: "the broker is busy",
    139: "the broker is shutting down",
    141: "the broker received nothing within the keep-alive time",
    142: "another client connected with the same client id",
    147: "more messages in flight than the broker allows",
    149: "a packet was larger than the broker allows",
    151: "a quota of the AWS account is exceeded",
}


def connect_failure(name: str, reason: int | None, config: Config, host: str, port: int) -> str:
    """Why a connection attempt failed. `name`: awscrt's error; `reason`: the CONNACK's, if there was one."""
    at = f"{host}:{port}"
    if reason is not None:
        return f"{at} refused the connection: {_connack(reason, config)}"
    if "DNS" in name:
        return f"{at}: the host name can't be resolved ({name}); check \"endpoint\" and the device's DNS"
    if "TLS" in name or "NEGOTIATION" in name:
        return f"{at}: TLS failed ({name}); {_tls(config)}"
    if "CONNACK_TIMEOUT" in name:
        return (
            f"{at} accepted the connection, but the broker never answered ({name}); check that an MQTT broker runs "
            "there and that it is not overloaded"
        )
    if "REFUSED" in name:
        return f"{at}: nothing listens there ({name}); check the endpoint and its port, and any firewall"
    if any(word in name for word in ("TIMEOUT", "UNREACHABLE", "NO_ROUTE", "NETWORK_DOWN", "SOCKET_CONNECT")):
        return f"{at} can't be reached ({name}); check the network, the default route and any firewall"
    if "CLOSED" in name or "HANGUP" in name or "DISCONNECT" in name:
        return (
            f"{at} closed the connection ({name}); AWS IoT does so when the certificate is not active or not "
            f"registered, or its policy does not allow iot:Connect for client/{config.thing_name}"
        )
    return f"{at}: {name}"


def disconnection(name: str, reason: int | None) -> str:
    """Why an open connection was lost."""
    if reason is None:
        return f"the connection was lost ({name})"
    return f"the broker ended the connection: {DISCONNECT_REASONS.get(reason, f'reason code {reason}')}"


def refused(action: str, resource: str, reason: int) -> str:
    """A refused subscription or publish, with the policy statement that is missing."""
    return (
        f"the broker refuses {action} (reason code {reason}); the certificate's policy needs: "
        f'"Action": "{action}", "Resource": "arn:aws:iot:REGION:ACCOUNT:{resource}"'
    )


def _connack(reason: int, config: Config) -> str:
    text = CONNACK_REASONS.get(reason, f"reason code {reason}")
    if reason != 135:
        return text
    return (
        f"{text}; the certificate's policy must allow iot:Connect on client/{config.thing_name}, the certificate "
        "must be active and, where the policy uses thing variables, attached to the thing"
    )


def _tls(config: Config) -> str:
    now = time.time()
    if now < _EARLIEST:
        return f"the device's clock says {_date(now)}, which can't be right: set it (NTP); certificates can't be checked before"
    for what, path in (("cert", config.cert), ("root-ca", config.root_ca)):
        span = _validity(path) if path else None
        if span is not None and now < span[0]:
            return f'by the device\'s clock ({_date(now)}) "{what}" {path} is valid only from {_day(span[0])}: set the clock'
        if span is not None and now > span[1]:
            return (
                f'"{what}" {path} expired on {_day(span[1])} (the clock says {_date(now)}): renew it or set the clock'
            )
    return (
        f'check that "root-ca" ({config.root_ca or "the system store"}) is what signed the endpoint\'s certificate, that '
        '"endpoint" is the name in it and speaks TLS 1.2 or newer, and that "cert" is active in AWS IoT and "key" belongs '
        "to it"
    )


def _date(now: float) -> str:
    # Without the time of day: a text that changed with every attempt would be logged with every attempt.
    return time.strftime("%Y-%m-%d", time.gmtime(now))


def _day(when: float) -> str:
    return time.strftime("%Y-%m-%d %H:%M", time.gmtime(when)) + " UTC"


def _validity(path: str) -> tuple[float, float] | None:
    """notBefore and notAfter of the first certificate of a PEM file: the first two dates in its DER. None: unreadable."""
    try:
        with open(path, "rb") as file:
            body = file.read(65536).split(b"-----BEGIN CERTIFICATE-----", 1)[1].split(b"-----END", 1)[0]
        der = a2b_base64(body)
    except (OSError, IndexError, Base64Error):
        return None
    dates: list[float] = []
    at = 0
    while at < len(der) - 15 and len(dates) < 2:
        tag = der[at : at + 2]
        length = 13 if tag == _UTC_TIME else 15 if tag == _GENERALIZED_TIME else 0
        text = der[at + 2 : at + 2 + length]
        if length and text[:-1].isdigit() and text[-1:] == b"Z":
            dates.append(_seconds(text[:-1].decode()))
            at += 2 + length
        else:
            at += 1
    return (dates[0], dates[1]) if len(dates) == 2 else None


def _seconds(digits: str) -> float:
    """Seconds since 1970 of an ASN.1 date, `YYMMDDhhmmss` or `YYYYMMDDhhmmss`, in UTC."""
    if len(digits) == 12:
        digits = ("20" if digits < "5" else "19") + digits
    year, month, day, hour, minute, second = (
        int(digits[a:b]) for a, b in ((0, 4), (4, 6), (6, 8), (8, 10), (10, 12), (12, 14))
    )
    # Days since 1970 by the civil calendar, counting years from March so that the leap day comes last.
    year -= month < 3
    era_day = (153 * ((month + 9) % 12) + 2) // 5 + day - 1
    days = 365 * year + year // 4 - year // 100 + year // 400 + era_day - 719468
    return float(days * 86400 + hour * 3600 + minute * 60 + second)

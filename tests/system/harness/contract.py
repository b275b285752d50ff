# SPDX-FileCopyrightText: The aws-iot-device-client authors
# SPDX-License-Identifier: Apache-2.0
"""What a device may publish, judged by botocore's own `iot-jobs-data` model and not by the local cloud."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from typing import Any

import botocore.session
from botocore.validate import ParamValidator

from localcloud.cloud import Publish
from localcloud.details import details_error

# Bytes; the developer guide gives 64 as the limit of a client token.
MAX_TOKEN = 64
DEVICE_STATUSES = ("IN_PROGRESS", "SUCCEEDED", "FAILED", "REJECTED")
TOPIC = re.compile(r"\$aws/things/(?P<thing>[^/]+)/jobs/(?:(?P<job>[^/]+)/)?(?P<verb>get|update|start-next)")
OPERATIONS = {
    ("start-next", False): "StartNextPendingJobExecution",
    ("update", True): "UpdateJobExecution",
    ("get", True): "DescribeJobExecution",
    ("get", False): "GetPendingJobExecutions",
}

_model = botocore.session.Session().get_service_model("iot-jobs-data")


def contract_errors(publishes: Iterable[Publish]) -> list[str]:
    """Say what is wrong with messages a device published, one line each."""
    return [
        f"{publish.topic} {publish.payload[:2000]!r}: {error}"
        for publish in publishes
        for error in message_errors(publish.client, publish.topic, publish.payload)
    ]


def message_errors(client: str, topic: str, payload: bytes) -> list[str]:
    """Say what is wrong with one message published by the thing `client`."""
    match = TOPIC.fullmatch(topic)
    operation = match and OPERATIONS.get((match["verb"], match["job"] is not None))
    if match is None or operation is None:
        return ["no Jobs request has this topic"]
    if match["thing"] != client:
        return [f"the topic is that of thing {match['thing']}, the sender is {client}"]
    try:
        body = json.loads(payload.decode() or "{}", parse_constant=_refuse_constant)
    except ValueError as error:
        return [f"not JSON in UTF-8: {error}"]
    if not isinstance(body, dict):
        return [f"not a JSON object but {type(body).__name__}"]
    identity = {"thingName": match["thing"]} | ({"jobId": match["job"]} if match["job"] else {})
    return _body_errors(operation, identity, body)


def _body_errors(operation: str, identity: dict[str, str], body: dict[str, Any]) -> list[str]:
    errors = []
    token = body.pop("clientToken", "")
    if not isinstance(token, str) or len(token.encode()) > MAX_TOKEN:
        errors.append(f"clientToken {token!r} is not a string of at most {MAX_TOKEN} bytes")
    shape: Any = _model.operation_model(operation).input_shape
    report = ParamValidator().validate(body | identity, shape)
    if report.has_errors():
        return [*errors, report.generate_report()]
    errors += _limit_errors(body | identity, shape, "")
    if reason := details_error(body.get("statusDetails"), strict=False):
        errors.append(reason)
    if operation == "UpdateJobExecution" and body["status"] not in DEVICE_STATUSES:
        errors.append(f"a device can't set status {body['status']}")
    return errors


def _limit_errors(value: Any, shape: Any, where: str) -> list[str]:
    """Check what botocore's validator leaves to the service: `enum`, `pattern` and `max`."""
    if shape.type_name == "structure":
        parts = [(value[name], member, f"{where}.{name}") for name, member in shape.members.items() if name in value]
        return [error for part in parts for error in _limit_errors(*part)]
    if shape.type_name == "map":
        keys = [error for key in value for error in _limit_errors(key, shape.key, f"{where} key")]
        return keys + [e for k, v in value.items() for e in _limit_errors(v, shape.value, f"{where}[{k}]")]
    if shape.type_name != "string":
        return []
    errors, rules = [], shape.metadata
    if "enum" in rules and value not in rules["enum"]:
        errors.append(f"{where} is {value!r}, not one of {rules['enum']}")
    if len(value) > rules.get("max", len(value)):
        errors.append(f"{where} has {len(value)} characters, at most {rules['max']} are allowed")
    # Python has no \p{C}: patterns with it are those of statusDetails values, checked on their own.
    if "pattern" in rules and r"\p{" not in rules["pattern"] and not re.fullmatch(rules["pattern"], value):
        errors.append(f"{where} is {value!r}, which does not match {rules['pattern']}")
    return errors


def _refuse_constant(name: str) -> None:
    raise ValueError(f"{name} is not JSON")

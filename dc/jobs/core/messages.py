# SPDX-FileCopyrightText: The aws-iot-device-client authors
# SPDX-License-Identifier: Apache-2.0
"""The AWS IoT Jobs MQTT API: topics, messages to records, requests to payloads. Pure.

Only what the C++ client's documented minimal policy allows is used: publish `start-next` and `+/update`; subscribe
`start-next/accepted|rejected`, `notify-next`, `+/update/accepted|rejected`. Messages are read defensively: a field
that is missing or of another type is left out where it can be, and a message without the fields that matter raises
`MessageError`, never anything else.
"""

from __future__ import annotations

from dc.jsonlib import JSONDecodeError, dumps, loads

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import TypeGuard

    from dc.jobs.core.key import Key

START_NEXT = "start-next"
NOTIFY_NEXT = "notify-next"

# Codes of a rejection (developer guide, "Jobs error codes"), by what they mean to a device.
GONE_CODES = ("InvalidStateTransition", "ResourceNotFound", "TerminalStateReached")
BUSY_CODES = ("RequestThrottled", "InternalError")
STALE_CODE = "VersionMismatch"

TERMINAL = ("SUCCEEDED", "FAILED", "TIMED_OUT", "REJECTED", "REMOVED", "CANCELED")

_MAX_JOB_ID = 64
_MAX_PAYLOAD = 128 * 1024  # AWS IoT's own limit
_LARGEST = 1 << 53  # of a version or number: beyond any real one, and still exact after counting up, in any JSON


class MessageError(ValueError):
    """A message that can't be used; says what was wrong with it. Whoever sent it is at fault, not the agent."""


class Offer:
    """An execution as the cloud describes it: by start-next, or by notify-next."""

    __slots__ = (
        "source",
        "token",
        "job_id",
        "number",
        "key",
        "version",
        "status",
        "document",
        "queued_at",
        "seconds_left",
        "details",
    )

    def __init__(
        self,
        source: str,
        token: str,
        job_id: str,
        number: int,
        version: int,
        status: str,
        document: object,
        queued_at: int | float = 0,
        seconds_left: int | None = None,
        details: dict[str, str] | None = None,
    ) -> None:
        self.source = source
        self.token = token
        self.job_id = job_id
        self.number = number
        self.key: Key = (job_id, number, queued_at)
        self.version = version
        self.status = status
        self.document = document
        self.queued_at = queued_at
        self.seconds_left = seconds_left  # until AWS times the execution out; None: no timer
        self.details = details or {}  # statusDetails of the last update


class Nothing:
    """No execution is pending."""

    __slots__ = ("source", "token")

    def __init__(self, source: str, token: str) -> None:
        self.source = source
        self.token = token


class Accepted:
    """An update was taken."""

    __slots__ = ("job_id", "token")

    def __init__(self, job_id: str, token: str) -> None:
        self.job_id = job_id
        self.token = token


class Refused:
    """start-next (`job_id` is "") or an update was turned down. `status`, `version`: as they are in the cloud, if told."""

    __slots__ = ("job_id", "token", "code", "message", "status", "version")

    def __init__(self, job_id: str, token: str, code: str, message: str, status: str = "", version: int = 0) -> None:
        self.job_id = job_id
        self.token = token
        self.code = code
        self.message = message
        self.status = status
        self.version = version


def prefix(thing: str) -> str:
    """What all topics of a thing's jobs begin with."""
    return f"$aws/things/{thing}/jobs/"


def filters(thing: str) -> tuple[str, ...]:
    """The topic filters to subscribe to, each in the form that the minimal policy names."""
    start = prefix(thing)
    return (
        f"{start}start-next/accepted",
        f"{start}start-next/rejected",
        f"{start}notify-next",
        f"{start}+/update/accepted",
        f"{start}+/update/rejected",
    )


def start_next_topic(thing: str) -> str:
    """Where to ask for the next execution."""
    return f"{prefix(thing)}start-next"


def update_topic(thing: str, job_id: str) -> str:
    """Where to report on an execution."""
    return f"{prefix(thing)}{job_id}/update"


def start_next_request(token: str) -> bytes:
    """Payload of StartNextPendingJobExecution."""
    return dumps({"clientToken": token})


def update_request(
    status: str,
    details: Mapping[str, str],
    version: int,
    number: int,
    token: str,
    step_timeout: int = 0,
) -> bytes:
    """Payload of UpdateJobExecution. Empty `details` are left out, which leaves those in the cloud as they are.

    A `version` or `number` of 0 means unknown, and is left out. `step_timeout`: minutes until the cloud gives up on
    the execution, unless another update comes; 0 leaves its timer as it is.
    """
    request: dict[str, object] = {"status": status, "clientToken": token}
    if number:
        request["executionNumber"] = number
    if version:
        request["expectedVersion"] = version
    if step_timeout:
        request["stepTimeoutInMinutes"] = step_timeout
    if details:
        request["statusDetails"] = dict(details)
    return dumps(request)


def decode(thing: str, topic: str, payload: bytes) -> Offer | Nothing | Accepted | Refused:
    """A message to the thing's jobs topics. Raises `MessageError` for all that is none of the known ones."""
    start = prefix(thing)
    if not topic.startswith(start):
        raise MessageError(f"topic {topic!r} is not one of this thing's jobs topics")
    if len(payload) > _MAX_PAYLOAD:  # of a broker that ignores what CONNECT says; parsed, it would cost many times that
        raise MessageError(f"payload of {len(payload)} bytes; AWS IoT sends at most {_MAX_PAYLOAD}")
    parts = topic[len(start) :].split("/")
    message = _load(payload)
    token = _string(message, "clientToken")
    if parts == [NOTIFY_NEXT] or parts == [START_NEXT, "accepted"]:
        return _offer(parts[0], token, message)
    if parts == [START_NEXT, "rejected"]:
        return _refused("", token, message)
    if len(parts) == 3 and parts[1] == "update" and _is_job_id(parts[0]):
        if parts[2] == "accepted":
            return Accepted(parts[0], token)
        if parts[2] == "rejected":
            return _refused(parts[0], token, message)
    raise MessageError(f"topic {topic!r} is not one the agent subscribed to")


def _load(payload: bytes) -> dict[str, object]:
    try:
        message = loads(payload or b"{}")
    except JSONDecodeError as error:
        raise MessageError(f"payload is not JSON: {error.args[0]}") from None
    if not isinstance(message, dict):
        raise MessageError("payload is JSON, but not an object")
    return message


def _offer(source: str, token: str, message: dict[str, object]) -> Offer | Nothing:
    execution = message.get("execution")
    if not execution:  # absent, null or {}: the documentation shows more than one form of "nothing"
        return Nothing(source, token)
    if not isinstance(execution, dict):
        raise MessageError('"execution" is not an object')
    job_id = _string(execution, "jobId")
    if not _is_job_id(job_id):
        raise MessageError(f'"jobId" must be 1 to {_MAX_JOB_ID} of letters, digits, "_" and "-", found {job_id[:80]!r}')
    queued_at = execution.get("queuedAt")
    left = execution.get("approximateSecondsBeforeTimedOut")
    return Offer(
        source,
        token,
        job_id,
        _positive(execution, "executionNumber"),
        _positive(execution, "versionNumber"),
        _string(execution, "status"),
        _document(execution.get("jobDocument")),
        queued_at if _is_number(queued_at) else 0,
        int(left) if _is_number(left) else None,
        _strings(execution.get("statusDetails")),
    )


def _is_job_id(text: str) -> bool:
    return 0 < len(text) <= _MAX_JOB_ID and all(c.isascii() and (c.isalnum() or c in "_-") for c in text)


def _document(value: object) -> object:
    """An object over MQTT, a string over HTTP: both are taken. Text that is not JSON stays text, to be rejected."""
    if isinstance(value, str):
        try:
            return loads(value)
        except JSONDecodeError:
            return value
    return value


def _refused(job_id: str, token: str, message: dict[str, object]) -> Refused:
    state = message.get("executionState")
    if not isinstance(state, dict):
        state = {}
    return Refused(
        job_id,
        token,
        _string(message, "code"),
        _string(message, "message"),
        _string(state, "status"),
        _positive(state, "versionNumber"),
    )


def _is_number(value: object) -> TypeGuard[int | float]:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def _string(parent: Mapping[str, object], key: str) -> str:
    value = parent.get(key)
    return value if isinstance(value, str) else ""


def _strings(value: object) -> dict[str, str]:
    pairs = value.items() if isinstance(value, dict) else ()
    return {key: text for key, text in pairs if isinstance(text, str)}


def _positive(parent: Mapping[str, object], key: str) -> int:
    """0 for all that is not a positive whole number of a believable size: "unknown"."""
    value = parent.get(key)
    return value if isinstance(value, int) and not isinstance(value, bool) and 0 < value <= _LARGEST else 0

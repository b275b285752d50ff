# SPDX-FileCopyrightText: The aws-iot-device-client authors
# SPDX-License-Identifier: Apache-2.0
"""The Jobs MQTT API: topics, each kind of message, and what a message may lack."""

from __future__ import annotations

import json

import pytest

from dc.jobs.core import messages
from dc.jobs.core.messages import Accepted, MessageError, Nothing, Offer, Refused, decode
from tests.fakes.job_messages import EXECUTION, PREFIX, THING


def decoded(topic: str, body: object) -> Offer | Nothing | Accepted | Refused:
    return decode(THING, PREFIX + topic, json.dumps(body).encode())


def offer(topic: str = "start-next/accepted", **changes: object) -> Offer:
    message = decoded(topic, {"clientToken": "t", "timestamp": 1, "execution": {**EXECUTION, **changes}})
    assert isinstance(message, Offer)
    return message


def test_only_topics_of_the_documented_minimal_policy_are_used() -> None:
    assert messages.filters(THING) == (
        f"{PREFIX}start-next/accepted",
        f"{PREFIX}start-next/rejected",
        f"{PREFIX}notify-next",
        f"{PREFIX}+/update/accepted",
        f"{PREFIX}+/update/rejected",
    )
    assert messages.start_next_topic(THING) == f"{PREFIX}start-next"
    assert messages.update_topic(THING, "run-foo") == f"{PREFIX}run-foo/update"


def test_an_answer_to_start_next_is_an_offer() -> None:
    made = offer()
    assert (made.source, made.token, made.status, made.version) == ("start-next", "t", "QUEUED", 3)
    assert (made.document, made.seconds_left) == ({"operation": "echo"}, 59)
    assert made.key == ("run-foo", 2, 1700000000)


def test_notify_next_is_an_offer() -> None:
    assert offer("notify-next").source == "notify-next"


@pytest.mark.parametrize("topic", ["notify-next", "start-next/accepted"])
@pytest.mark.parametrize("body", [{}, {"timestamp": 1}, {"execution": None}, {"execution": {}}])
def test_every_documented_form_of_an_empty_queue_means_nothing(topic: str, body: dict[str, object]) -> None:
    message = decoded(topic, {**body, "clientToken": "t"})
    assert isinstance(message, Nothing)
    assert (message.source, message.token) == (topic.split("/")[0], "t")


def test_an_empty_payload_is_an_empty_message() -> None:
    assert isinstance(decode(THING, PREFIX + "notify-next", b""), Nothing)


def test_a_document_that_comes_as_text_is_read() -> None:
    assert offer(jobDocument='{"operation": "echo"}').document == {"operation": "echo"}


def test_a_document_that_is_text_but_not_json_stays_text_to_be_rejected() -> None:
    assert offer(jobDocument="{operation: echo}").document == "{operation: echo}"


def test_a_document_nested_as_deep_as_aws_allows_is_read() -> None:
    deep = b"[" * 1000 + b"]" * 1000
    text = b'{"execution":{"jobId":"j","jobDocument":{"operation":"echo","x":' + deep + b"}}}"
    message = decode(THING, PREFIX + "notify-next", text)
    assert isinstance(message, Offer)
    assert isinstance(message.document, dict)


@pytest.mark.parametrize("key", [key for key in EXECUTION if key != "jobId"])
@pytest.mark.parametrize("value", [None, "x", -1, 1.5, [], {}, True])
def test_an_execution_with_one_field_wrong_is_still_an_offer(key: str, value: object) -> None:
    made = offer("start-next/accepted", **{key: value})
    assert made.job_id == "run-foo"
    assert made.number >= 0
    assert made.version >= 0


@pytest.mark.parametrize("job_id", [None, "", 7, "a/b", "a+b", "é", "a b", "x" * 65, "#"])
def test_an_execution_whose_job_id_can_not_be_is_refused(job_id: object) -> None:
    with pytest.raises(MessageError, match="jobId"):
        offer(jobId=job_id)


@pytest.mark.parametrize("job_id", ["a", "x" * 64, "-", "_", "aA0-_"])
def test_every_job_id_that_aws_can_issue_is_taken(job_id: str) -> None:
    assert offer(jobId=job_id).job_id == job_id


def test_a_payload_larger_than_any_of_aws_is_not_even_parsed() -> None:
    with pytest.raises(MessageError, match="131073 bytes; AWS IoT sends at most 131072"):
        decode(THING, f"{PREFIX}notify-next", b"[" * (128 * 1024 + 1))
    with pytest.raises(MessageError, match="not JSON"):
        decode(THING, f"{PREFIX}notify-next", b"[" * (128 * 1024))


def test_versions_beyond_64_bits_minus_one_can_still_be_counted_up() -> None:
    """The next version must be a number that JSON writers take."""
    made = offer(versionNumber=2**64 - 1, executionNumber=2**64 - 1)
    assert messages.update_request("IN_PROGRESS", {}, made.version + 1 if made.version else 0, made.number, "t")


def test_an_update_that_was_taken() -> None:
    message = decoded("run-foo/update/accepted", {"clientToken": "t", "timestamp": 1})
    assert isinstance(message, Accepted)
    assert (message.job_id, message.token) == ("run-foo", "t")


def test_an_update_that_was_turned_down_tells_the_state_in_the_cloud() -> None:
    message = decoded(
        "run-foo/update/rejected",
        {
            "clientToken": "t",
            "code": "VersionMismatch",
            "message": "m",
            "executionState": {"status": "IN_PROGRESS", "versionNumber": 5},
        },
    )
    assert isinstance(message, Refused)
    assert (message.job_id, message.token, message.code, message.message) == ("run-foo", "t", "VersionMismatch", "m")
    assert (message.status, message.version) == ("IN_PROGRESS", 5)


@pytest.mark.parametrize("state", [None, [], "x", {"status": 1, "versionNumber": "5"}, {"versionNumber": -5}])
def test_a_refusal_without_a_usable_state_says_unknown(state: object) -> None:
    message = decoded("start-next/rejected", {"code": 7, "executionState": state})
    assert isinstance(message, Refused)
    assert (message.job_id, message.token, message.code, message.status, message.version) == ("", "", "", "", 0)


@pytest.mark.parametrize(
    "topic",
    [
        "",
        "get/accepted",
        "notify",
        "notify-next/x",
        "start-next",
        "start-next/accepted/x",
        "run-foo/get/accepted",
        "run-foo/update",
        "run-foo/update/accepted/x",
        "run-foo/update/other",
        "/update/accepted",
        "x" * 65 + "/update/accepted",
        "a b/update/accepted",
        "\u00e9/update/rejected",
    ],
)
def test_a_topic_nobody_subscribed_to_is_refused(topic: str) -> None:
    with pytest.raises(MessageError, match="not one the agent subscribed to"):
        decoded(topic, {})


@pytest.mark.parametrize("topic", ["", "x", f"$aws/things/{THING}x/jobs/notify-next", "$aws/things/other/jobs/get"])
def test_a_topic_of_another_thing_is_refused(topic: str) -> None:
    with pytest.raises(MessageError, match="not one of this thing's"):
        decode(THING, topic, b"{}")


@pytest.mark.parametrize("payload", [b"{", b"\xff", b"nul", b"{'a':1}", b"[" * 2000, b'{"a":NaN}', b"\xef\xbb\xbf{}"])
def test_a_payload_that_is_not_json_is_refused(payload: bytes) -> None:
    with pytest.raises(MessageError, match="not JSON"):
        decode(THING, PREFIX + "notify-next", payload)


@pytest.mark.parametrize("payload", [b"[]", b"null", b'"{}"', b"1", b"true"])
def test_a_payload_that_is_json_but_no_object_is_refused(payload: bytes) -> None:
    with pytest.raises(MessageError, match="not an object"):
        decode(THING, PREFIX + "notify-next", payload)


@pytest.mark.parametrize("execution", [[1], "x", 1, True])
def test_an_execution_that_is_no_object_is_refused(execution: object) -> None:
    with pytest.raises(MessageError, match='"execution" is not an object'):
        decoded("notify-next", {"execution": execution})


def test_two_deliveries_of_one_execution_have_one_key_and_a_retry_has_another() -> None:
    assert offer().key == offer("notify-next", jobDocument={"operation": "fresh URL"}, versionNumber=9).key
    assert offer(executionNumber=3).key != offer().key
    assert offer(queuedAt=1700000001).key != offer().key  # deleted and made again under the same name

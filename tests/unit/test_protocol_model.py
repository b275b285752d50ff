# SPDX-FileCopyrightText: The aws-iot-device-client authors
# SPDX-License-Identifier: Apache-2.0
"""Every payload the agent can build is one that botocore's iot-jobs-data model takes."""

from __future__ import annotations

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dc.jobs.core import details, messages
from dc.jobs.core.tail import Tail
from tests.fakes.examples import examples
from tests.fakes.printed_text import TEXT
from tests.system.harness.contract import message_errors

THING, JOB = "board-7", "run-foo"
STATUSES = ("IN_PROGRESS", "SUCCEEDED", "FAILED", "REJECTED")


def update_errors(payload: bytes) -> list[str]:
    return message_errors(THING, messages.update_topic(THING, JOB), payload)


def test_start_next() -> None:
    payload = messages.start_next_request("0123456789ab-n1")
    assert message_errors(THING, messages.start_next_topic(THING), payload) == []
    assert orjson.loads(payload) == {"clientToken": "0123456789ab-n1"}


@pytest.mark.parametrize("status", STATUSES)
def test_an_update_carries_only_what_is_known(status: str) -> None:
    payload = messages.update_request(status, {}, 0, 0, "t")
    assert update_errors(payload) == []
    assert orjson.loads(payload) == {"status": status, "clientToken": "t"}
    payload = messages.update_request(status, {"reason": "r"}, 4, 2, "t")
    assert update_errors(payload) == []
    assert orjson.loads(payload) == {
        "status": status,
        "clientToken": "t",
        "executionNumber": 2,
        "expectedVersion": 4,
        "statusDetails": {"reason": "r"},
    }


def test_the_judge_is_awake() -> None:
    """The validator does refuse what AWS refuses."""
    assert update_errors(messages.update_request("QUEUED", {}, 0, 0, "t"))
    assert update_errors(messages.update_request("FAILED", {"reason": ""}, 0, 0, "t"))
    assert update_errors(messages.update_request("FAILED", {"reason": "x" * 1025}, 0, 0, "t"))
    assert update_errors(messages.update_request("FAILED", {"a reason": "x"}, 0, 0, "t"))
    assert update_errors(messages.update_request("FAILED", {"reason": "\x1b"}, 0, 0, "t"))
    assert update_errors(messages.update_request("FAILED", {str(n): "x" for n in range(11)}, 0, 0, "t"))


@examples(700)
@given(
    st.sampled_from(STATUSES),
    TEXT,
    st.binary(max_size=200) | TEXT.map(lambda text: text.encode("utf-8", "replace")),
    TEXT,
    st.integers(0, 2**53),
    st.integers(0, 2**53),
)
def test_whatever_a_handler_prints_the_update_is_valid(
    status: str, reason: str, printed: bytes, step: str, version: int, number: int
) -> None:
    tail = Tail()
    tail.feed(printed * 30)
    pairs = details.pairs(reason, details.output(tail), details.output(tail), {"step": step})
    for stage in (details.AS_IS, details.ONE_LINE, details.BARE):
        payload = messages.update_request(status, details.reduced(pairs, stage), version, number, "0123456789ab-7")
        assert update_errors(payload) == []

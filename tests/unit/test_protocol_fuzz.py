# SPDX-FileCopyrightText: The aws-iot-device-client authors
# SPDX-License-Identifier: Apache-2.0
"""Whatever arrives, decode answers with a message or MessageError, and what it answers can be acted on."""

from __future__ import annotations

import copy
import random
from typing import Any

import orjson
from hypothesis import given
from hypothesis import strategies as st

from dc.jobs.core import messages
from dc.jobs.core.messages import Accepted, MessageError, Nothing, Offer, Refused, decode
from tests.fakes.document_fuzz import OPERATION, checked
from tests.fakes.examples import examples
from tests.fakes.job_messages import EXECUTION, PREFIX, THING
from tests.fakes.json_values import JSON, break_one_place, junk

TOPICS = (
    "start-next/accepted",
    "start-next/rejected",
    "notify-next",
    "run-foo/update/accepted",
    "run-foo/update/rejected",
)
REFUSAL = {"code": "VersionMismatch", "message": "m", "executionState": {"status": "FAILED", "versionNumber": 2}}
GOOD: tuple[dict[str, object], ...] = (
    {"clientToken": "t", "timestamp": 1, "execution": {**EXECUTION, "jobDocument": OPERATION}},
    {"clientToken": "t", "timestamp": 1, **REFUSAL},
)


def seen(topic: str, payload: bytes) -> None:
    try:
        message = decode(THING, topic, payload)
    except MessageError as error:
        assert str(error)
        return
    assert isinstance(message, (Offer, Nothing, Accepted, Refused))
    assert isinstance(message.token, str)
    if isinstance(message, Offer):
        hash(message.key)
        checked(message.document)
        assert isinstance(message.seconds_left, (int, type(None)))
        messages.update_request("FAILED", {"reason": "r"}, message.version, message.number, "t")
    elif isinstance(message, Refused):
        messages.update_request("FAILED", {}, message.version, 0, "t")
        assert all(isinstance(text, str) for text in (message.code, message.message, message.status))


@examples(1500)
@given(st.text(max_size=20), st.binary(max_size=40))
def test_any_topic_and_any_bytes(topic: str, payload: bytes) -> None:
    seen(topic, payload)
    seen(PREFIX + topic, payload)


@examples(800)
@given(st.sampled_from(TOPICS), JSON)
def test_any_json_on_every_topic(topic: str, body: object) -> None:
    seen(PREFIX + topic, orjson.dumps(body))
    seen(PREFIX + topic, orjson.dumps({"execution": body}))
    seen(PREFIX + topic, orjson.dumps({"execution": {"jobId": "j", "jobDocument": body}}))
    seen(PREFIX + topic, orjson.dumps({"clientToken": body, "code": body, "executionState": body}))


@examples(4000)
@given(st.integers(0, 2**64 - 1))
def test_a_good_message_with_a_few_places_broken(seed: int) -> None:
    dice = random.Random(seed)
    made: Any = copy.deepcopy(dice.choice(GOOD))
    for _ in range(dice.randint(1, 3)):
        break_one_place(dice, made)
    if dice.random() < 0.1:
        made["execution"] = junk(dice)
    seen(PREFIX + dice.choice(TOPICS), orjson.dumps(made))


@examples(4000)
@given(st.integers(0, 2**64 - 1))
def test_a_good_message_with_bytes_changed_cut_or_repeated(seed: int) -> None:
    dice = random.Random(seed)
    data = bytearray(orjson.dumps(dice.choice(GOOD)))
    for _ in range(dice.randint(1, 4)):
        at = dice.randrange(len(data) + 1)
        until = min(len(data), at + dice.choice([0, 1, 1, 5, 200]))
        data[at:until] = dice.choice([b"", bytes([dice.randrange(256)]), data[at:until] * 2, b"\\ud800", b"[" * 1100])
    seen(PREFIX + dice.choice(TOPICS), bytes(data))

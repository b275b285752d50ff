# SPDX-FileCopyrightText: The aws-iot-device-client authors
# SPDX-License-Identifier: Apache-2.0
"""The rule for statusDetails that stands in for AWS's."""

from __future__ import annotations

from typing import Any

import pytest

from localcloud.details import details_error
from localcloud.policy import minimal_policy

GOOD: list[Any] = [
    None,
    {},
    {"reason": "Exited with status: 1"},
    {"a:b_c-D9": "é ✓ 😀 \u2028"},
    {"x" * 128: "y" * 1024},
    {"emoji": "😀" * 512},
    {str(n): "v" for n in range(10)},
]
BAD: list[tuple[Any, str]] = [
    ([], "not a map"),
    ("text", "not a map"),
    ({"": "v"}, "key ''"),
    ({"a b": "v"}, "key 'a b'"),
    ({"x" * 129: "v"}, "does not match"),
    ({"k": ""}, "non-empty"),
    ({"k": 1}, "non-empty"),
    ({"k": None}, "non-empty"),
    ({"k": "y" * 1025}, "1025 characters"),
    ({"k": "😀" * 512 + "y"}, "1025 characters"),
    ({"k": "\x1b[0m"}, "U+001B"),
    ({"k": "a\r\n"}, "U+000D"),
    ({"k": "\ufeff"}, "U+FEFF"),
    ({"k": "\ue000"}, "U+E000"),
    ({"k": "\udc80"}, "U+DC80"),
    ({str(n): "v" for n in range(11)}, "11 pairs"),
]


@pytest.mark.parametrize("details", GOOD)
@pytest.mark.parametrize("strict", [True, False])
def test_details_that_aws_takes_pass(details: Any, strict: bool) -> None:
    assert details_error(details, strict=strict) is None


@pytest.mark.parametrize(("details", "words"), BAD)
@pytest.mark.parametrize("strict", [True, False])
def test_details_that_aws_refuses_are_refused_with_the_reason(details: Any, words: str, strict: bool) -> None:
    assert words in (details_error(details, strict=strict) or "")


@pytest.mark.parametrize("value", ["no such file\n", "a\tb"])
def test_newline_and_tab_are_refused_in_strict_mode_only(value: str) -> None:
    assert details_error({"stderr": value}, strict=False) is None
    assert "control character" in (details_error({"stderr": value}, strict=True) or "")


def test_the_device_policy_allows_six_topics_and_its_own_client_id() -> None:
    statements = minimal_policy("us-west-2", "123456789012", "my-thing")["Statement"]
    granted = {s["Action"]: [r.partition(":123456789012:")[2] for r in s["Resource"]] for s in statements}
    answers = [
        "start-next/accepted",
        "start-next/rejected",
        "notify-next",
        "*/update/accepted",
        "*/update/rejected",
    ]
    assert granted == {
        "iot:Connect": ["client/my-thing"],
        "iot:Publish": [f"topic/$aws/things/my-thing/jobs/{name}" for name in ("start-next", "*/update")],
        "iot:Subscribe": [f"topicfilter/$aws/things/my-thing/jobs/{name}" for name in answers],
        "iot:Receive": [f"topic/$aws/things/my-thing/jobs/{name}" for name in answers],
    }

# SPDX-FileCopyrightText: The aws-iot-device-client authors
# SPDX-License-Identifier: Apache-2.0
"""What AWS IoT Jobs accepts as `statusDetails`: one rule, used by the overlay and by the contract check."""

from __future__ import annotations

import re
import unicodedata
from typing import Any

MAX_PAIRS = 10
MAX_VALUE = 1024
KEY = re.compile(r"[a-zA-Z0-9:_-]{1,128}")


def details_error(details: Any, *, strict: bool) -> str | None:
    """Say what AWS would refuse in a `statusDetails` map, or None when it would take it.

    Keys follow the botocore `iot-jobs-data` model, values its pattern (no character of a Unicode "C"
    category) and the 1024 characters of the API reference, counted in UTF-16 units, the narrowest reading.
    The pattern forbids newline and tab, yet live devices are seen to send them: only `strict` refuses those.
    """
    if details is None:
        return None
    if not isinstance(details, dict):
        return f"statusDetails is a {type(details).__name__}, not a map of strings"
    if len(details) > MAX_PAIRS:
        return f"statusDetails has {len(details)} pairs, at most {MAX_PAIRS} are allowed"
    for key, value in details.items():
        if not KEY.fullmatch(key):
            return f"statusDetails key {key!r} does not match {KEY.pattern}"
        if not isinstance(value, str) or not value:
            return f"statusDetails value of {key!r} is not a non-empty string"
        units = len(value.encode("utf-16-le", "surrogatepass")) // 2
        if units > MAX_VALUE:
            return f"statusDetails value of {key!r} has {units} characters, at most {MAX_VALUE} are allowed"
        for char in value:
            if unicodedata.category(char).startswith("C") and (strict or char not in "\n\t"):
                return f"statusDetails value of {key!r} holds the control character U+{ord(char):04X}"
    return None

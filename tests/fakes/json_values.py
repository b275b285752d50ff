# SPDX-FileCopyrightText: The aws-iot-device-client authors
# SPDX-License-Identifier: Apache-2.0
"""JSON values to throw at whatever reads JSON: all that orjson's `loads` can answer with."""

from __future__ import annotations

import copy
import random
from typing import Any

from hypothesis import strategies as st

# orjson: no lone surrogates, no NaN, no infinity; whole numbers of 64 bits, larger ones are floats.
TEXT = st.text(max_size=20)
SCALAR = (
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**64 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | TEXT
)
JSON = st.recursive(
    SCALAR,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3),
    max_leaves=6,
)

_JUNK: tuple[object, ...] = (
    None, True, False, 0, -1, 1, 2**63, 2**64 - 1, -(2**63), 0.5, -0.0, 1e308, "", " ", "\0", "a\0b", "x" * 40000,
    "\n\t\x1b[31m", "\ufeff\u202e\U0001f600\U000e0001", "true", "FALSE", "1", "1.0", "default", "..", "/", "a/b",
    ",", "\\", "\\,", "runCommand", "echo hi", [], [[]], [None], [""], ["a", 1], ["\0"], {}, {"a": 1}, {"": {}},
    {"key": "k", "value": "v"}, {"action": {}},
)  # fmt: skip


def junk(dice: random.Random) -> object:
    """A value that is likely to be wrong where it is put."""
    return copy.deepcopy(dice.choice(_JUNK))


def break_one_place(dice: random.Random, node: Any) -> None:
    """Walk to a random place and put something else there, or take it away."""
    while True:
        keys = list(node) if isinstance(node, dict) else list(range(len(node)))
        if not keys:
            return
        key = dice.choice(keys)
        if isinstance(node[key], (dict, list)) and node[key] and dice.random() < 0.7:
            node = node[key]
            continue
        if dice.random() < 0.2:
            del node[key]
        else:
            node[key] = junk(dice)
        return

# SPDX-FileCopyrightText: The aws-iot-device-client authors
# SPDX-License-Identifier: Apache-2.0
"""Text as a handler may print it, and a plain model of what is left of it in statusDetails."""

from __future__ import annotations

import re
import unicodedata

from hypothesis import strategies as st

# ECMA-48 in one pattern: CSI; the strings OSC, DCS, SOS, PM, APC; every other escape.
ESCAPE = re.compile(r"\x1b\[[ -?]*[@-~]?|\x1b[\]PX^_][^\x07\x1b]*(?:\x07|\x1b\\)?|\x1b[ -/]*.?", re.DOTALL)
# Characters that matter more than others: controls, pieces of escapes, astral ones, separators, category C of all kinds.
SPICE = st.sampled_from(
    "\x1b\x1b[]PX^_\\\x07\x9b\r\n\t\0mK;1 ?é✓\U0001f600\U0001f468\u200d\u200b\ufeff\u00ad\ue000\U000e0001\u2028\xa0\x85"
)
TEXT = st.text(SPICE | st.characters(), max_size=60)


def units(text: str) -> int:
    """Length in UTF-16 units."""
    return len(text.encode("utf-16-le", "surrogatepass")) // 2


def in_c(character: str) -> bool:
    return unicodedata.category(character).startswith("C")


def naive_clean(text: str) -> str:
    text = ESCAPE.sub("", text).replace("\r\n", "\n")
    return "".join(c if c in "\n\t" or not in_c(c) else " " for c in text)

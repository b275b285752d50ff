# SPDX-FileCopyrightText: The aws-iot-device-client authors
# SPDX-License-Identifier: Apache-2.0
"""statusDetails: what AWS's rules say about keys and values holds for whatever a handler prints."""

from __future__ import annotations

import re

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from dc.jobs.core.details import (
    AS_IS,
    BARE,
    MAX_CHARACTERS,
    MAX_PAIRS,
    ONE_LINE,
    clean,
    first_units,
    last_units,
    output,
    reduced,
)
from dc.jobs.core.details import (
    pairs as details_of,
)
from dc.jobs.core.tail import Tail
from tests.fakes.examples import examples
from tests.fakes.printed_text import TEXT, in_c, naive_clean, units

KEY = re.compile(r"[a-zA-Z0-9:_-]{1,128}")


def printed(data: bytes) -> str:
    tail = Tail()
    tail.feed(data)
    return output(tail)


def assert_accepted_by_aws(pairs: dict[str, str], newlines: bool) -> None:
    assert len(pairs) <= MAX_PAIRS
    for key, value in pairs.items():
        assert KEY.fullmatch(key)
        assert 1 <= units(value) <= MAX_CHARACTERS
        forbidden = {c for c in value if in_c(c)} - (set("\n\t") if newlines else set())
        assert not forbidden, f"{key}: {forbidden!r}"


@examples(1000)
@given(TEXT)
@example("\x1b")
@example("\x1b[")
@example("\x1b]0;title")
@example("a\x1b]8;;https://x\x1b\\b\x1b]8;;\x1b\\c")
@example("\ud800\udfff")
def test_clean_is_what_a_plain_model_says(text: str) -> None:
    assert clean(text) == naive_clean(text)


@pytest.mark.parametrize(
    ("raw", "shown"),
    [
        ("\x1b[1;31mred\x1b[0m\r\n", "red\n"),
        ("\x1b]0;title\x07text", "text"),
        ("\x1b]8;;http://x\x1b\\link\x1b]8;;\x1b\\", "link"),
        ("\x1b(Bascii\x1b=", "ascii"),
        ("10%\r20%\rdone\n", "10% 20% done\n"),
        ("a\x00b\x07c\x7fd", "a b c d"),
        ("é ✓ 😀 \u2028 \u00a0%", "é ✓ 😀 \u2028 \u00a0%"),
        ("zero\u200bwidth\ufeff\u00ad\u200d\ue000", "zero width    "),
        ("tab\tstays\n", "tab\tstays\n"),
    ],
)
def test_what_a_terminal_would_interpret_is_taken_out(raw: str, shown: str) -> None:
    assert clean(raw) == shown


@examples(1500)
@given(st.binary(max_size=120) | TEXT.map(lambda text: text.encode("utf-8", "surrogatepass")), TEXT, TEXT)
def test_whatever_is_printed_the_details_are_within_the_rules(data: bytes, reason: str, step: str) -> None:
    pairs = details_of(reason, printed(data * 40), printed(data), {"step": step * 40})
    assert_accepted_by_aws(reduced(pairs, AS_IS), newlines=True)
    assert_accepted_by_aws(reduced(pairs, ONE_LINE), newlines=False)
    assert reduced(pairs, BARE) == {}
    assert list(reduced(pairs, ONE_LINE)) == list(pairs)
    assert {key: units(value) for key, value in reduced(pairs, ONE_LINE).items()} == {
        key: units(value) for key, value in pairs.items()
    }


@examples(500)
@given(TEXT, st.integers(0, 40))
def test_a_cut_keeps_as_many_whole_characters_as_fit(text: str, limit: int) -> None:
    ends = [text[i:] for i in range(len(text) + 1) if units(text[i:]) <= limit]
    assert last_units(text, limit) == max(ends, key=len)
    starts = [text[:i] for i in range(len(text) + 1) if units(text[:i]) <= limit]
    assert first_units(text, limit) == max(starts, key=len)


def test_a_cut_never_halves_a_character_that_is_two_units() -> None:
    assert last_units("😀" * 600) == "😀" * 512
    assert last_units("a" + "😀" * 511 + "b") == "a" + "😀" * 511 + "b"
    assert last_units("😀" * 512 + "b") == "😀" * 511 + "b"
    assert first_units("b" + "😀" * 512) == "b" + "😀" * 511


def test_the_names_are_those_of_the_seed_page_and_empty_ones_are_left_out() -> None:
    assert details_of("Exited with status: 1", "", "mv: cannot stat\n") == {
        "reason": "Exited with status: 1",
        "stderr": "mv: cannot stat\n",
    }
    assert list(details_of("r", "o", "e", {"step": "s"})) == ["reason", "step", "stdout", "stderr"]
    assert details_of("") == {}


def test_the_reason_keeps_its_start_and_a_stream_its_end() -> None:
    text = "".join(f"{n:05d} " for n in range(1000))
    assert details_of(text)["reason"] == text[:1024]
    assert printed(text.encode()) == text[-1024:]


def test_reducing_keeps_the_original_untouched() -> None:
    pairs = {"stderr": "a\nb\tc\u00a0d"}
    assert reduced(pairs, ONE_LINE) == {"stderr": "a b c d"}
    assert pairs == {"stderr": "a\nb\tc\u00a0d"}
    assert reduced(pairs, AS_IS) == pairs
    assert reduced(pairs, AS_IS) is not pairs

# SPDX-FileCopyrightText: The aws-iot-device-client authors
# SPDX-License-Identifier: Apache-2.0
"""The tail of a stream: however it arrives in pieces, what a naive model that keeps everything would show."""

from __future__ import annotations

import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dc.jobs.core.details import clean, output
from dc.jobs.core.tail import TAIL_BYTES, Tail
from tests.fakes.examples import examples
from tests.fakes.printed_text import TEXT, naive_clean, units

PIECES = st.lists(st.integers(1, 5000), min_size=1, max_size=6)


def fed(data: bytes, sizes: list[int]) -> Tail:
    tail = Tail()
    at = turn = 0
    while at < len(data):
        size = sizes[turn % len(sizes)]
        tail.feed(data[at : at + size])
        at, turn = at + size, turn + 1
    return tail


def naive_end(text: str) -> str:
    """The last 1024 UTF-16 units of the cleaned text, by taking characters off the front."""
    start = max(0, len(text) - 1024)
    while units(text[start:]) > 1024:
        start += 1
    return text[start:]


@examples(500)
@given(TEXT.filter(lambda text: "\x1b" not in text), st.sampled_from([1, 2, 30, 900]), PIECES)
def test_any_text_in_any_pieces_shows_the_end_of_the_whole(text: str, times: int, sizes: list[int]) -> None:
    text = text.encode("utf-8", "replace").decode() * times
    tail = fed(text.encode(), sizes)
    assert tail.total == len(text.encode())
    assert output(tail) == naive_end(naive_clean(text))


@examples(500)
@given(st.binary(max_size=80), st.sampled_from([1, 3, 400]), PIECES)
def test_any_bytes_in_any_pieces_are_counted_and_bounded(data: bytes, times: int, sizes: list[int]) -> None:
    data *= times
    tail = fed(data, sizes)
    assert tail.total == len(data)
    assert tail.lines == len(data.split(b"\n")) - (data.endswith(b"\n") or not data)
    assert data.endswith(tail.raw())
    assert len(tail.raw()) >= min(len(data), TAIL_BYTES - 3)
    assert units(output(tail)) <= 1024


@examples(300)
@given(st.lists(st.binary(max_size=60), max_size=4), st.sampled_from([1, 500]))
def test_streams_that_follow_each_other_are_one_tail(streams: list[bytes], times: int) -> None:
    joined, whole = Tail(), Tail()
    for stream in streams:
        one = fed(stream * times, [4096])
        joined.extend(one)
        whole.feed(stream * times)
    assert joined.total == whole.total
    assert joined.lines == whole.lines
    assert output(joined) == output(whole)


@pytest.mark.parametrize("character", ["é", "✓", "😀"])
def test_a_character_whose_start_was_cut_off_is_dropped_and_not_shown_as_an_error(character: str) -> None:
    size = len(character.encode())
    for shift in range(size):
        tail = fed(b"." * shift + character.encode() * (TAIL_BYTES // size + 8), [65536])
        shown = tail.raw().decode("utf-8", "replace")
        assert set(shown) == {character}


def test_invalid_utf_8_is_shown_as_replacement_characters() -> None:
    assert output(fed(b"a\xff\xc3(\xe2\x82", [100])) == "a\ufffd\ufffd(\ufffd"


def test_a_character_that_arrives_in_two_pieces_is_whole() -> None:
    assert output(fed("✓ done 😀".encode(), [1])) == "✓ done 😀"


def test_a_last_line_without_newline_counts_as_a_line() -> None:
    assert [fed(text, [9]).lines for text in (b"", b"\n", b"a", b"a\n", b"a\nb", b"\n\n")] == [0, 1, 1, 1, 2, 2]


def test_one_endless_line_of_escapes_shows_nothing_but_the_text_between() -> None:
    shown = output(fed(b"\x1b[1mx\x1b[0m" * 20000, [65536]))
    assert set(shown) <= set("x0m[1")  # the first sequence may have lost its start
    assert shown.endswith("x" * 1000)


def test_memory_does_not_depend_on_what_was_written() -> None:
    tail = Tail()
    for _ in range(64):
        tail.feed(b"y" * 65536)
    for _ in range(1000):
        tail.feed(b"z")
    assert sys.getsizeof(tail.raw()) < TAIL_BYTES + 100
    assert clean(tail.raw().decode())[-1001:] == "y" + "z" * 1000

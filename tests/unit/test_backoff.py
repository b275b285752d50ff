# SPDX-FileCopyrightText: The aws-iot-device-client authors
# SPDX-License-Identifier: Apache-2.0
"""Pauses double up to their bound, however long the trouble lasts, and a jittered one is a part of the whole."""

from __future__ import annotations

from dc.backoff import Backoff, doubled, jittered


def test_pauses_double_up_to_the_longest_and_begin_anew_after_success() -> None:
    pauses = Backoff(1.0, 10.0)
    assert [pauses.next() for _ in range(6)] == [1.0, 2.0, 4.0, 8.0, 10.0, 10.0]
    pauses.reset()
    assert (pauses.next(), pauses.next()) == (1.0, 2.0)
    assert [doubled(1.0, times, 10.0) for times in range(5)] == [1.0, 2.0, 4.0, 8.0, 10.0]


def test_a_year_of_failures_is_no_problem_for_the_arithmetic() -> None:
    pauses = Backoff(0.5, 64.0)
    pauses.count = 1_000_000
    assert pauses.next() == 64.0


def test_jitter_is_between_a_twentieth_and_the_whole() -> None:
    assert jittered(100.0, b"\0\0\0\0") == 5.0
    assert jittered(100.0, b"\xff\xff\xff\xff") == 100.0

# SPDX-FileCopyrightText: The aws-iot-device-client authors
# SPDX-License-Identifier: Apache-2.0
"""The collector of what is wrong with a configuration."""

from __future__ import annotations

import pytest

from dc.config.problems import ConfigError, Problems


def _rule(text: str) -> int:
    if not text:
        raise ConfigError("found nothing", "Write something.")
    return len(text)


def test_a_rule_that_holds_gives_its_answer() -> None:
    problems = Problems()
    assert problems.attempt(_rule, "abc") == 3
    assert (problems.errors, problems.warnings) == ([], [])


def test_a_rule_that_does_not_hold_is_noted_and_the_next_one_is_still_tried() -> None:
    problems = Problems()
    assert problems.attempt(_rule, "") is None
    problems.error("found worse", "Stop.")
    assert [(error.message, error.hint) for error in problems.errors] == [
        ("found nothing", "Write something."),
        ("found worse", "Stop."),
    ]


def test_what_is_passed_over_and_warnings_are_lines_with_their_fix() -> None:
    problems = Problems()
    problems.warn("a warning; fix: chmod")
    problems.passed_over += [ConfigError("found more", "Write less."), ConfigError("found odd")]
    assert problems.lines() == ["found more; fix: Write less.", "found odd", "a warning; fix: chmod"]


def test_a_defect_of_the_agent_is_not_taken_for_one_of_the_configuration() -> None:
    with pytest.raises(TypeError):
        Problems().attempt(_rule)


def test_a_subject_is_warned_of_once_and_a_warning_without_one_each_time() -> None:
    problems = Problems()
    for text in ("one", "two"):
        problems.warn(f"folder {text}", subject="/etc")
        problems.warn(text)
    assert problems.warnings == ["folder one", "one", "two"]

# SPDX-FileCopyrightText: The aws-iot-device-client authors
# SPDX-License-Identifier: Apache-2.0
"""The command line, read against the table."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dc.config import flags
from dc.config.model import flag_rows
from dc.config.nearest import nearest
from dc.config.problems import ConfigError, Problems

WITH_TEXT = [row for row in flag_rows() if row.kind in ("text", "path")]


def complaint(*arguments: str) -> ConfigError:
    with pytest.raises(ConfigError) as caught:
        flags.parse(arguments)
    return caught.value


def test_the_seed_pages_command_line() -> None:
    line = "--enable-jobs true --jobs-handler-dir ~/.aws-iot-device-client/jobs/"
    assert flags.parse(line.split()) == {
        "jobs.enabled": True,
        "jobs.handler-directory": "~/.aws-iot-device-client/jobs/",
    }


@pytest.mark.parametrize("arguments", [["--cert", "/x"], ["--cert=/x"]])
def test_a_value_may_follow_or_be_attached(arguments: list[str]) -> None:
    assert flags.parse(arguments) == {"cert": "/x"}


def test_an_attached_value_may_hold_anything() -> None:
    assert flags.parse(["--thing-name=--key", "--endpoint=a=b"]) == {"thing-name": "--key", "endpoint": "a=b"}


def test_an_empty_value_empties_the_setting() -> None:
    assert flags.parse(["--root-ca", "", "--cert="]) == {"root-ca": "", "cert": ""}


def test_a_switch_takes_no_value() -> None:
    assert flags.parse(["--enable-sdk-logging", "--cert", "/x"]) == {
        "logging.enable-sdk-logging": True,
        "cert": "/x",
    }
    assert complaint("--enable-sdk-logging=true").message == "--enable-sdk-logging takes no value"
    assert "does not belong to a flag" in complaint("--enable-sdk-logging", "true").message


def test_a_repeated_flag_is_refused() -> None:
    assert complaint("--cert", "a", "--cert=b").message == "--cert is given more than once"


@pytest.mark.parametrize("arguments", [["--cert"], ["--cert", "--key", "x"], ["--cert", "--key=x"]])
def test_a_flag_without_its_value_is_refused(arguments: list[str]) -> None:
    assert complaint(*arguments).message == "--cert needs a value"


@pytest.mark.parametrize(
    ("flag", "meant"),
    [
        ("--enable-job", "--enable-jobs"),
        ("--jobs-handler-directory", "--jobs-handler-dir"),
        ("--thing_name", "--thing-name"),
        ("--CERT", "--cert"),
        ("--log-lvel=x", "--log-level"),
    ],
)
def test_an_unknown_flag_is_refused_with_the_nearest_known_one(flag: str, meant: str) -> None:
    error = complaint(flag)
    assert flag.partition("=")[0] in error.message
    assert f"Did you mean {meant}?" in error.hint


def test_an_unknown_flag_unlike_any_other_gets_no_guess() -> None:
    assert "Did you mean" not in complaint("--zzzzzzzzzzzzzzzz").hint
    assert nearest("zzzzzzzz", ["abcdefgh"]) == ""


def test_a_stray_word_is_refused_without_repeating_what_may_be_a_secret() -> None:
    error = complaint("pin=1234")
    assert "pin=..." in error.message
    assert "1234" not in error.message


@pytest.mark.parametrize(
    ("arguments", "found", "wanted"),
    [
        (["--enable-jobs", "yes"], "the string 'yes'", "true or false"),
        (["--log-level", "LOUD"], "the string 'LOUD'", "one of DEBUG, INFO, WARN, ERROR"),
        (["--log-type", "syslog"], "the string 'syslog'", "one of stdout, file"),
        (["--device-defender-interval", "5m"], "the string '5m'", "a whole number from 1 to"),
        (["--device-defender-interval", "0"], "the number 0", "a whole number from 1 to"),
        (["--device-defender-interval", "9" * 5000], "the string '9999", "a whole number from 1 to"),
    ],
)
def test_a_value_of_the_wrong_kind_says_found_and_wanted(arguments: list[str], found: str, wanted: str) -> None:
    message = complaint(*arguments).message
    assert message.startswith(f"{arguments[0]}: found {found}")
    assert wanted in message


@pytest.mark.parametrize(("text", "value"), [("True", True), ("false", False), ("FALSE", False)])
def test_booleans_in_any_case(text: str, value: bool) -> None:
    assert flags.parse(["--enable-jobs", text]) == {"jobs.enabled": value}


def test_levels_in_any_case() -> None:
    assert flags.parse(["--log-level", "warn", "--log-type", "FILE"]) == {
        "logging.level": "WARN",
        "logging.type": "file",
    }


@pytest.mark.parametrize(
    "words",
    [
        ["--device-defender-interval", "0"],
        ["--device-defender-interval=5m"],
        ["--secure-element-slot-id", ""],
        ["--enable-tunneling", "yes"],
        ["--shadow-name", "a\0b"],
    ],
)
def test_a_value_of_a_feature_that_is_not_in_this_build_is_told_and_passed_over(words: list[str]) -> None:
    problems = Problems()
    assert flags.parse([*words, "--cert", "/c"], problems) == {"cert": "/c"}
    (fault,) = problems.passed_over
    assert fault.message.startswith(words[0].partition("=")[0] + ": ") and fault.hint
    assert problems.errors == []


def test_a_wrong_value_of_what_is_in_this_build_is_refused_as_ever() -> None:
    with pytest.raises(ConfigError):
        flags.parse(["--enable-jobs", "yes"], Problems())


def test_a_nul_character_is_refused() -> None:
    assert "NUL" in complaint("--cert", "/x\0y").message


@pytest.mark.parametrize("arguments", [["--cert", "--help"], ["x", "--help", "--version"], ["--help"]])
def test_the_first_asked_for_action_is_found_anywhere(arguments: list[str]) -> None:
    assert flags.first_of(arguments, ("--help", "--version")) == "--help"


@settings(deadline=None)
@given(st.sampled_from(WITH_TEXT), st.text(st.characters(exclude_characters="\0"), max_size=40))
def test_any_attached_text_is_taken_as_it_is(row: object, text: str) -> None:
    assert isinstance(row, type(WITH_TEXT[0]))
    if text.startswith("<replace_with"):
        return
    assert flags.parse([f"{row.flag}={text}"]) == {row.name: text}


@settings(deadline=None)
@given(st.lists(st.one_of(st.text(max_size=12), st.sampled_from([row.flag for row in flag_rows()])), max_size=6))
def test_any_command_line_is_read_or_refused_with_a_config_error(arguments: list[str]) -> None:
    known = {row.name for row in flag_rows()}
    try:
        assert set(flags.parse(arguments)) <= known
    except ConfigError as error:
        assert error.message

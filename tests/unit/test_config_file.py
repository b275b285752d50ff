# SPDX-FileCopyrightText: The aws-iot-device-client authors
# SPDX-License-Identifier: Apache-2.0
"""The JSON configuration file: every mistake reported, no secret repeated, and only what endangers forbids a start."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dc.config import file
from dc.config.model import SETTINGS
from dc.config.problems import ConfigError, Problems
from tests.fakes.config_file import Read, nested

JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)
NAMES = [setting.name for setting in SETTINGS if setting.in_file]


def test_the_file_of_the_cpp_clients_jobs_readme(tmp_path: Path) -> None:
    text = '{"jobs": {"enabled": true, "handler-directory": "~/.aws-iot-device-client/jobs/"}}'
    assert Read(tmp_path, text).values == {
        "jobs.enabled": True,
        "jobs.handler-directory": "~/.aws-iot-device-client/jobs/",
    }


@pytest.mark.parametrize("value", [True, "true", "True"])
def test_a_boolean_may_be_written_as_a_string(value: object, tmp_path: Path) -> None:
    assert Read(tmp_path, {"jobs": {"enabled": value}}).values == {"jobs.enabled": True}


def test_empty_text_and_null_mean_not_set(tmp_path: Path) -> None:
    read = Read(tmp_path, {"endpoint": "", "root-ca": None, "logging": {"level": "", "max-files": None}, "jobs": None})
    assert (read.values, read.errors) == ({}, [])


def test_keys_that_start_with_an_underscore_are_comments(tmp_path: Path) -> None:
    read = Read(tmp_path, {"_comment": 1, "_": {}, "jobs": {"_why": "x", "max-attempts": 5}})
    assert (read.values, read.errors) == ({"jobs.max-attempts": 5}, [])


def test_a_byte_order_mark_is_passed_over(tmp_path: Path) -> None:
    assert Read(tmp_path, b'\xef\xbb\xbf{"endpoint": "h"}').values == {"endpoint": "h"}


@pytest.mark.parametrize(
    ("document", "key", "meant"),
    [
        ({"endpont": "x"}, "endpont", "endpoint"),
        ({"thing_name": "x"}, "thing_name", "thing-name"),
        ({"jobs": {"handler-dir": "x"}}, "jobs.handler-dir", "jobs.handler-directory"),
        ({"handler-directory": "x"}, "handler-directory", "jobs.handler-directory"),
        ({"jobs": {"enabled ": True}}, "jobs.enabled ", "jobs.enabled"),
        ({"job": {"enabled": True}}, "job", "jobs"),
        ({"pub-sub": {"enabled": True}}, "pub-sub", "samples.pub-sub"),
        ({"jobs.enabled": True}, "jobs.enabled", "jobs.enabled"),
    ],
)
def test_an_unknown_key_is_named_with_the_nearest_known_one(
    document: dict[str, object], key: str, meant: str, tmp_path: Path
) -> None:
    read = Read(tmp_path, document)
    assert read.starts_with == [f"'{key}' is not a known key"]
    assert read.passed_over[0].hint == f"Did you mean {meant}?"


def test_an_unknown_key_unlike_any_other_is_told_how_to_comment(tmp_path: Path) -> None:
    assert "start its name with _" in Read(tmp_path, {"zzzzzzzzzz": 1}).passed_over[0].hint


def test_flags_and_variables_are_not_keys(tmp_path: Path) -> None:
    read = Read(tmp_path, {"LOCK_FILE_PATH": "/x", "--http-proxy-config": "/x"})
    assert len(read.starts_with) == 2


@pytest.mark.parametrize(
    ("name", "value", "found", "wanted"),
    [
        ("endpoint", 5, "the number 5", "a string"),
        ("cert", ["x"], "a list", "a string"),
        ("logging.enable-sdk-logging", 1, "the number 1", "true or false"),
        ("logging.enable-sdk-logging", "on", "the string 'on'", "true or false"),
        ("jobs.max-attempts", "3", None, None),
        ("jobs.max-attempts", 0, "the number 0", "a whole number from 1 to 1000"),
        ("jobs.max-attempts", 1.5, "the number 1.5", "a whole number from 1 to 1000"),
        ("jobs.max-attempts", True, "true", "a whole number from 1 to 1000"),
        ("jobs.stop-grace-seconds", -1, "the number -1", "seconds from 0 to 3600"),
        ("jobs.stop-grace-seconds", {}, "an object", "seconds from 0 to 3600"),
        ("logging.level", "LOUD", "the string 'LOUD'", "one of DEBUG, INFO, WARN, ERROR"),
        ("logging.level", 3, "the number 3", "one of DEBUG, INFO, WARN, ERROR"),
        ("sensor-publish.sensors", {}, "an object", "a list"),
        ("secure-element.secure-element-pin", 123456, "a number", "a string"),
    ],
)
def test_a_wrong_value_says_file_key_found_and_wanted(
    name: str, value: object, found: str | None, wanted: str | None, tmp_path: Path
) -> None:
    read = Read(tmp_path, nested(name, value))
    if found is None:
        found, wanted = "the string '3'", "a whole number from 1 to 1000"
    assert (read.messages or read.starts_with) == [f"{name}: found {found}, wanted {wanted}"]
    assert read.values == {}


@pytest.mark.parametrize("value", [5, "x", [], True])
def test_a_section_must_be_an_object(value: object, tmp_path: Path) -> None:
    (fault,) = Read(tmp_path, {"jobs": value}).starts_with
    assert fault.startswith("jobs: found ") and fault.endswith(", wanted an object")


def test_every_mistake_is_told_and_the_rest_is_kept(tmp_path: Path) -> None:
    read = Read(tmp_path, {"endpoint": "h", "cert": 1, "kee": "x", "jobs": {"enabled": "no"}})
    assert (len(read.errors), len(read.passed_over)) == (1, 2)
    assert read.values == {"endpoint": "h", "jobs.enabled": False}


def test_seconds_may_be_fractions(tmp_path: Path) -> None:
    assert Read(tmp_path, {"jobs": {"stop-grace-seconds": 0.25}}).values == {"jobs.stop-grace-seconds": 0.25}


def test_a_placeholder_of_the_cpp_clients_template_is_refused_where_it_matters(tmp_path: Path) -> None:
    document: dict[str, object] = {
        "thing-name": "<replace_with_thing_name/replace_with_client_id>",
        "fleet-provisioning": {"csr-file": "<replace_with_csr_file_path>"},
    }
    assert Read(tmp_path, document).messages == [
        "thing-name: still holds the template's <replace_with_thing_name/replace_with_client_id>"
    ]


def test_bad_json_is_told_with_line_and_column_and_never_repeated(tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as caught:
        Read(tmp_path, '{\n  "secure-element": {"secure-element-pin": "1234"},\n  "é": x\n}')
    assert "not valid JSON" in caught.value.message
    assert caught.value.message.endswith("(line 3, column 8)") or "line 3 column 8" in caught.value.message
    assert "1234" not in caught.value.message + caught.value.hint


@pytest.mark.parametrize("content", [b"[]", b"5", b'"x"', b"null"])
def test_anything_but_an_object_is_refused(content: bytes, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="wanted a JSON object"):
        Read(tmp_path, content)


@pytest.mark.parametrize("content", [b"", b"{", b"\xff\xfe", b"[" * 3000])
def test_broken_content_is_refused(content: bytes, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="not valid JSON"):
        Read(tmp_path, content)


def test_the_size_limit_is_64_kib(tmp_path: Path) -> None:
    text = '{"_": "%s"}'
    fitting = text % ("x" * (file.LIMIT - len(text) + 2))
    assert Read(tmp_path, fitting).errors == []
    with pytest.raises(ConfigError, match="larger than 65536 bytes"):
        Read(tmp_path, fitting + " ")


def test_a_missing_file_a_folder_and_a_pipe_are_told_apart(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    for path, problem in (
        (tmp_path / "no", "no such file"),
        (tmp_path, "not a regular file"),
        (tmp_path / "pipe", "not a regular file"),
        (tmp_path / ("x" * 300), "File name too long"),
    ):
        with pytest.raises(ConfigError, match=f"{path.name}: {problem}"):
            file.read(str(path), SETTINGS, Problems())


@settings(deadline=None)
@given(name=st.sampled_from(NAMES), value=JSON_VALUES)
def test_any_value_of_any_key_is_taken_or_told(
    name: str, value: object, tmp_path_factory: pytest.TempPathFactory
) -> None:
    try:
        read = Read(tmp_path_factory.getbasetemp(), nested(name, value))
    except ConfigError:  # a text that UTF-8 can't hold
        return
    assert set(read.values) <= {name}
    if read.errors or read.passed_over:
        assert read.values in ({}, {"jobs.enabled": False})


@settings(deadline=None)
@given(document=st.dictionaries(st.sampled_from([*NAMES, "jobs", "logging"]) | st.text(max_size=8), JSON_VALUES))
def test_any_document_is_read_to_the_end(document: dict[str, object], tmp_path_factory: pytest.TempPathFactory) -> None:
    try:
        read = Read(tmp_path_factory.getbasetemp(), document)
    except ConfigError:
        return
    assert set(read.values) <= set(NAMES)
    assert all(error.message.startswith(read.path) for error in (*read.errors, *read.passed_over))

# SPDX-FileCopyrightText: The aws-iot-device-client authors
# SPDX-License-Identifier: Apache-2.0
"""Careless configuration files: what the C++ client starts with, the agent starts with, and says what is wrong."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dc.config.lax import Reader
from dc.config.problems import ConfigError
from tests.fakes.config_file import Read, nested

EXACT_VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(1 << 63), (1 << 64) - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ('{"Endpoint": "h"}', "'Endpoint' is not in the case it is known in"),
        ('{"ENDPOINT": "h"}', "'ENDPOINT' is not in the case it is known in"),
        ('{"endpoint": "h", "endpoint": "other"}', "endpoint is given more than once, the first one counts"),
        ('{"endpoint": "h"}}', "text after the end of the JSON object (line 1, column 18)"),
        ('{"endpoint": "h"}\n\n{"endpoint": "other"}', "text after the end of the JSON object (line 3, column 1)"),
        ('{"endpoint": "h"}\0\0\0\n', "text after the end of the JSON object (line 1, column 18)"),
        ('{"endpoint": "h", "_": "a\nb"}', "a control character (line 1, column 25)"),
        ('{\f"endpoint": "h"}', "a control character (line 1, column 2)"),
        ('{"endpoint": "h", "_": 007}', "a number that is not written as JSON wants it (line 1, column 24)"),
        ('{"endpoint": "h", "_": [1., 1e999]}', "a number that is not written as JSON wants it (line 1, column 25)"),
    ],
)
def test_what_the_cpp_clients_parser_takes_is_taken_and_told(text: str, fault: str, tmp_path: Path) -> None:
    read = Read(tmp_path, text)
    assert (read.starts_with, read.values) == ([fault], {"endpoint": "h"})


def test_bytes_that_are_not_utf_8_are_told_and_kept_as_in_names_of_files(tmp_path: Path) -> None:
    read = Read(tmp_path, b'{"root-ca": "/\xff/ca.pem"}')
    assert read.starts_with == ["bytes that are not UTF-8 (line 1, column 15)"]
    assert os.fsencode(str(read.values["root-ca"])) == b"/\xff/ca.pem"


@pytest.mark.parametrize(
    ("text", "values", "faults"),
    [
        ('{"Endpoint": "a", "endpoint": "b"}', {"endpoint": "a"}, 2),
        ('{"endpoint": "a", "endpoint": "b", "endpoint": "c"}', {"endpoint": "a"}, 2),
        ('{"endpoint": null, "endpoint": "b"}', {}, 1),
        ('{"jobs": {"enabled": false}, "jobs": {"enabled": true}}', {"jobs.enabled": False}, 1),
        ('{"JOBS": {"Enabled": false}, "jobs": {"enabled": true}}', {"jobs.enabled": False}, 3),
        ('{"samples": {"pub-sub": {"enabled": true, "enabled": false}}}', {"samples.pub-sub.enabled": True}, 1),
        ('{"_": 1, "_": 2, "x": 1, "x": 2}', {}, 1),
    ],
)
def test_of_equal_keys_the_first_counts_in_whatever_case(
    text: str, values: dict[str, object], faults: int, tmp_path: Path
) -> None:
    read = Read(tmp_path, text)
    assert (read.values, len(read.starts_with)) == (values, faults)


@pytest.mark.parametrize("name", ["\u212aey", "endpo\u0131nt"], ids=["Kelvin sign", "dotless i"])
def test_a_letter_that_only_unicode_folds_is_another_key(name: str, tmp_path: Path) -> None:
    assert Read(tmp_path, {name: "x"}).values == {}


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("device-defender.interval", 0),
        ("device-defender.interval", "often"),
        ("device-defender.interval", 1 << 70),
        ("device-defender.enabled", "perhaps"),
        ("fleet-provisioning.template-parameters", {"SerialNumber": "1"}),
        ("secure-element.secure-element-slot-id", ""),
        ("secure-element.secure-element-slot-id", -1),
        ("samples.pub-sub.publish-file", "/a\0b"),
        ("sensor-publish.sensors", ""),
        ("runtime-config.cert", 5),
        ("logging.type", "syslog"),
        ("logging.file", []),
        ("logging.enable-sdk-logging", "on"),
        ("jobs.handler-directory", 5),
        ("jobs.enabled", ""),
        ("jobs.max-attempts", ""),
    ],
)
def test_a_bad_value_that_the_default_can_stand_in_for_is_told(name: str, value: object, tmp_path: Path) -> None:
    read = Read(tmp_path, nested(name, value))
    (fault,) = read.starts_with
    assert fault.startswith(name + ": ")
    assert read.values == {}


@pytest.mark.parametrize("name", ["endpoint", "cert", "key", "root-ca", "thing-name"])
@pytest.mark.parametrize("value", [5, [], {"a": 1}, "\0"])
def test_a_bad_value_of_who_the_agent_is_or_whom_it_trusts_forbids_a_start(
    name: str, value: object, tmp_path: Path
) -> None:
    assert len(Read(tmp_path, nested(name, value)).messages) == 1


@pytest.mark.parametrize("value", [0, 1, "on", "no", "true ", [], {"a": 1}])
def test_a_switch_that_can_t_be_read_is_off(value: object, tmp_path: Path) -> None:
    read = Read(tmp_path, {"jobs": {"max-attempts": 0, "enabled": value}})
    assert read.values == {"jobs.enabled": False}
    first, second = read.starts_with
    assert first.startswith("jobs.enabled: found ") and first.endswith(", wanted true or false")
    assert second.startswith("jobs.max-attempts: ")


def test_numbers_out_of_range_forbid_a_start_only_while_their_feature_is_on(tmp_path: Path) -> None:
    bad = {"max-attempts": 0, "stop-grace-seconds": -1, "on-interrupted": "shrug"}
    assert len(Read(tmp_path, {"jobs": bad}).messages) == 3
    assert len(Read(tmp_path, {"jobs": bad | {"enabled": True}}).messages) == 3
    assert len(Read(tmp_path, {"jobs": bad | {"enabled": False}}).starts_with) == 3
    assert len(Read(tmp_path, {"jobs": bad}, flags={"jobs.enabled": False}).starts_with) == 3
    assert len(Read(tmp_path, {"jobs": bad | {"enabled": False}}, flags={"jobs.enabled": True}).messages) == 3
    assert len(Read(tmp_path, {"mqtt": {"keep-alive-seconds": 0}}).messages) == 1


@pytest.mark.parametrize(
    "text",
    [
        '{"endpoint": "h"',
        '{"endpoint": "h',
        '{"endpoint": "h\\"}',
        '{"endpoint":',
        '{"endpoint"',
        '{"endpoint": "h",',
        '{"endpoint": "h", ',
        '{"jobs": {"enabled": true}',
        '{"a": [1, 2',
        '{"a": tru',
        '{"a": -',
    ],
)
def test_a_file_that_is_cut_off_is_refused_as_such(text: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="not valid JSON"):
        Read(tmp_path, text)


@pytest.mark.parametrize(
    "text",
    [
        '{"a": 1,}',
        "{,}",
        '{"a": [1,]}',
        '{"a": [}',
        '{"a": ]}',
        '{"a" 1}',
        '{"a": 1 "b": 2}',
        "{a: 1}",
        "{'a': 1}",
        '{"a": +1}',
        '{"a": .5}',
        '{"a": 1-2}',
        '{"a": 0x10}',
        '{"a": NaN}',
        '{"a": True}',
        '{"a": "\\x"}',
        '{"a": "\\u12"}',
        '{"a": "\\ud800"}',
        '// c\n{"a": 1}',
        '{"a": ' + "[" * 1000 + "]" * 1000 + "}",
    ],
)
def test_what_the_cpp_clients_parser_refuses_is_refused(text: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="not valid JSON"):
        Read(tmp_path, text)


def test_a_comment_may_be_nested_as_deep_as_the_cpp_client_reads(tmp_path: Path) -> None:
    read = Read(tmp_path, '{"_": ' + "[" * 999 + "]" * 999 + ', "endpoint": "h"}')
    assert (read.values, read.starts_with) == ({"endpoint": "h"}, [])


@settings(deadline=None)
@given(document=st.dictionaries(st.text(max_size=8), EXACT_VALUES), spaces=st.sampled_from([None, 2]))
def test_strict_json_is_read_as_any_parser_reads_it(document: dict[str, object], spaces: int | None) -> None:
    reader = Reader(json.dumps(document, indent=spaces, ensure_ascii=spaces is None).encode())
    assert (reader.document(), reader.odd) == (document, {})

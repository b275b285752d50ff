# SPDX-FileCopyrightText: The aws-iot-device-client authors
# SPDX-License-Identifier: Apache-2.0
"""Configuration files from the table, mutated: 20,000 in all with the full profile, 600 where a person waits."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dc.config import file, load, nearest, show
from dc.config.model import Config
from dc.config.problems import Problems
from tests.fakes.careless import CRUCIAL, Careless, Raw, written
from tests.fakes.examples import examples

NUMBERS = st.integers(0, 9999)
FAULTS = st.lists(st.tuples(NUMBERS, NUMBERS), max_size=6)
JUNK = st.sampled_from(
    [*'{}[]",:\\0\n', "\0", "é", "\ud800", "null", '{"', "1e999", "[" * 1200, "nan", "\\u", "9" * 5000]
)


class Device:
    """What the configuration file holds, in memory: a file for each example would cost more than all the rest."""

    def __init__(self) -> None:
        self.content = b""

    def load_bytes(self, path: str) -> bytes:
        return self.content

    def load(self, text: str) -> tuple[Config, Problems]:
        self.content = text.encode("utf-8", "surrogatepass")
        problems = Problems()
        return load.load({"--config-file": "/fuzz.conf"}, {"HOME": "/no/home"}, 1000, problems), problems


@pytest.fixture(scope="module")
def device() -> Iterator[Device]:
    device = Device()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(file, "load_bytes", device.load_bytes)
        patch.setattr(nearest, "_distance", cache(nearest._distance))  # the same few keys again and again
        yield device


@cache
def unmutated(device: Device, number: int) -> dict[str, object]:
    config, problems = device.load(Careless(number).text())
    assert (problems.errors, problems.passed_over) == ([], [])
    return state(config)


def state(config: Config) -> dict[str, object]:
    return {name: getattr(config, name) for name in Config.__slots__}


def assert_tellable(config: Config, problems: Problems) -> None:
    """Whatever is wrong can be said: by --check-config, and in the log in one line each."""
    assert show.report(config, problems).encode("utf-8", "backslashreplace")
    assert not any("\n" in line for line in problems.lines())


@examples(15000, at_most=400)
@given(number=st.integers(0, 9), faults=FAULTS)
def test_faults_that_people_make_are_told_each_and_change_no_value(
    number: int, faults: list[tuple[int, int]], device: Device
) -> None:
    careless = Careless(number)
    for kind, which in faults:
        careless.put_in(kind, which)
    config, problems = device.load(careless.text())
    assert problems.errors == []
    assert state(config) == unmutated(device, number)
    told = [fault.message for fault in problems.passed_over]
    assert all(fault.hint for fault in problems.passed_over)
    for expected in careless.expected:
        (line,) = [line for line in told if f": {expected}" in line]
        told.remove(line)
    assert told == []
    assert_tellable(config, problems)


@examples(4000, at_most=150)
@given(number=st.integers(0, 9), faults=FAULTS, at=NUMBERS, length=st.integers(0, 30), junk=JUNK)
def test_a_file_that_is_damaged_anywhere_is_read_or_refused(
    number: int, faults: list[tuple[int, int]], at: int, length: int, junk: str, device: Device
) -> None:
    careless = Careless(number)
    for kind, which in faults:
        careless.put_in(kind, which)
    text = careless.text()
    at %= len(text) + 1
    assert_tellable(*device.load(text[:at] + junk + text[at + length :]))


@examples(1000, at_most=50)
@given(
    number=st.integers(0, 9),
    at=NUMBERS,
    name=st.sampled_from(CRUCIAL),
    value=st.sampled_from(["5", "[]", "{}", '"\\u0000"']),
)
def test_a_file_that_is_cut_off_or_lacks_an_identity_never_starts_the_agent(
    number: int, at: int, name: str, value: str, device: Device
) -> None:
    careless = Careless(number)
    text = careless.text()
    config, problems = device.load(text[: at % len(text)])
    assert problems.errors
    assert_tellable(config, problems)
    *sections, key = name.split(".")
    careless.root.insert(0, (sections[0], Raw(f'{{"{key}": {value}}}')) if sections else (key, Raw(value)))
    config, problems = device.load(written(careless.root))
    assert problems.errors
    assert_tellable(config, problems)

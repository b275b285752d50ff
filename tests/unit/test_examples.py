# SPDX-FileCopyrightText: The aws-iot-device-client authors
# SPDX-License-Identifier: Apache-2.0
"""CI and `make test` see every example that a test asks for."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from hypothesis import settings

from tests.fakes.examples import FULL, QUICK, examples, register_profiles


@pytest.fixture(autouse=True)
def profile_kept() -> Iterator[None]:
    before = settings.get_current_profile_name()
    yield
    settings.load_profile(before)


@pytest.mark.parametrize(("profile", "asked", "made"), [(FULL, 1500, 1500), (QUICK, 1500, 150), (QUICK, 3, 1)])
def test_a_test_gets_its_share_of_examples(profile: str, asked: int, made: int) -> None:
    settings.load_profile(profile)
    assert examples(asked).max_examples == made


@pytest.mark.parametrize(("ci", "profile"), [("true", FULL), ("", QUICK)])
def test_ci_takes_the_full_profile(ci: str, profile: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CI", ci)
    register_profiles()
    assert settings.get_current_profile_name() == profile

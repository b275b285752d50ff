# SPDX-FileCopyrightText: The aws-iot-device-client authors
# SPDX-License-Identifier: Apache-2.0
"""Whatever JSON a job document is, it becomes a Document or a DocumentError, and a Document that can be run."""

from __future__ import annotations

import copy
import random
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from tests.fakes.document_fuzz import OPERATION, STEPS, checked
from tests.fakes.examples import examples
from tests.fakes.json_values import JSON, break_one_place


@examples(900)
@given(JSON)
def test_any_json_at_all(given: object) -> None:
    checked(given)


@examples(500)
@given(st.dictionaries(st.sampled_from([*OPERATION, *STEPS]), JSON, max_size=4))
def test_known_keys_with_any_values(given: object) -> None:
    checked(given)


@examples(6500)
@given(st.integers(0, 2**64 - 1))
def test_a_good_document_with_a_few_places_broken(seed: int) -> None:
    dice = random.Random(seed)
    made: Any = copy.deepcopy(dice.choice([OPERATION, STEPS]))
    for _ in range(dice.randint(1, 3)):
        break_one_place(dice, made)
    checked(made)

# SPDX-FileCopyrightText: The aws-iot-device-client authors
# SPDX-License-Identifier: Apache-2.0
"""How many examples hypothesis makes: all that a test asks for, or a tenth of them where a person waits."""

from __future__ import annotations

import os

from hypothesis import settings

FULL, QUICK = "full", "quick"
HYPOTHESIS_OWN = 100  # what a test gets that asks for no number


def register_profiles() -> None:
    """CI takes the full profile; elsewhere `--hypothesis-profile=full` does."""
    settings.register_profile(FULL, max_examples=HYPOTHESIS_OWN, deadline=None)
    settings.register_profile(QUICK, max_examples=HYPOTHESIS_OWN // 10, deadline=None)
    settings.load_profile(FULL if os.environ.get("CI") else QUICK)


def examples(count: int, at_most: int | None = None) -> settings:
    """The decorator for a test that needs `count` examples to see what it is after.

    `at_most` bounds them where a person waits, if a tenth of very many is still too much.
    """
    share = count * settings().max_examples // HYPOTHESIS_OWN
    if at_most is not None and share < count:
        share = min(share, at_most)
    return settings(max_examples=max(1, share))

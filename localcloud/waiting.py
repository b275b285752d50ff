# SPDX-FileCopyrightText: The aws-iot-device-client authors
# SPDX-License-Identifier: Apache-2.0
"""Wait for a condition with a deadline: the one way the demo and the tests wait, where no loop has to run meanwhile."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")

POLL_SECONDS = 0.02


def wait_until(probe: Callable[[], T | None], timeout: float, what: str | Callable[[], str]) -> T:
    """Call `probe` until it returns something true, and return that.

    Raises TimeoutError after `timeout` seconds; `what` says what was awaited, or is a function that does.
    """
    deadline = time.monotonic() + timeout
    while True:
        value = probe()
        if value:
            return value
        if time.monotonic() >= deadline:
            text = what() if callable(what) else what
            raise TimeoutError(f"waited {timeout:g} s for {text}")
        time.sleep(POLL_SECONDS)

# SPDX-FileCopyrightText: The aws-iot-device-client authors
# SPDX-License-Identifier: Apache-2.0
# awscrt's native module: no types upstream; tests/unit/test_mqtt_native.py compares the arguments with its package's.
from typing import Any

def __getattr__(name: str) -> Any: ...

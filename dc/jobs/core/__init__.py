# SPDX-FileCopyrightText: The aws-iot-device-client authors
# SPDX-License-Identifier: Apache-2.0
"""What decides: no file, no clock, no socket, no process is touched in here. tests/unit/test_purity.py enforces it."""

# SPDX-FileCopyrightText: The aws-iot-device-client authors
# SPDX-License-Identifier: Apache-2.0
"""The AWS IoT Device Client's Jobs feature: one process, one thread of its own, one connection."""

# SPDX-FileCopyrightText: The aws-iot-device-client authors
# SPDX-License-Identifier: Apache-2.0
"""The version of the agent, the only place that holds it."""

VERSION = "0.1.0"

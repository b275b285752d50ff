# SPDX-FileCopyrightText: The aws-iot-device-client authors
# SPDX-License-Identifier: Apache-2.0
"""The agent's settings: one table (model), read from file, flags and environment (load), then judged."""

# SPDX-FileCopyrightText: The aws-iot-device-client authors
# SPDX-License-Identifier: Apache-2.0
"""Measurements: always against a baseline in the same run, since machines differ and drift."""

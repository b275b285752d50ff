# SPDX-FileCopyrightText: The aws-iot-device-client authors
# SPDX-License-Identifier: Apache-2.0
"""What system tests stand on: the agent as a process, its handlers, and the contract of what it publishes."""

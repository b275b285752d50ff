# SPDX-FileCopyrightText: The aws-iot-device-client authors
# SPDX-License-Identifier: Apache-2.0
"""What more than one test folder puts in the place of the real thing, or drives it with."""

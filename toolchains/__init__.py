# SPDX-FileCopyrightText: The aws-iot-device-client authors
# SPDX-License-Identifier: Apache-2.0
"""Cross builds of everything that is linked into the one-file agent; see docs/building.md."""

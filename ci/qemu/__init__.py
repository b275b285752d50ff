# SPDX-FileCopyrightText: The aws-iot-device-client authors
# SPDX-License-Identifier: Apache-2.0
"""Small root file systems of each architecture, and the way into them; see docs/building.md."""

# SPDX-FileCopyrightText: The aws-iot-device-client authors
# SPDX-License-Identifier: Apache-2.0
"""`make demo`: ten jobs on a local AWS IoT, each with the one outcome that it must have."""

# SPDX-FileCopyrightText: The aws-iot-device-client authors
# SPDX-License-Identifier: Apache-2.0
# Built into the binary only (toolchains/): system calls that Python's standard library lacks.
def prctl(option: int, argument: int) -> None: ...

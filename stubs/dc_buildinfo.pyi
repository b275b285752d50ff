# SPDX-FileCopyrightText: The aws-iot-device-client authors
# SPDX-License-Identifier: Apache-2.0
# Generated into a build by toolchains/: how the binary was made.
VERSION: str
REVISION: str
ARCH: str
LIBC: str
CPYTHON: str
AWSCRT: str
ORJSON: str
NUITKA: str
FEATURES: tuple[str, ...]

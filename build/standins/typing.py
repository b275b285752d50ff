# SPDX-FileCopyrightText: The aws-iot-device-client authors
# SPDX-License-Identifier: Apache-2.0
"""Stands in for `typing` in the compiled agent, where only Nuitka's start asks for it (it adapts these three).

The real module costs 2.2 MB and 17 ms at every start. The agent imports typing under TYPE_CHECKING only.
"""

from _typing import ParamSpec, TypeVar, TypeVarTuple

TYPE_CHECKING = False
__all__ = ["TYPE_CHECKING", "ParamSpec", "TypeVar", "TypeVarTuple"]

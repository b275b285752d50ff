# SPDX-FileCopyrightText: The aws-iot-device-client authors
# SPDX-License-Identifier: Apache-2.0
"""The code that Nuitka's start runs, compiled when the agent is built (build/plugin.py) and not at every start.

Nuitka hands Python two small texts at start. Compiling them there would bring the parser and the compiler into memory:
0.3 MB and 2 ms. One gives compiled functions the bytecode that stands for "not this way"; the other adapts types.coroutine
for compiled coroutines, of which the agent has none: here the function stays as it was. Both get the code of this file.
"""


def empty():
    raise RuntimeError("this function is compiled and has no bytecode")


def _types_coroutine(func):
    return _old_types_coroutine(func)  # noqa: F821 - Nuitka puts it into this module

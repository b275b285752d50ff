# SPDX-FileCopyrightText: The aws-iot-device-client authors
# SPDX-License-Identifier: Apache-2.0
"""Stands in for `inspect` in the compiled agent, where only Nuitka's start asks for it.

Nuitka imports `inspect` at every start and adapts these names for compiled generators and coroutines. The real module
brings in 3 MB of memory and 25 ms (ast, dis, enum, re, tokenize, ...). The agent itself does not import it.
"""

GEN_CREATED, GEN_RUNNING, GEN_SUSPENDED, GEN_CLOSED = "GEN_CREATED", "GEN_RUNNING", "GEN_SUSPENDED", "GEN_CLOSED"
CORO_CREATED, CORO_RUNNING, CORO_SUSPENDED, CORO_CLOSED = (
    "CORO_CREATED",
    "CORO_RUNNING",
    "CORO_SUSPENDED",
    "CORO_CLOSED",
)


def getgeneratorstate(generator):
    raise TypeError("inspect is a stand-in in this build")


def getcoroutinestate(coroutine):
    raise TypeError("inspect is a stand-in in this build")


def _get_code_position(code, instruction_index):
    return None, None, None, None

# SPDX-FileCopyrightText: The aws-iot-device-client authors
# SPDX-License-Identifier: Apache-2.0
"""Stands in for `traceback` in the compiled agent: format_exc() with files and lines, causes first.

The real module draws source lines and carets, for which a device has no source files; with what it imports it would be
0.4 MB of the file, 2 MB of memory and 17 ms at the first error.
"""

import sys


def _frames(trace):
    while trace is not None:
        code = trace.tb_frame.f_code
        yield f'  File "{code.co_filename}", line {trace.tb_lineno}, in {code.co_name}\n'
        trace = trace.tb_next


def _chain(error, seen):
    seen.add(id(error))
    earlier, text = error.__cause__, "The above exception was the direct cause of the following exception:"
    if earlier is None and not error.__suppress_context__:
        earlier, text = error.__context__, "During handling of the above exception, another exception occurred:"
    if earlier is not None and id(earlier) not in seen:
        yield from _chain(earlier, seen)
        yield f"\n{text}\n\n"
    yield "Traceback (most recent call last):\n"
    yield from _frames(error.__traceback__)
    kind = type(error)
    name = kind.__qualname__ if kind.__module__ == "builtins" else f"{kind.__module__}.{kind.__qualname__}"
    message = str(error)
    yield f"{name}: {message}\n" if message else f"{name}\n"


def format_exc():
    """The traceback of the exception being handled, as text."""
    error = sys.exception()
    return "".join(_chain(error, set())) if error is not None else "NoneType: None\n"

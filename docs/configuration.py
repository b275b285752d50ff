# SPDX-FileCopyrightText: The aws-iot-device-client authors
# SPDX-License-Identifier: Apache-2.0
"""Writes the tables of configuration.md anew from the agent's table of settings: `make docs`. Its prose stays as it is."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

from dc.config.model import (
    ACTIONS,
    ANY,
    BOOL,
    CHOICE,
    INT,
    LIST,
    PATH,
    PROXY_SETTINGS,
    SECONDS,
    SETTINGS,
    TEXT,
    Setting,
)
from dc.config.show import shown

TARGET = Path(__file__).resolve().with_name("configuration.md")
COMMAND = "make docs"

_BLOCK = re.compile(r"(<!-- table of ([a-z ]+), .*? -->\n).*?(<!-- end of table -->)", re.DOTALL)
_NO_RANGE = 1 << 62
_KINDS = {TEXT: "text", PATH: "path", BOOL: "true, false", LIST: "list", ANY: "anything"}

Column = Callable[[Setting], str]


def _code(text: str) -> str:
    return f"`{text}`" if text else ""


def _takes(setting: Setting) -> str:
    if setting.is_switch:
        return "true, false; the flag takes no value" if setting.in_file else "no value"
    if setting.kind == CHOICE:
        return ", ".join(setting.choices)
    limits = f", {setting.low} to {setting.high}" if setting.high < _NO_RANGE else ""
    if setting.kind == INT:
        return f"whole number{limits}"
    return f"seconds{limits}, fractions too" if setting.kind == SECONDS else _KINDS[setting.kind]


def _default(setting: Setting) -> str:
    return "" if setting.default in ("", None, ()) else _code(shown(setting.default))


COLUMNS: dict[str, Column] = {
    "key": lambda setting: _code(setting.name),
    "flag": lambda setting: _code(setting.flag),
    "variable": lambda setting: _code(setting.name),
    "takes": _takes,
    "default": _default,
    "meaning": lambda setting: setting.help,
    "in the C++ client": lambda setting: "no" if setting.own else "yes",
}


def _is_provisioned(setting: Setting) -> bool:
    return setting.name.startswith("runtime-config.")


def _ordinary() -> Iterable[Setting]:
    """Neither variables nor what fleet provisioning writes."""
    return (setting for setting in SETTINGS if not setting.in_environment and not _is_provisioned(setting))


# Name in the page's comment -> columns, rows.
TABLES: dict[str, tuple[Sequence[str], Iterable[Setting]]] = {
    "actions": (("flag", "takes", "meaning"), ACTIONS),
    "settings": (
        ("key", "flag", "takes", "default", "in the C++ client", "meaning"),
        [setting for setting in _ordinary() if setting.available],
    ),
    "variables": (("variable", "default", "meaning"), [setting for setting in SETTINGS if setting.in_environment]),
    "provisioned settings": (
        ("key", "flag", "takes", "default", "meaning"),
        [setting for setting in SETTINGS if _is_provisioned(setting)],
    ),
    "settings without effect": (
        ("key", "flag", "takes", "default", "meaning"),
        [setting for setting in _ordinary() if not setting.available],
    ),
    "proxy settings": (("key", "flag", "takes", "default", "meaning"), PROXY_SETTINGS),
}


def table(name: str) -> str:
    """One of TABLES as Markdown."""
    columns, settings = TABLES[name]
    rows = [columns, ["---"] * len(columns)]
    rows += [[COLUMNS[column](setting) for column in columns] for setting in settings]
    return "".join(f"| {' | '.join(row)} |\n" for row in rows)


def render(page: str) -> str:
    """The page with its tables as they are today."""
    return _BLOCK.sub(lambda found: found[1] + table(found[2]) + found[3], page)


if __name__ == "__main__":
    TARGET.write_text(render(TARGET.read_text(encoding="utf-8")), encoding="utf-8")

# SPDX-FileCopyrightText: The aws-iot-device-client authors
# SPDX-License-Identifier: Apache-2.0
"""Configuration files from the table of settings, with faults that people make put in, one by one.

Everything is made from numbers, so that an example costs little and hypothesis can make it smaller.
"""

from __future__ import annotations

import json
from collections.abc import Callable

from dc.config.model import ANY, BOOL, CHOICE, INT, LIST, PATH, SECONDS, SETTINGS, TEXT, Setting

IN_FILE = {setting.name: setting for setting in SETTINGS if setting.in_file}
REQUIRED = ("endpoint", "cert", "key", "thing-name")
CRUCIAL = (*REQUIRED, "root-ca")
# What would look at the machine, or is an error by itself.
_FIXED: dict[str, object] = {
    "endpoint": "h:8883",
    "logging.type": "stdout",
    "logging.enable-sdk-logging": False,
    "secure-element.enabled": False,
    "mqtt.reconnect-min-seconds": 1,
}
_NOT_GIVEN = "root-ca"  # it would have to be there
_DEEP = "[" * 400 + "]" * 400
_ODD_KEYS = (
    *("", " ", "x", "é", "😀", "a b", "a.b", 'a"b', "a\\b", "a\nb", "a\0b", "\u202eb", "\u212aey", "k" * 300, "*" * 70),
    *("jobs.enabled", "--endpoint", "LOCK_FILE_PATH", "endpont", "thing_name", "root_ca", "handler-dir", "shadow"),
)
_ODD_VALUES = (
    "1",
    '""',
    "null",
    "true",
    '"\\u0000"',
    "{}",
    '{"enabled": true}',
    '[{"a": 1}]',
    "-1e300",
    "9" * 30,
    _DEEP,
)
_WRONG: dict[str, tuple[object, ...]] = {
    TEXT: (5, True, [], {"a": 1}, "a\0b"),
    PATH: (5, False, ["/x"], {}, "\0"),
    BOOL: (5, "maybe", [], {}, 0.5, ""),
    INT: (-1, 0.5, "often", True, [], {}, 1 << 63, "", "9" * 5000, -1e300),
    SECONDS: (-1, "soon", True, [], {}, 1e300, ""),
    CHOICE: (5, "LOUD", [], {}, "a\nb"),
    LIST: (5, "x", {}, ""),
}


class Pairs(list[tuple[str, object]]):
    """A JSON object as it is written: keys may come again."""


class Raw(str):
    """A value as it is written."""


def written(value: object) -> str:
    if isinstance(value, Pairs):
        return "{" + ", ".join(f"{json.dumps(key)}: {written(inner)}" for key, inner in value) + "}"
    return value if isinstance(value, Raw) else json.dumps(value)


def good(setting: Setting, number: int) -> object:
    if setting.name in _FIXED:
        return _FIXED[setting.name]
    if setting.kind in (INT, SECONDS):
        return setting.low + number % 40
    if setting.kind == CHOICE:
        return setting.choices[number % len(setting.choices)]
    kinds: dict[str, object] = {BOOL: number % 2 == 0, LIST: [], ANY: {"a": number}, PATH: f"/x/{setting.name}"}
    return kinds.get(setting.kind, f"t{number}")


class Careless:
    """One file. `expected` has a text for each fault that was put in, which the agent's line about it holds."""

    def __init__(self, number: int) -> None:
        """`number` says which settings the file gives; the rest of the table is absent."""
        self.root = Pairs()
        self.tail = ""
        self.expected: list[str] = []
        self._used: set[str] = set()
        given = [name for at, name in enumerate(IN_FILE) if (at * 7 + number) % 5 == 0 and name != _NOT_GIVEN]
        self.given = [*REQUIRED, *(name for name in given if name not in REQUIRED)]
        for name in self.given:
            self._section(name).append((name.rpartition(".")[2], good(IN_FILE[name], number)))
        jobs_off = "jobs.enabled" in self.given and number % 2 == 1
        self._stand_in = [
            name
            for name, setting in IN_FILE.items()
            if name not in self.given and setting.kind in _WRONG and self._harmless(setting, jobs_off)
        ]

    @staticmethod
    def _harmless(setting: Setting, jobs_off: bool) -> bool:
        if setting.name in (*CRUCIAL, "jobs.enabled"):  # the last has its own rule: off
            return False
        return not (setting.own and setting.available) or (jobs_off and setting.feature == "jobs")

    def text(self) -> str:
        return written(self.root) + self.tail

    def put_in(self, kind: int, number: int) -> None:
        """Puts one fault in, or none where it would meet another one."""
        kinds: tuple[Callable[[int], None], ...] = (
            *(self._unknown, self._in_other_case, self._again, self._bad_value, self._empty, self._no_section),
            self._tail,
        )
        kinds[kind % len(kinds)](number)

    def _section(self, name: str) -> Pairs:
        """The object that holds the setting; made where it is missing."""
        section = self.root
        for key in name.split(".")[:-1]:
            found = [inner for other, inner in section if other == key and isinstance(inner, Pairs)]
            if not found:
                found.append(Pairs())
                section.append((key, found[0]))
            section = found[0]
        return section

    def _claim(self, *marks: str) -> bool:
        if not self._used.isdisjoint(marks):
            return False
        self._used.update(marks)
        return True

    def _unknown(self, number: int) -> None:
        owner = self.given[number % len(self.given)]
        key = _ODD_KEYS[number % len(_ODD_KEYS)]
        name = owner.rpartition(".")[0] + "." * ("." in owner) + key
        if name not in IN_FILE and self._claim("unknown " + name):
            self._section(owner).insert(0, (key, Raw(_ODD_VALUES[number % len(_ODD_VALUES)])))
            self.expected.append(f"{name[:80]!a} is not a known key")

    def _in_other_case(self, number: int) -> None:
        name = self.given[number % len(self.given)]
        section = self._section(name)
        key = name.rpartition(".")[2]
        odd = key.upper() if number % 2 else key.title()
        if self._claim("case " + name):
            at = [other for other, _ in section].index(key)
            section[at] = (odd, section[at][1])
            self.expected.append(f"{name[: -len(key)] + odd!a} is not in the case")

    def _again(self, number: int) -> None:
        name = self.given[number % len(self.given)]
        if self._claim("again " + name):
            key = name.rpartition(".")[2]
            section = self._section(name)
            section.append((key.upper() if number % 2 else key, Raw(_ODD_VALUES[number % len(_ODD_VALUES)])))
            self.expected.append(f"{name} is given more than once")

    def _bad_value(self, number: int) -> None:
        name = self._stand_in[number % len(self._stand_in)]
        wrong = _WRONG[IN_FILE[name].kind]
        self._absent(name, wrong[number % len(wrong)])

    def _empty(self, number: int) -> None:
        names = [name for name, setting in IN_FILE.items() if setting.kind in (INT, SECONDS, BOOL, LIST)]
        name = names[number % len(names)]
        if name not in self.given:
            self._absent(name, "")

    def _absent(self, name: str, value: object) -> None:
        top = name.partition(".")[0]
        if "flat " + top not in self._used and self._claim("value " + name):
            self._used.add("open " + top)
            self._section(name).append((name.rpartition(".")[2], value))
            self.expected.append(f"{name}: ")

    def _no_section(self, number: int) -> None:
        tops = sorted({name.partition(".")[0] for name in IN_FILE if "." in name})
        top = tops[number % len(tops)]
        free = not any(name.startswith(top + ".") for name in self.given) and "open " + top not in self._used
        if free and self._claim("flat " + top):
            self.root.append((top, (5, "x", "", [], True)[number % 5]))
            self.expected.append(f"{top}: found ")

    def _tail(self, number: int) -> None:
        if self._claim("tail"):
            self.tail = ("}", ", ", " x", "\n{}", '"', "\\", "//", "\x01", " \ud7ff")[number % 9]
            self.expected.append("text after the end")

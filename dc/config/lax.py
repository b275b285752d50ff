# SPDX-FileCopyrightText: The aws-iot-device-client authors
# SPDX-License-Identifier: Apache-2.0
"""Reads JSON as far as the C++ client's parser does, and says where that is farther than JSON goes. Pure.

orjson refuses text after the object and keeps the last of two equal keys without a word, where the C++ client takes
the first: the keys have to be seen as they stand in the text. No recursion, so no nesting exhausts the stack.
"""

from __future__ import annotations

from dc.config.problems import ConfigError
from dc.jsonlib import JSONDecodeError, loads

_DEEPEST = 1000  # as in the C++ client's parser
_SPACE = " \t\r\n"
_NUMBER = frozenset("0123456789+-.eE")
_LONGEST = 20  # digits; more are in no range of the table, and int() takes its time with thousands
_WORDS: tuple[tuple[str, object], ...] = (("true", True), ("false", False), ("null", None))


class Section(dict[str, object]):
    """A JSON object: of equal keys the first; `repeated` names those that came again."""

    __slots__ = ("repeated",)

    def __init__(self) -> None:
        super().__init__()
        self.repeated: list[str] = []


class Reader:
    """One text on its way to a value. `odd`: what strict JSON forbids, each kind once, and where."""

    __slots__ = ("_at", "_key", "_open", "_text", "odd")

    def __init__(self, content: bytes) -> None:
        self.odd: dict[str, str] = {}
        self._at = 0
        self._key = ""  # where the next value goes in the section that is open
        self._open: list[Section | list[object]] = []
        self._text = content.decode("utf-8", "surrogateescape")  # as names of files are read
        if not self._text.isascii():
            try:
                self._text.encode()
            except UnicodeEncodeError as error:
                self._note("bytes that are not UTF-8", error.start)

    def document(self) -> object:
        """The value that the text begins with. Raises ConfigError with what is wrong and where, but not the text."""
        root = self._value()
        fresh = True  # nothing is in the innermost box yet
        while self._open:
            box = self._open[-1]
            closer = "]" if isinstance(box, list) else "}"
            letter = self._next()
            if letter == closer:
                self._at += 1
                self._open.pop()
                fresh = False
                continue
            if not fresh:
                if letter != ",":
                    raise self._wrong(f"wanted , or {closer}")
                self._at += 1
            if isinstance(box, Section):
                self._key = self._name()
            depth = len(self._open)
            self._value()
            fresh = len(self._open) > depth
        rest = self._text[self._at :].lstrip(_SPACE)
        if rest:
            self._note("text after the end of the JSON object", len(self._text) - len(rest))
        return root

    def _value(self) -> object:
        """Reads one value, of a list or an object no more than the bracket, and puts it where it belongs."""
        letter = self._next()
        if letter in ("{", "["):
            if len(self._open) == _DEEPEST:
                raise self._wrong(f"nested more than {_DEEPEST} deep")
            self._at += 1
            box: Section | list[object] = Section() if letter == "{" else []
            self._put(box)
            self._open.append(box)
            return box
        value = self._string() if letter == '"' else self._plain()
        self._put(value)
        return value

    def _put(self, value: object) -> None:
        if not self._open:
            return
        box = self._open[-1]
        if isinstance(box, list):
            box.append(value)
        elif self._key in box:
            box.repeated.append(self._key)
        else:
            box[self._key] = value

    def _name(self) -> str:
        if self._next() != '"':
            raise self._wrong('wanted a key, in "')
        key = self._string()
        if self._next() != ":":
            raise self._wrong("wanted :")
        self._at += 1
        return key

    def _next(self) -> str:
        """The next letter that means something; "" at the end of the text."""
        text, at = self._text, self._at
        while at < len(text) and text[at] <= " ":
            if text[at] not in _SPACE:
                self._note("a control character", at)
            at += 1
        self._at = at
        return text[at : at + 1]

    def _string(self) -> str:
        text, start = self._text, self._at + 1
        end = start
        while True:
            end = text.find('"', end)
            if end < 0:
                self._at = len(text)
                raise self._wrong("a string without its end")
            slash = end
            while text[slash - 1] == "\\":
                slash -= 1
            if (end - slash) % 2 == 0:  # the quotation mark itself is not escaped
                break
            end += 1
        inside = text[start:end]
        if not inside.isprintable() and any(letter < " " for letter in inside):
            self._note("a control character", start)
        if "\\" in inside:
            inside = self._unescaped(inside)
        self._at = end + 1
        return inside

    def _unescaped(self, inside: str) -> str:
        tidy = "".join(letter if letter >= " " else f"\\u{ord(letter):04x}" for letter in inside)
        try:
            return str(loads(f'"{tidy}"'))
        except JSONDecodeError:
            raise self._wrong("a string with a wrong escape") from None

    def _plain(self) -> object:
        """A number or a word."""
        text, start = self._text, self._at
        for word, value in _WORDS:
            if text.startswith(word, start):
                self._at += len(word)
                return value
        end = start
        while text[end : end + 1] in _NUMBER:  # "" is not in a set
            end += 1
        token = text[start:end]
        try:
            found: object = loads(token)
        except JSONDecodeError:
            try:
                found = float(token)  # 007, 1. or 1e999
            except ValueError:
                raise self._wrong("wanted a value") from None
            if token[0] in "+.":
                raise self._wrong("wanted a value") from None
            if token.lstrip("-").isdigit() and len(token) <= _LONGEST:
                found = int(token)
            self._note("a number that is not written as JSON wants it", start)
        self._at = end
        return found

    def _note(self, what: str, at: int) -> None:
        if what not in self.odd:
            self.odd[what] = self._place(at)

    def _place(self, at: int) -> str:
        line_start = self._text.rfind("\n", 0, at) + 1
        return f"line {self._text.count(chr(10), 0, at) + 1}, column {at - line_start + 1}"

    def _wrong(self, what: str) -> ConfigError:
        at = self._at
        if at >= len(self._text):
            message = f"not valid JSON: the text ends too early, {what} ({self._place(at)})"
            return ConfigError(message, "The file is cut off: write it again.")
        return ConfigError(f"not valid JSON: {what} ({self._place(at)})", "Correct the file at that place.")
